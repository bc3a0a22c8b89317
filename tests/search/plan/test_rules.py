"""The planner's rules: each where it fires, and where it must leave the plan alone."""

from __future__ import annotations

import numpy as np
import pytest

from cvsi_db.search.plan.build import (
    MIN_LIMIT,
    OVERFETCH,
    REFINE,
    build_plan,
    drop_zero_branches,
    drop_zero_columns,
    naive_plan,
    push_down_exclusion,
    push_down_filter,
    set_limits,
)
from cvsi_db.search.plan.nodes import ResidentScan, TopK, find_node, searches_of
from cvsi_db.search.plan.strategies import Facts
from tests.search.conftest import logical_query

ALL = [0.5, 0.1, 0.3, 0.2, 0.1]


def plan_of(
    weights: list[float], gamma: float = 0.2, k: int = 10, where: str | None = None, exclude: str | None = None
) -> TopK:
    return naive_plan(logical_query(weights, gamma, k, where, exclude), 5000)


@pytest.mark.parametrize(("gamma", "left"), [(0.0, "image_vector"), (1.0, "caption_vector")])
def test_a_column_without_a_share_is_dropped(gamma: float, left: str) -> None:
    assert {search.column for search in searches_of(drop_zero_columns(plan_of(ALL, gamma)))} == {left}


def test_columns_with_a_share_stay() -> None:
    plan = plan_of(ALL)
    assert drop_zero_columns(plan) == plan


def test_a_branch_without_weight_is_dropped() -> None:
    dropped = drop_zero_branches(plan_of([0.5, 0, 0, 0, 0]))
    assert {search.branch for search in searches_of(dropped)} == {"edited_captions"}


def test_branches_with_a_weight_stay_even_a_negative_one() -> None:
    plan = plan_of([0.5, 0, 0.1, -0.2, 0])
    assert drop_zero_branches(plan) == plan


def test_the_filter_goes_into_every_search() -> None:
    pushed = push_down_filter(plan_of(ALL, where="width > 5"))
    assert {search.where for search in searches_of(pushed)} == {"(width > 5)"}
    assert pushed == push_down_filter(pushed)


def test_the_exclusion_joins_the_filter() -> None:
    pushed = push_down_exclusion(push_down_filter(plan_of(ALL, where="width > 5", exclude="ab")))
    assert {search.where for search in searches_of(pushed)} == {"(width > 5) AND image_id <> 'ab'"}


def test_without_filter_and_exclusion_nothing_is_pushed_down() -> None:
    plan = plan_of(ALL)
    assert push_down_exclusion(push_down_filter(plan)) == plan


@pytest.mark.parametrize(("k", "limit"), [(1, MIN_LIMIT), (100, 100 * OVERFETCH), (5000, 5001)])
def test_limits_follow_k_and_end_after_the_rows(k: int, limit: int) -> None:
    assert {search.limit for search in searches_of(set_limits(plan_of(ALL, k=k)))} == {limit}


def test_the_rules_after_the_choice_leave_a_resident_scan_alone() -> None:
    logical = logical_query(ALL, 0.2, 10, "width > 5", "ab")
    plan = build_plan(logical, 5000, Facts(forced="resident"))
    assert find_node(plan, ResidentScan) == ResidentScan(5000, where="width > 5", exclude="ab")
    for rule in REFINE:
        assert rule(plan) == plan


def test_a_branch_keeps_its_vector() -> None:
    kept = searches_of(drop_zero_branches(plan_of(ALL)))
    assert all(np.linalg.norm(search.vector) > 0 for search in kept)
