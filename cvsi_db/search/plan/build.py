"""The planner: a logical query, the number of rows and further facts in, a plan out.

The naive plan says what is to be computed. Rules make it cheap and leave its answer alone: functions plan -> plan,
applied in order, those of SIMPLIFY before a strategy is chosen to run the plan, those of REFINE after.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import reduce

import numpy as np

from cvsi_db.errors import RankError
from cvsi_db.records import Branch, FloatArray, LogicalQuery
from cvsi_db.search.plan.nodes import (
    Exclude,
    Filter,
    Rerank,
    Source,
    TopK,
    Union,
    VectorSearch,
    find_node,
    rewrite_source,
    searches_of,
    with_searches,
)
from cvsi_db.search.plan.strategies import NO_FACTS, Facts, choose_strategy

OVERFETCH = 10
"""Rows to fetch per search and hit asked for: the union then proves most answers exact in one round."""

MIN_LIMIT = 200
"""A search of fewer rows costs the same, so no first round fetches fewer."""

INDEX_OVERFETCH, INDEX_MIN_LIMIT = 4, 400
"""The same for a search of an index, which ranks rows by a few bits of each number."""

NEGLIGIBLE = 1e-12
"""A branch vector shorter than this cannot move a float32 score."""


def build_plan(logical: LogicalQuery, rows: int, facts: Facts = NO_FACTS) -> TopK:
    """The plan for `logical` over a gallery of `rows` rows, by the strategy that the facts speak for.

    Raises RankError when the weighted terms cancel out and nothing is left to search by.
    """
    plan = reduce(lambda plan, rule: rule(plan), SIMPLIFY, naive_plan(logical, rows))
    if not searches_of(plan):
        raise RankError("the weighted terms of this query cancel out: change the weights")
    plan = choose_strategy(plan, facts)
    return reduce(lambda plan, rule: rule(plan), REFINE if searches_of(plan) else (), plan)


def naive_plan(logical: LogicalQuery, rows: int) -> TopK:
    """Every branch against every column, then the filter, the exclusion, the exact score, the best k."""
    source: Source = Union(
        tuple(
            VectorSearch(branch.name, column.name, column.weight, vector, rows, unit=column.unit)
            for branch, vector in ((branch, branch_vector(branch)) for branch in logical.branches)
            for column in logical.columns
        ),
        missing=logical.missing,
    )
    if logical.where is not None:
        source = Filter(source, logical.where)
    if logical.exclude is not None:
        source = Exclude(source, logical.exclude)
    return TopK(Rerank(source, logical.terms, logical.columns), logical.k)


def branch_vector(branch: Branch) -> FloatArray:
    """(dim,) float32: the sum of the branch's terms, each times its weight (sign included)."""
    vectors = np.stack([term.vector for term in branch.terms])  # (terms, dim)
    weights = np.array([term.weight for term in branch.terms])
    return np.asarray(weights @ vectors, dtype=np.float32)


# --- the rules ------------------------------------------------------------------------------------------------------


def drop_zero_columns(plan: TopK) -> TopK:
    """Without searches of a column that has no share in the mix (γ of 0 or 1)."""
    return with_searches(plan, [search for search in searches_of(plan) if search.column_weight])


def drop_zero_branches(plan: TopK) -> TopK:
    """Without searches of a branch whose terms weigh nothing or cancel out."""
    return with_searches(plan, [search for search in searches_of(plan) if np.linalg.norm(search.vector) > NEGLIGIBLE])


def push_down_filter(plan: TopK) -> TopK:
    """The filter inside each search: LanceDB applies it before the distances, so no fetched row is wasted."""
    found = find_node(plan, Filter)
    if found is None:
        return plan
    bare = rewrite_source(plan, lambda node: node.source if isinstance(node, Filter) else node)
    return _narrowed(bare, f"({found.where})")


def push_down_exclusion(plan: TopK) -> TopK:
    """The exclusion of the reference inside each search, as one more condition.

    Not where an index is searched: it would have to look at the ids of all rows, and leaving out one hit costs nothing.
    """
    found = find_node(plan, Exclude)
    if found is None or not plan.is_exact:
        return plan
    bare = rewrite_source(plan, lambda node: node.source if isinstance(node, Exclude) else node)
    return _narrowed(bare, f"image_id <> '{found.image_id}'")


def set_limits(plan: TopK) -> TopK:
    """How many rows each search fetches first.

    One row more than there are is enough ever to see that a search came to its end, whatever k asks for.
    """
    several, least = (OVERFETCH, MIN_LIMIT) if plan.is_exact else (INDEX_OVERFETCH, INDEX_MIN_LIMIT)
    limit = max(several * plan.k, least)
    return with_searches(plan, [replace(search, limit=min(limit, search.rows + 1)) for search in searches_of(plan)])


def _narrowed(plan: TopK, condition: str) -> TopK:
    def narrowed(search: VectorSearch) -> VectorSearch:
        return replace(search, where=f"{search.where} AND {condition}" if search.where else condition)

    return with_searches(plan, map(narrowed, searches_of(plan)))


SIMPLIFY: tuple[Callable[[TopK], TopK], ...] = (drop_zero_columns, drop_zero_branches)
"""The rules before a strategy is chosen."""

REFINE: tuple[Callable[[TopK], TopK], ...] = (push_down_filter, push_down_exclusion, set_limits)
"""The rules after it, for a plan that has vector searches."""
