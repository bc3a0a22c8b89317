"""Search: a composed query in, its hits out; the five stages in order.

`compile_query` runs the models, `build_plan` decides how, `run_plan` reads the store, `rerank` scores exactly,
`present` dresses the hits. Knows nothing about any stage's inside. The stages load on first use, because two of them
bring torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from cvsi_db.errors import ImageGoneError
from cvsi_db.records import CompiledQuery, ComposedQuery, SearchResult
from cvsi_db.search.plan.nodes import Strategy
from cvsi_db.search.run.resident_matrix import Resident

if TYPE_CHECKING:
    from cvsi_db.models.protocols import Captioner, Encoder, Phi, Rewriter
    from cvsi_db.store.catalog import Catalog
    from cvsi_db.store.images import Store

ATTEMPTS = 5
"""How often an answer is sought while another process keeps forgetting images."""

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class SearchContext:
    """What a search works with. The models may be lazy: each is touched only by a query that needs it.

    `preset` is for queries that name none. `resident` keeps the gallery's vectors in memory from one search to the
    next, within `resident_mb` MiB (by default CVSI_RESIDENT_MB, else 1,024); `strategy` forces one on every search.
    """

    store: Store
    catalog: Catalog
    encoder: Encoder
    phi: Phi | None
    captioner: Captioner
    rewriter: Rewriter
    preset: str = "default"
    device: str = "cpu"
    resident: Resident = field(default_factory=Resident, repr=False)
    resident_mb: int | None = None
    strategy: Strategy | None = None


class Stopwatch:
    """Calls functions and keeps what each took, in milliseconds, in the order of the first calls."""

    def __init__(self) -> None:
        self._laps: dict[str, float] = {}

    def __call__(self, lap: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `function` returns; its time is added to `lap`."""
        start = perf_counter()
        result = function(*args, **kwargs)
        self._laps[lap] = self._laps.get(lap, 0.0) + (perf_counter() - start) * 1000
        return result

    @property
    def timings_ms(self) -> dict[str, float]:
        """Milliseconds by lap, then their `total`."""
        return {**self._laps, "total": sum(self._laps.values())}


def steadily(answer: Callable[[], T]) -> T:
    """What `answer` gives; asked again where an image was forgotten between being found and being shown."""
    for _ in range(ATTEMPTS - 1):
        with suppress(ImageGoneError):
            return answer()
    return answer()


def search(query: ComposedQuery, context: SearchContext) -> SearchResult:
    """Answer a composed query: at most `query.k` hits, best first, equal scores by image_id.

    The answer is exact, it equals scoring every row, unless its plan searches an index. Raises QueryError, RankError or
    FilterError for a query that cannot be meant, RewriteError and ModelError from the models.
    """
    from cvsi_db.search.compile.compiler import compile_query

    watch = Stopwatch()
    compiled = watch("compile", compile_query, query, context)
    return steadily(lambda: _answered(compiled, context, watch))


def _answered(compiled: CompiledQuery, context: SearchContext, watch: Stopwatch) -> SearchResult:
    from cvsi_db.search.plan.build import build_plan
    from cvsi_db.search.plan.facts import facts_about, gather_facts
    from cvsi_db.search.present.hits import present
    from cvsi_db.search.run.executor import run_plan
    from cvsi_db.search.run.rerank import rerank

    store = context.store
    facts = watch("plan", lambda: facts_about(compiled.logical, gather_facts(context), store))
    plan = watch("plan", build_plan, compiled.logical, facts.rows, facts)
    executed = watch("run", run_plan, plan, store, context.device, context.resident, facts.version)
    context.resident.count(facts.version)
    ranking = watch("rerank", rerank, executed.plan, executed.candidates)
    hits, pool = watch("present", present, ranking, store, compiled)
    return SearchResult(
        hits,
        compiled=compiled,
        plan=executed.plan,
        timings_ms=watch.timings_ms,
        warnings=compiled.warnings,
        pool=pool,
    )


def search_many(queries: Sequence[ComposedQuery], context: SearchContext) -> list[SearchResult]:
    """Answer composed queries together, each as `search` would: one scan of the rows in memory serves them all.

    Raises what `search` raises, for the first query that gives cause, before anything is read.
    """
    from cvsi_db.search.batch import search_batch

    return search_batch(queries, context)
