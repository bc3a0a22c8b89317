"""Verify: which hits a verifier is shown, and the order that follows from what it says, or fails to say."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvsi_db import ComposedQuery, Gallery
from cvsi_db.errors import QueryError, UsageError, VerifyError
from cvsi_db.records import Question, ShownHit, Term
from cvsi_db.search.present.json import to_json
from cvsi_db.search.result import Pool, Ranking, SearchResult
from cvsi_db.search.verify import make_verifier
from cvsi_db.search.verify.captions import CaptionVerifier
from tests.search.verify.conftest import EDIT, REFERENCE, FakeVerifier, confidence_of


def ids(hits: SearchResult) -> list[str]:
    return [hit.image_id for hit in hits]


# --- the rule -------------------------------------------------------------------------------------------------------


def stated_order(
    scores: list[float], said: dict[int, float], first: int, weight: float | None, least: float | None
) -> list[int]:
    """The rule, step by step: seats of the first are taken by those with a confidence, one after the other."""
    left = [place for place, score in enumerate(scores) if least is None or score >= least]
    seats = [place for place in left[:first] if place in said]
    waiting = list(seats)
    seated = {place: place for place in left}
    for seat in seats:
        values = [said[place] if weight is None else scores[place] + weight * said[place] for place in waiting]
        best = waiting.pop(values.index(max(values)))  # the first of equal ones: the best by score
        seated[seat] = best
    return [seated[place] for place in left]


@given(
    scores=st.lists(st.sampled_from([0.5, 0.25, 0.125, 0.0, -0.5]), min_size=1, max_size=12),
    said=st.dictionaries(st.integers(0, 11), st.sampled_from([0.0, 0.25, 0.5, 1.0])),
    first=st.integers(0, 14),
    weight=st.sampled_from([None, 0.25, 1.0, 8.0]),
    least=st.sampled_from([None, 0.0, 0.125, 2.0]),
    size=st.integers(1, 5),
)
def test_the_order_is_the_stated_rule_on_every_page(
    scores: list[float], said: dict[int, float], first: int, weight: float | None, least: float | None, size: int
) -> None:
    scores = sorted(scores, reverse=True)
    names = tuple(f"{place:03}" for place in range(len(scores)))
    term = Term("image", np.ones(1, np.float32), 1.0)
    column = np.array(scores, np.float32)
    ranking = Ranking(names, (term,), column, column[:, None], column[:, None])
    confidences = {names[place]: value for place, value in said.items() if place < len(names)}
    pool = Pool(ranking, tuple({"path": name} for name in names), True, confidences)
    expected = [names[place] for place in stated_order(scores, said, first, weight, least)]
    pages: list[tuple[int, str]] = []
    for offset in range(0, len(scores) + size, size):
        query = ComposedQuery("a.png", "x", k=size, offset=offset, verify=first, verify_weight=weight, min_score=least)
        pages += [(hit.rank, hit.image_id) for hit in pool.hits(query)]
    assert pages == list(enumerate(expected, 1))


# --- the stage ------------------------------------------------------------------------------------------------------


def test_the_first_hits_are_shown_once_and_take_their_ranks_by_confidence(
    gallery: Gallery, verifier: FakeVerifier
) -> None:
    plain = gallery.search(REFERENCE, EDIT, k=24)
    assert (len(plain), plain.verified, {hit.confidence for hit in plain}) == (24, None, {None})
    seen = gallery.search(REFERENCE, EDIT, k=24, verify=10)
    first = sorted(ids(plain)[:10], key=lambda each: -confidence_of(each))
    assert ids(seen) == [*first, *ids(plain)[10:]]
    assert [hit.rank for hit in seen] == list(range(1, 25))
    assert [hit.confidence for hit in seen] == [*map(confidence_of, first), *[None] * 14]
    assert {hit.image_id: hit.score for hit in seen} == {hit.image_id: hit.score for hit in plain}
    assert sorted(verifier.shown) == sorted(ids(plain)[:10])
    question, (hit,) = verifier.calls[0]
    assert (question.edit_text, question.reference and question.reference.size) == (EDIT, (90, 60))
    assert hit.image is not None
    assert hit.image.mode == "RGB"
    moved = sum(one != other for one, other in zip(ids(plain), ids(seen), strict=True))
    assert seen.verified is not None
    assert (seen.verified.asked, seen.verified.kept, seen.verified.failed, seen.verified.moved) == (10, 0, 0, moved)
    assert f"Verify first=10 by confidence of fake-1 asked=10 cached=0 failed=0 moved={moved}\n└─ TopK k=24" in (
        gallery.explain(REFERENCE, EDIT, k=24, verify=10).replace("asked=0 cached=10", "asked=10 cached=0")
    )
    assert seen.timings_ms["total"] == pytest.approx(sum(list(seen.timings_ms.values())[:-1]))
    document = to_json(seen)
    assert document["plan"]["verify"] == {
        "verifier": "fake-1", "first": 10, "asked": 10, "cached": 0, "failed": 0, "moved": moved,
    }  # fmt: skip
    assert [hit["confidence"] for hit in document["hits"]] == [hit.confidence for hit in seen]


def test_what_was_said_is_kept_by_reference_edit_and_image(gallery: Gallery, verifier: FakeVerifier) -> None:
    whole = gallery.search(REFERENCE, EDIT, k=24, verify=10)
    asked = len(verifier.calls)
    pages = [gallery.search(REFERENCE, f"  {EDIT} ", k=4, offset=offset, verify=10) for offset in range(0, 24, 4)]
    assert [each for page in pages for each in ids(page)] == ids(whole)
    assert [page.verified is None for page in pages] == [False] * 3 + [True] * 3  # later pages show none of the ten
    assert len(verifier.calls) == asked
    gallery.search(REFERENCE, EDIT, k=2, verify=12)
    assert len(verifier.calls) == asked + 2
    gallery.search(REFERENCE, "with blue", k=2, verify=3)
    gallery.search(None, EDIT, k=2, verify=3)
    assert len(verifier.calls) == asked + 8
    assert verifier.calls[-1][0].reference is None
    verifier.name = "fake-2"
    gallery.search(REFERENCE, EDIT, k=2, verify=3)
    assert len(verifier.calls) == asked + 11


def test_cut_offs_hold_before_the_verifier_sees_anything(gallery: Gallery, verifier: FakeVerifier) -> None:
    plain = gallery.search(REFERENCE, EDIT, k=24)
    least = plain[4].score
    seen = gallery.search(REFERENCE, EDIT, k=24, verify=10, min_score=least)
    kept = [hit.image_id for hit in plain if hit.score >= least]
    assert sorted(ids(seen)) == sorted(kept) == sorted(verifier.shown)
    assert ids(seen) == sorted(kept, key=lambda each: -confidence_of(each))


def test_a_blend_adds_the_weighted_confidence(gallery: Gallery) -> None:
    plain = gallery.search(REFERENCE, EDIT, k=24)
    seen = gallery.search(REFERENCE, EDIT, k=24, verify=24, verify_weight=0.25)
    by_sum = sorted(plain, key=lambda hit: -(hit.score + 0.25 * confidence_of(hit.image_id)))
    assert ids(seen) == [hit.image_id for hit in by_sum]


def test_what_failed_keeps_its_rank_and_is_said(gallery: Gallery, verifier: FakeVerifier) -> None:
    plain = ids(gallery.search(REFERENCE, EDIT, k=8))
    verifier.told = {
        plain[2]: VerifyError("it refused"),
        plain[5]: VerifyError("it refused"),
        plain[6]: float("nan"),
    }
    seen = gallery.search(REFERENCE, EDIT, k=8, verify=8)
    sure = sorted((each for each in plain if each not in verifier.told), key=lambda each: -confidence_of(each))
    expected = list(sure)
    for place in (2, 5, 6):
        expected.insert(place, plain[place])
    assert ids(seen) == expected
    assert seen.warnings == (
        "2 of the first 8 hits could not be verified and keep their rank: it refused",
        "1 of the first 8 hits could not be verified and keep their rank: the verifier fake-1 said [nan] of 1 hits",
    )
    assert seen.verified is not None
    assert seen.verified.failed == 3
    verifier.told = {}
    again = gallery.search(REFERENCE, EDIT, k=8, verify=8)
    assert (again.warnings, again.verified and again.verified.asked) == ((), 3)  # failures are not kept
    assert ids(again) == sorted(plain, key=lambda each: -confidence_of(each))


def test_a_verifier_that_only_fails_is_not_asked_on(gallery: Gallery, verifier: FakeVerifier) -> None:
    verifier.told = {each: VerifyError("no such model") for each in ids(gallery.search(REFERENCE, EDIT, k=20))}
    verifier.concurrency = 1  # type: ignore[attr-defined]
    seen = gallery.search(REFERENCE, EDIT, k=20, verify=20)
    assert 3 <= len(verifier.calls) <= 4
    assert seen.warnings == ("20 of the first 20 hits could not be verified and keep their rank: no such model",)
    assert ids(seen) == ids(gallery.search(REFERENCE, EDIT, k=20))


def test_a_defect_of_a_verifier_is_no_warning(gallery: Gallery, verifier: FakeVerifier) -> None:
    verifier.told = dict.fromkeys(ids(gallery.search(REFERENCE, EDIT, k=3)), ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        gallery.search(REFERENCE, EDIT, k=3, verify=3)


def test_a_deadline_and_a_budget_end_the_asking(gallery: Gallery, verifier: FakeVerifier) -> None:
    verifier.deadline, verifier.before = 0.2, lambda: time.sleep(0.09)  # type: ignore[attr-defined]
    began = time.monotonic()
    seen = gallery.search(REFERENCE, EDIT, k=20, verify=20)
    assert time.monotonic() - began < 2
    assert seen.verified is not None
    assert 0 < len(verifier.calls) <= 4
    assert seen.warnings == (
        f"{seen.verified.failed} of the first 20 hits could not be verified and keep their rank: "
        "no answer within 0.2 s",
    )
    verifier.before, verifier.budget = lambda: None, 25  # type: ignore[attr-defined]
    seen = gallery.search(REFERENCE, "with blue", k=20, verify=20)
    assert seen.verified is not None
    assert seen.warnings == (
        f"{seen.verified.failed} of the first 20 hits could not be verified and keep their rank: "
        "the 25 tokens that a search may cost are spent",
    )
    assert 14 <= seen.verified.failed <= 19


def test_several_are_asked_at_once_and_in_groups(gallery: Gallery, verifier: FakeVerifier) -> None:
    verifier.at_once, verifier.concurrency = 4, 3  # type: ignore[attr-defined]
    calls, three = itertools.count(), threading.Barrier(3, timeout=60)
    verifier.before = lambda: three.wait() if next(calls) < 3 else None  # breaks unless three are asked at once
    seen = gallery.search(REFERENCE, EDIT, k=20, verify=18)
    assert seen.warnings == ()
    assert sorted(len(hits) for _, hits in verifier.calls) == [2, 4, 4, 4, 4]


def test_a_file_that_is_gone_is_seen_by_its_thumbnail(gallery: Gallery, verifier: FakeVerifier, tmp_path: Path) -> None:
    plain = gallery.search(REFERENCE, EDIT, k=2)
    for hit in plain:
        Path(hit.path).unlink()
    seen = gallery.search(REFERENCE, EDIT, k=2, verify=2)
    assert seen.warnings == ()
    assert len(verifier.calls) == 2
    gallery._store._tables["thumbnails"].delete("true")
    seen = gallery.search(REFERENCE, "with blue", k=2, verify=24)
    assert len(seen.warnings) == 2
    assert all(
        "1 of the first 24 hits could not be verified and keep their rank: cannot read" in each
        for each in seen.warnings
    )


def test_a_batch_is_verified_together_and_plain_queries_are_left_alone(
    gallery: Gallery, verifier: FakeVerifier
) -> None:
    queries = [
        ComposedQuery(REFERENCE, EDIT, k=5, verify=5),
        ComposedQuery(REFERENCE, EDIT, k=5),
        ComposedQuery(None, "blue", k=5, verify=3),
    ]
    found = gallery.search_many(queries, verified=False)
    assert verifier.calls == []
    many = gallery.verify(found)
    assert [ids(each) for each in many] == [ids(gallery.search_many([query])[0]) for query in queries]
    assert ids(many[1]) == ids(found[1])
    assert len(verifier.calls) == 8


def test_rerank_keeps_what_was_said_and_tells_what_was_not(gallery: Gallery, verifier: FakeVerifier) -> None:
    seen = gallery.search(REFERENCE, EDIT, k=6, verify=6, pool=24)
    asked = len(verifier.calls)
    same = seen.rerank({term.name: term.weight for term in seen.compiled.logical.terms})
    assert ids(same) == ids(seen)
    other = seen.rerank("image - edited_captions")
    assert len(verifier.calls) == asked
    unseen = [hit for hit in other if hit.confidence is None]
    assert unseen
    assert f"the verifier has not judged {len(unseen)} of the first 6: search again" in other.warnings


def test_a_statement_may_ask_for_it(gallery: Gallery) -> None:
    seen = gallery.search(REFERENCE, EDIT, k=24, verify=8)
    statement = "SELECT image_id, confidence FROM compose(:ref, :edit, verify => 8) WHERE true LIMIT 24"
    rows = gallery.sql(statement, ref=REFERENCE, edit=EDIT).to_pylist()
    assert [row["image_id"] for row in rows] == ids(seen)
    assert [row["confidence"] for row in rows] == pytest.approx([hit.confidence for hit in seen], nan_ok=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"edit_text": None, "verify": 3}, "verify asks whether a hit is what the edit text says: give an edit text"),
        ({"verify": -1}, "verify is -1: give a whole number, 0 or more"),
        ({"verify_weight": 0.5}, "verify_weight is given without verify: say how many hits to verify"),
        ({"verify": 3, "verify_weight": 0}, "verify_weight is 0: give a number above 0"),
        ({"refine": 0.5}, "refine is given without verify: say how many hits to verify"),
        ({"verify": 3, "refine": 1.5}, "refine is 1.5: give a number above 0, at most 1"),
        ({"reference": None, "verify": 3, "refine": 0.5}, "refine edits the captions of the reference image anew"),
    ],
)
def test_queries_that_cannot_be_verified_are_refused(gallery: Gallery, options: dict[str, Any], message: str) -> None:
    with pytest.raises(QueryError, match=f"^{message}"):
        gallery.search(**{"reference": REFERENCE, "edit_text": EDIT, **options})


def test_an_unknown_verifier_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^unknown verifier 'st:': use captions, openai, openai-grid, st:MODEL$"):
        make_verifier("st:")


# --- refine ---------------------------------------------------------------------------------------------------------


class Lacking(FakeVerifier):
    """One that says what a hit lacks: it is not blue."""

    def what_lacks(self, _question: Question, hit: ShownHit) -> str:
        self.lacked = hit.image_id
        return "blue  \n everywhere"


def test_refine_searches_once_more_with_what_the_surest_hit_lacks(gallery: Gallery) -> None:
    verifier = Lacking()
    gallery._verifier = cast(Any, verifier)
    plain = gallery.search(REFERENCE, EDIT, k=5, rank="objects")
    verifier.told = dict.fromkeys(ids(plain), 0.2) | {plain[1].image_id: 0.4}
    seen = gallery.search(REFERENCE, EDIT, k=5, verify=5, refine=0.6, rank="objects")
    assert verifier.lacked == plain[1].image_id
    assert {question.edit_text for question, _ in verifier.calls} == {EDIT}
    (warning,) = [each for each in seen.warnings if "surely" in each]
    said = "no hit is surely right (the surest 0.40, below 0.6): it lacks 'blue everywhere'; searched once more, and "
    assert warning.startswith(said)
    surest = max(confidence or 0 for confidence in (hit.confidence for hit in seen))
    assert warning == said + (f"the surest is now {surest:.2f}" if surest > 0.4 else "none was surer (0.40)")
    assert surest > 0.4
    assert seen.compiled.rewrite is not None
    assert all("blue everywhere" in text for text in seen.compiled.rewrite.edited_captions)


def test_refine_leaves_a_sure_answer_alone_and_says_where_it_cannot(gallery: Gallery, verifier: FakeVerifier) -> None:
    verifier.told = dict.fromkeys(ids(gallery.search(REFERENCE, EDIT, k=5)), 0.7)
    assert gallery.search(REFERENCE, EDIT, k=5, verify=5, refine=0.7).warnings == ()
    seen = gallery.search(REFERENCE, EDIT, k=5, verify=5, refine=0.8)
    assert seen.warnings == (
        "no hit is surely right (the surest 0.70, below 0.8), and it could not be refined: "
        "the verifier fake-1 cannot say what a hit lacks",
    )


# --- the stand-in that compares words ---------------------------------------------------------------------------------


def test_captions_are_compared_word_by_word() -> None:
    verifier, question = CaptionVerifier(), Question("with a hat", None, ("a red cat wearing a hat", "a cat in a hat"))
    hits = [
        ShownHit("1", None, ("a red cat with a hat",)),
        ShownHit("2", None, ("a blue dog", "The cat.")),
        ShownHit("3", None, ()),
    ]
    assert verifier.verify(question, hits) == [1.0, pytest.approx(2 / 3), 0.0]
    assert verifier.what_lacks(question, hits[1]) == "red hat"


def test_captions_need_no_image_and_keep_nothing(gallery: Gallery, tmp_path: Path) -> None:
    gallery._verifier = make_verifier("captions")
    for file in (tmp_path / "photos").iterdir():
        file.unlink()
    for _ in range(2):
        seen = gallery.search(REFERENCE, EDIT, k=5, verify=5)
        assert seen.verified is not None
        assert (seen.verified.asked, seen.warnings) == (5, ())


# --- a cross-encoder --------------------------------------------------------------------------------------------------


def test_a_cross_encoder_scores_pairs_of_what_is_asked_for_and_a_hit(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []

    class CrossEncoder:
        """Has the interface of sentence_transformers.CrossEncoder."""

        def __init__(self, name: str, **options: Any) -> None:
            made.append((name, options))

        def predict(self, inputs: list[Any], **options: Any) -> Any:
            made.append((inputs, options))
            return np.array([-2.0, 0.0, 3.0][: len(inputs)], np.float32)

    monkeypatch.setitem(__import__("sys").modules, "sentence_transformers", SimpleNamespace(CrossEncoder=CrossEncoder))
    gallery._verifier = make_verifier("st:some/model")
    plain = ids(gallery.search(REFERENCE, EDIT, k=3))
    seen = gallery.search(REFERENCE, EDIT, k=3, verify=3)
    assert ids(seen) == plain[::-1]
    assert [hit.confidence for hit in seen] == pytest.approx([1 / (1 + np.exp(-score)) for score in (3, 0, -2)])
    assert made[0] == ("some/model", {"trust_remote_code": False, "model_kwargs": {"use_safetensors": True}})
    pairs = made[1][0]
    assert [sorted(pair[0]) + sorted(pair[1]) for pair in pairs] == [["image", "text", "image"]] * 3
    assert pairs[0][0]["text"].endswith(EDIT)


def test_without_sentence_transformers_the_extra_is_named(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sentence_transformers", None)
    gallery._verifier = make_verifier("st:some/model")
    with pytest.raises(VerifyError, match=r"install cvsi-db with the extra \[st\]"):
        gallery.search(REFERENCE, EDIT, k=3, verify=3)
