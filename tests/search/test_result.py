"""Reranking a result equals searching with the new weights, wherever no warning says otherwise."""

from __future__ import annotations

import numpy as np
import pytest

from cvsi_db.errors import QueryError, RankError
from cvsi_db.records import ComposedQuery, TermName
from cvsi_db.search import SearchContext, SearchResult, search
from cvsi_db.search.result import LONGEST, outside_bound
from tests.fakes import FakeEncoder, make_picture
from tests.search.conftest import fill, random_vectors, unit

WEIGHTS: dict[TermName, float] = {"image": 0.5, "edited_captions": 0.5, "objects": -0.25}


def ask(context: SearchContext, pool: int = 0, rank: str | None = None, **options: object) -> SearchResult:
    query = ComposedQuery(make_picture(), "with a hat", rank=rank, pool=pool, **options)  # type: ignore[arg-type]
    return search(query, context)


def found(result: SearchResult) -> list[tuple[int, str, float]]:
    return [(hit.rank, hit.image_id, pytest.approx(hit.score, abs=1e-6)) for hit in result]


@pytest.fixture
def filled(context: SearchContext) -> SearchContext:
    fill(context.store, random_vectors(300, seed=6), copies=20)
    return context


def test_a_pool_of_everything_gives_the_search_with_those_weights(filled: SearchContext, encoder: FakeEncoder) -> None:
    result = ask(filled, pool=1000, k=7)
    assert len(result) == 7
    calls = len(encoder.text_batches) + len(encoder.image_batches)
    again = result.rerank(WEIGHTS)
    assert len(encoder.text_batches) + len(encoder.image_batches) == calls
    assert again.warnings == result.warnings == ()
    direct = ask(filled, rank="0.5*image + 0.5*edited_captions - 0.25*objects", k=7)
    assert found(again) == found(direct)
    assert found(again) != found(result)
    assert again[0].metadata == direct[0].metadata
    assert again[0].terms["objects"].weight == -0.25
    assert {term.name: term.weight for term in again.compiled.logical.terms if term.weight} == WEIGHTS
    assert found(again.rerank("image", k=3)) == found(ask(filled, rank="image", k=3))


def test_without_a_pool_the_hits_are_reordered_and_a_warning_says_so(filled: SearchContext) -> None:
    result = ask(filled, k=10)
    again = result.rerank({"image": 1.0})
    assert {hit.image_id for hit in again} == {hit.image_id for hit in result}
    scores = [hit.terms["image"].similarity for hit in again]
    assert scores == sorted(scores, reverse=True)
    assert again.warnings == (
        "reranked among the 10 best images of the search; others may belong here: "
        "search with a pool above 10, or with these weights",
    )
    assert result.rerank("image", k=20).warnings


def test_weights_in_the_same_proportion_are_proven_exact(filled: SearchContext) -> None:
    result = ask(filled, pool=40, k=5, rank="0.5*image + 0.5*edited_captions")
    again = result.rerank("1.01*image + 1.01*edited_captions")
    assert again.warnings == ()
    assert [hit.image_id for hit in again] == [hit.image_id for hit in result]


@pytest.mark.parametrize("rank", ["image", "0.4*image + 0.5*edited_captions", "0.5*image + 0.45*edited_captions"])
def test_rerank_without_a_warning_is_exact(filled: SearchContext, rank: str) -> None:
    result = ask(filled, pool=100, k=3, rank="0.5*image + 0.5*edited_captions")
    again = result.rerank(rank)
    assert again.warnings or found(again) == found(ask(filled, rank=rank, k=3))


def test_a_filter_that_leaves_few_is_exact_without_a_pool(filled: SearchContext) -> None:
    result = ask(filled, where="width < 105", k=10)
    again = result.rerank("objects")
    assert again.warnings == ()
    assert found(again) == found(ask(filled, where="width < 105", k=10, rank="objects"))


def test_rerank_keeps_offset_and_min_score(filled: SearchContext) -> None:
    again = ask(filled, pool=1000, k=4, offset=3).rerank("image")
    assert [hit.rank for hit in again] == [4, 5, 6, 7]
    assert found(again) == found(ask(filled, k=4, offset=3, rank="image"))
    least = again[1].score
    assert len(ask(filled, pool=1000, k=4, offset=3, min_score=least).rerank("image")) == 2


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        ({"liked": 1.0}, "liked needs images to be near"),
        ({"image": float("nan")}, "gives image the weight nan"),
        ({}, "every weight of this query is 0"),
        ("image*image", "not linear"),
        ({"image": 0.0}, "every weight of this query is 0"),
    ],
)
def test_rerank_checks_weights_as_a_search_does(
    filled: SearchContext, weights: dict[TermName, float], reason: str
) -> None:
    with pytest.raises(RankError, match=reason.replace("*", r"\*")):
        ask(filled).rerank(weights)


def test_rerank_refuses_k_0_and_a_result_without_a_pool(filled: SearchContext) -> None:
    result = ask(filled)
    with pytest.raises(QueryError, match="k is 0"):
        result.rerank("image", k=0)
    bare = SearchResult(list(result), compiled=result.compiled, plan=result.plan, timings_ms={})
    with pytest.raises(QueryError, match="search again"):
        bare.rerank("image")


def test_rerank_of_an_empty_result_is_empty(context: SearchContext) -> None:
    assert ask(context).rerank("image") == []


@pytest.mark.parametrize("floor", [-2.0, -0.4, 0.0, 0.3, 0.8, 2.0])
def test_nothing_that_scores_at_most_the_floor_exceeds_the_bound(floor: float) -> None:
    old, new = 0.9 * unit(1) + 0.3 * unit(2), 0.7 * unit(1) + 0.5 * unit(2)
    raw = np.random.default_rng(8).standard_normal((20_000, len(old)))
    near = raw * 0.1 + np.outer(np.linspace(-3, 3, len(raw)), old) + np.outer(np.linspace(3, -3, len(raw)) ** 2, new)
    rows = np.concatenate([raw, near]) / np.linalg.norm(np.concatenate([raw, near]), axis=1, keepdims=True)
    low = rows[rows @ old <= floor]
    bound = outside_bound(old.astype(np.float32), new.astype(np.float32), floor)
    assert (low @ new).max(initial=-np.inf) <= bound <= np.linalg.norm(new) * LONGEST + 1e-4
