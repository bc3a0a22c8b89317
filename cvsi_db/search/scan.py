"""The exact scan: resident rows and queries in, for each query the few rows among which its best k are certain to be.

The score is linear, so all terms and both columns are one product: <[(1-γ)·q ; γ·q], [image ; caption]> with
q = Σ_terms weight · term. The product is taken in few bits, as fast as memory is read; a proven bound on its error
tells which rows may still be among the best, and those are left to the rerank. Knows nothing about storage or plans.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from cvsi_db.records import Column, Term
from cvsi_db.rows import VECTORS
from cvsi_db.search.rerank import score_error
from cvsi_db.search.resident import ResidentMatrix

BATCH_FROM = 24
"""From so many queries on, one matrix product is faster than a product per query on a CPU."""

BLOCK_ROWS = 2048
"""Rows per matrix product: a block and its scores stay in the cache."""

DEVICE_ROWS = 16 * BLOCK_ROWS
"""The same on a device that wants more to do at once."""

LEAST_REACH = 1e-3
"""Columns shorter than this count as this long, so that no query vector is scaled beyond what float16 holds."""

SPARE = 32
"""Rows looked at beyond the k best of a block: mostly all that rounding leaves in question."""

FLOAT32 = 2.0**-24
"""The unit roundoff of float32: a sum of n products, in whatever order, is off by at most n times as much of it."""

_LOWEST = -60000.0
"""Below every score of a row that may be a hit, and above what stands for the others."""


@dataclass(frozen=True)
class Request:
    """One query: its terms and columns, how many rows it wants, and which rows it `allows` (n,) if not all."""

    terms: tuple[Term, ...]
    columns: tuple[Column, ...]
    k: int
    allows: npt.NDArray[np.bool_] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Arithmetic:
    """A product's type and its relative errors: of the rows as it takes them, and of the scores as it gives them."""

    dtype: torch.dtype
    rows: float
    scores: float


_HALF = Arithmetic(torch.float16, rows=0.0, scores=2.0**-11)
_BRAIN = Arithmetic(torch.bfloat16, rows=2.0**-8, scores=2.0**-8)
_SINGLE = Arithmetic(torch.float32, rows=2.0**-7, scores=2.0**-24)  # torch may be told to take factors as bfloat16


@dataclass(frozen=True)
class _Probes:
    """The queries of one product: `vectors` (queries, 2 · dim) of its type, and how far a score may be off, for each.

    A query is scaled so that no score exceeds 1: nothing overflows, and the bounds are parts of 1.
    """

    vectors: torch.Tensor
    errors: torch.Tensor
    wanted: tuple[int, ...]
    allows: tuple[torch.Tensor | None, ...]
    arithmetic: Arithmetic


def find_rows(matrix: ResidentMatrix, requests: Sequence[Request]) -> list[npt.NDArray[np.int64]]:
    """For each request, in no order, the rows that may be among its best k when float32 scores decide."""
    if not len(matrix):
        return [np.empty(0, np.int64) for _ in requests]
    if matrix.rows.dtype == torch.float32:
        return _find(matrix, _probes(matrix, requests, _SINGLE), DEVICE_ROWS)
    if len(requests) < BATCH_FROM:
        return [_find(matrix, _probes(matrix, [request], _HALF), len(matrix))[0] for request in requests]
    return _find(matrix, _probes(matrix, requests, _BRAIN if _has_bfloat16() else _SINGLE), BLOCK_ROWS)


def _find(matrix: ResidentMatrix, probes: _Probes, block_rows: int) -> list[npt.NDArray[np.int64]]:
    """Block by block: the best scores so far give each query a cut, and what reaches it is kept."""
    best = torch.empty((len(probes.wanted), 0), device=matrix.rows.device)
    found = []
    for start, scores in _scored(matrix, probes, block_rows):
        top = torch.topk(scores, min(max(probes.wanted) + SPARE, scores.shape[1]), dim=1)
        best = _best(best, top.values, max(probes.wanted))
        queries, rows = _reaching(scores, top, _cuts(best, probes, scores.dtype))
        found.append((queries, rows + start, scores[queries, rows]))
    queries, rows, values = (torch.cat(parts) for parts in zip(*found, strict=True))
    kept = values >= _cuts(best, probes, values.dtype)[queries, 0]
    owners, places = queries[kept].cpu().numpy(), rows[kept].cpu().numpy()
    order = np.argsort(owners, kind="stable")
    return list(np.split(places[order], np.searchsorted(owners[order], np.arange(1, len(probes.wanted)))))


def _reaching(scores: torch.Tensor, top: Any, cuts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The queries and rows whose score reaches the cut. Mostly they are among the top ones: few need be looked at."""
    if top.values.shape[1] < scores.shape[1] and bool((top.values[:, -1:] >= cuts).any()):
        queries, rows = (scores >= cuts).nonzero(as_tuple=True)
        return queries, rows
    queries, places = (top.values >= cuts).nonzero(as_tuple=True)
    return queries, top.indices[queries, places]


def _scored(matrix: ResidentMatrix, probes: _Probes, block_rows: int) -> Iterator[tuple[int, torch.Tensor]]:
    """The first row of each block with the block's scores (queries, rows), -inf where a row is not allowed."""
    product = _vector_product if len(probes.wanted) == 1 else _matrix_product
    for start, scores in product(matrix.rows, probes.vectors, block_rows):
        for query, allows in enumerate(probes.allows):
            if allows is not None:
                scores[query].masked_fill_(~allows[start : start + scores.shape[1]], -torch.inf)
        yield start, scores


def _vector_product(rows: torch.Tensor, vectors: torch.Tensor, _: int) -> Iterator[tuple[int, torch.Tensor]]:
    yield 0, torch.mv(rows, vectors[0])[None]


def _matrix_product(rows: torch.Tensor, vectors: torch.Tensor, size: int) -> Iterator[tuple[int, torch.Tensor]]:
    turned = vectors.T.contiguous()
    scores = torch.empty((len(vectors), size), device=rows.device)  # float32: the best are found faster in it
    for start, block in _converted(rows, vectors.dtype, size):
        yield start, scores[:, : len(block)].copy_(torch.mm(block, turned).T.contiguous())


def _converted(rows: torch.Tensor, dtype: torch.dtype, size: int) -> Iterator[tuple[int, torch.Tensor]]:
    """The rows in blocks of `size`, as `dtype`; a block is overwritten by the next."""
    # By way of float32, in memory used again: each of the two steps is fast, the direct one is not.
    wide = torch.empty((size, rows.shape[1]), dtype=torch.float32, device=rows.device)
    narrow = wide if dtype == torch.float32 else torch.empty_like(wide, dtype=dtype)
    for start in range(0, len(rows), size):
        block = rows[start : start + size]
        if block.dtype != dtype:
            block = wide[: len(block)].copy_(block)
            block = block if dtype == torch.float32 else narrow[: len(block)].copy_(block)
        yield start, block


def _best(best: torch.Tensor, top: torch.Tensor, k: int) -> torch.Tensor:
    """(queries, up to k) the best scores so far, descending."""
    both = torch.cat([best, top.float()], dim=1)
    return torch.topk(both, min(k, both.shape[1]), dim=1).values


def _cuts(best: torch.Tensor, probes: _Probes, dtype: torch.dtype) -> torch.Tensor:
    """(queries, 1) of `dtype`: the least score, as the product gives it, of a row that may be among the best k.

    Let every score be off by at most e before it is rounded to the product's type. k rows have at least the k-th best
    score t, so k true scores are at least t - e, and whatever joins them has a score of at least t - 2e. Rounding
    moves both by a part of themselves.
    """
    unit = 1.01 * probes.arithmetic.scores  # a part of the rounded number is a little more of the true one
    places = torch.tensor([min(k, best.shape[1]) - 1 for k in probes.wanted], device=best.device)
    kth = best.gather(1, places[:, None]).cpu().double()
    kth[[k > best.shape[1] for k in probes.wanted]] = -torch.inf
    true = kth - 2 * probes.errors[:, None] - unit * kth.abs()
    # Twice: the score to be compared was rounded, and so is the cut itself. Below 2^-24 float16 has no numbers.
    cut = true - 2 * unit * true.abs() - 2.0**-23
    return cut.nan_to_num(nan=_LOWEST).clamp(min=_LOWEST).to(dtype).to(best.device)


def _probes(matrix: ResidentMatrix, requests: Sequence[Request], arithmetic: Arithmetic) -> _Probes:
    made = [_probe(request, matrix, arithmetic) for request in requests]
    device = matrix.rows.device
    masks = {id(request.allows): request.allows for request in requests if request.allows is not None}
    tensors = {key: torch.from_numpy(mask).to(device) for key, mask in masks.items()}
    return _Probes(
        torch.stack([vector for vector, _ in made]).to(device),
        torch.tensor([error for _, error in made], dtype=torch.float64),
        tuple(request.k for request in requests),
        tuple(tensors.get(id(request.allows)) for request in requests),
        arithmetic,
    )


def _probe(request: Request, matrix: ResidentMatrix, arithmetic: Arithmetic) -> tuple[torch.Tensor, float]:
    """The query vector (2 · dim,) in the product's type, and how far a score before its rounding may be off.

    With R the length of the longest row of a column, v the column's part of the query vector and w what the product
    takes for it: |<v, x> - <w, x>| ≤ |v - w| · R, the product's own roundings add a part of |w| · R, and the float32
    scores of the rerank are off by score_error, times R for a row of that length.
    """
    reach = np.array([max(length, LEAST_REACH) for length in matrix.longest])
    shares: dict[str, float] = {column.name: column.weight for column in request.columns}
    share = np.array([shares.get(name, 0.0) for name in VECTORS])
    query = np.sum([term.weight * term.vector.astype(np.float64) for term in request.terms], axis=0)
    exact = share[:, None] * query  # (columns, dim)
    most = float(np.linalg.norm(exact, axis=1) @ reach)
    exact = exact / most if most else exact
    taken = torch.from_numpy(exact).to(arithmetic.dtype)
    rounded = taken.double().numpy()
    products = arithmetic.rows + (exact.size + 2) * FLOAT32
    scan = (np.linalg.norm(exact - rounded, axis=1) + products * np.linalg.norm(rounded, axis=1)) @ reach
    rerank = score_error(request.terms) * float(np.abs(share) @ reach)
    return taken.flatten(), float(scan + rerank / (most or 1.0))


def _has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 itself: where it does not, float32 is faster."""
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
