"""Facts: what the planner is told about the gallery and the process, beside the query itself.

Gathered once per search; knows nothing about plans. Imports nothing heavy.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cvsi_db.errors import UsageError
from cvsi_db.search.plan.nodes import Strategy
from cvsi_db.store.indexes import VECTOR_INDEX_ROWS, IndexFacts

if TYPE_CHECKING:
    from cvsi_db.records import LogicalQuery
    from cvsi_db.search import SearchContext
    from cvsi_db.store.images import Store

BUDGET_MB = 1024
"""What the resident rows may take, in MiB, unless CVSI_RESIDENT_MB says otherwise: half a million rows of width 512."""


MIB = 2**20


@dataclass(frozen=True)
class Facts:
    """What the choice of a strategy turns on.

    `version` is the table's, asked once for the whole search, and `rows` how many it has.
    `row_bytes` is what a resident row takes, `budget_mb` (MiB) what all may take; `loaded` tells whether they are in
    memory as the table is now; `searches` how many others this version of the table has answered in this process, or
    is about to answer in the same batch; `forced` a strategy that was asked for, and `exact` that the answer was
    asked to be. `indexes` are those on vector columns,
    `matching` how many rows meet the query's filter: None when there is none, or when nobody needs to know.
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
        """Whether so many rows may be in memory."""
        return rows * self.row_bytes <= self.budget_mb * MIB


NO_FACTS = Facts()
"""What holds for a first search when nothing else is known."""


def gather_facts(context: SearchContext, batch: int = 1) -> Facts:
    """The facts for a search that is one of `batch`. Raises UsageError for a CVSI_RESIDENT_MB that is no number."""
    from cvsi_db.search.run.resident_matrix import row_bytes

    version = context.store.version
    rows = context.resident.rows(context.store, version)
    facts = Facts(
        version=version,
        rows=rows,
        row_bytes=row_bytes(context.store.dim, context.device),
        budget_mb=memory_budget() if context.resident_mb is None else context.resident_mb,
        loaded=context.resident.is_loaded(version),
        searches=context.resident.searches(version) + batch - 1,
        forced=context.strategy,
    )
    in_memory = facts.fits(rows) and (facts.loaded or facts.searches)
    return facts if in_memory or rows < VECTOR_INDEX_ROWS else replace(facts, indexes=context.store.indexes())


def facts_about(logical: LogicalQuery, facts: Facts, store: Store) -> Facts:
    """The facts with what is to be known about one query; rows are counted only where an index may be used."""
    counts = facts.indexes and logical.filter is not None and not logical.exact
    return replace(facts, exact=logical.exact, matching=store.count(logical.filter) if counts else None)


def memory_budget(environ: Mapping[str, str] = os.environ) -> int:
    """CVSI_RESIDENT_MB in MiB, or the default; 0 keeps nothing in memory. Raises UsageError when it is no number."""
    text = environ.get("CVSI_RESIDENT_MB", "").strip()
    if text and not text.isdecimal():
        raise UsageError(f"CVSI_RESIDENT_MB is {text!r}: give a whole number of megabytes, 0 for none")
    return int(text) if text else BUDGET_MB
