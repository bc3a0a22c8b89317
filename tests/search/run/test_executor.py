from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from cvsi_db.query.weights import PRESETS
from cvsi_db.records import LogicalQuery
from cvsi_db.search.plan.build import build_plan, naive_plan, push_down_exclusion, push_down_filter
from cvsi_db.search.plan.nodes import TopK, searches_of, union_of, with_searches
from cvsi_db.search.plan.strategies import NO_FACTS, Facts
from cvsi_db.search.run.executor import FLOAT16_SLACK, run_plan
from cvsi_db.search.run.rerank import rerank
from tests.search.conftest import assert_exact, brute_force, fill, logical_query, new_store, random_vectors, unit

if TYPE_CHECKING:
    from cvsi_db.store.images import Store

WEIGHTS = st.one_of(st.just(0.0), st.floats(-3, 3, width=32).filter(lambda weight: abs(weight) > 1e-3))
FILTERS = st.sampled_from([None, "width > 900", "taken_at IS NOT NULL", "width = 101 OR name = '7.png'", "width < 0"])


def answer(store: Store, plan: TopK) -> list[tuple[str, float]]:
    executed = run_plan(plan, store, "cpu")
    ranking = rerank(executed.plan, executed.candidates)
    return list(zip(ranking.image_ids, ranking.scores.tolist(), strict=True))


def limited(plan: TopK, limit: int) -> TopK:
    return with_searches(plan, [replace(search, limit=limit) for search in searches_of(plan)])


def check(store: Store, logical: LogicalQuery, limit: int | None = None, facts: Facts = NO_FACTS) -> None:
    plan = build_plan(logical, store.count(), facts)
    found = answer(store, plan if limit is None else limited(plan, limit))
    assert_exact(found, brute_force(store, logical), logical.k)


@pytest.mark.parametrize("name", sorted(PRESETS))
@pytest.mark.parametrize("limit", [None, 5])
def test_every_preset_equals_brute_force(mean_store: Store, name: str, limit: int | None) -> None:
    preset = PRESETS[name]
    weights = list(preset.weights.values())
    check(mean_store, logical_query(weights, preset.gamma, k=10, unit_captions=preset.unit_captions), limit)


@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    weights=st.lists(WEIGHTS, min_size=5, max_size=5).filter(any),
    gamma=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    k=st.sampled_from([1, 3, 25, 2000]),
    where=FILTERS,
    limit=st.sampled_from([None, 1, 40]),
    seed=st.integers(0, 50),
    unit_captions=st.booleans(),
    facts=st.sampled_from([NO_FACTS, Facts(forced="branches")]),
)
def test_any_weights_equal_brute_force(
    mean_store: Store,
    weights: list[float],
    gamma: float,
    k: int,
    where: str | None,
    limit: int | None,
    seed: int,
    unit_captions: bool,
    facts: Facts,
) -> None:
    check(mean_store, logical_query(weights, gamma, k, where, f"{7919:064x}", seed, unit_captions), limit, facts)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_extreme_weights_neither_vanish_nor_overflow(big_store: Store, scale: float) -> None:
    check(big_store, logical_query([0.6 * scale, 0, 0.4 * scale, -0.2 * scale, 0], 0.2, k=10))


@pytest.mark.parametrize("k", [1, 3, 10, 10**12])
def test_a_tiny_gallery_gives_what_it_has(tiny_store: Store, k: int) -> None:
    check(tiny_store, logical_query([0.4, 0.3, 0.2, 0.4, 0], 0.1, k=k))


def test_an_empty_gallery_gives_nothing(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    assert answer(store, build_plan(logical_query([0.4, 0.3, 0.2, 0.4, 0], 0.1, k=5), 0)) == []


def test_ties_break_by_image_id_even_at_the_edge_of_the_answer(tmp_path: Path) -> None:
    store = fill(new_store(tmp_path), np.repeat(random_vectors(2, seed=3), 30, axis=0))
    logical = logical_query([0.4, 0.3, 0.2, 0.4, 0], 0.1, k=7)
    found = answer(store, limited(build_plan(logical, store.count()), 2))
    truth = brute_force(store, logical)
    best = max(truth.values())
    assert [image_id for image_id, _ in found] == sorted(each for each in truth if truth[each] == best)[:7]
    assert len({score for _, score in found}) == 1


def test_limits_double_until_the_answer_is_proven(big_store: Store) -> None:
    logical = logical_query([0.4, 0.3, 0.2, 0.4, 0], 0.1, k=10)
    executed = run_plan(limited(build_plan(logical, big_store.count()), 1), big_store, "cpu")
    union = union_of(executed.plan)
    assert union.rounds is not None
    assert union.rounds > 1
    assert {search.fetched for search in searches_of(executed.plan)} == {min(2 ** (union.rounds - 1), 1500)}
    assert union.candidates == len(executed.candidates) <= 1500


def test_one_round_when_a_search_reads_everything(tiny_store: Store) -> None:
    plan = build_plan(logical_query([0.4, 0.3, 0.2, 0.4, 0], 0.1, k=2), tiny_store.count())
    assert union_of(run_plan(plan, tiny_store, "cpu").plan).rounds == 1


def test_the_rules_do_not_change_the_answer(big_store: Store) -> None:
    logical = logical_query([0.6, 0, 0.4, 0.0, 0.0], 0.2, k=10, where="width > 900", exclude=f"{7919:064x}")
    naive = push_down_exclusion(push_down_filter(naive_plan(logical, big_store.count())))
    kept = with_searches(naive, [search for search in searches_of(naive) if np.any(search.vector)])
    assert answer(big_store, kept) == answer(big_store, build_plan(logical, big_store.count()))


def test_the_slack_covers_the_arithmetic_of_the_store(mean_store: Store) -> None:
    worst = 0.0
    for seed in range(20):
        table = mean_store.search("image_vector", unit(seed), 1500)
        exact = np.stack(table["image_vector"].to_numpy(zero_copy_only=False)).astype(np.float64) @ unit(seed)
        worst = max(worst, float(np.abs(exact - table["similarity"].to_numpy()).max()))
        table = mean_store.search("caption_vector", unit(seed), 1500, unit=True)
        captions = np.stack(table["caption_vector"].to_numpy(zero_copy_only=False)).astype(np.float64)
        exact = captions @ unit(seed) / np.maximum(np.linalg.norm(captions, axis=1), 1e-9)
        worst = max(worst, float(np.abs(exact - table["similarity"].to_numpy()).max()))
    assert 0 < worst < FLOAT16_SLACK


@pytest.mark.parametrize("gamma", [0.1, 1.0])
def test_images_without_captions_are_found_where_captions_count_at_unit_length(tmp_path: Path, gamma: float) -> None:
    vectors = random_vectors(300, seed=9)
    vectors[::3, 1] = 0
    store = fill(new_store(tmp_path), vectors)
    for k in (3, 150, 250):
        check(store, logical_query([0.2, 0, 0.6, 0.2, 0], gamma, k, unit_captions=True), limit=20)
