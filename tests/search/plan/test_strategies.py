"""The strategies: when each is chosen, and that all of them return what brute force returns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from cvsi_db.errors import RankError
from cvsi_db.records import Branch, Column, LogicalQuery, Term
from cvsi_db.search.plan.build import build_plan, naive_plan
from cvsi_db.search.plan.nodes import EXACT, Strategy, TopK, searches_of
from cvsi_db.search.plan.strategies import NO_FACTS, Facts, judge_fused, judge_resident, use_fused
from cvsi_db.search.result import Ranking
from cvsi_db.search.run.executor import run_plan, run_plans
from cvsi_db.search.run.rerank import rerank
from cvsi_db.search.run.resident_matrix import Resident
from tests.search.conftest import (
    assert_exact,
    brute_force,
    fill,
    load_coded,
    logical_query,
    new_store,
    random_vectors,
    unit,
    with_caption_means,
)

if TYPE_CHECKING:
    from cvsi_db.search.run.executor import Executed
    from cvsi_db.store.images import Store

SIGNED = st.sampled_from([-1.0, 1.0])
WEIGHTS = st.builds(lambda size, sign: size * sign, st.one_of(st.just(0.0), st.floats(1e-3, 3)), SIGNED)
FILTERS = st.sampled_from([None, "width > 150", "taken_at IS NOT NULL", "width = 101 OR name = '7.png'", "width < 0"])
QUERIES = st.builds(
    logical_query,
    weights=st.builds(lambda one, rest: [one, *rest], SIGNED, st.lists(WEIGHTS, min_size=4, max_size=4)),
    gamma=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    k=st.sampled_from([1, 3, 25, 60, 2000]),
    where=FILTERS,
    exclude=st.sampled_from([None, f"{7919:064x}", f"{7919 * 2 % 10007:064x}", "none-such"]),
    seed=st.integers(0, 50),
    unit_captions=st.booleans(),
)
QUICK = settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])


@pytest.fixture(scope="module", params=["distinct", "ties", "copies", "bare", "means"])
def gallery(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Galleries of 130 rows: distinct ones, few distinct ones, one only, some without captions, and some whose caption
    vectors are means of 15 unit vectors that agree more or less, as captions do."""
    vectors = random_vectors(130, seed=6)
    if request.param == "ties":
        vectors = np.tile(vectors[:7], (19, 1, 1))[:130]
    if request.param == "copies":
        vectors = np.repeat(vectors[:1], 130, axis=0)
    if request.param == "means":
        vectors = with_caption_means(vectors)
    store = fill(new_store(tmp_path_factory.mktemp(request.param)), vectors)
    if request.param == "bare":
        rows = store.rows([f"{number * 7919 % 10007:064x}" for number in range(0, 130, 3)])
        bare = [replace(row, captions=(), caption_vector=np.zeros_like(row.image_vector)) for row in rows.values()]
        store.update(bare)
    return store


@pytest.fixture(scope="module")
def resident() -> Resident:
    return Resident()


def forced(logical: LogicalQuery, store: Store, strategy: Strategy) -> TopK:
    return build_plan(logical, store.count(), Facts(forced=strategy))


def ranked(executed: Executed) -> Ranking:
    return rerank(executed.plan, executed.candidates)


def pairs(ranking: Ranking) -> list[tuple[str, float]]:
    return list(zip(ranking.image_ids, ranking.scores.tolist(), strict=True))


@QUICK
@given(logical=QUERIES)
def test_every_strategy_equals_brute_force(gallery: Store, logical: LogicalQuery) -> None:
    truth, resident = brute_force(gallery, logical), Resident()
    found = [ranked(run_plan(forced(logical, gallery, strategy), gallery, "cpu", resident)) for strategy in EXACT]
    found.append(ranked(run_plan(forced(logical, gallery, "resident"), gallery, "cpu", Resident(load_coded))))
    for ranking in found:
        assert_exact(pairs(ranking), truth, logical.k)
        assert pairs(ranking) == pairs(found[0])
        assert np.array_equal(ranking.contributions, found[0].contributions)


@settings(QUICK, max_examples=4)
@given(queries=st.lists(QUERIES, min_size=24, max_size=30))
def test_one_scan_for_many_equals_a_scan_each(gallery: Store, queries: list[LogicalQuery]) -> None:
    resident = Resident()
    plans = [forced(logical, gallery, "resident") for logical in queries]
    together = run_plans(plans, gallery, "cpu", resident)
    for plan, many in zip(plans, together, strict=True):
        assert pairs(ranked(many)) == pairs(ranked(run_plan(plan, gallery, "cpu", resident)))


def test_plans_of_all_strategies_run_together_in_their_order(gallery: Store) -> None:
    logical = logical_query([0.6, 0, 0.4, -0.5, 0], 0.2, k=9)
    plans = [forced(replace(logical, k=k), gallery, each) for k in (3, 5) for each in EXACT]
    found = [ranked(each) for each in run_plans(plans, gallery, "cpu")]
    assert [len(each.image_ids) for each in found] == [3, 3, 3, 5, 5, 5]
    assert len({each.image_ids for each in found}) == 2


@pytest.mark.parametrize("strategy", EXACT)
@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_extreme_weights_neither_vanish_nor_overflow(big_store: Store, strategy: Strategy, scale: float) -> None:
    logical = logical_query([0.6 * scale, 0, 0.4 * scale, -0.2 * scale, 0], 0.2, k=10)
    found = ranked(run_plan(forced(logical, big_store, strategy), big_store, "cpu"))
    assert_exact(pairs(found), brute_force(big_store, logical), 10)


@pytest.mark.parametrize("strategy", EXACT)
def test_terms_that_nearly_cancel_out_are_ranked_by_what_is_left(big_store: Store, strategy: Strategy) -> None:
    near = np.asarray(unit(1) + 0.01 * unit(2), dtype=np.float32)
    terms = (Term("image", unit(1), 1.0), Term("objects", near, -1.0))
    branches = (Branch("image_objects", terms[:1]), Branch("pseudo_token", terms[1:]))
    columns = (Column("image_vector", 0.5), Column("caption_vector", 0.5))
    logical = LogicalQuery(branches, columns, None, None, 10)
    found = ranked(run_plan(forced(logical, big_store, strategy), big_store, "cpu"))
    assert_exact(pairs(found), brute_force(big_store, logical), 10)


@pytest.mark.parametrize("strategy", EXACT)
def test_an_empty_gallery_gives_nothing(tmp_path: Path, strategy: Strategy) -> None:
    store = new_store(tmp_path)
    plan = forced(logical_query([0.6, 0, 0.4, 0, 0], 0.2, k=5), store, strategy)
    assert pairs(ranked(run_plan(plan, store, "cpu"))) == []


# --- the choice -----------------------------------------------------------------------------------------------------


def plan_of(weights: list[float] | None = None, gamma: float = 0.2, rows: int = 1000) -> TopK:
    return naive_plan(logical_query(weights or [0.6, 0, 0.4, 0.1, 0], gamma, k=10), rows)


@pytest.mark.parametrize(
    ("facts", "applies", "why"),
    [
        (Facts(2048, 512, loaded=True), True, "1,000 rows, 2 MB of 512 MB"),
        (Facts(2048, 512, searches=1), True, "1,000 rows, 2 MB of 512 MB"),
        (Facts(2048, 512), False, "the first search over these 1,000 rows does not load them"),
        (Facts(2048, 1, searches=9), False, "1,000 rows need 2 MB, the budget is 1 MB"),
        (Facts(2048, 1, loaded=True), False, "1,000 rows need 2 MB, the budget is 1 MB"),
        (Facts(2048, 0, searches=9), False, "1,000 rows need 2 MB, the budget is 0 MB"),
    ],
)
def test_resident_is_chosen_when_the_rows_fit_and_were_searched_before(facts: Facts, applies: bool, why: str) -> None:
    verdict = judge_resident(plan_of(), facts)
    assert (verdict.applies, verdict.why) == (applies, why)


def test_the_searches_of_several_branches_are_fused_per_column() -> None:
    plan = plan_of([0.5, 0, 0.25, 0, 0])
    assert judge_fused(plan).applies
    image, caption = searches_of(use_fused(plan, ""))
    assert [(each.branch, each.column, each.column_weight) for each in (image, caption)] == [
        ("fused", "image_vector", 0.8),
        ("fused", "caption_vector", 0.2),
    ]
    expected = 0.5 * np.float32(0.9) * unit(11) + 0.25 * unit(10)
    np.testing.assert_allclose(image.vector, expected, atol=1e-6)
    np.testing.assert_allclose(caption.vector, expected, atol=1e-6)


def test_a_lone_branch_is_left_as_it_is() -> None:
    plan = build_plan(logical_query([0, 0, 0, 1.0, 0.5], 0.2, k=10), 1000)
    assert [each.branch for each in searches_of(plan)] == ["image_objects", "image_objects"]


def test_branches_that_cancel_out_are_not_fused() -> None:
    branches = (
        Branch("pseudo_token", (Term("pseudo_token", unit(1), 1.0),)),
        Branch("image_objects", (Term("image", unit(1), -1.0),)),
    )
    logical = LogicalQuery(branches, (Column("image_vector", 1.0),), None, None, 5)
    assert build_plan(logical, 1000).strategy == "branches"
    assert not judge_fused(naive_plan(logical, 1000)).applies
    with pytest.raises(RankError, match="cannot fuse the searches of this query: the branches cancel out"):
        build_plan(logical, 1000, Facts(forced="fused"))


@pytest.mark.parametrize(
    ("facts", "strategy"),
    [(NO_FACTS, "fused"), (Facts(2048, searches=1), "resident"), (Facts(forced="branches", loaded=True), "branches")],
)
def test_the_first_strategy_that_applies_is_taken(facts: Facts, strategy: str) -> None:
    plan = build_plan(logical_query([0.6, 0, 0.4, 0, 0], 0.2, k=10), 1000, facts)
    assert plan.strategy == cast(Strategy, strategy)
