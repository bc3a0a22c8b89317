"""The executor: plans in, the candidates that hold their answers out, with the plans as they ran.

It scans the resident rows, for many plans at once; or reads the store by vector searches, and proves that no row left
unread can be among the best k; or searches its indexes ever more widely, until the best k stay the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from cvsi_db.records import Column, FloatArray
from cvsi_db.search.plan.nodes import (
    Exclude,
    ResidentScan,
    TopK,
    Union,
    VectorSearch,
    find_node,
    rewrite_source,
    searches_of,
)
from cvsi_db.search.run.exact_scan import Request, find_rows
from cvsi_db.search.run.rerank import Candidates, exact_scores, mix, score_error
from cvsi_db.search.run.resident_matrix import Resident, ResidentMatrix
from cvsi_db.store.arrow_rows import VECTORS
from cvsi_db.store.images import matrix
from cvsi_db.store.indexes import IndexEffort

if TYPE_CHECKING:
    from cvsi_db.store.images import Store

FLOAT16_SLACK = 5e-4
"""How far the store's similarity of two unit vectors may lie below the true one.

LanceDB rounds the query to float16, a relative 2^-11 at worst and so 4.9e-4 for unit vectors; 2.4e-4 is the most that
was measured (widths 32 to 1280).
"""

READ_TOGETHER = 1024
"""The candidates that are read at once, of as many plans as it takes: they stay in the cache until they are scored."""


@dataclass(frozen=True)
class Executed:
    """The plan with what each node did, and the candidates it left."""

    plan: TopK
    candidates: Candidates


@dataclass(frozen=True)
class Fetch:
    """What one search gave: its candidates, whether they are all rows that meet the filter, and the most it says a row
    it did not give can add to the score."""

    search: VectorSearch
    candidates: Candidates
    complete: bool
    bound: float


def run_plan(
    plan: TopK, store: Store, device: str, resident: Resident | None = None, version: int | None = None
) -> Executed:
    """Candidates among which the best k of the whole gallery are certain to be, unless the plan searches an index.

    `resident` keeps the rows that a plan of that strategy scans; without it they are loaded for this plan alone.
    `version` is the table's, if it was just read.
    """
    return next(run_plans([plan], store, device, resident, version))


def run_plans(
    plans: Sequence[TopK], store: Store, device: str, resident: Resident | None = None, version: int | None = None
) -> Iterator[Executed]:
    """The same for many plans: those that scan the resident rows do so together, the others one after the other.

    Each result is made when it is asked for, so that not all candidates must be in memory at once.
    """
    scans = [plan.source.source if isinstance(plan.source.source, ResidentScan) else None for plan in plans]
    resident_plans = [(plan, scan) for plan, scan in zip(plans, scans, strict=True) if scan]
    scanned: Iterator[Executed] = iter(())
    if resident_plans:
        start = perf_counter()
        scanned = _scan(resident_plans, store, (resident or Resident()).matrix(store, device, version), start)
    for plan, scan in zip(plans, scans, strict=True):
        yield next(scanned) if scan else _search(plan, store)


# --- the resident rows ----------------------------------------------------------------------------------------------


def _scan(
    plans: Sequence[tuple[TopK, ResidentScan]], store: Store, resident: ResidentMatrix, start: float
) -> Iterator[Executed]:
    """By one scan for all plans; the vectors of their candidates are read as they are asked for."""
    allowed: dict[str | None, npt.NDArray[np.bool_]] = {}
    for where in {scan.where for _, scan in plans if scan.where is not None}:
        meeting = store.scan(["image_id"], where)["image_id"].combine_chunks()
        allowed[where] = pc.is_in(resident.image_ids, value_set=meeting).to_numpy(zero_copy_only=False)
        allowed[where][resident.dead] = False  # what replaced it may have its id
    requests, found = [], []
    for plan, scan in plans:
        # One more than asked for: the excluded image may be among them.
        k = plan.k + (scan.exclude is not None)
        requests.append(Request(plan.source.terms, plan.source.columns, k, allowed.get(scan.where)))
    for rows, (_, scan) in zip(find_rows(resident, requests), plans, strict=True):
        image_ids, rows = resident.named(rows)
        kept = image_ids != scan.exclude
        found.append((image_ids[kept], rows[kept]))
    share = _milliseconds(start) / len(plans)
    vectors = _vectors(resident, requests, [rows for _, rows in found])
    for (plan, scan), request, (image_ids, rows), mixed in zip(plans, requests, found, vectors, strict=True):
        ran = replace(
            scan,
            rows=len(resident),
            matching=None if request.allows is None else int(request.allows.sum()),
            candidates=len(image_ids),
            milliseconds=share,
        )
        candidates = Candidates(image_ids, mixed, resident.row_ids[rows])
        yield Executed(replace(plan, source=replace(plan.source, source=ran)), candidates)


def _vectors(
    resident: ResidentMatrix, requests: Sequence[Request], found: Sequence[npt.NDArray[np.int64]]
) -> Iterator[FloatArray]:
    """The mixed vectors (candidates, dim) of each request, read for as many requests together as READ_TOGETHER says."""
    sizes = [len(rows) for rows in found]
    ends, first = np.cumsum([0, *sizes]), 0
    while first < len(found):
        last = max(first + 1, int(np.searchsorted(ends, ends[first] + READ_TOGETHER, side="right")) - 1)
        rows = np.concatenate(found[first:last])
        shares = np.repeat([request.mix for request in requests[first:last]], sizes[first:last], axis=0)
        unit = np.repeat([request.unit for request in requests[first:last]], sizes[first:last], axis=0)
        if unit.any():
            shares = np.where(unit, shares * resident.unit_scales[rows], shares)
        yield from np.split(resident.mixed(rows, shares), ends[first + 1 : last] - ends[first])
        first = last


# --- vector searches ------------------------------------------------------------------------------------------------


def _search(plan: TopK, store: Store) -> Executed:
    """By vector searches, each round with twice the limits, until the answer is proven, or settled by an index.

    The proof is the threshold argument of Fagin, Lotem and Naor ("Optimal aggregation algorithms for middleware", JCSS
    2003): the score is a weighted sum of what the searches rank by, so a row that none of them gave scores at most the
    sum of their last values. Once the k-th exact score is above that sum, the answer is proven; a search that gives
    fewer rows than its limit has given them all. An index may have missed any row, so its answer is settled when twice
    the partitions and twice the limits change nothing.
    """
    start, searches, rounds, before = perf_counter(), searches_of(plan), 0, None
    excluded = find_node(plan, Exclude)  # unless each search leaves it out already
    while True:
        rounds += 1
        fetches = [_fetch(search, plan.source.columns, store) for search in searches]
        found = [fetch.candidates for fetch in fetches]
        image_ids, places = np.unique(np.concatenate([each.image_ids for each in found]), return_index=True)
        kept = image_ids != (excluded.image_id if excluded else "")
        candidates = Candidates(image_ids[kept], np.concatenate([each.mixed for each in found])[places[kept]])
        scores = exact_scores(plan.source, candidates)
        best = candidates.image_ids[np.argsort(-scores, kind="stable")[: plan.k]].tolist()
        if _is_proven(fetches, scores, plan) if plan.is_exact else best == before:
            return Executed(_as_run(plan, fetches, rounds, len(candidates), _milliseconds(start)), candidates)
        searches, before = tuple(_wider(fetch.search) for fetch in fetches), best


def _is_proven(fetches: Sequence[Fetch], scores: FloatArray, plan: TopK) -> bool:
    # The searches share one filter: what one has read to its end, the others cannot add to.
    if any(fetch.complete for fetch in fetches):
        return True
    if len(scores) < plan.k:
        return False
    kth = float(np.partition(scores, len(scores) - plan.k)[len(scores) - plan.k])
    # Strictly above: a row that ties with the k-th may come before it by its image_id.
    return kth > sum(fetch.bound for fetch in fetches) + score_error(plan.source.terms)


def _wider(search: VectorSearch) -> VectorSearch:
    partitions = None if search.partitions is None else 2 * search.partitions
    return replace(search, limit=2 * _limit(search), partitions=partitions)


def _fetch(search: VectorSearch, columns: Sequence[Column], store: Store) -> Fetch:
    start, limit, length = perf_counter(), _limit(search), float(np.linalg.norm(search.vector))
    if search.unit and limit > search.rows:
        # A search of a unit column may leave out rows whose vector is zero: only a scan is sure to give all rows.
        table = store.scan(["image_id", *VECTORS], search.where)
        complete, most = True, -np.inf
    else:
        # The store refuses what float16 cannot hold: at length 1 no weight can overflow it or sink below its least.
        vector = search.vector / np.float32(length)
        effort = None if search.partitions is None else IndexEffort(search.partitions)
        table = store.search(search.column, vector, limit, search.where, effort=effort, unit=search.unit)
        ended = table.num_rows < limit
        complete = ended and not search.unit
        most = -np.inf if ended else length * (table["similarity"][-1].as_py() + FLOAT16_SLACK)
        if search.unit:
            most = max(most, 0.0)  # what a zero vector adds
    mixed = mix(columns, {column.name: matrix(table, column.name) for column in columns})
    candidates = Candidates(np.array(table["image_id"].to_pylist(), dtype=np.str_), mixed)
    search = replace(search, milliseconds=(search.milliseconds or 0.0) + _milliseconds(start))
    return Fetch(search, candidates, complete, search.column_weight * most)


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
