"""The resident strategy: plans that scan the resident rows in, what each scan did and its candidates out.

Evaluates filters through the store, once per condition, scans for all plans together, and reads the candidates of
several plans at once. Knows nothing about how the scan proves its answer, or how scores are made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cvsi_db.search.plan.nodes import ResidentScan, TopK, scan_of
from cvsi_db.search.run.exact_scan import find_rows
from cvsi_db.search.run.query_matrix import Request
from cvsi_db.search.run.rerank import Candidates
from cvsi_db.search.run.resident_matrix import ResidentMatrix

if TYPE_CHECKING:
    from cvsi_db.store.images import Store

AT_ONCE = 1024
"""So many candidates are read at once, of as many plans as it takes: they stay in the cache until they are scored."""

Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]
Named = tuple[npt.NDArray[Any], Rows]


def scan_rows(plans: Sequence[TopK], store: Store, matrix: ResidentMatrix) -> Iterator[tuple[ResidentScan, Candidates]]:
    """For each plan, which must have a ResidentScan, its scan as it ran and candidates that hold its exact answer.

    All are scanned at once, but the vectors of candidates are read as they are asked for: those of many plans take
    much memory.
    """
    scans = [scan for scan in map(scan_of, plans) if scan is not None]
    allowed = _allowed({scan.where for scan in scans}, store, matrix)
    requests = [_request(plan, scan, allowed) for plan, scan in zip(plans, scans, strict=True)]
    found = zip(find_rows(matrix, requests), scans, strict=True)
    named = [_named(matrix, rows, scan.exclude) for rows, scan in found]
    candidates = _candidates(matrix, named, requests)
    return (_as_run(*each, len(matrix)) for each in zip(scans, requests, candidates, strict=True))


def _allowed(conditions: Iterable[str | None], store: Store, matrix: ResidentMatrix) -> dict[str, Mask]:
    """For each condition, which rows meet it: (n,) in the order of the matrix."""
    return {where: _among(matrix, store.scan(["image_id"], where)) for where in conditions if where is not None}


def _among(matrix: ResidentMatrix, table: pa.Table) -> Mask:
    found: Mask = pc.is_in(matrix.image_ids, value_set=table["image_id"].combine_chunks()).to_numpy(
        zero_copy_only=False
    )
    return found


def _request(plan: TopK, scan: ResidentScan, allowed: dict[str, Mask]) -> Request:
    # One more than asked for: the excluded image may be among them.
    wanted = plan.k + (scan.exclude is not None)
    return Request(plan.source.terms, plan.source.columns, wanted, None if scan.where is None else allowed[scan.where])


def _named(matrix: ResidentMatrix, rows: Rows, exclude: str | None) -> Named:
    """The image_ids of these rows, ascending, and the rows in that order, all but the excluded one."""
    rows = rows[np.argsort(matrix.ranks[rows])]
    image_ids = matrix.image_ids.take(pa.array(rows)).to_numpy(zero_copy_only=False)
    if exclude is None:
        return image_ids, rows
    kept = image_ids != exclude
    return image_ids[kept], rows[kept]


def _candidates(matrix: ResidentMatrix, named: Sequence[Named], requests: Sequence[Request]) -> Iterator[Candidates]:
    sizes = [len(rows) for _, rows in named]
    for start, end in _portions(sizes):
        rows = np.concatenate([rows for _, rows in named[start:end]])
        shares = np.repeat([request.mix for request in requests[start:end]], sizes[start:end], axis=0)
        parts = np.split(matrix.mixed(rows, shares), np.cumsum(sizes[start : end - 1]))
        yield from (Candidates(names, part) for (names, _), part in zip(named[start:end], parts, strict=True))


def _portions(sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Where portions of at most AT_ONCE candidates begin and end, or of one plan that has more."""
    start = held = 0
    for place, size in enumerate(sizes):
        held += size
        if held > AT_ONCE and place > start:
            yield start, place
            start, held = place, size
    yield start, len(sizes)


def _as_run(scan: ResidentScan, request: Request, candidates: Candidates, rows: int) -> tuple[ResidentScan, Candidates]:
    matching = None if request.allows is None else int(request.allows.sum())
    return replace(scan, rows=rows, matching=matching, candidates=len(candidates)), candidates
