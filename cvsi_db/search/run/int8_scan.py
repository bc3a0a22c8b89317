"""The first pass in eight bits: rows as integers on a grid, and for a query the few rows that may be among its best.

Takes float16 rows of both columns side by side, or the same with the columns mixed; gives positions of rows, by a
proven bound on what the integers leave out. A row x is centre + step · c + r, with c of whole numbers within ±LEVEL, so
a score <q, x> is <q, centre>, which all rows share, plus <q · step, c>, plus <q, r>, which is at most |q| · |r|.
q · step becomes two vectors of whole numbers, coarse and fine, whose products with c are exact: an eighth of float64's
bytes and half of float16's are read, once. NumKong multiplies; whether that is faster than float16 is measured once per
machine.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import version
from itertools import count as count_from
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from platformdirs import user_cache_path

from cvsi_db.atomic_file import replace_file
from cvsi_db.records import FloatArray

LEVEL = 127
"""The largest whole number of a code: -128 has no counterpart."""

FINE = 2 * LEVEL
"""How many fine steps of a query make a coarse one: what is left of one is at most half."""

ENCODED_ROWS = 1024
"""Rows encoded at once."""

BLOCK_ROWS = 8192
"""Rows that a thread multiplies by one query at once: with fewer, threads wait for one another."""

MANY_BLOCK_ROWS = 1024
"""The same for many queries, whose scores stay in the cache."""

PASS_SCORES = 2**22
"""Scores looked at together, 16 MiB of them: finding the best costs the less the more rows share it."""

GROUP = 16
"""Scores under one peak, as in exact_scan."""

_LOWEST = float(np.finfo(np.float32).min)
"""Below every score of a row that may be a hit, and above what stands for the others."""

HEADROOM = 1.5
"""The grid reaches this much further than the rows it is made for: without it most rows that come would lie outside."""

ROOM = 1.5
"""Codes are made anew once rows that came later lie this many times as far from their grid as the first ones did."""

TRIAL_ROWS = 2**16
"""The rows that both products are tried on: 128 MiB of float16 at two columns of width 512, more than caches hold."""

TRIAL_QUERIES = 128
"""The queries that both are tried with a quarter of those rows."""

FLOAT32 = 2.0**-24


@dataclass(frozen=True)
class Codes:
    """`values` (n, 2 · dim) int8, the first of `memory` (capacity, 2 · dim); `centre` and `step` (2 · dim) float32, the
    grid. For each column a bound on the length of what the integers leave out of a row (`residuals`), and on that of a
    row of integers (`lengths`); `allowed` is what residuals may grow to as rows come. `serve_many` says that here many
    queries at once are faster by them too.

    With a `mix`, they are codes of the columns mixed by these shares: of a single column, of width dim."""

    values: npt.NDArray[np.int8] = field(repr=False)
    centre: FloatArray = field(repr=False)
    step: FloatArray = field(repr=False)
    residuals: npt.NDArray[np.float64]
    lengths: npt.NDArray[np.float64]
    allowed: npt.NDArray[np.float64]
    memory: npt.NDArray[np.int8] = field(repr=False)
    mix: tuple[float, ...] | None = None
    serve_many: bool = True


def code_memory(rows: int, width: int) -> npt.NDArray[np.int8]:
    """Memory for codes, in large pages where the system has them, from a multiple of 64 bytes on: no load then crosses
    a line of the cache."""
    memory = np.empty(rows * width + 64, np.int8)
    start = -memory.ctypes.data % 64
    return memory[start : start + rows * width].reshape(rows, width)


def encode(
    rows: torch.Tensor, memory: npt.NDArray[np.int8], columns: int, mix: tuple[float, ...] | None = None
) -> Codes:
    """Codes of `rows` (n, width), `columns` vectors side by side, in the first n rows of `memory` (capacity, width);
    with a `mix` those of the columns mixed, in `memory` (capacity, dim)."""
    low = torch.full((memory.shape[1],), torch.inf)
    high = -low
    for block in torch.split(rows, ENCODED_ROWS):
        wide = _wide(block, mix)
        low, high = torch.minimum(low, wide.amin(dim=0)), torch.maximum(high, wide.amax(dim=0))
    step = HEADROOM * (high - low) / (2 * LEVEL)
    step[step == 0] = 1  # nothing varies there
    nothing = np.zeros(columns if mix is None else 1)
    codes = Codes(memory[:0], ((low + high) / 2).numpy(), step.numpy(), nothing, nothing, nothing, memory, mix)
    codes = append(codes, rows)
    return replace(codes, allowed=ROOM * codes.residuals)


def extended(codes: Codes, rows: torch.Tensor) -> Codes:
    """The codes of all `rows`, the first of which have them: on the same grid, or on another in memory of its own where
    those that came since lie far from it."""
    longer = append(codes, rows[len(codes.values) :])
    if (longer.residuals <= longer.allowed).all():
        return longer
    anew = encode(rows, code_memory(*codes.memory.shape), len(codes.residuals), codes.mix)
    return replace(anew, serve_many=codes.serve_many)


def _wide(rows: torch.Tensor, mix: tuple[float, ...] | None) -> torch.Tensor:
    """The rows, of float16, in float32; with a `mix` their columns mixed, products and sum rounded as in rerank.mix."""
    wide = rows.float()
    if mix is None:
        return wide
    columns = wide.chunk(len(mix), dim=1)
    mixed = columns[0] * np.float32(mix[0]).item()
    for column, share in zip(columns[1:], mix[1:], strict=True):
        mixed += column.mul_(np.float32(share).item())
    return mixed


def append(codes: Codes, rows: torch.Tensor) -> Codes:
    """The codes with those of further `rows`, on the same grid, behind them in their memory; old ones stay."""
    start, columns, memory = len(codes.values), len(codes.residuals), codes.memory
    centre, step = torch.from_numpy(codes.centre), torch.from_numpy(codes.step)
    residuals, lengths = torch.zeros(columns), torch.zeros(columns)
    for first in range(start, start + len(rows), ENCODED_ROWS):
        block = rows[first - start : first - start + ENCODED_ROWS]
        wide = _wide(block, codes.mix).sub_(centre)
        whole = wide.div(step).round_().clamp_(-LEVEL, LEVEL)
        memory[first : first + len(block)] = whole.to(torch.int8).numpy()
        left = wide.sub_(whole * step)
        residuals = torch.maximum(residuals, left.view(len(block), columns, -1).norm(dim=2).amax(dim=0))
        lengths = torch.maximum(lengths, whole.view(len(block), columns, -1).norm(dim=2).amax(dim=0))
    # A float32 norm is rounded, and so are the three steps that lead to a residual, by parts of the row's own size.
    reach = np.linalg.norm((np.abs(codes.centre) + LEVEL * codes.step).reshape(columns, -1), axis=1)
    bounds = residuals.double().numpy() * (1 + 1e-3) + 4 * FLOAT32 * reach
    return replace(
        codes,
        values=memory[: start + len(rows)],
        residuals=np.maximum(codes.residuals, bounds),
        lengths=np.maximum(codes.lengths, lengths.double().numpy() * (1 + 1e-3)),
    )


def find_by_codes(
    codes: Codes,
    queries: npt.NDArray[np.float64],
    wanted: npt.NDArray[np.int64],
    errors: npt.NDArray[np.float64],
    allows: Sequence[npt.NDArray[np.bool_] | None],
    dead: npt.NDArray[np.int64],
    threads: int | None = None,
) -> list[npt.NDArray[np.int64]] | None:
    """For each query the rows that may be among its best `wanted` by scores that are off by at most its error; by as
    many threads as torch uses unless `threads` says how many.

    `queries` (queries, columns, dim) are the vectors of each column, its share included; a column of zeros is not read.
    Only rows that a query `allows` (n,) count, and none of the `dead`, ascending. None where the codes tell too few
    rows apart.

    With S the product in fine steps and e the bound on what is off: let T be the k-th greatest S. k rows score at
    least T - e, each of the best k no less than that, and so its S is at least T - 2e. The float32 scores of the rerank
    widen e by the query's error.
    """
    taken = _whole(codes, queries, errors)
    if taken is None:
        return None
    vectors, read, slacks = taken
    count, total, k = len(queries), len(codes.values), int(wanted.max())
    most = max(total // 16, 8 * k) * count
    best, found, cuts = np.empty((0, count), np.float32), [], np.empty(0, np.float32)
    for start, scores, peaks in _scored(codes.values[:, read], vectors, count, k, allows, dead, threads):
        best = _greatest(np.concatenate([best, peaks.reshape(-1, count)]), k)
        kth = best[len(best) - np.minimum(wanted, len(best)), range(count)].astype(np.float64)
        kth[wanted > len(best)] = -np.inf
        cuts = np.maximum(kth - slacks, _LOWEST).astype(np.float32)
        block, group, query = (peaks >= cuts).nonzero()
        values = scores[block, :, group, query]  # (groups that reach the cut, size)
        place, member = (values >= cuts[query, None]).nonzero()
        rows = start + (block[place] * scores.shape[1] + member) * scores.shape[2] + group[place]
        found.append((query[place], rows, values[place, member]))
        if sum(len(rows) for _, rows, _ in found) > most:
            return None
    owners, rows, values = (np.concatenate(parts) for parts in zip(*found, strict=True))
    kept = values >= cuts[owners]
    owners, rows = owners[kept], rows[kept]
    order = np.argsort(owners, kind="stable")
    return np.split(rows[order], np.searchsorted(owners[order], range(1, count)))


def _whole(
    codes: Codes, queries: npt.NDArray[np.float64], errors: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int8], slice, npt.NDArray[np.float64]] | None:
    """The queries as coarse and then fine whole numbers (2 · queries, width), the columns of the codes to read, and how
    far below the k-th product, in fine steps, a row may lie that is among the best k. None for a query of zeros."""
    count, columns, dim = queries.shape
    used = np.flatnonzero(queries.any(axis=(0, 2)))
    scaled = queries.reshape(count, -1) * codes.step
    coarse_step = np.abs(scaled).max(axis=1, keepdims=True) / LEVEL
    if not (coarse_step > 0).all() or not np.isfinite(coarse_step).all():
        return None
    fine_step = coarse_step / FINE
    coarse = np.rint(scaled / coarse_step)
    scaled -= coarse * coarse_step
    fine = np.rint(scaled / fine_step)
    off = (scaled - fine * fine_step).reshape(count, columns, dim)
    bounds = np.linalg.norm(off, axis=2) @ codes.lengths + np.linalg.norm(queries, axis=2) @ codes.residuals + errors
    largest = np.linalg.norm(np.abs(coarse) * FINE + np.abs(fine), axis=1) * np.linalg.norm(codes.lengths)
    read = slice(int(used[0]) * dim, (int(used[-1]) + 1) * dim)
    whole = np.concatenate([coarse[:, read], fine[:, read]]).astype(np.int8)
    return whole, read, 2 * (bounds / fine_step[:, 0] + 8 * FLOAT32 * largest)


def _scored(
    values: npt.NDArray[np.int8],
    vectors: npt.NDArray[np.int8],
    count: int,
    k: int,
    allows: Sequence[npt.NDArray[np.bool_] | None],
    dead: npt.NDArray[np.int64],
    threads: int | None = None,
) -> Iterator[tuple[int, FloatArray, FloatArray]]:
    """Pass by pass: its first row, the scores (blocks, size, groups, queries) in fine steps, -inf for rows left out,
    and the peak of each group. A group's rows lie far apart, since neighbours are often alike; there are far more
    groups than k, so that the best k mostly have one each. A pass is overwritten by the next.
    """
    import numkong

    total, threads = len(values), threads or torch.get_num_threads()
    # As many blocks for each thread, of whole groups.
    most = threads * (BLOCK_ROWS if count == 1 else MANY_BLOCK_ROWS)
    height = -(-total // (-(-total // most) * threads * GROUP)) * GROUP
    blocks = -(-min(total, max(PASS_SCORES // count, threads * height)) // height)
    size = GROUP if total >= 8 * GROUP * k else 1
    scores = np.empty((blocks, size, height // size, count), np.float32)
    peaks = np.empty((blocks, height // size, count), np.float32) if size > 1 else scores[:, 0]
    packed, weights = numkong.dots_pack(vectors, dtype="int8"), np.array([FINE, 1], np.float32)

    def work(first: int, numbers: Iterator[int], last: int) -> None:
        while (number := next(numbers)) < last:
            start = first + number * height
            both = np.asarray(numkong.dots_packed(values[start : start + height], packed))  # int32
            block = scores[number].reshape(height, count)
            into = block[: len(both)]
            if count == 1:
                np.dot(both.astype(np.float32), weights, out=into[:, 0])
            else:
                np.multiply(both[:, :count], weights[0], out=into, dtype=np.float32, casting="unsafe")
                np.add(into, both[:, count:], out=into, dtype=np.float32, casting="unsafe")
            block[len(both) :] = -np.inf
            for query, allowed in enumerate(allows):
                if allowed is not None:
                    into[~allowed[start : start + height], query] = -np.inf
            if len(dead):
                low, high = np.searchsorted(dead, (start, start + height))
                into[dead[low:high] - start] = -np.inf
            if size > 1:
                scores[number].max(axis=0, out=peaks[number])

    for first in range(0, total, blocks * height):
        last = min(blocks, -(-(total - first) // height))
        numbers = count_from(0)
        others = [scan_pool(threads).submit(work, first, numbers, last) for _ in range(min(threads, last) - 1)]
        work(first, numbers, last)
        for other in others:
            other.result()
        yield first, scores[:last], peaks[:last]


def _greatest(values: FloatArray, k: int) -> FloatArray:
    """The k greatest of each column (n, queries), ascending, or all where there are fewer."""
    kept = values if len(values) <= k else np.partition(values, len(values) - k, axis=0)[len(values) - k :]
    return np.sort(kept, axis=0)


@cache
def scan_pool(threads: int) -> ThreadPoolExecutor:
    """The threads that scan, kept from one search to the next."""
    return ThreadPoolExecutor(threads, "scan")


# --- the choice ------------------------------------------------------------------------------------------------------


def codes_are_faster(width: int, folder: Path | None = None) -> tuple[bool, bool]:
    """Whether this machine multiplies codes of `width` faster than float16 rows, by one query and by many at once.

    Tried once, then read from `folder`, which is the platform's cache folder by default.
    """
    place = (folder or user_cache_path("cvsi-db")) / "scan.json"
    key = f"{_processor()}, {torch.get_num_threads()} threads, {width} wide, "
    key += f"torch {torch.__version__}, numkong {version('numkong')}"
    known: dict[str, Any] = {}
    with suppress(OSError, ValueError):
        known = dict(json.loads(place.read_text("utf-8")))
    match known.get(key):
        case [bool(one), bool(many)]:
            return one, many
    one, many = _try_codes(width, 1, TRIAL_ROWS), _try_codes(width, TRIAL_QUERIES, TRIAL_ROWS // 4)
    with suppress(OSError):  # the next process tries again
        place.parent.mkdir(parents=True, exist_ok=True)
        with replace_file(place) as part:
            part.write_text(json.dumps({**known, key: [one, many]}, indent=1), "utf-8")
    return one, many


def _try_codes(width: int, count: int, rows: int) -> bool:
    """Both products of `count` queries with as many rows of ones, each at its best of three."""
    values, halves = np.ones((rows, width), np.int8), torch.ones((rows, width), dtype=torch.float16)
    nobody, queries = np.empty(0, np.int64), torch.ones((count, width // 2))

    def by_codes() -> None:
        for _ in _scored(values, values[: 2 * count], count, 1, [None] * count, nobody):
            pass

    def mixed(dtype: torch.dtype) -> None:
        for block in torch.split(halves, ENCODED_ROWS):  # as exact_scan does for many
            torch.stack(block.float().chunk(2, dim=1)).sum(dim=0).to(dtype) @ queries.to(dtype).T

    def least(product: Callable[[], object]) -> float:
        times = []
        for _ in range(4):
            start = perf_counter()
            product()
            times.append(perf_counter() - start)
        return min(times[1:])

    if count == 1:
        return least(by_codes) < least(lambda: torch.mv(halves, halves[0]))
    return least(by_codes) < min(least(lambda: mixed(torch.bfloat16)), least(lambda: mixed(torch.float32)))


def _processor() -> str:
    """What tells machines of different speed apart: the processor's name where the system gives it, and its cores."""
    name = platform.processor() or platform.machine()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}"
