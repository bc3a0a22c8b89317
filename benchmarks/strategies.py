"""The engine's strategies by name, each as a call from logical queries to image numbers, best first.

Takes an open store and a device; what the engine offers is asked of it, so that a new strategy is measured unasked.
Knows nothing about baselines or clocks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import get_args

import numpy as np

from cvsi_db.indexing import Probes
from cvsi_db.records import LogicalQuery
from cvsi_db.rows import matrix
from cvsi_db.search.executor import run_plan, run_plans
from cvsi_db.search.facts import Facts
from cvsi_db.search.plan import Strategy, TopK
from cvsi_db.search.planner import build_plan
from cvsi_db.search.rerank import Candidates, rerank
from cvsi_db.search.resident import Resident
from cvsi_db.store import Store

Search = Callable[[LogicalQuery], list[int]]
Batch = Callable[[list[LogicalQuery]], list[list[int]]]

INDEXED = "index, read directly"
OVERFETCH, MIN_LIMIT = 4, 400


def strategies(store: Store, device: str) -> dict[str, Search]:
    """Every strategy of the engine, and a search of the vector indexes where the gallery has them."""
    resident = Resident()
    found: dict[str, Search] = {
        name: partial(_by, name, store=store, device=device, resident=resident) for name in get_args(Strategy)
    }
    if any(facts.column == "image_vector" for facts in store.indexes()):
        found[INDEXED] = partial(_indexed, store=store, device=device)
    return found


def batch_of(store: Store, device: str) -> Batch:
    """The answers of many queries at once, by one scan of the resident rows."""
    resident = Resident()

    def search(queries: list[LogicalQuery]) -> list[list[int]]:
        rows = store.count()
        plans = [build_plan(query, rows, Facts(forced="resident")) for query in queries]
        done = run_plans(plans, store, device, resident)
        return [_numbers(executed.plan, executed.candidates, device) for executed in done]

    return search


def _by(strategy: Strategy, query: LogicalQuery, *, store: Store, device: str, resident: Resident) -> list[int]:
    plan = build_plan(query, store.count(), Facts(forced=strategy))
    executed = run_plan(plan, store, device, resident)
    return _numbers(executed.plan, executed.candidates, device)


def _indexed(query: LogicalQuery, *, store: Store, device: str) -> list[int]:
    """One indexed search per column for the sum of all terms (the score is linear), the union scored exactly."""
    vector = np.stack([term.weight * term.vector for term in query.terms]).sum(axis=0, dtype=np.float32)
    limit = max(OVERFETCH * query.k, MIN_LIMIT)
    tables = [store.search(c.name, vector, limit, query.filter, probes=Probes()) for c in query.columns]
    ids, first = np.unique(np.concatenate([table["image_id"].to_numpy() for table in tables]), return_index=True)
    columns = {c.name: np.concatenate([matrix(table, c.name) for table in tables])[first] for c in query.columns}
    return _numbers(build_plan(query, store.count()), Candidates(ids.astype(np.str_), columns), device)


def _numbers(plan: TopK, candidates: Candidates, device: str) -> list[int]:
    return [int(image_id, 16) for image_id in rerank(plan, candidates, device).image_ids]
