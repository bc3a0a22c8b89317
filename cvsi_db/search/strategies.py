"""The choice of a strategy: three ways to run the same logical plan, each with the facts under which it is the one.

Takes the naive plan after its simplification, gives the plan of the chosen strategy, which says why it was chosen.
Every strategy returns the same answer. Knows nothing about storage or torch.

- `resident`: a scan of all rows in memory. The fastest by far, but the rows must be loaded once per version of the
  table (as slow as a few searches on disk) and fit into the memory budget.
- `fused`: the score is linear, so one vector search per column, with the weighted sum of all terms, ranks by the whole
  of that column's share. At most two searches.
- `branches`: a vector search per branch and column. Never faster, but right even where the branches cancel out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cvsi_db.errors import RankError
from cvsi_db.records import ColumnName
from cvsi_db.search.facts import Facts
from cvsi_db.search.plan import (
    Exclude,
    Filter,
    ResidentScan,
    Source,
    Strategy,
    TopK,
    Union,
    VectorSearch,
    rewrite_source,
    searches_of,
    union_of,
    walk,
)

CANCELLED = 1e-4
"""A sum this much shorter than its parts is mostly rounding: a search by it would have to read everything."""

MIB = 2**20


@dataclass(frozen=True)
class Verdict:
    """Whether a strategy is to be used, and why or why not."""

    applies: bool
    why: str


def choose_strategy(plan: TopK, facts: Facts) -> TopK:
    """The plan by the first strategy that applies, or by the forced one.

    Raises RankError when `fused` is forced on branches that cancel out.
    """
    if facts.forced is not None:
        return _forced(plan, facts.forced)
    resident, fused = judge_resident(plan, facts), judge_fused(plan)
    if resident.applies:
        return use_resident(plan, resident.why)
    if fused.applies:
        return use_fused(plan, resident.why)
    return use_branches(plan, fused.why)


def judge_resident(plan: TopK, facts: Facts) -> Verdict:
    """Rows in memory are used; others are loaded once the table as it is now has answered a search, if they fit."""
    rows = union_of(plan).searches[0].rows
    needed, room = _mebibytes(rows * facts.row_bytes), f"{facts.budget_mb:,} MB"
    if rows * facts.row_bytes > facts.budget_mb * MIB:
        return Verdict(False, f"{rows:,} rows take {needed}, above the {room} they may")
    if not facts.loaded and not facts.searches:
        return Verdict(False, f"the first search over these {rows:,} rows does not load them")
    return Verdict(True, f"{rows:,} rows, {needed} of {room}")


def judge_fused(plan: TopK) -> Verdict:
    """One search per column, unless the branches cancel out."""
    if any(_cancels(column, plan) for column in _columns(plan)):
        return Verdict(False, "the branches cancel out")
    return Verdict(True, "one search per column")


def use_resident(plan: TopK, why: str) -> TopK:
    """One scan in place of all that feeds the rerank."""
    where = next((node.condition for node in walk(plan) if isinstance(node, Filter)), None)
    exclude = next((node.image_id for node in walk(plan) if isinstance(node, Exclude)), None)
    union = union_of(plan)
    scan = ResidentScan(union.searches[0].rows, where, exclude, union.missing)
    return replace(plan, source=replace(plan.source, source=scan), strategy="resident", why=why)


def use_branches(plan: TopK, why: str) -> TopK:
    """The searches as they are, one per branch and column."""
    return replace(plan, why=why)


def use_fused(plan: TopK, why: str) -> TopK:
    """One search per column, by the sum of the branches' vectors, where several branches search a column."""
    fused = tuple(_fused(column, plan) for column in _columns(plan))

    def change(node: Source) -> Source:
        return replace(node, searches=fused) if isinstance(node, Union) else node

    return replace(rewrite_source(plan, change), strategy="fused", why=why)


def _forced(plan: TopK, strategy: Strategy) -> TopK:
    fused = judge_fused(plan)
    if strategy == "fused" and not fused.applies:
        raise RankError(f"cannot fuse the searches of this query: {fused.why}")
    uses = {"resident": use_resident, "fused": use_fused, "branches": use_branches}
    return uses[strategy](plan, "asked for")


def _columns(plan: TopK) -> tuple[ColumnName, ...]:
    return tuple(dict.fromkeys(search.column for search in searches_of(plan)))


def _searches(column: ColumnName, plan: TopK) -> list[VectorSearch]:
    return [search for search in searches_of(plan) if search.column == column]


def _fused(column: ColumnName, plan: TopK) -> VectorSearch:
    searches = _searches(column, plan)
    if len(searches) == 1:
        return searches[0]
    total = np.sum([search.vector.astype(np.float64) for search in searches], axis=0)
    return replace(searches[0], branch="fused", vector=total.astype(np.float32))


def _cancels(column: ColumnName, plan: TopK) -> bool:
    parts = sum(float(np.linalg.norm(search.vector)) for search in _searches(column, plan))
    return float(np.linalg.norm(_fused(column, plan).vector)) <= CANCELLED * parts


def _mebibytes(count: int) -> str:
    return f"{-(-count // MIB):,} MB"
