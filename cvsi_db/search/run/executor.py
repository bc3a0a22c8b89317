"""The executor: a plan in, the candidates that hold its answer out, with the plan as it ran.

Reads the store by vector searches, and proves that no row left unread can be among the best k; or asks its indexes ever
more widely, until the best k stay the same; or scans the resident rows, for many plans at once. Knows nothing about
models or metadata.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from cvsi_db.records import Column, FloatArray
from cvsi_db.search.plan.nodes import Exclude, TopK, Union, VectorSearch, rewrite_source, scan_of, searches_of, walk
from cvsi_db.search.run.rerank import Candidates, exact_scores, mix, score_error
from cvsi_db.search.run.resident_matrix import Resident
from cvsi_db.search.run.resident_search import scan_rows
from cvsi_db.store.arrow_rows import matrix
from cvsi_db.store.indexes import Probes

if TYPE_CHECKING:
    from cvsi_db.store.images import Store

FLOAT16_SLACK = 5e-4
"""How far the store's similarity of two unit vectors may lie below the true one.

LanceDB rounds the query to float16, a relative 2^-11 at worst and so 4.9e-4 for unit vectors; 2.4e-4 is the most that
was measured (widths 32 to 1280).
"""


@dataclass(frozen=True)
class Executed:
    """The plan with what each node did, and the candidates it left."""

    plan: TopK
    candidates: Candidates


@dataclass(frozen=True)
class Fetch:
    """What one search gave: its candidates, and the most it says a row it did not give can add to the score."""

    search: VectorSearch
    candidates: Candidates
    exhausted: bool
    bound: float


def run_plan(
    plan: TopK, store: Store, device: str, resident: Resident | None = None, version: int | None = None
) -> Executed:
    """Candidates among which the best k of the whole gallery are certain to be, unless the plan searches an index.

    `resident` keeps the rows that a plan of that strategy scans; without it they are loaded for this plan alone.
    `version` is the table's, if it was just asked.
    """
    return next(run_plans([plan], store, device, resident, version))


def run_plans(
    plans: Sequence[TopK], store: Store, device: str, resident: Resident | None = None, version: int | None = None
) -> Iterator[Executed]:
    """The same for many plans: those that scan the resident rows do so together, the others one after the other.

    Each is given when it is asked for, so that not all candidates must be in memory at once.
    """
    scans = [plan for plan in plans if scan_of(plan)]
    scanned = _scan(scans, store, device, resident or Resident(), version) if scans else iter(())
    return (next(scanned) if scan_of(plan) else _search(plan, store, device) for plan in plans)


def _scan(
    plans: Sequence[TopK], store: Store, device: str, resident: Resident, version: int | None
) -> Iterator[Executed]:
    start = perf_counter()
    found = scan_rows(plans, store, resident.matrix(store, device, version))
    share = _milliseconds(start) / len(plans)
    return (
        Executed(replace(plan, source=replace(plan.source, source=replace(scan, milliseconds=share))), candidates)
        for plan, (scan, candidates) in zip(plans, found, strict=True)
    )


def _search(plan: TopK, store: Store, device: str) -> Executed:
    """By vector searches, each round with twice the limits, until the answer is proven, or settled by an index.

    The proof is the threshold argument of Fagin, Lotem and Naor ("Optimal aggregation algorithms for middleware", JCSS
    2003): the score is a weighted sum of what the searches rank by, so a row that none of them gave scores at most the
    sum of their last values. Once the k-th exact score is above that sum, the answer is proven; a search that gives
    fewer rows than its limit has given them all. An index may have missed any row, so its answer is settled when twice
    the partitions and twice the limits change nothing.
    """
    start, searches, rounds, before = perf_counter(), searches_of(plan), 0, None
    while True:
        rounds += 1
        fetches = [_fetch(search, plan.source.columns, store) for search in searches]
        candidates = _without(_excluded(plan), _merge([fetch.candidates for fetch in fetches]))
        scores = exact_scores(plan.source, candidates)
        best = _best(candidates, scores, plan.k)
        if _is_proven(fetches, scores, plan) if plan.is_exact else best == before:
            return Executed(_as_run(plan, fetches, rounds, len(candidates), _milliseconds(start)), candidates)
        searches, before = tuple(_wider(fetch.search) for fetch in fetches), best


def _wider(search: VectorSearch) -> VectorSearch:
    partitions = None if search.partitions is None else 2 * search.partitions
    return replace(search, limit=2 * _limit(search), partitions=partitions)


def _best(candidates: Candidates, scores: FloatArray, k: int) -> list[str]:
    """The image_ids of the best k, in no order that matters."""
    best: list[str] = candidates.image_ids[np.argsort(-scores, kind="stable")[:k]].tolist()
    return best


def _fetch(search: VectorSearch, columns: Sequence[Column], store: Store) -> Fetch:
    # The store refuses what float16 cannot hold: at length 1 no weight can overflow it or sink below its least number.
    length = float(np.linalg.norm(search.vector))
    start = perf_counter()
    probes = None if search.partitions is None else Probes(search.partitions)
    table = store.search(search.column, search.vector / np.float32(length), _limit(search), search.where, probes=probes)
    mixed = mix(columns, {column.name: matrix(table, column.name) for column in columns})
    candidates = Candidates(np.array(table["image_id"].to_pylist(), dtype=np.str_), mixed)
    search = replace(search, milliseconds=(search.milliseconds or 0.0) + _milliseconds(start))
    if table.num_rows < _limit(search):
        return Fetch(search, candidates, exhausted=True, bound=-np.inf)
    most = length * (table["similarity"][-1].as_py() + FLOAT16_SLACK)
    return Fetch(search, candidates, exhausted=False, bound=search.column_weight * most)


def _is_proven(fetches: Sequence[Fetch], scores: FloatArray, plan: TopK) -> bool:
    # The searches share one filter: what one has read to its end, the others cannot add to.
    if any(fetch.exhausted for fetch in fetches):
        return True
    if len(scores) < plan.k:
        return False
    kth = float(np.partition(scores, len(scores) - plan.k)[len(scores) - plan.k])
    # Strictly above: a row that ties with the k-th may come before it by its image_id.
    return kth > sum(fetch.bound for fetch in fetches) + score_error(plan.source.terms)


def _merge(parts: Sequence[Candidates]) -> Candidates:
    """The union, ascending by image_id."""
    image_ids, first = np.unique(np.concatenate([part.image_ids for part in parts]), return_index=True)
    return Candidates(image_ids, np.concatenate([part.mixed for part in parts])[first])


def _excluded(plan: TopK) -> str | None:
    """The image to leave out, if no search leaves it out already."""
    return next((node.image_id for node in walk(plan) if isinstance(node, Exclude)), None)


def _without(image_id: str | None, candidates: Candidates) -> Candidates:
    if image_id is None:
        return candidates
    kept = candidates.image_ids != image_id
    return Candidates(candidates.image_ids[kept], candidates.mixed[kept])


def _limit(search: VectorSearch) -> int:
    return search.rows + 1 if search.limit is None else search.limit


def _as_run(plan: TopK, fetches: Sequence[Fetch], rounds: int, candidates: int, milliseconds: float) -> TopK:
    searches = tuple(replace(fetch.search, fetched=len(fetch.candidates)) for fetch in fetches)
    own = milliseconds - sum(search.milliseconds or 0.0 for search in searches)

    def done(union: Union) -> Union:
        return replace(union, searches=searches, rounds=rounds, candidates=candidates, milliseconds=own)

    return rewrite_source(plan, lambda node: done(node) if isinstance(node, Union) else node)


def _milliseconds(start: float) -> float:
    return (perf_counter() - start) * 1000
