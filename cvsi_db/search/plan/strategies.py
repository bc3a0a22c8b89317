"""The choice of a strategy: four ways to run the same logical plan, each with the facts under which it is the one.

Takes the naive plan after its simplification, gives the plan of the chosen strategy, which says why it was chosen.
All but `indexed` return the same answer. Knows nothing about storage or torch.

- `resident`: a scan of all rows in memory. The fastest by far, but the rows must be loaded once per version of the
  table (as slow as a few searches on disk) and fit into the memory budget.
- `indexed`: as `fused`, but by the columns' indexes: a hundredth of the rows is read, and a hit may be missed.
- `fused`: the score is linear, so one vector search per column, with the weighted sum of all terms, ranks by the whole
  of that column's share. At most two searches.
- `branches`: a vector search per branch and column. Never faster, but right even where the branches cancel out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cvsi_db.errors import RankError
from cvsi_db.records import ColumnName
from cvsi_db.search.plan.facts import MIB, Facts
from cvsi_db.search.plan.nodes import (
    Exclude,
    Filter,
    ResidentScan,
    Source,
    Strategy,
    TopK,
    Union,
    VectorSearch,
    rewrite_searches,
    rewrite_source,
    searches_of,
    union_of,
    walk,
)
from cvsi_db.store.indexes import VECTOR_INDEX_ROWS, IndexFacts, Probes, is_outgrown

CANCELLED = 1e-4
"""A sum this much shorter than its parts is mostly rounding: a search by it would have to read everything."""

FLAT_ROWS = 20_000
"""So few rows that meet a filter are all compared: that takes no longer, and an index might miss some of them."""

WIDEST = 20
"""An index is asked for at most one row in so many: for more, comparing all rows costs no more."""


@dataclass(frozen=True)
class Verdict:
    """Whether a strategy is to be used, and why or why not."""

    applies: bool
    why: str


def choose_strategy(plan: TopK, facts: Facts) -> TopK:
    """The plan by the first strategy that applies, or by the forced one.

    Raises RankError when `fused` or `indexed` is forced on branches that cancel out.
    """
    if facts.forced is not None:
        return _forced(plan, facts.forced)
    resident = judge_resident(plan, facts)
    if resident.applies:
        return use_resident(plan, resident.why)
    indexed = judge_indexed(plan, facts)
    if indexed.applies:
        return use_indexed(plan, indexed.why)
    fused = judge_fused(plan)
    if not fused.applies:
        return use_branches(plan, fused.why)
    large = union_of(plan).searches[0].rows >= VECTOR_INDEX_ROWS
    return use_fused(plan, f"{resident.why}; {indexed.why}" if large else resident.why)


def judge_resident(plan: TopK, facts: Facts) -> Verdict:
    """Rows in memory are used; others are loaded once the table as it is now has answered a search, if they fit."""
    rows = union_of(plan).searches[0].rows
    needed, room = _mebibytes(rows * facts.row_bytes), f"{facts.budget_mb:,} MB"
    if not facts.fits(rows):
        return Verdict(False, f"{rows:,} rows take {needed}, above the {room} they may")
    if not facts.loaded and not facts.searches:
        return Verdict(False, f"the first search over these {rows:,} rows does not load them")
    return Verdict(True, f"{rows:,} rows, {needed} of {room}")


def judge_indexed(plan: TopK, facts: Facts) -> Verdict:
    """The indexes, where every column to be searched has one that holds most rows, and enough rows meet the filter."""
    rows, there = union_of(plan).searches[0].rows, {index.column: index for index in facts.indexes}
    lacking = next((column for column in _columns(plan) if not _is_sound(there.get(column))), None)
    if facts.exact:
        return Verdict(False, "an exact answer was asked for")
    if lacking is not None:
        return Verdict(False, f"no index on {lacking} holds most rows: `cvsi-db optimize` makes one")
    if any(isinstance(node, Filter) for node in walk(plan)) and (facts.matching or 0) < FLAT_ROWS:
        return Verdict(False, f"{facts.matching or 0:,} rows meet the filter, and so few are all compared")
    if plan.k * WIDEST > rows:
        return Verdict(False, f"{plan.k:,} of {rows:,} rows are asked for")
    if not judge_fused(plan).applies:
        return Verdict(False, "the branches cancel out")
    return Verdict(True, f"an index over {rows:,} rows: approximate, recall 0.99 or better where measured")


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


def use_indexed(plan: TopK, why: str) -> TopK:
    """The fused searches, by the columns' indexes."""
    probed = rewrite_searches(use_fused(plan, why), lambda search: replace(search, partitions=Probes().partitions))
    return replace(probed, strategy="indexed")


def use_fused(plan: TopK, why: str) -> TopK:
    """One search per column, by the sum of the branches' vectors, where several branches search a column."""
    fused = tuple(_fused(column, plan) for column in _columns(plan))

    def change(node: Source) -> Source:
        return replace(node, searches=fused) if isinstance(node, Union) else node

    return replace(rewrite_source(plan, change), strategy="fused", why=why)


def _forced(plan: TopK, strategy: Strategy) -> TopK:
    if strategy in ("fused", "indexed") and not (fused := judge_fused(plan)).applies:
        raise RankError(f"cannot fuse the searches of this query: {fused.why}")
    uses = {"resident": use_resident, "indexed": use_indexed, "fused": use_fused, "branches": use_branches}
    return uses[strategy](plan, "asked for")


def _is_sound(index: IndexFacts | None) -> bool:
    return index is not None and not is_outgrown(index)


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
