"""Search: composed queries in, their hits out; the five stages in order, and a sixth for those who ask for it.

`compile_queries` runs the models, `build_plan` decides how, `run_plans` reads the store, `rerank` scores exactly,
`present_rankings` turns rankings into hits, and `verify` has a verifier look at the best of them. The stages load on
first use, because two of them bring torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

from cvsi_db.errors import ImageGoneError
from cvsi_db.records import CompiledQuery, ComposedQuery
from cvsi_db.search.plan.nodes import Strategy
from cvsi_db.search.result import Hit, SearchResult, present_rankings
from cvsi_db.search.run.resident_matrix import Resident

if TYPE_CHECKING:
    from cvsi_db.models.protocols import Models, Rewriter, Verifier
    from cvsi_db.store.catalog import Catalog
    from cvsi_db.store.images import Store

__all__ = ["Hit", "SearchContext", "SearchResult", "search", "search_many"]

ATTEMPTS = 5
"""How often an answer is sought while another process keeps forgetting images."""

T = TypeVar("T")


@dataclass(frozen=True)
class SearchContext:
    """What a search works with. The models may load late: each is touched only by a query that needs it.

    `preset` is for queries that name none. `resident` keeps the gallery's vectors in memory from one search to the
    next, within `resident_mb` MiB (by default CVSI_RESIDENT_MB, else 1,536); `strategy` forces one on every search.
    `model` is what results call the bundle. `verifier` makes what looks at the best hits again, when a query asks so.
    """

    store: Store
    catalog: Catalog
    models: Models
    rewriter: Rewriter
    preset: str = "default"
    resident: Resident = field(default_factory=Resident, repr=False)
    resident_mb: int | None = None
    strategy: Strategy | None = None
    model: str = ""
    verifier: Callable[[], Verifier] | None = None


def search(query: ComposedQuery, context: SearchContext) -> SearchResult:
    """Answer a composed query: at most `query.k` hits, best first, equal scores by image_id.

    The answer is exact, it equals scoring every row, unless its plan searches an index. Raises QueryError, RankError or
    FilterError for a query that makes no sense, RewriteError and ModelError from the models.
    """
    return search_many([query], context)[0]


def search_many(
    queries: Sequence[ComposedQuery], context: SearchContext, *, verified: bool = True
) -> list[SearchResult]:
    """Answer composed queries together, each as `search` would: one scan of the rows in memory serves them all.

    Unless they are to be `verified`, no verifier is asked: `verify` does that to the results.

    A result per query, in their order; `timings_ms` is each query's even share of what a stage took for all. Raises
    what `search` raises, for the first query that gives cause, before anything is read.
    """
    from cvsi_db.search.compile.compiler import compile_queries

    if not queries:
        return []
    watch = Stopwatch()
    with watch("compile"):
        compiled = compile_queries(queries, context)
    results = retry_if_gone(lambda: _answer(compiled, context, watch))
    if verified and any(query.verify for query in queries):
        from cvsi_db.search.verify import verify

        return verify(results, context, lambda query: search(query, context))
    return results


def _answer(compiled: Sequence[CompiledQuery], context: SearchContext, watch: Stopwatch) -> list[SearchResult]:
    from cvsi_db.search.plan.build import build_plan
    from cvsi_db.search.plan.strategies import facts_about, gather_facts
    from cvsi_db.search.run.executor import run_plans
    from cvsi_db.search.run.rerank import rerank

    store, resident = context.store, context.resident
    with watch("plan"):
        facts = gather_facts(context, len(compiled))
        logical = [each.logical for each in compiled]
        plans = [build_plan(each, facts.rows, facts_about(each, facts, store)) for each in logical]
    running = run_plans(plans, store, context.models.device, resident, facts.version)
    executed, rankings = [], []
    for _ in plans:  # one by one, so that the candidates of many plans are not all kept
        with watch("run"):
            ran = next(running)
        with watch("rerank"):
            rankings.append(rerank(ran.plan, ran.candidates))
        executed.append(ran.plan)
    resident.count(facts.version, len(compiled))
    with watch("present"):
        presented = present_rankings(rankings, compiled, store)
    timings = watch.timings_ms(len(compiled))
    results = []
    for of, plan, (hits, pool) in zip(compiled, executed, presented, strict=True):
        warnings = of.warnings
        if not hits:
            from cvsi_db.manage.nothing import why_no_hit

            warnings = (*warnings, why_no_hit(store, of.query, pool.ranking.scores))
        found = SearchResult(
            hits, compiled=of, plan=plan, timings_ms=timings, warnings=warnings, pool=pool, look_up=store.thumbnails
        )
        results.append(found)
    return results


def retry_if_gone(answer: Callable[[], T]) -> T:
    """What `answer` returns; called again where an image was forgotten between being found and being shown."""
    for _ in range(ATTEMPTS - 1):
        with suppress(ImageGoneError):
            return answer()
    return answer()


class Stopwatch:
    """Keeps what each lap of a piece of work took, in the order in which they first came."""

    def __init__(self) -> None:
        self._laps: dict[str, float] = {}

    @contextmanager
    def __call__(self, lap: str) -> Iterator[None]:
        """Adds the time within to `lap`."""
        start = perf_counter()
        yield
        self._laps[lap] = self._laps.get(lap, 0.0) + (perf_counter() - start) * 1000

    def timings_ms(self, share: int) -> dict[str, float]:
        """Milliseconds by lap, then their `total`, each divided by `share`."""
        return {lap: spent / share for lap, spent in {**self._laps, "total": sum(self._laps.values())}.items()}
