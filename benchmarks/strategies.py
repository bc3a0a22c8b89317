"""The engine's strategies by name, each as a call from logical queries to image numbers, best first.

Takes an open store and a device; the list of strategies is the engine's own, so that a new one is measured too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import get_args

from cvsi_db.records import LogicalQuery
from cvsi_db.search.plan.build import build_plan
from cvsi_db.search.plan.nodes import EXACT, Strategy, TopK
from cvsi_db.search.plan.strategies import Facts
from cvsi_db.search.run.executor import run_plan, run_plans
from cvsi_db.search.run.rerank import Candidates, rerank
from cvsi_db.search.run.resident_matrix import Resident
from cvsi_db.store.images import Store

Search = Callable[[LogicalQuery], list[int]]
Batch = Callable[[list[LogicalQuery]], list[list[int]]]


def strategies(store: Store, device: str, resident: Resident | None = None) -> dict[str, Search]:
    """Every strategy of the engine; `indexed` where the gallery has vector indexes."""
    resident, has_index = resident or Resident(), any(facts.column == "image_vector" for facts in store.indexes())
    names = (name for name in get_args(Strategy) if name in EXACT or has_index)
    return {name: partial(_by, name, store=store, device=device, resident=resident) for name in names}


def batch_of(store: Store, device: str, resident: Resident | None = None) -> Batch:
    """The answers of many queries at once, by one scan of the resident rows."""
    resident = resident or Resident()

    def search(queries: list[LogicalQuery]) -> list[list[int]]:
        rows = store.count()
        plans = [build_plan(query, rows, Facts(forced="resident")) for query in queries]
        done = run_plans(plans, store, device, resident)
        return [_numbers(executed.plan, executed.candidates) for executed in done]

    return search


def _by(strategy: Strategy, query: LogicalQuery, *, store: Store, device: str, resident: Resident) -> list[int]:
    version = store.version
    plan = build_plan(query, resident.rows(store, version), Facts(forced=strategy))
    executed = run_plan(plan, store, device, resident, version)
    return _numbers(executed.plan, executed.candidates)


def _numbers(plan: TopK, candidates: Candidates) -> list[int]:
    return [int(image_id, 16) for image_id in rerank(plan, candidates).image_ids]
