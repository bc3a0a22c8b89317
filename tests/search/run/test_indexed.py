"""The indexed strategy: when it is chosen, how it widens until its answer is settled, and that it says what it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from cvsi_db.errors import RankError
from cvsi_db.records import Branch, Column, ComposedQuery, LogicalQuery, Term
from cvsi_db.search import SearchContext, SearchResult, search
from cvsi_db.search.plan import strategies
from cvsi_db.search.plan.build import build_plan, drop_zero_columns, naive_plan, push_down_exclusion
from cvsi_db.search.plan.nodes import TopK, searches_of, union_of, with_searches
from cvsi_db.search.plan.strategies import NO_FACTS, Facts, gather_facts, judge_indexed, use_indexed
from cvsi_db.search.present.json import to_json
from cvsi_db.search.run.executor import run_plan
from cvsi_db.search.run.rerank import rerank
from cvsi_db.store.indexes import IndexFacts
from tests.fakes import make_picture
from tests.search.conftest import assert_exact, brute_force, logical_query, unit

if TYPE_CHECKING:
    from cvsi_db.store.images import Store

CVSI = [0.3, 0.2, 0.3, 0.4, 0.1]
MILLION = 1_000_000
BOTH = tuple(IndexFacts(f"{name}_vector", "IvfRq", MILLION, 0, 1) for name in ("image", "caption"))


def judged(told: Facts, k: int = 10, where: str | None = None, gamma: float = 0.1) -> tuple[bool, str]:
    verdict = judge_indexed(drop_zero_columns(naive_plan(logical_query(CVSI, gamma, k, where), MILLION)), told)
    return verdict.applies, verdict.why


def hits(plan: TopK, store: Store) -> list[str]:
    executed = run_plan(plan, store, "cpu")
    return list(rerank(executed.plan, executed.candidates).image_ids)


# --- the choice -----------------------------------------------------------------------------------------------------


def test_indexed_is_chosen_with_an_index_on_both_columns() -> None:
    assert judged(Facts(indexes=BOTH)) == (
        True,
        "an index over 1,000,000 rows: approximate, recall 0.99 or better where measured",
    )
    assert judged(Facts(indexes=BOTH, matching=20_000), where="width > 5")[0]
    assert judged(Facts(indexes=BOTH[:1]), gamma=0.0)[0]


@pytest.mark.parametrize(
    ("told", "k", "where", "why"),
    [
        (NO_FACTS, 10, None, "no index on image_vector holds most rows: `cvsi-db optimize` makes one"),
        (Facts(indexes=BOTH[:1]), 10, None, "no index on caption_vector holds most rows: `cvsi-db optimize` makes one"),
        (
            Facts(indexes=(replace(BOTH[0], rows=9, rows_since=10), BOTH[1])),
            10,
            None,
            "no index on image_vector holds most rows: `cvsi-db optimize` makes one",
        ),
        (
            Facts(indexes=BOTH, matching=19_999),
            10,
            "width > 5",
            "19,999 rows meet the filter, and so few are all compared",
        ),
        (Facts(indexes=BOTH), 50_001, None, "50,001 of 1,000,000 rows are asked for"),
        (Facts(indexes=BOTH, exact=True), 10, None, "an exact answer was asked for"),
    ],
)
def test_indexed_is_not_chosen(told: Facts, k: int, where: str | None, why: str) -> None:
    assert judged(told, k, where) == (False, why)


def test_branches_that_cancel_out_are_not_searched_by_index() -> None:
    branches = (
        Branch("pseudo_token", (Term("pseudo_token", unit(1), 1.0),)),
        Branch("image_objects", (Term("image", unit(1), -1.0),)),
    )
    logical = LogicalQuery(branches, (Column("image_vector", 1.0),), None, None, 5)
    assert judge_indexed(naive_plan(logical, MILLION), Facts(indexes=BOTH)).why == "the branches cancel out"
    assert build_plan(logical, MILLION, Facts(indexes=BOTH)).strategy == "branches"
    with pytest.raises(RankError, match="cannot fuse the searches of this query: the branches cancel out"):
        build_plan(logical, MILLION, Facts(forced="indexed"))


def test_captions_at_unit_length_are_not_searched_by_index() -> None:
    logical = logical_query(CVSI, 0.1, k=10, unit_captions=True)
    plan = build_plan(logical, MILLION, Facts(2048, 4096, indexes=BOTH))
    assert (plan.strategy, plan.why) == (
        "fused",
        "the first search over these 1,000,000 rows does not load them; no index ranks caption_vector at unit length",
    )
    assert build_plan(replace(logical, columns=logical.columns[:1]), MILLION, Facts(indexes=BOTH)).strategy == "indexed"
    with pytest.raises(RankError, match="cannot search by index: no index ranks caption_vector at unit length"):
        build_plan(logical, MILLION, Facts(forced="indexed"))


def test_rows_in_memory_come_before_an_index_and_an_index_before_a_fused_search() -> None:
    logical = logical_query(CVSI, 0.1, k=10)
    told = Facts(2048, 4096, indexes=BOTH)
    assert build_plan(logical, MILLION, replace(told, loaded=True)).strategy == "resident"
    assert build_plan(logical, MILLION, told).strategy == "indexed"
    exact = build_plan(logical, MILLION, replace(told, exact=True))
    assert (exact.strategy, exact.why) == (
        "fused",
        "the first search over these 1,000,000 rows does not load them; an exact answer was asked for",
    )


def test_only_an_indexed_plan_keeps_its_exclusion_out_of_the_searches() -> None:
    plan = naive_plan(logical_query(CVSI, 0.1, 10, exclude="ab"), MILLION)
    indexed = use_indexed(plan, "")
    assert push_down_exclusion(indexed) == indexed
    assert push_down_exclusion(plan) != plan


# --- the search -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(0, 50, 5))
@pytest.mark.parametrize(("where", "exclude"), [(None, None), ("width % 2 = 0", f"{7919 * 4 % 10007:064x}")])
def test_an_indexed_search_equals_brute_force(
    indexed_store: Store, seed: int, where: str | None, exclude: str | None
) -> None:
    logical = logical_query(CVSI, 0.3, 20, where, exclude, seed)
    executed = run_plan(build_plan(logical, 1500, Facts(forced="indexed")), indexed_store, "cpu")
    ranking = rerank(executed.plan, executed.candidates)
    truth = brute_force(indexed_store, logical)
    assert_exact(list(zip(ranking.image_ids, ranking.scores.tolist(), strict=True)), truth, 20)


def test_an_indexed_search_leaves_out_the_excluded_image_even_if_it_is_the_best(indexed_store: Store) -> None:
    logical = logical_query(CVSI, 0.3, 5)
    best = hits(build_plan(logical, 1500, Facts(forced="indexed")), indexed_store)
    rest = hits(build_plan(replace(logical, exclude=best[0]), 1500, Facts(forced="indexed")), indexed_store)
    assert rest[:4] == best[1:]
    assert len(rest) == 5


def test_an_indexed_search_widens_until_the_answer_stays_the_same(indexed_store: Store) -> None:
    logical = logical_query(CVSI, 0.3, 20)
    plan = build_plan(logical, 1500, Facts(forced="indexed"))
    narrow = with_searches(plan, [replace(each, limit=20, partitions=1) for each in searches_of(plan)])
    executed = run_plan(narrow, indexed_store, "cpu")
    rounds = union_of(executed.plan).rounds
    assert rounds is not None
    assert rounds >= 2
    assert {each.partitions for each in searches_of(executed.plan)} == {2 ** (rounds - 1)}
    assert {each.limit for each in searches_of(executed.plan)} == {20 * 2 ** (rounds - 1)}
    # How the partitions are drawn is left to chance, and so are a few hits of so narrow a search.
    assert len(set(hits(narrow, indexed_store)) & set(hits(plan, indexed_store))) >= 16


def test_an_indexed_search_for_more_hits_than_rows_gives_all_rows(indexed_store: Store) -> None:
    logical = logical_query(CVSI, 0.3, 4000, where="width > 400")
    found = hits(build_plan(logical, 1500, Facts(forced="indexed")), indexed_store)
    assert sorted(found) == sorted(brute_force(indexed_store, logical))


# --- from a query to its result -------------------------------------------------------------------------------------


@pytest.fixture
def large(context: SearchContext, indexed_store: Store, monkeypatch: pytest.MonkeyPatch) -> SearchContext:
    """A gallery that counts as large: its index is asked, for filters that at least 500 rows meet."""
    monkeypatch.setattr(strategies, "VECTOR_INDEX_ROWS", 1000)
    monkeypatch.setattr(strategies, "FLAT_ROWS", 500)
    return replace(context, store=indexed_store, resident_mb=0)


def ask(context: SearchContext, **options: Any) -> SearchResult:
    return search(ComposedQuery(make_picture(), "with a hat", **options), context)


def test_a_result_says_whether_it_is_exact(large: SearchContext) -> None:
    by_index, exact = ask(large), ask(large, exact=True)
    assert to_json(by_index)["plan"]["strategy"] == "indexed"
    assert not to_json(by_index)["plan"]["exact"]
    assert to_json(exact)["plan"] == {
        "strategy": "fused",
        "why": "1,500 rows need 1 MB, the budget is 0 MB; an exact answer was asked for",
        "exact": True,
        "verify": None,
    }
    assert [hit.image_id for hit in by_index] == [hit.image_id for hit in exact]


def test_a_selective_filter_loses_no_hit(large: SearchContext) -> None:
    wide, narrow = ask(large, where="width > 1000"), ask(large, where="width BETWEEN 700 AND 702", k=5)
    assert to_json(wide)["plan"]["strategy"] == "indexed"
    assert to_json(narrow)["plan"]["why"].endswith("3 rows meet the filter, and so few are all compared")
    assert sorted(hit.metadata["width"] for hit in narrow) == [700, 701, 702]


def test_what_an_index_gave_is_reranked_with_a_warning(large: SearchContext) -> None:
    scaled = "1.01*image + 1.01*edited_captions"
    exact = ask(large, rank="image + edited_captions", pool=60, exact=True)
    by_index = ask(large, rank="image + edited_captions", pool=60)
    assert exact.rerank(scaled, k=3).warnings == exact.warnings
    assert "others may belong here" in by_index.rerank(scaled, k=3).warnings[-1]


def test_the_indexes_are_looked_up_only_where_one_may_be_asked(
    large: SearchContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {index.column for index in gather_facts(large).indexes} >= {"image_vector", "caption_vector"}
    loaded = replace(large, resident_mb=100)
    assert gather_facts(loaded).indexes
    assert not gather_facts(loaded, batch=2).indexes
    monkeypatch.setattr(strategies, "VECTOR_INDEX_ROWS", 1501)
    assert not gather_facts(large).indexes
