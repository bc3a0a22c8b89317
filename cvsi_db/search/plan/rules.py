"""Planner rules: functions plan -> plan, applied in the order of RULES, SIMPLIFY before a strategy is chosen.

Each makes a plan cheaper and leaves its answer alone. Knows nothing about storage or torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from cvsi_db.search.plan.nodes import Exclude, Filter, TopK, VectorSearch, rewrite_searches, rewrite_source, walk

OVERFETCH = 10
"""Rows to fetch per search and hit asked for: the union then proves most answers exact in one round."""

MIN_LIMIT = 200
"""A search of fewer rows costs the same, so no first round fetches fewer."""

INDEX_OVERFETCH, INDEX_MIN_LIMIT = 4, 400
"""The same for a search of an index, which compares several rows exactly for each that it gives."""

NEGLIGIBLE = 1e-12
"""A branch vector shorter than this cannot move a float32 score."""


def drop_zero_columns(plan: TopK) -> TopK:
    """Without searches of a column that has no share in the mix (γ of 0 or 1)."""
    return rewrite_searches(plan, lambda search: search if search.column_weight else None)


def drop_zero_branches(plan: TopK) -> TopK:
    """Without searches of a branch whose terms weigh nothing or cancel out."""
    return rewrite_searches(plan, lambda search: search if np.linalg.norm(search.vector) > NEGLIGIBLE else None)


def push_down_filter(plan: TopK) -> TopK:
    """The filter inside each search: LanceDB applies it before the distances, so no fetched row is wasted."""
    conditions = [f"({node.condition})" for node in walk(plan) if isinstance(node, Filter)]
    bare = rewrite_source(plan, lambda node: node.source if isinstance(node, Filter) else node)
    return _narrowed(bare, conditions)


def push_down_exclusion(plan: TopK) -> TopK:
    """The exclusion of the reference inside each search, as one more condition.

    Not where an index is searched: it would have to look at the ids of all rows, and leaving out one hit costs nothing.
    """
    if not plan.is_exact:
        return plan
    conditions = [f"image_id <> '{node.image_id}'" for node in walk(plan) if isinstance(node, Exclude)]
    bare = rewrite_source(plan, lambda node: node.source if isinstance(node, Exclude) else node)
    return _narrowed(bare, conditions)


def set_limits(plan: TopK) -> TopK:
    """How many rows each search fetches first.

    One row more than there are is enough ever to see that a search came to its end, whatever k asks for.
    """

    several, least = (OVERFETCH, MIN_LIMIT) if plan.is_exact else (INDEX_OVERFETCH, INDEX_MIN_LIMIT)

    def limited(search: VectorSearch) -> VectorSearch:
        return replace(search, limit=min(max(several * plan.k, least), search.rows + 1))

    return rewrite_searches(plan, limited)


SIMPLIFY: tuple[Callable[[TopK], TopK], ...] = (drop_zero_columns, drop_zero_branches)
"""The rules before a strategy is chosen."""

REFINE: tuple[Callable[[TopK], TopK], ...] = (
    push_down_filter,
    push_down_exclusion,
    set_limits,
)
"""The rules after it; a plan without vector searches passes them unchanged."""

RULES = (*SIMPLIFY, *REFINE)


def _narrowed(plan: TopK, conditions: list[str]) -> TopK:
    def narrowed(search: VectorSearch) -> VectorSearch:
        known = [search.where] if search.where else []
        return replace(search, where=" AND ".join([*known, *conditions]) or None)

    return rewrite_searches(plan, narrowed)
