from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest

from cvsi_db.errors import CvsiError, FilterError, QueryError, RankError, RewriteError
from cvsi_db.models.rewriters import FirstAnswer
from cvsi_db.models.unit_vectors import normalise
from cvsi_db.query.weights import EXAMPLE_WEIGHTS, PRESETS
from cvsi_db.records import EXAMPLE_TERMS, METHOD_TERMS, TERM_NAMES, ComposedQuery, FloatArray, Rewrite
from cvsi_db.search import SearchContext
from cvsi_db.search.compile.compiler import (
    TOGETHER,
    compile_queries,
    read_reference,
)
from cvsi_db.search.compile.embed import edit_direction, pseudo_sentence
from tests.fakes import DIM, FakeCaptioner, FakeEncoder, FakeRewriter, make_picture
from tests.search.conftest import compile_query, image_row, random_vectors, unit


def test_one_image_forward_and_one_text_forward(
    context: SearchContext, encoder: FakeEncoder, captioner: FakeCaptioner, rewriter: FakeRewriter, photos: Path
) -> None:
    query = ComposedQuery(photos / "red.png", "with a hat")
    compiled = compile_query(query, context)
    assert encoder.image_batches == [1]
    assert encoder.text_batches == [8]  # captions before and after the edit, the pseudo sentence, the added objects
    assert {term.name: term.weight for term in compiled.logical.terms} == PRESETS["default"].weights
    again = compile_query(query, context)
    assert captioner.batches == [1]
    assert len(rewriter.calls) == 1
    assert again.captions == compiled.captions


def test_the_terms_are_what_the_method_says(context: SearchContext, encoder: FakeEncoder, photos: Path) -> None:
    compiled = compile_query(ComposedQuery(photos / "red.png", "with a hat"), context)
    terms = {term.name: term for term in compiled.logical.terms}
    assert compiled.rewrite is not None
    rows = encoder.encode_texts(compiled.rewrite.edited_captions)
    mean = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).mean(axis=0)
    assert terms["edited_captions"].vector == pytest.approx(mean, abs=1e-6)
    assert np.linalg.norm(terms["edited_captions"].vector) < 1
    before = encoder.encode_texts(compiled.captions)
    moved = mean - (before / np.linalg.norm(before, axis=1, keepdims=True)).mean(axis=0)
    assert terms["edit_direction"].vector == pytest.approx(moved / np.linalg.norm(moved), abs=1e-6)
    assert [
        float(np.linalg.norm(terms[name].vector)) for name in ("pseudo_token", "image", "objects")
    ] == pytest.approx([1, 1, 1])
    assert terms["pseudo_token"].text == "a photo of $ that with a hat. And the photo should have a hat."
    assert [branch.name for branch in compiled.logical.branches] == ["pseudo_token", "edited_captions", "image_objects"]
    assert compiled.logical.exclude == compiled.reference_id


def test_given_edited_captions_stand_in_place_of_the_rewriters(
    context: SearchContext, encoder: FakeEncoder, rewriter: FakeRewriter, photos: Path
) -> None:
    given = ("a red cat\n in a hat", "a cat, hatted")
    compiled = compile_query(
        ComposedQuery(photos / "red.png", "with a hat", edited_captions=given, added_objects=" a hat"), context
    )
    assert rewriter.calls == []
    assert compiled.rewrite == Rewrite(("a red cat in a hat", "a cat, hatted"), "a hat", "given")
    terms = {term.name: term for term in compiled.logical.terms}
    rows = encoder.encode_texts(compiled.rewrite.edited_captions)
    mean = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).mean(axis=0)
    assert terms["edited_captions"].vector == pytest.approx(mean, abs=1e-6)
    assert terms["pseudo_token"].text == "a photo of $ that with a hat. And the photo should have a hat."
    assert compiled.warnings == ()
    compile_query(ComposedQuery(photos / "red.png", "with a hat"), context)
    assert len(rewriter.calls) == 1  # what was given is not kept as the rewriter's


def test_given_edited_captions_without_a_weight_are_warned_of(context: SearchContext, photos: Path) -> None:
    query = ComposedQuery(photos / "red.png", "with a hat", edited_captions=("a hat",), rank={"image": 1.0})
    assert compile_query(query, context).warnings == ("the given edited captions have no weight here",)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (ComposedQuery("red.png", edited_captions=("a hat",)), "edited captions are given without an edit: give a"),
        (ComposedQuery(None, "a hat", edited_captions=("a hat",)), "edited captions are given without an edit: give a"),
        (ComposedQuery("red.png", "a hat", added_objects="a hat"), "added_objects is given alone: it stands beside"),
        (ComposedQuery("red.png", "a hat", edited_captions=(" .",)), r"the edited caption ' \.' says nothing: leave"),
    ],
)
def test_given_edited_captions_take_an_edit(context: SearchContext, query: ComposedQuery, told: str) -> None:
    with pytest.raises(QueryError, match=told):
        compile_query(query, context)


def test_the_edit_direction_by_hand() -> None:
    edited, captions = np.array([0.5, 0.4], np.float32), np.array([0.5, 0.1], np.float32)
    assert edit_direction(edited, captions) == pytest.approx(np.array([0, 1]))
    assert edit_direction(edited, edited + np.float32(1e-6)) is None


def test_an_edit_that_changes_no_caption_has_no_direction(context: SearchContext) -> None:
    class Unmoved(FakeRewriter):
        def rewrite(self, captions: Sequence[str], edit_text: str) -> Rewrite:
            return Rewrite(tuple(captions), "", self.name)

    compiled = compile_query(ComposedQuery(make_picture(), "just the same"), replace(context, rewriter=Unmoved()))
    assert [term.name for term in compiled.logical.terms] == ["edited_captions", "pseudo_token", "image"]
    assert any("changes nothing in the captions" in warning for warning in compiled.warnings)


def test_the_pseudo_sentence_is_tidy() -> None:
    assert pseudo_sentence("  has a hat!  ", "") == "a photo of $ that has a hat."
    assert pseudo_sentence("has\na hat", "a hat.") == "a photo of $ that has a hat. And the photo should have a hat."


class ShortSighted(FakeEncoder):
    """Reads 20 words."""

    def words_cut(self, texts: Sequence[str]) -> list[int]:
        return [max(0, len(text.split()) - 20) for text in texts]


def test_a_sentence_too_long_for_the_text_tower_keeps_its_added_objects() -> None:
    edit = " ".join(f"word{number}" for number in range(30))
    sentence = pseudo_sentence(edit, "a hat", ShortSighted())
    assert len(sentence.split()) == 20
    assert sentence.startswith("a photo of $ that word0 word1 ")
    assert sentence.endswith("word6 word7. And the photo should have a hat.")
    assert pseudo_sentence("has a hat", "a hat", ShortSighted()) == pseudo_sentence("has a hat", "a hat")


def test_what_the_text_tower_does_not_read_is_a_warning(context: SearchContext) -> None:
    context = replace(context, models=replace(context.models, encoder=ShortSighted()))
    edit = " ".join(["with a hat", *(f"word{number}" for number in range(60))])

    def warned(**options: Any) -> list[str]:
        found = compile_query(ComposedQuery(make_picture(), edit, **options), context).warnings
        return [warning for warning in found if "the text model reads" in warning]

    # "a photo of $ that" is 5 words; the fake rewriter takes all of the edit but "with" for the objects
    assert warned(rank="1*pseudo_token") == [
        "pseudo_token: the text model reads only 0 of the 63 words of the edit text: make it shorter"
    ]
    assert warned(rank="1*edited_captions") == [
        "the text model reads only 20 of the 67 words of an edited caption: make the text shorter"
    ]
    assert warned(rank="1*image") == []
    assert warned(rank="1*image - 0.5*negative", negative=(edit,)) == [
        "the text model reads only 20 of the 63 words of a negative text: make the text shorter"
    ]


def test_the_warning_says_how_much_of_the_edit_stands_in_the_pseudo_sentence(context: SearchContext) -> None:
    context = replace(context, models=replace(context.models, encoder=ShortSighted()))
    query = ComposedQuery(make_picture(), " ".join(["word"] * 61), rank="1*pseudo_token")
    compiled = compile_query(query, context)
    assert "pseudo_token: the text model reads only 15 of the 61 words of the edit text: make it shorter" in (
        compiled.warnings
    )


def test_a_text_alone_touches_no_image_and_no_captioner(
    context: SearchContext, encoder: FakeEncoder, captioner: FakeCaptioner
) -> None:
    compiled = compile_query(ComposedQuery(edit_text="a red cat"), context)
    assert (encoder.image_batches, encoder.text_batches, captioner.batches) == ([], [1], [])
    assert [(term.name, term.weight, term.text) for term in compiled.logical.terms] == [
        ("edited_captions", 1.0, "a red cat")
    ]


def test_a_reference_alone_is_its_image(context: SearchContext, encoder: FakeEncoder, captioner: FakeCaptioner) -> None:
    compiled = compile_query(ComposedQuery(make_picture("blue"), exclude_reference=False), context)
    assert (encoder.image_batches, encoder.text_batches, captioner.batches) == ([1], [], [])
    assert [(term.name, term.weight) for term in compiled.logical.terms] == [("image", 1.0)]
    assert compiled.logical.exclude is None


@pytest.mark.parametrize("preset", ["default", "cirr", "circo", "fashioniq"])
def test_without_phi_untuned_weights_over_the_spreads_stand_in_and_a_warning_says_so(
    preset: str, context: SearchContext
) -> None:
    rows = random_vectors(50, seed=3)
    context.store.upsert([image_row(number, *pair) for number, pair in enumerate(rows)], [])
    query = ComposedQuery(make_picture(), "with a hat", preset=preset)
    compiled = compile_query(query, replace(context, models=replace(context.models, phi=None)))
    terms = {term.name: term for term in compiled.logical.terms}
    assert list(terms) == ["edited_captions", "edit_direction", "image", "objects"]
    stored = context.store.scan(["image_vector"])["image_vector"].combine_chunks().flatten().to_numpy().reshape(50, DIM)
    untuned = {"edited_captions": 0.15, "edit_direction": 0.375, "image": 0.475}
    over = {name: weight / (stored @ terms[name].vector).std() for name, weight in untuned.items()}
    expected = {name: weight / sum(over.values()) for name, weight in over.items()}
    assert {name: term.weight for name, term in terms.items() if term.weight} == pytest.approx(expected, rel=1e-3)
    assert compiled.warnings[0] == f"this bundle has no phi: the preset untuned stands in for {preset}"
    assert (compiled.preset, compiled.logical.missing) == (PRESETS["untuned"], ("pseudo_token",))


def test_in_a_gallery_without_any_spread_the_untuned_weights_stay_as_they_are(context: SearchContext) -> None:
    context.store.upsert([image_row(number, unit(1), unit(2)) for number in range(3)], [])
    compiled = compile_query(ComposedQuery(make_picture(), "with a hat", preset="untuned"), context)
    assert compiled.warnings == ()
    weights = {term.name: term.weight for term in compiled.logical.terms if term.weight}
    assert weights == {"edited_captions": 0.15, "edit_direction": 0.375, "image": 0.475}


def test_the_edit_text_is_embedded_as_typed_where_a_weight_or_a_pool_asks_for_it(
    context: SearchContext, encoder: FakeEncoder
) -> None:
    picture, typed = make_picture(), "with  a hat"
    plain = compile_query(ComposedQuery(picture, typed), context)
    assert [term.name for term in plain.logical.terms] == list(METHOD_TERMS)
    for query in (ComposedQuery(picture, typed, pool=50), ComposedQuery(picture, typed, rank="image + edit_text")):
        compiled = compile_query(query, context)
        assert [term.name for term in compiled.logical.terms] == [*METHOD_TERMS, "edit_text"]
        term = compiled.logical.terms[-1]
        assert (term.text, term.weight) == ("with a hat", 1.0 if query.rank else 0.0)
        assert term.vector == pytest.approx(normalise(encoder.encode_texts(["with a hat"]), 1)[0], abs=1e-6)
    assert encoder.text_batches == [8, 9, 1, 9, 1]
    for half in (ComposedQuery(picture, pool=50), ComposedQuery(edit_text=typed, pool=50)):
        assert len(compile_query(half, context).logical.terms) == 1


@pytest.mark.parametrize("bare", [False, True])
def test_the_preset_sum_weighs_by_the_lengths_of_the_embeddings(
    bare: bool, context: SearchContext, encoder: FakeEncoder
) -> None:
    if bare:
        context = replace(context, models=replace(context.models, phi=None, captioner=None))
    query = ComposedQuery(make_picture("blue", dot="red"), "in a hat", preset="sum")
    compiled = compile_query(query, context)
    assert compiled.warnings == ()
    image = encoder.encode_images([make_picture("blue", dot="red")])[0]
    text = encoder.encode_texts(["in a hat"])[0]
    weights = {term.name: term.weight for term in compiled.logical.terms if term.weight}
    long, short = np.linalg.norm(image), np.linalg.norm(text)
    assert weights == pytest.approx({"image": long / (long + short), "edit_text": short / (long + short)}, rel=1e-6)
    assert sum(term.weight * term.vector for term in compiled.logical.terms) == pytest.approx(
        (image + text) / (long + short), abs=1e-6
    )
    assert [column.weight for column in compiled.logical.columns] == [1.0, 0.0]
    if bare:
        assert [term.name for term in compiled.logical.terms] == ["image", "edit_text"]
        assert (compiled.rewrite, compiled.logical.missing) == (None, ("pseudo_token", "edited_captions"))


def test_the_weights_of_a_rank_stand_as_they_are_given_beside_the_preset_sum(context: SearchContext) -> None:
    query = ComposedQuery(make_picture(), "with a hat", preset="sum", rank="0.3*image + 0.7*edit_text + pseudo_token")
    weights = {term.name: term.weight for term in compile_query(query, context).logical.terms if term.weight}
    assert weights == {"pseudo_token": 1.0, "image": 0.3, "edit_text": 0.7}


@pytest.mark.parametrize("preset", ["default", "circo", "untuned"])
def test_without_phi_and_captions_image_and_edit_text_stand_for_every_preset(
    preset: str, context: SearchContext
) -> None:
    bare = replace(context, models=replace(context.models, phi=None, captioner=None))
    compiled = compile_query(ComposedQuery(make_picture(), "with a hat", preset=preset), bare)
    assert compiled.preset.name == "untuned"
    missing = "this bundle has no phi and the reference image has no captions"
    told = () if preset == "untuned" else (f"{missing}: the preset untuned stands in for {preset}",)
    assert compiled.warnings == told
    assert [(term.name, term.weight) for term in compiled.logical.terms] == [("image", 0.5), ("edit_text", 0.5)]
    with pytest.raises(RankError, match="gives pseudo_token a weight") if told else nullcontext():
        compile_query(ComposedQuery(make_picture(), "with a hat", preset=preset, strict=True), bare)


def test_a_rank_of_terms_that_need_captions_says_that_there_are_none(context: SearchContext) -> None:
    bare = replace(context, models=replace(context.models, phi=None, captioner=None))
    both = compile_query(ComposedQuery(make_picture(), "a hat", rank="edited_captions + edit_direction"), bare)
    assert both.warnings == (
        "the reference image has no captions: the term edit_direction was left out",
        "the reference image has no captions: the edit text stands for the edited captions",
    )
    with pytest.raises(RankError, match="give one of image a weight"):
        compile_query(ComposedQuery(make_picture(), "a hat", rank="edit_direction"), bare)


def test_a_strict_query_is_refused_without_phi_where_its_weights_ask_for_one(context: SearchContext) -> None:
    without, picture = replace(context, models=replace(context.models, phi=None)), make_picture()
    with pytest.raises(RankError, match=r"preset circo gives pseudo_token a weight.*cvsi-db train phi") as caught:
        compile_query(ComposedQuery(picture, "with a hat", preset="circo", strict=True), without)
    assert caught.value.exit_code == 2
    for whole in (
        ComposedQuery(picture, "with a hat", rank="image", strict=True),
        ComposedQuery(picture, strict=True),
        ComposedQuery(edit_text="a hat", strict=True),
    ):
        assert compile_query(whole, without).warnings == ()
    assert compile_query(ComposedQuery(picture, "with a hat", strict=True), context).logical.missing == ()


def test_halves_of_a_query_miss_no_branch(context: SearchContext) -> None:
    without = replace(context, models=replace(context.models, phi=None))
    for half in (ComposedQuery(make_picture()), ComposedQuery(edit_text="a hat")):
        assert compile_query(half, without).logical.missing == ()


def test_who_stands_in_for_a_rewriter_is_told_and_not_remembered(context: SearchContext) -> None:
    class Silent(FakeRewriter):
        def rewrite(self, captions: Sequence[str], edit_text: str) -> Rewrite:
            raise RewriteError("nobody there")

    both = replace(context, rewriter=FirstAnswer([Silent("silent"), FakeRewriter("second")]))
    query = ComposedQuery(make_picture(), "with a hat")
    for _ in range(2):
        compiled = compile_query(query, both)
        assert compiled.warnings == ("the rewriter second stood in: silent: nobody there",)
    recovered = replace(context, rewriter=FirstAnswer([FakeRewriter("silent"), Silent("second")]))
    compiled = compile_query(query, recovered)
    assert compiled.rewrite is not None
    assert (compiled.rewrite.rewriter, compiled.warnings) == ("silent", ())
    assert compile_query(query, both).rewrite == compiled.rewrite  # kept under the first one's name


def test_a_query_that_names_no_preset_takes_the_gallerys(context: SearchContext) -> None:
    theirs = replace(context, preset="fashioniq")
    assert compile_query(ComposedQuery(make_picture(), "with a hat"), theirs).preset == PRESETS["fashioniq"]
    named = ComposedQuery(make_picture(), "with a hat", preset="circo")
    assert compile_query(named, theirs).preset == PRESETS["circo"]


def test_captions_count_for_no_image_while_one_has_none(context: SearchContext) -> None:
    def columns(preset: str, models: Any = context.models) -> tuple[list[float], tuple[str, ...]]:
        compiled = compile_query(ComposedQuery(edit_text="a red cat", preset=preset), replace(context, models=models))
        return [column.weight for column in compiled.logical.columns], compiled.warnings

    rows = [image_row(number, unit(number), unit(9)) for number in (1, 2)]
    context.store.upsert(rows, [])
    assert columns("cirr") == ([0.8, 0.2], ())
    context.store.upsert([replace(rows[0], captions=(), caption_vector=np.zeros(DIM, np.float32))], [])
    told = "1 of 2 images have no captions yet: until `cvsi-db caption` has written them, captions count for none"
    assert columns("cirr") == ([1.0, 0.0], (f"{told} (γ 0, not 0.2)",))
    assert columns("fashioniq") == ([1.0, 0.0], (f"{told} (γ 0, not 0.1)",))
    assert columns("sum") == ([1.0, 0.0], ())
    silent = replace(context.models, captioner=None)
    assert len(columns("cirr", silent)[1]) == 1  # captions from elsewhere: some have them, and one has not
    context.store.upsert([replace(row, captions=(), caption_vector=np.zeros(DIM, np.float32)) for row in rows], [])
    assert columns("cirr", silent) == ([1.0, 0.0], ())


def test_without_a_captioner_the_edit_text_stands_for_the_edited_captions(
    context: SearchContext, encoder: FakeEncoder, rewriter: FakeRewriter
) -> None:
    bare = replace(context, models=replace(context.models, captioner=None))
    compiled = compile_query(ComposedQuery(make_picture(), "with a hat"), bare)
    assert compiled.captions == ()
    assert rewriter.calls == []
    assert [term.name for term in compiled.logical.terms] == ["edited_captions", "pseudo_token", "image"]
    edit = encoder.encode_texts(["with a hat"])[0]
    assert compiled.logical.terms[0].vector == pytest.approx(edit / np.linalg.norm(edit), abs=1e-6)
    bare.catalog.give_captions({compiled.reference_id or "": ("a red picture",)})
    assert compile_query(ComposedQuery(make_picture(), "with a hat"), bare).captions == ("a red picture",)


def test_a_rank_replaces_the_weights(context: SearchContext) -> None:
    query = ComposedQuery(make_picture(), "make it blue", rank="2*image - objects", preset="circo")
    compiled = compile_query(query, context)
    assert {term.name: term.weight for term in compiled.logical.terms if term.weight} == {"image": 2.0}
    assert [column.weight for column in compiled.logical.columns] == pytest.approx([0.8, 0.2])
    assert any("adds no objects" in warning for warning in compiled.warnings)
    assert any("did not understand 'make it blue'" in warning for warning in compiled.warnings)


@pytest.mark.parametrize(
    ("query", "error", "reason"),
    [
        (ComposedQuery(), QueryError, "nothing to search for"),
        (ComposedQuery(edit_text="a cat", k=0), QueryError, "k is 0"),
        (ComposedQuery(make_picture(), " . "), QueryError, "leave it out"),
        (ComposedQuery("/no/such.png", "a hat"), QueryError, "no such file"),
        (ComposedQuery(b"no image", "a hat"), QueryError, "not an image"),
        (
            ComposedQuery(edit_text="a cat", preset="best"),
            RankError,
            "default, cirr, circo, photos-lite, fashioniq, sum, composed, untuned",
        ),
        (ComposedQuery(edit_text="a cat", rank="pseudo_token"), RankError, "does not have"),
        (ComposedQuery(make_picture(), rank="0*image"), RankError, "every weight of this query is 0"),
        (ComposedQuery(make_picture(), "make it blue", rank="objects"), RankError, "every weight"),
        (ComposedQuery(edit_text="a cat", where="heigth > 3"), FilterError, "unknown column 'heigth'"),
        (ComposedQuery(edit_text="a cat", where="width > 'x'"), FilterError, "width > 'x'"),
        (ComposedQuery(edit_text="a cat", offset=-1), QueryError, "offset is -1: give a whole number, 0 or more"),
        (ComposedQuery(edit_text="a cat", pool=True), QueryError, "pool is True"),
        (ComposedQuery(edit_text="a cat", min_score=float("nan")), QueryError, "min_score is nan: give a number"),
        (ComposedQuery(edit_text="a cat", min_score=10**31), QueryError, "no score is near it"),
        (ComposedQuery(negative=("snow",)), QueryError, "only keeps away: give a reference image"),
        (ComposedQuery(unliked=(make_picture(),)), QueryError, "only keeps away"),
        (ComposedQuery(edit_text="a cat", negative=(" ?",)), QueryError, "negative text ' ?' says nothing"),
        (ComposedQuery(liked=("/no/such.png",)), QueryError, "the liked image"),
        (ComposedQuery(edit_text="a cat", rank="liked"), RankError, "liked needs images to be near"),
    ],
)
def test_what_cannot_be_meant_is_an_error(
    context: SearchContext, query: ComposedQuery, error: type[CvsiError], reason: str
) -> None:
    with pytest.raises(error) as caught:
        compile_query(query, context)
    assert reason in str(caught.value)
    assert caught.value.exit_code == 2


def test_examples_are_terms_of_a_branch_of_their_own(
    context: SearchContext, encoder: FakeEncoder, photos: Path
) -> None:
    query = ComposedQuery(
        photos / "red.png", "with a hat",
        liked=(photos / "blue.png", photos / "green.png"),
        unliked=(make_picture("yellow"),), negative=("a  tree", "snow"), pool=20,
    )  # fmt: skip
    compiled = compile_query(query, context)
    assert encoder.image_batches == [4]  # the reference, two liked images, one unliked
    assert encoder.text_batches == [11]  # nine of reference and edit text, two negative texts
    assert [branch.name for branch in compiled.logical.branches][-1] == "examples"
    terms = {term.name: term for term in compiled.logical.terms}
    assert tuple(terms) == tuple(name for name in TERM_NAMES if name != "composed")  # which takes a composer
    assert {name: terms[name].weight for name in EXAMPLE_TERMS} == EXAMPLE_WEIGHTS
    assert {name: terms[name].weight for name in METHOD_TERMS} == PRESETS["default"].weights
    pictures = [read_reference(each).picture.image for each in query.liked]
    assert terms["liked"].vector == pytest.approx(mean_of(encoder.encode_images(pictures)), abs=1e-6)
    assert terms["unliked"].vector == pytest.approx(mean_of(encoder.encode_images([make_picture("yellow")])), abs=1e-6)
    assert terms["negative"].vector == pytest.approx(mean_of(encoder.encode_texts(["a tree", "snow"])), abs=1e-6)
    assert [terms[name].text for name in EXAMPLE_TERMS] == ["2 pictures", "1 picture", "a tree | snow"]


def test_the_other_terms_do_not_change_for_examples(context: SearchContext, photos: Path) -> None:
    plain = compile_query(ComposedQuery(photos / "red.png", "with a hat"), context)
    more = compile_query(ComposedQuery(photos / "red.png", "with a hat", liked=(make_picture("blue"),)), context)
    assert [term.name for term in plain.logical.terms] == list(METHOD_TERMS)
    for term, same in zip(plain.logical.terms, more.logical.terms, strict=False):
        assert (term.name, term.weight, term.text) == (same.name, same.weight, same.text)
        assert term.vector == pytest.approx(same.vector, abs=1e-6)


@pytest.mark.parametrize(
    ("query", "weights"),
    [
        (ComposedQuery(liked=(make_picture(),)), {"liked": 1.0}),
        (ComposedQuery(liked=(make_picture(),), negative=("snow",)), {"liked": 1.0, "negative": -0.5}),
        (ComposedQuery(edit_text="a cat", negative=("snow",)), {"edited_captions": 1.0, "negative": -0.5}),
        (ComposedQuery(make_picture(), unliked=(make_picture("blue"),)), {"image": 1.0, "unliked": -0.2}),
        (
            ComposedQuery(make_picture(), negative=("snow",), rank="image - 2*negative"),
            {"image": 1.0, "negative": -2.0},
        ),
    ],
)
def test_examples_go_with_any_half_of_a_query(
    context: SearchContext, query: ComposedQuery, weights: dict[str, float]
) -> None:
    compiled = compile_query(query, context)
    assert {term.name: term.weight for term in compiled.logical.terms} == weights
    assert compiled.warnings == ()


def test_an_example_that_the_rank_passes_over_is_told(context: SearchContext) -> None:
    compiled = compile_query(ComposedQuery(make_picture(), liked=(make_picture("blue"),), rank="image"), context)
    assert compiled.warnings == ("the rank gives liked no weight: it does not count",)


def test_examples_are_left_out_of_the_hits_like_the_reference(context: SearchContext, photos: Path) -> None:
    given = [read_reference(photos / name).image_id for name in ("blue.png", "green.png")]
    query = ComposedQuery(photos / "red.png", liked=(photos / "blue.png",), unliked=(photos / "green.png",))
    assert compile_query(query, context).logical.where == "image_id NOT IN ('{}', '{}')".format(*sorted(given))
    narrowed = compile_query(replace(query, where="width > 3 OR height > 3", unliked=()), context).logical.where
    assert narrowed == f"(width > 3 OR height > 3) AND image_id NOT IN ('{given[0]}')"
    assert compile_query(replace(query, exclude_reference=False), context).logical.where is None


def test_a_search_finds_what_it_skips_keeps_and_judges(context: SearchContext) -> None:
    query = ComposedQuery(edit_text="a cat", k=5)
    for more, k in (({}, 5), ({"offset": 7}, 12), ({"pool": 9}, 9), ({"offset": 7, "pool": 9}, 12)):
        assert compile_query(replace(query, **more), context).logical.k == k
    assert compile_query(replace(query, auto_cut=True), context).logical.k == 50


def test_queries_compiled_together_share_their_forwards(
    context: SearchContext, encoder: FakeEncoder, photos: Path
) -> None:
    queries = [
        ComposedQuery(photos / "red.png", "with a hat", negative=("snow",), unliked=(photos / "green.png",)),
        ComposedQuery(edit_text="a cat", k=3),
        ComposedQuery(liked=(photos / "blue.png",), where="width > 3"),
        ComposedQuery(photos / "blue.png", "make it red"),
    ]
    single = [compile_query(query, context) for query in queries]
    before = (len(encoder.image_batches), len(encoder.text_batches))
    together = compile_queries(queries, context)
    assert (encoder.image_batches[before[0] :], encoder.text_batches[before[1] :]) == ([4], [17])
    for one, other in zip(single, together, strict=True):
        assert replace(one, logical=replace(one.logical, branches=())) == replace(
            other, logical=replace(other.logical, branches=())
        )
        for term, same in zip(one.logical.terms, other.logical.terms, strict=True):
            assert (term.name, term.weight, term.text) == (same.name, same.weight, same.text)
            assert term.vector == pytest.approx(same.vector, abs=1e-6)
    compile_queries([ComposedQuery(edit_text="a cat")] * (TOGETHER + 1), context)
    assert encoder.text_batches[-2:] == [TOGETHER, 1]
    with pytest.raises(QueryError, match="k is 0"):
        compile_queries([*queries, ComposedQuery(edit_text="a cat", k=0)], context)
    assert encoder.text_batches[-2:] == [TOGETHER, 1]


def mean_of(embeddings: FloatArray) -> FloatArray:
    units = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    return np.asarray(units.mean(axis=0), dtype=np.float32)


def test_queries_compiled_together_caption_their_references_in_one_call(
    context: SearchContext, captioner: FakeCaptioner, photos: Path
) -> None:
    red, blue = photos / "red.png", photos / "blue.png"
    queries = [ComposedQuery(image, text) for image in (red, blue, red) for text in ("with a hat", "at night")]
    together = compile_queries([*queries, ComposedQuery(photos / "green.png")], context)
    assert captioner.batches == [2]  # each uncaptioned reference once; none for a query without an edit
    assert [each.captions for each in together[:6]] == [together[place].captions for place in (0, 0, 2, 2, 0, 0)]
    assert together[0].captions[0] == "a red picture"
    assert (together[2].captions[0], together[6].captions) == ("a blue picture", ())


def test_queries_compiled_together_ask_the_rewriter_as_often_at_once_as_it_allows(
    context: SearchContext, photos: Path
) -> None:
    class Eight(FakeRewriter):
        concurrency = 8
        meeting = Barrier(8, timeout=10)

        def rewrite(self, captions: Sequence[str], edit_text: str) -> Rewrite:
            self.meeting.wait()  # passes only when eight are under way
            return super().rewrite(captions, edit_text)

    rewriter = Eight()
    asking = replace(context, rewriter=rewriter)
    texts = [f"with {number} hats" for number in range(16)]
    together = compile_queries([ComposedQuery(photos / "red.png", text) for text in (*texts, texts[0])], asking)
    assert sorted(edit for _, edit in rewriter.calls) == sorted(texts)  # the repeated one is asked once
    assert [each.rewrite and each.rewrite.added_objects for each in together[:2]] == ["0 hats", "1 hats"]
    assert together[16].rewrite == together[0].rewrite


def test_what_a_rewriter_elsewhere_has_answered_is_embedded_while_it_works_on_the_rest(
    context: SearchContext, encoder: FakeEncoder, photos: Path
) -> None:
    class Two(FakeRewriter):
        concurrency = 2

    queries = [ComposedQuery(photos / "red.png", f"with {number} hats") for number in range(20)]
    together = compile_queries(queries, replace(context, rewriter=Two()))
    assert len(encoder.text_batches) == 3  # eight, eight and four queries
    assert sum(encoder.text_batches) == 20 * 8
    alone = [compile_query(query, context) for query in queries]
    for one, of_many in zip(alone, together, strict=True):
        assert one.rewrite == of_many.rewrite
        for term, same in zip(one.logical.terms, of_many.logical.terms, strict=True):
            assert (term.name, term.text) == (same.name, same.text)
            assert term.vector == pytest.approx(same.vector, abs=1e-6)


def test_an_error_says_which_of_the_queries_caused_it(context: SearchContext, photos: Path) -> None:
    class Mute(FakeRewriter):
        def rewrite(self, captions: Sequence[str], edit_text: str) -> Rewrite:
            if edit_text == "mute":
                raise RewriteError("no answer")
            if edit_text == "empty":
                return Rewrite((), "", self.name)
            return super().rewrite(captions, edit_text)

    good = ComposedQuery(photos / "red.png", "with a hat")
    mute = replace(context, rewriter=Mute())
    for bad in (
        ComposedQuery(photos / "red.png", k=0),
        ComposedQuery(photos / "none.png"),
        ComposedQuery(photos / "red.png", "with a hat", rank="unliked"),
        ComposedQuery(photos / "red.png", "with a hat", rank={"image": 0.0}),
        ComposedQuery(photos / "red.png", where="width > 'x'"),
        ComposedQuery(photos / "blue.png", "mute"),
        ComposedQuery(photos / "blue.png", "empty"),
    ):
        with pytest.raises(CvsiError) as caught:
            compile_queries([good, good, bad, good], mute)
        assert caught.value.position == 2


def test_weights_may_be_a_mapping(context: SearchContext) -> None:
    by_text = compile_query(ComposedQuery(make_picture(), "red", rank="0.5*image - 2*objects/4"), context)
    by_name = compile_query(ComposedQuery(make_picture(), "red", rank={"image": 0.5, "objects": -0.5}), context)
    assert [term.weight for term in by_text.logical.terms] == [term.weight for term in by_name.logical.terms]
    for wrong, reason in (({"cat": 1.0}, "unknown term 'cat'"), ({"image": 1e9}, "keep weights between")):
        with pytest.raises(RankError, match=reason):
            compile_query(ComposedQuery(make_picture(), rank=wrong), context)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("собака in the snow", "'собака'"),
        ("with a 🐱 and a 猫, in 東京", "'🐱', '猫,', '東京'"),
        ("in a café, 20 € — “très” chic", ""),
        ("a dog", ""),
    ],
)
def test_words_in_other_scripts_and_emoji_are_warned_of(context: SearchContext, text: str, words: str) -> None:
    said = [f"most models read English alone: what this one makes of {words} is uncertain"] if words else []
    for query in (ComposedQuery(None, text), ComposedQuery(None, "a cat", negative=(text,))):
        assert [line for line in compile_query(query, context).warnings if "English" in line] == said
