"""The query matrix: queries made ready for one product with the resident rows, and how far their scores may be off.

The score is linear: the inner product of q = Σ_terms weight · term with the mix Σ_columns share · column. A query alone
is multiplied with the columns side by side, [(1-γ)·q ; γ·q]; several of one mix with the mixed columns, half as wide,
and so are those for which a column counts at unit length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch

from cvsi_db.records import Column, Term
from cvsi_db.search.run.rerank import score_error
from cvsi_db.search.run.resident_matrix import NORM_SLACK, ResidentMatrix
from cvsi_db.store.arrow_rows import VECTORS

LEAST_REACH = 1e-3
"""Columns shorter than this count as this long, so that no query vector is scaled beyond what float16 holds."""

FLOAT32 = 2.0**-24
"""The unit roundoff of float32: a sum of n products, in whatever order, is off by at most n times as much of it."""


@dataclass(frozen=True)
class Request:
    """One query: its terms and columns, how many rows it wants, and which rows it `allows` (n,) if not all."""

    terms: tuple[Term, ...]
    columns: tuple[Column, ...]
    k: int
    allows: npt.NDArray[np.bool_] | None = field(default=None, repr=False)

    @property
    def mix(self) -> tuple[float, ...]:
        """The share of each column, in VECTORS' order."""
        shares: dict[str, float] = {column.name: column.weight for column in self.columns}
        return tuple(shares.get(name, 0.0) for name in VECTORS)

    @property
    def unit(self) -> tuple[bool, ...]:
        """Whether the vectors of each column count at unit length, in VECTORS' order."""
        units = {column.name for column in self.columns if column.unit}
        return tuple(name in units for name in VECTORS)


@dataclass(frozen=True)
class Arithmetic:
    """A product's type and its relative errors: of the rows as it takes them, and of the scores as it gives them."""

    dtype: torch.dtype
    rows: float
    scores: float


HALF = Arithmetic(torch.float16, rows=0.0, scores=2.0**-11)
BRAIN = Arithmetic(torch.bfloat16, rows=2.0**-8, scores=2.0**-8)
SINGLE = Arithmetic(torch.float32, rows=2.0**-7, scores=2.0**-24)  # torch may be told to take factors as bfloat16


@dataclass(frozen=True)
class QueryMatrix:
    """The queries of one product: `vectors` (queries, width) of its type, and how far a score may be off, for each.

    A query is scaled so that no score exceeds 1: nothing overflows, and the bounds are parts of 1. `mix` holds the
    shares where the product is to be taken with the mixed columns, and is None where they stay side by side; `unit`
    says which columns count at unit length.
    """

    vectors: torch.Tensor
    errors: npt.NDArray[np.float64]
    wanted: npt.NDArray[np.int64]
    allows: tuple[torch.Tensor | None, ...]
    arithmetic: Arithmetic
    mix: tuple[float, ...] | None
    unit: tuple[bool, ...]


def make_query_matrix(matrix: ResidentMatrix, requests: Sequence[Request], mixed: bool) -> QueryMatrix:
    """The requests, which have one mix, for a product with the `mixed` columns or with both side by side.

    With R the length of the longest row of a column, v the column's part of the query vector and w what the product
    takes for it: |<v, x> - <w, x>| ≤ |v - w| · R, the product's own roundings and those of the mix add a part of
    |w| · R, and the float32 scores of the rerank are off by score_error, times R for a row of that length.
    """
    arithmetic = _arithmetic(matrix, mixed)
    shares, unit = np.array(requests[0].mix), requests[0].unit
    reach = np.maximum(np.where(unit, 1 + NORM_SLACK, matrix.longest), LEAST_REACH)
    longest = float(np.abs(shares) @ reach)  # no mix is longer
    if mixed:
        shares, reach = np.ones(1), np.array([longest])
    exact = shares[:, None] * np.stack([_query_vector(request.terms) for request in requests])[:, None]
    most = np.linalg.norm(exact, axis=2) @ reach
    most[most == 0] = 1.0
    exact /= most[:, None, None]  # (queries, columns, dim)
    taken = torch.from_numpy(exact).to(arithmetic.dtype)
    rounded = taken.double().numpy()
    products = arithmetic.rows + (exact[0].size + 8) * FLOAT32
    scan = (np.linalg.norm(exact - rounded, axis=2) + products * np.linalg.norm(rounded, axis=2)) @ reach
    rerank = np.array([score_error(request.terms) for request in requests]) * longest / most
    return QueryMatrix(
        taken.flatten(1).to(matrix.rows.device),
        scan + rerank,
        np.array([min(request.k, len(matrix.image_ids) + 1) for request in requests]),
        _masks(requests, matrix.rows.device),
        arithmetic,
        requests[0].mix if mixed else None,
        unit,
    )


def _query_vector(terms: Sequence[Term]) -> npt.NDArray[np.float64]:
    """(dim,) the weighted sum of the terms."""
    weights = np.array([term.weight for term in terms], dtype=np.float64)
    return np.asarray(weights @ np.stack([term.vector for term in terms]), dtype=np.float64)


def _masks(requests: Sequence[Request], device: torch.device) -> tuple[torch.Tensor | None, ...]:
    """What each request allows, on the device, once for all that allow the same."""
    masks = {id(request.allows): request.allows for request in requests if request.allows is not None}
    tensors = {key: torch.from_numpy(mask).to(device) for key, mask in masks.items()}
    return tuple(tensors.get(id(request.allows)) for request in requests)


def _arithmetic(matrix: ResidentMatrix, mixed: bool) -> Arithmetic:
    if matrix.rows.dtype == torch.float32:
        return SINGLE
    if not mixed:
        return HALF
    return BRAIN if _has_bfloat16() else SINGLE


def _has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 itself: where it does not, float32 is faster."""
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
