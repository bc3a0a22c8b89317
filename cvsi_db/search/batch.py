"""The batch: many composed queries answered together, with the stages of a single search and the same results.

One scan serves all plans that read the resident rows, and one look-up brings the metadata of all hits. Knows nothing
about any stage's inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa

from cvsi_db.records import ComposedQuery, SearchResult
from cvsi_db.search import SearchContext, Stopwatch
from cvsi_db.search.compiler import compile_queries
from cvsi_db.search.executor import run_plans
from cvsi_db.search.facts import gather_facts
from cvsi_db.search.planner import build_plan
from cvsi_db.search.present import METADATA, present
from cvsi_db.search.query import check_query
from cvsi_db.search.rerank import rerank

if TYPE_CHECKING:
    from cvsi_db.store import Store


def search_batch(queries: Sequence[ComposedQuery], context: SearchContext) -> list[SearchResult]:
    """A result per query, in their order; `timings_ms` is each query's even share of what a stage took for all."""
    for query in queries:
        check_query(query)
    if not queries:
        return []
    watch, store = Stopwatch(), context.store
    compiled = watch("compile", compile_queries, queries, context)
    facts, rows = gather_facts(context, batch=len(queries)), store.count()
    plans = watch("plan", lambda: [build_plan(each.logical, rows, facts) for each in compiled])
    executed = watch("run", run_plans, plans, store, context.device, context.resident)
    context.resident.count(store.version, len(queries))
    rankings = watch("rerank", lambda: [rerank(each.plan, each.candidates, context.device) for each in executed])
    metadata = cast("Store", _Metadata(store, {name for each in rankings for name in each.image_ids}))
    presented = watch(
        "present", lambda: [present(ranking, metadata, of) for ranking, of in zip(rankings, compiled, strict=True)]
    )
    timings = {lap: milliseconds / len(queries) for lap, milliseconds in watch.timings_ms.items()}
    return [
        SearchResult(hits, compiled=of, plan=ran.plan, timings_ms=timings, warnings=of.warnings, pool=pool)
        for of, ran, (hits, pool) in zip(compiled, executed, presented, strict=True)
    ]


class _Metadata:
    """What the presenter needs of a store: `take`, from rows that were looked up once for all results."""

    def __init__(self, store: Store, image_ids: set[str]) -> None:
        self._places = {image_id: place for place, image_id in enumerate(sorted(image_ids))}
        self._rows: Any = store.take(list(self._places), METADATA) if image_ids else None

    def take(self, image_ids: Sequence[str], columns: Sequence[str]) -> pa.Table:
        """`columns` of these images, in the order given."""
        return self._rows.take(pa.array([self._places[each] for each in image_ids])).select(list(columns))
