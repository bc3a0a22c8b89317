"""The choice of a strategy: four ways to run the same logical plan, each with the facts under which it is the one.

Takes the naive plan after its simplification, and what is known about the gallery and the process; gives the plan of
the chosen strategy, which says why it was chosen. All but `indexed` return the same answer.

- `resident`: a scan of all rows in memory. The fastest by far, but the rows must be loaded once (as slow as a few
  searches on disk; after a write only what changed is read) and fit into the memory budget.
- `indexed`: as `fused`, but by the columns' indexes: a hundredth of the rows is read, and a hit may be missed.
- `fused`: the score is linear, so one vector search per column, with the weighted sum of all terms, ranks by the whole
  of that column's share. At most two searches.
- `branches`: a vector search per branch and column. Never faster, but right even where the branches cancel out.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cvsi_db.errors import RankError, UsageError
from cvsi_db.records import ColumnName, FloatArray
from cvsi_db.search.plan.nodes import (
    Exclude,
    Filter,
    ResidentScan,
    Strategy,
    TopK,
    VectorSearch,
    find_node,
    searches_of,
    union_of,
    with_searches,
)
from cvsi_db.search.run.resident_matrix import row_bytes
from cvsi_db.store.indexes import VECTOR_INDEX_ROWS, IndexEffort, IndexFacts, is_outgrown

if TYPE_CHECKING:
    from cvsi_db.records import LogicalQuery
    from cvsi_db.search import SearchContext
    from cvsi_db.store.images import Store

BUDGET_MB = 1536
"""What the resident rows may take, in MiB, unless CVSI_RESIDENT_MB says otherwise: half a million rows of width 512."""

CANCELLED = 1e-4
"""A sum this much shorter than its parts is mostly rounding: a search by it would have to read everything."""

FLAT_ROWS = 20_000
"""With fewer rows that meet a filter than this, all are compared: an index would take as long and might miss some."""

WIDEST = 20
"""An index is searched for at most one row in this many: for more, comparing all rows costs no more."""

MIB = 2**20


@dataclass(frozen=True)
class Facts:
    """What the choice of a strategy turns on.

    `version` is the table's, read once for the whole search, and `rows` how many rows it has. `row_bytes` is what a
    resident row takes, `budget_mb` (MiB) what all may take; `loaded` says whether they are in memory as the table is
    now; `searches` how many others this version of the table has answered in this process, or is about to answer in
    the same batch; `forced` is a strategy that was asked for, and `exact` says that an exact answer was. `indexes` are
    those on vector columns, `matching` how many rows meet the query's filter: None when there is none, or when nothing
    depends on it.
    """

    row_bytes: int = 0
    budget_mb: int = BUDGET_MB
    loaded: bool = False
    searches: int = 0
    forced: Strategy | None = None
    exact: bool = False
    indexes: tuple[IndexFacts, ...] = ()
    matching: int | None = None
    version: int = 0
    rows: int = 0

    def fits(self, rows: int) -> bool:
        """Whether this many rows may be in memory."""
        return rows * self.row_bytes <= self.budget_mb * MIB


NO_FACTS = Facts()
"""What holds for a first search when nothing else is known."""


def gather_facts(context: SearchContext, batch: int = 1) -> Facts:
    """The facts for a search that is one of `batch`. Raises UsageError for a CVSI_RESIDENT_MB that is not a number."""
    version = context.store.version
    rows = context.resident.rows(context.store, version)
    facts = Facts(
        version=version,
        rows=rows,
        row_bytes=row_bytes(context.store.dim, context.models.device, rows),
        budget_mb=memory_budget() if context.resident_mb is None else context.resident_mb,
        loaded=context.resident.refresh(context.store, version),
        searches=context.resident.searches(version) + batch - 1,
        forced=context.strategy,
    )
    in_memory = facts.fits(rows) and (facts.loaded or facts.searches)
    return facts if in_memory or rows < VECTOR_INDEX_ROWS else replace(facts, indexes=context.store.indexes())


def facts_about(logical: LogicalQuery, facts: Facts, store: Store) -> Facts:
    """The facts with what is to be known about one query; rows are counted only where an index may be used."""
    counts = facts.indexes and logical.where is not None and not logical.exact
    return replace(facts, exact=logical.exact, matching=store.count(logical.where) if counts else None)


def memory_budget(environ: Mapping[str, str] = os.environ) -> int:
    """CVSI_RESIDENT_MB in MiB, or the default; 0 keeps nothing in memory. Raises UsageError when it is not a number."""
    text = environ.get("CVSI_RESIDENT_MB", "").strip()
    if text and not text.isdecimal():
        raise UsageError(f"CVSI_RESIDENT_MB is {text!r}: give a whole number of megabytes, 0 for none")
    return int(text) if text else BUDGET_MB


@dataclass(frozen=True)
class Verdict:
    """Whether a strategy is to be used, and why or why not."""

    applies: bool
    why: str


def choose_strategy(plan: TopK, facts: Facts) -> TopK:
    """The plan by the first strategy that applies, or by the forced one.

    Raises RankError when a strategy is forced on a query that it cannot run: `fused` or `indexed` where the branches
    cancel out, `indexed` where captions count at unit length.
    """
    if facts.forced is not None:
        if facts.forced in ("fused", "indexed") and not (fused := judge_fused(plan)).applies:
            raise RankError(f"cannot fuse the searches of this query: {fused.why}")
        if facts.forced == "indexed" and (unindexed := _unindexed(plan)):
            raise RankError(f"cannot search by index: {unindexed}")
        uses = {"resident": use_resident, "indexed": use_indexed, "fused": use_fused, "branches": use_branches}
        return uses[facts.forced](plan, "asked for")
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
    needed, room = f"{-(-rows * facts.row_bytes // MIB):,} MB", f"{facts.budget_mb:,} MB"
    if not facts.fits(rows):
        return Verdict(False, f"{rows:,} rows need {needed}, the budget is {room}")
    if not facts.loaded and not facts.searches:
        return Verdict(False, f"the first search over these {rows:,} rows does not load them")
    return Verdict(True, f"{rows:,} rows, {needed} of {room}")


def judge_indexed(plan: TopK, facts: Facts) -> Verdict:
    """The indexes, where every column to be searched has one that holds most rows, and enough rows meet the filter."""
    rows, searches = union_of(plan).searches[0].rows, searches_of(plan)
    sound = {index.column for index in facts.indexes if not is_outgrown(index)}
    lacking = next((search.column for search in searches if search.column not in sound), None)
    if facts.exact:
        return Verdict(False, "an exact answer was asked for")
    if unindexed := _unindexed(plan):
        return Verdict(False, unindexed)
    if lacking is not None:
        return Verdict(False, f"no index on {lacking} holds most rows: `cvsi-db optimize` makes one")
    if find_node(plan, Filter) and (facts.matching or 0) < FLAT_ROWS:
        return Verdict(False, f"{facts.matching or 0:,} rows meet the filter, and so few are all compared")
    if plan.k * WIDEST > rows:
        return Verdict(False, f"{plan.k:,} of {rows:,} rows are asked for")
    if not judge_fused(plan).applies:
        return Verdict(False, "the branches cancel out")
    return Verdict(True, f"an index over {rows:,} rows: approximate, recall 0.99 or better where measured")


def judge_fused(plan: TopK) -> Verdict:
    """One search per column, unless the branches cancel out."""
    for searches in _by_column(plan):
        parts = sum(float(np.linalg.norm(search.vector)) for search in searches)
        if float(np.linalg.norm(_total(searches))) <= CANCELLED * parts:
            return Verdict(False, "the branches cancel out")
    return Verdict(True, "one search per column")


def use_resident(plan: TopK, why: str) -> TopK:
    """One scan in place of all that feeds the rerank."""
    union, kept, left_out = union_of(plan), find_node(plan, Filter), find_node(plan, Exclude)
    scan = ResidentScan(
        union.searches[0].rows,
        where=kept.where if kept else None,
        exclude=left_out.image_id if left_out else None,
        missing=union.missing,
    )
    return replace(plan, source=replace(plan.source, source=scan), strategy="resident", why=why)


def use_branches(plan: TopK, why: str) -> TopK:
    """The searches as they are, one per branch and column."""
    return replace(plan, why=why)


def use_indexed(plan: TopK, why: str) -> TopK:
    """The fused searches, by the columns' indexes."""
    fused, partitions = use_fused(plan, why), IndexEffort().partitions
    probed = with_searches(fused, [replace(search, partitions=partitions) for search in searches_of(fused)])
    return replace(probed, strategy="indexed")


def use_fused(plan: TopK, why: str) -> TopK:
    """One search per column, by the sum of the branches' vectors, where several branches search a column."""
    fused = [
        searches[0] if len(searches) == 1 else replace(searches[0], branch="fused", vector=_total(searches))
        for searches in _by_column(plan)
    ]
    return replace(with_searches(plan, fused), strategy="fused", why=why)


def _unindexed(plan: TopK) -> str | None:
    """Why no index can serve the searches, whatever indexes there are: theirs are for the inner product."""
    unit = next((search.column for search in searches_of(plan) if search.unit), None)
    return unit and f"no index ranks {unit} at unit length"


def _by_column(plan: TopK) -> list[list[VectorSearch]]:
    """The searches of each column that is searched."""
    found: dict[ColumnName, list[VectorSearch]] = {}
    for search in searches_of(plan):
        found.setdefault(search.column, []).append(search)
    return list(found.values())


def _total(searches: Sequence[VectorSearch]) -> FloatArray:
    """(dim,) the sum of the searches' vectors, taken in float64."""
    return np.asarray(np.sum([search.vector.astype(np.float64) for search in searches], axis=0), dtype=np.float32)
