"""The exact scan: resident rows and queries in, for each query the few rows among which its best k are certain to be.

The score is linear: the inner product of q = Σ_terms weight · term with the mix Σ_columns share · column. The product
of rows and queries is taken in few bits, as fast as memory is read; a proven bound on its error tells which rows may
still be among the best, and those are left to the rerank. A query alone is one matrix times one vector, with the
columns side by side, [(1-γ)·q ; γ·q]; many of one mix share a single reading, in which the columns are mixed, and a
matrix product half as wide; so does a query for which a column counts at unit length.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import numpy.typing as npt
import torch

from cvsi_db.records import Column, Term
from cvsi_db.search.run.int8_scan import Codes, code_memory, encode, find_by_codes, scan_pool
from cvsi_db.search.run.rerank import score_error
from cvsi_db.search.run.resident_matrix import MIXED_TO, NORM_SLACK, ResidentMatrix
from cvsi_db.store.arrow_rows import VECTORS

BATCH_FROM = 6
"""From this many queries of one mix on, mixing the columns and one matrix product are faster than a product each."""

BATCH_TO = 512
"""How many share a product at most: more gain nothing, and each leaves less room in a pass for rows."""

CODES_TO = 256
"""How many share a reading of the codes: each is two vectors there."""

APART_FROM = 16
"""From this many queries for each thread on, threads read the codes for queries of their own: all is then done by all,
where passes that they share leave finding the best to one."""

BLOCK_ROWS = 2048
"""Rows mixed and multiplied at once on a CPU: a block and its scores stay in the cache."""

DEVICE_ROWS = 16 * BLOCK_ROWS
"""The same on a device that wants more to do at once."""

PASS_SCORES = 2**23
"""Scores looked at together, 32 MiB of them in float32: finding the best costs the less the more rows share it."""

GROUP = 16
"""Scores under one peak: enough to make finding the best cheap, few enough to look through."""

_LOWEST = -2.0
"""Below every score of a row that may be a hit, and above what stands for the others."""

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
    def vector(self) -> npt.NDArray[np.float64]:
        """(dim,) the weighted sum of the terms."""
        weights = np.array([term.weight for term in self.terms], dtype=np.float64)
        return np.asarray(weights @ np.stack([term.vector for term in self.terms]), dtype=np.float64)

    def within(self, first: int, count: int) -> Request:
        """The same request of `count` rows, from the row `first` on."""
        return self if self.allows is None else replace(self, allows=self.allows[first : first + count])

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


def find_rows(matrix: ResidentMatrix, requests: Sequence[Request]) -> list[npt.NDArray[np.int64]]:
    """For each request, in no order, the rows that may be among its best k when float32 scores decide.

    Where several devices share the rows, each scans its own at the same time, and whatever one of them finds counts.
    """
    if matrix.parts:
        firsts, parts = zip(*matrix.firsts(), strict=True)
        within = [[request.within(first, len(part)) for request in requests] for first, part in matrix.firsts()]
        with ThreadPoolExecutor(len(parts)) as pool:
            each = list(pool.map(find_rows, parts, within))
        return [
            np.concatenate([rows + first for first, rows in zip(firsts, found, strict=True)])
            for found in zip(*each, strict=True)
        ]
    if not len(matrix.image_ids):
        return [np.empty(0, np.int64) for _ in requests]
    answers = _by_codes(matrix, requests)
    for places in _products(requests, [place for place in range(len(requests)) if place not in answers]):
        asked = [requests[place] for place in places]
        queries = make_query_matrix(matrix, asked, mixed=len(asked) > 1 or any(asked[0].unit))
        answers.update(zip(places, _find(matrix, queries), strict=True))
    return [answers[place] for place in range(len(requests))]


def _by_codes(matrix: ResidentMatrix, requests: Sequence[Request]) -> dict[int, npt.NDArray[np.int64]]:
    """The same by the rows' codes, by the request's place, for those that they may serve and tell enough rows apart."""
    found: dict[int, npt.NDArray[np.int64]] = {}
    if matrix.codes is None or not (matrix.codes.serve_many or len(requests) < BATCH_FROM):
        return found
    threads, places = torch.get_num_threads(), [place for place, of in enumerate(requests) if not any(of.unit)]
    mixed = _mixed_codes(matrix, [requests[place].mix for place in places])
    of_mix = [place for place in places if mixed and requests[place].mix == mixed.mix]
    for codes, served in ((mixed or matrix.codes, of_mix), (matrix.codes, sorted({*places} - {*of_mix}))):
        apart = threads if matrix.codes.serve_many and len(served) >= APART_FROM * threads else 1
        together = apart * CODES_TO if matrix.codes.serve_many else 1
        for start in range(0, len(served), together):
            parts = [part for first in range(apart) if (part := served[start : start + together][first::apart])]
            asked = [[requests[place] for place in part] for part in parts]
            find = partial(_find_by_codes, matrix, codes, threads=threads // apart)
            each = scan_pool(apart).map(find, asked) if apart > 1 else [find(*asked)]
            for part, rows in zip(parts, each, strict=True):
                found.update(zip(part, rows, strict=False))
    return found


def _mixed_codes(matrix: ResidentMatrix, mixes: Sequence[tuple[float, ...]]) -> Codes | None:
    """The codes of the mixed columns, for the first mix of both that was asked for; made when it is asked for again."""
    if matrix.codes is None or len(matrix.image_ids) > MIXED_TO:
        return None
    for mix in mixes:
        if not matrix.mixed_codes and all(mix):
            matrix.mixed_codes[mix] = None
        elif mix in matrix.mixed_codes and matrix.mixed_codes[mix] is None:
            rows, memory = matrix.rows, code_memory(len(matrix.codes.memory), matrix.rows.shape[1] // len(mix))
            matrix.mixed_codes[mix] = replace(encode(rows, memory, len(mix), mix), serve_many=matrix.codes.serve_many)
    return next(iter(matrix.mixed_codes.values()), None)


def _find_by_codes(
    matrix: ResidentMatrix, codes: Codes, requests: Sequence[Request], threads: int
) -> list[npt.NDArray[np.int64]]:
    """The rows of each request; nothing where these codes tell too few rows apart."""
    mixes = np.array([request.mix for request in requests])
    shares = mixes if codes.mix is None else np.ones((len(mixes), 1))
    queries = shares[:, :, None] * np.stack([request.vector for request in requests])[:, None]
    reach = np.abs(mixes) @ np.maximum(matrix.longest, LEAST_REACH)
    errors = np.array([score_error(request.terms) for request in requests]) * reach
    wanted = np.array([min(request.k, len(matrix.image_ids) + 1) for request in requests])
    allows = [request.allows for request in requests]
    return find_by_codes(codes, queries, wanted, errors, allows, matrix.dead, threads) or []


def _products(requests: Sequence[Request], places: Sequence[int]) -> Iterator[list[int]]:
    """These places of the requests by the product that they share: many of one mix, or one alone."""
    of_mix: dict[tuple[tuple[float, ...], tuple[bool, ...]], list[int]] = defaultdict(list)
    for place in places:
        of_mix[requests[place].mix, requests[place].unit].append(place)
    for (_, unit), shared in of_mix.items():
        together = BATCH_TO if len(shared) >= BATCH_FROM or any(unit) else 1
        yield from (shared[start : start + together] for start in range(0, len(shared), together))


def _find(matrix: ResidentMatrix, queries: QueryMatrix) -> list[npt.NDArray[np.int64]]:
    """Pass by pass: the best peaks so far give each query a cut, and what reaches it is kept."""
    count, k = len(queries.wanted), int(queries.wanted.max())
    best, found = torch.empty((count, 0), device=matrix.rows.device), []
    for start, scores in _scored(matrix, queries):
        # (queries, size, groups): far more groups than k, so that the best k mostly have one each. A group's rows lie
        # far apart: neighbours are often alike.
        groups = scores.view(count, GROUP if scores.shape[1] >= 8 * GROUP * k else 1, -1)
        peaks = groups.amax(dim=1).float()
        both = torch.cat([best, peaks], dim=1)
        best = torch.topk(both, min(k, both.shape[1]), dim=1).values  # descending; each is the score of another row
        cuts = _cuts(best, queries)
        owners, rows, values = _reaching(groups, peaks, cuts)
        found.append((owners, rows + start, values))
    owners, rows, values = (torch.cat(parts) for parts in zip(*found, strict=True))
    kept = values >= cuts[owners, 0]
    of, places = owners[kept].cpu().numpy(), rows[kept].cpu().numpy()
    order = np.argsort(of, kind="stable")
    return list(np.split(places[order], np.searchsorted(of[order], np.arange(1, count))))


def _reaching(
    groups: torch.Tensor, peaks: torch.Tensor, cuts: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The queries, rows and scores that reach the cut: only in a group whose peak reaches it is there one."""
    queries, group = (peaks >= cuts).nonzero(as_tuple=True)
    scores = groups[queries, :, group].float()  # (groups that reach it, size)
    place, member = (scores >= cuts[queries]).nonzero(as_tuple=True)
    return queries[place], member * groups.shape[2] + group[place], scores[place, member]


def _cuts(best: torch.Tensor, queries: QueryMatrix) -> torch.Tensor:
    """(queries, 1) float32: the least score, as the product gives it, of a row that may be among the best k.

    Let every sum be off by at most e before it is rounded to the product's type, and t be the k-th best peak. k sums
    are no more than half a step of that type below t, so k true scores are no more than another e below; the true
    score of whatever joins them is no less, and its sum at most e below that. Rounding keeps the order: what is given
    for that sum is no less than the bound rounded in the same way.
    """
    places = torch.from_numpy(np.minimum(queries.wanted, best.shape[1]) - 1).to(best.device)
    kth = best.gather(1, places[:, None])[:, 0].cpu().double().numpy()
    kth[queries.wanted > best.shape[1]] = -np.inf
    half_steps = np.ldexp(queries.arithmetic.scores, np.frexp(kth)[1] - 1)
    bounds = kth - half_steps - 2 * queries.errors - 2.0**-24  # below that float16 has no numbers
    rounded = torch.from_numpy(np.fmax(bounds, _LOWEST)).to(queries.arithmetic.dtype)
    return rounded.float()[:, None].to(best.device)


def _scored(matrix: ResidentMatrix, queries: QueryMatrix) -> Iterator[tuple[int, torch.Tensor]]:
    """The first row of each pass, and its scores (queries, rows, rounded up to whole groups): -inf for what is not
    allowed and for what is no row. A pass is overwritten by the next."""
    count, total = len(queries.wanted), len(matrix.image_ids)
    size = _whole_groups(min(total, max(PASS_SCORES // count, BLOCK_ROWS)))
    memory = torch.empty((count, size), dtype=queries.vectors.dtype, device=matrix.rows.device)
    scales = torch.from_numpy(matrix.unit_scales).to(matrix.rows.device) if any(queries.unit) else None
    for start in range(0, total, size):
        rows = matrix.rows[start : start + size]
        scores = memory[:, : _whole_groups(len(rows))]
        if queries.mix is None:
            torch.mv(rows, queries.vectors[0], out=scores[0, : len(rows)])
        else:
            for first, block in _mixed(rows, queries, None if scales is None else scales[start : start + size]):
                scores[:, first : first + len(block)] = queries.vectors @ block.T
        scores[:, len(rows) :] = -torch.inf
        if len(matrix.dead):
            first, last = np.searchsorted(matrix.dead, (start, start + len(rows)))
            scores[:, matrix.dead[first:last] - start] = -torch.inf
        for query, allows in enumerate(queries.allows):
            if allows is not None:
                scores[query, : len(rows)].masked_fill_(~allows[start : start + size], -torch.inf)
        yield start, scores


def _whole_groups(rows: int) -> int:
    return -(-rows // GROUP) * GROUP


def _mixed(rows: torch.Tensor, queries: QueryMatrix, scales: torch.Tensor | None) -> Iterator[tuple[int, torch.Tensor]]:
    """The rows' columns mixed, in the type of the queries, block by block, each with its first row; a block is
    overwritten by the next. `scales` (rows, columns) bring the vectors of unit columns to their length."""
    size, mix = BLOCK_ROWS if rows.device.type == "cpu" else DEVICE_ROWS, queries.mix or ()
    # By way of float32, in memory used again: each of the steps is fast, a direct one is not.
    sums = rows.new_empty((size, rows.shape[1] // len(mix)), dtype=torch.float32)
    wide, narrow = _memory(rows, size, sums.dtype), _memory(sums, size, queries.vectors.dtype)
    for start in range(0, len(rows), size):
        columns = list(_typed(rows[start : start + size], wide).chunk(len(mix), dim=1))
        if scales is not None:
            of = scales[start : start + size]
            columns = [
                column * of[:, place, None] if unit else column
                for place, (column, unit) in enumerate(zip(columns, queries.unit, strict=True))
            ]
        mixed = torch.mul(columns[0], mix[0], out=sums[: len(columns[0])])
        for share, column in zip(mix[1:], columns[1:], strict=True):
            mixed.add_(column, alpha=share)
        yield start, _typed(mixed, narrow)


def _memory(values: torch.Tensor, size: int, dtype: torch.dtype) -> torch.Tensor:
    """Where `size` of such values are put as `dtype`: nowhere if they are of it already."""
    return values.new_empty((size if values.dtype != dtype else 0, values.shape[1]), dtype=dtype)


def _typed(values: torch.Tensor, memory: torch.Tensor) -> torch.Tensor:
    """The values in the type of `memory`, and in it unless they are of that type already."""
    return values if values.dtype == memory.dtype else memory[: len(values)].copy_(values)


# --- the queries -----------------------------------------------------------------------------------------------------


def make_query_matrix(matrix: ResidentMatrix, requests: Sequence[Request], mixed: bool) -> QueryMatrix:
    """The requests, which have one mix, for a product with the `mixed` columns or with both side by side.

    With R the length of the longest row of a column, v the column's part of the query vector and w what the product
    takes for it: |<v, x> - <w, x>| ≤ |v - w| · R, the product's own roundings and those of the mix add a part of
    |w| · R, and the float32 scores of the rerank are off by score_error, times R for a row of that length.
    """
    arithmetic = HALF
    if matrix.rows.dtype == torch.float32:
        arithmetic = SINGLE
    elif mixed:
        arithmetic = BRAIN if _has_bfloat16() else SINGLE
    shares, unit = np.array(requests[0].mix), requests[0].unit
    reach = np.maximum(np.where(unit, 1 + NORM_SLACK, matrix.longest), LEAST_REACH)
    longest = float(np.abs(shares) @ reach)  # no mix is longer
    if mixed:
        shares, reach = np.ones(1), np.array([longest])
    exact = shares[:, None] * np.stack([request.vector for request in requests])[:, None]
    most = np.linalg.norm(exact, axis=2) @ reach
    most[most == 0] = 1.0
    exact /= most[:, None, None]  # (queries, columns, dim)
    taken = torch.from_numpy(exact).to(arithmetic.dtype)
    rounded = taken.double().numpy()
    products = arithmetic.rows + (exact[0].size + 8) * FLOAT32
    scan = (np.linalg.norm(exact - rounded, axis=2) + products * np.linalg.norm(rounded, axis=2)) @ reach
    rerank = np.array([score_error(request.terms) for request in requests]) * longest / most
    # On the device once for all requests that allow the same.
    allowed = {id(request.allows): request.allows for request in requests if request.allows is not None}
    masks = {key: torch.from_numpy(mask).to(matrix.rows.device) for key, mask in allowed.items()}
    return QueryMatrix(
        taken.flatten(1).to(matrix.rows.device),
        scan + rerank,
        np.array([min(request.k, len(matrix.image_ids) + 1) for request in requests]),
        tuple(masks.get(id(request.allows)) for request in requests),
        arithmetic,
        requests[0].mix if mixed else None,
        unit,
    )


def _has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 itself: where it does not, float32 is faster."""
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
