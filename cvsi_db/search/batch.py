"""The batch: many composed queries answered together, with the stages of a single search and the same results.

One scan serves all plans that read the resident rows, and one look-up brings the metadata of all hits. Knows nothing
about any stage's inside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa

from cvsi_db.query.checks import check_query
from cvsi_db.records import CompiledQuery, ComposedQuery, Hit, Pool, SearchResult
from cvsi_db.search import SearchContext, Stopwatch, steadily
from cvsi_db.search.compile.compiler import compile_queries
from cvsi_db.search.plan.build import build_plan
from cvsi_db.search.plan.facts import facts_about, gather_facts
from cvsi_db.search.plan.nodes import TopK
from cvsi_db.search.present.hits import METADATA, present
from cvsi_db.search.run.executor import run_plans
from cvsi_db.search.run.rerank import Ranking, rerank

if TYPE_CHECKING:
    from cvsi_db.store.images import Store


def search_batch(queries: Sequence[ComposedQuery], context: SearchContext) -> list[SearchResult]:
    """A result per query, in their order; `timings_ms` is each query's even share of what a stage took for all."""
    for query in queries:
        check_query(query)
    if not queries:
        return []
    watch = Stopwatch()
    compiled = watch("compile", compile_queries, queries, context)
    return steadily(lambda: _answered(compiled, context, watch))


def _answered(compiled: Sequence[CompiledQuery], context: SearchContext, watch: Stopwatch) -> list[SearchResult]:
    store = context.store
    facts = watch("plan", gather_facts, context, len(compiled))
    logical = [each.logical for each in compiled]
    plans = watch("plan", lambda: [build_plan(each, facts.rows, facts_about(each, facts, store)) for each in logical])
    executed, rankings = zip(*_ranked(plans, context, facts.version, watch), strict=True)
    context.resident.count(facts.version, len(compiled))
    presented = watch("present", _presented, rankings, compiled, store)
    timings = {lap: milliseconds / len(compiled) for lap, milliseconds in watch.timings_ms.items()}
    return [
        SearchResult(hits, compiled=of, plan=plan, timings_ms=timings, warnings=of.warnings, pool=pool)
        for of, plan, (hits, pool) in zip(compiled, executed, presented, strict=True)
    ]


def _ranked(
    plans: Sequence[TopK], context: SearchContext, version: int, watch: Stopwatch
) -> Iterator[tuple[TopK, Ranking]]:
    """Each plan as it ran, with its ranking: ranked one by one, so that no candidates are kept."""
    running = watch("run", run_plans, plans, context.store, context.device, context.resident, version)
    for _ in plans:
        executed = watch("run", next, running)
        yield executed.plan, watch("rerank", rerank, executed.plan, executed.candidates)


def _presented(
    rankings: Sequence[Ranking], compiled: Sequence[CompiledQuery], store: Store
) -> list[tuple[list[Hit], Pool]]:
    metadata = cast("Store", _Metadata(store, {name for each in rankings for name in each.image_ids}))
    return [present(ranking, metadata, of) for ranking, of in zip(rankings, compiled, strict=True)]


class _Metadata:
    """What the presenter needs of a store: `take`, from rows that were looked up once for all results."""

    def __init__(self, store: Store, image_ids: set[str]) -> None:
        self._places = {image_id: place for place, image_id in enumerate(sorted(image_ids))}
        self._rows: Any = store.take(list(self._places), METADATA) if image_ids else None

    def take(self, image_ids: Sequence[str], columns: Sequence[str]) -> pa.Table:
        """`columns` of these images, in the order given."""
        return self._rows.take(pa.array([self._places[each] for each in image_ids])).select(list(columns))
