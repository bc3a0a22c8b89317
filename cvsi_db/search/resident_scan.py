"""The resident strategy: plans that scan the resident rows in, what each scan did and its candidates out.

Evaluates filters through the store, once per condition, and scans for all plans together. Knows nothing about how the
scan proves its answer, or how scores are made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cvsi_db.rows import VECTORS
from cvsi_db.search.plan import ResidentScan, TopK, scan_of
from cvsi_db.search.rerank import Candidates
from cvsi_db.search.resident import ResidentMatrix
from cvsi_db.search.scan import Request, find_rows

if TYPE_CHECKING:
    from cvsi_db.store import Store

Mask = npt.NDArray[np.bool_]


def scan_rows(plans: Sequence[TopK], store: Store, matrix: ResidentMatrix) -> list[tuple[ResidentScan, Candidates]]:
    """For each plan, which must have a ResidentScan, its scan as it ran and candidates that hold its exact answer."""
    scans = [replace(scan, rows=len(matrix)) for scan in map(scan_of, plans) if scan is not None]
    allowed = _allowed({scan.where for scan in scans}, store, matrix)
    requests = [_request(plan, scan, allowed) for plan, scan in zip(plans, scans, strict=True)]
    found = zip(scans, requests, find_rows(matrix, requests), strict=True)
    return [_result(scan, request, _candidates(matrix, rows)) for scan, request, rows in found]


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


def _result(scan: ResidentScan, request: Request, candidates: Candidates) -> tuple[ResidentScan, Candidates]:
    kept = candidates.image_ids != (scan.exclude or "")
    vectors = {name: matrix[kept] for name, matrix in candidates.vectors.items()}
    matching = None if request.allows is None else int(request.allows.sum())
    rest = Candidates(candidates.image_ids[kept], vectors)
    return replace(scan, matching=matching, candidates=len(rest)), rest


def _candidates(matrix: ResidentMatrix, rows: npt.NDArray[np.int64]) -> Candidates:
    """These rows, ascending by image_id."""
    image_ids = np.array(matrix.image_ids.take(pa.array(rows)).to_pylist(), dtype=np.str_)
    order = np.argsort(image_ids)
    chosen = matrix.take(rows[order])
    dim = matrix.rows.shape[1] // len(VECTORS)
    columns = {name: chosen[:, place * dim : (place + 1) * dim] for place, name in enumerate(VECTORS)}
    return Candidates(image_ids[order], columns)  # type: ignore[arg-type]
