"""The first pass in eight bits: rows as integers on a grid, and for a query the few rows that may be among its best.

Takes float16 rows of both columns side by side; gives positions of rows, by a proven bound on what the integers leave
out. A row x is centre + step · c + r, with c of whole numbers within ±LEVEL, so a score <q, x> is <q, centre>, which
all rows share, plus <q · step, c>, plus <q, r>, which is at most |q| · |r|. q · step becomes two vectors of whole
numbers, coarse and fine, whose products with c are exact: an eighth of float64's bytes and half of float16's are read,
once. NumKong multiplies; whether that is faster than float16 is measured once per machine.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import version
from itertools import count
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

BLOCK_ROWS = 4096
"""Rows multiplied at once by one thread: 4 MiB at two columns of width 512, and their scores stay in the cache."""

GROUP = 16
"""Scores under one peak, as in exact_scan."""

HEADROOM = 1.5
"""The grid reaches this much further than the rows it is made for: without it most rows that come would lie outside."""

ROOM = 1.5
"""Codes are made anew once rows that came later lie this many times as far from their grid as the first ones did."""

TRIAL_ROWS = 2**16
"""The rows that both products are tried on: 128 MiB of float16 at two columns of width 512, more than caches hold."""

FLOAT32 = 2.0**-24


@dataclass(frozen=True)
class Codes:
    """`values` (n, 2 · dim) int8; `centre` and `step` (2 · dim) float32, the grid. For each column a bound on the
    length of what the integers leave out of a row (`residuals`), and on that of a row of integers (`lengths`);
    `allowed` is what residuals may grow to as rows come."""

    values: npt.NDArray[np.int8] = field(repr=False)
    centre: FloatArray = field(repr=False)
    step: FloatArray = field(repr=False)
    residuals: npt.NDArray[np.float64]
    lengths: npt.NDArray[np.float64]
    allowed: npt.NDArray[np.float64]


def encode(rows: torch.Tensor, memory: npt.NDArray[np.int8], columns: int) -> Codes:
    """Codes of `rows` (n, width), `columns` vectors side by side, in the first n rows of `memory` (capacity, width)."""
    low = torch.full((rows.shape[1],), torch.inf)
    high = -low
    for block in torch.split(rows, BLOCK_ROWS):
        wide = block.float()
        low, high = torch.minimum(low, wide.amin(dim=0)), torch.maximum(high, wide.amax(dim=0))
    step = HEADROOM * (high - low) / (2 * LEVEL)
    step[step == 0] = 1  # nothing varies there
    nothing = np.zeros(columns)
    codes = Codes(memory[:0], ((low + high) / 2).numpy(), step.numpy(), nothing, nothing, nothing)
    codes = append(codes, rows, memory)
    return replace(codes, allowed=ROOM * codes.residuals)


def append(codes: Codes, rows: torch.Tensor, memory: npt.NDArray[np.int8]) -> Codes:
    """The codes with those of further `rows`, on the same grid, behind them in their `memory`; old ones stay."""
    start, columns = len(codes.values), len(codes.residuals)
    centre, step = torch.from_numpy(codes.centre), torch.from_numpy(codes.step)
    residuals, lengths = torch.zeros(columns), torch.zeros(columns)
    for first, block in zip(range(start, start + len(rows), BLOCK_ROWS), torch.split(rows, BLOCK_ROWS), strict=True):
        wide = block.float().sub_(centre)
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
    query: npt.NDArray[np.float64],
    k: int,
    error: float,
    allows: npt.NDArray[np.bool_] | None,
    dead: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64] | None:
    """The rows, ascending, that may be among the best k by scores that are off by at most `error`.

    `query` (columns, dim) is the vector of each column, its share included; a column of zeros is not read. Only rows
    that it `allows` (n,) count, and none of the `dead`, ascending. None where the codes tell too few rows apart.

    With S the product in fine steps and e the bound on what is off: let T be the k-th greatest S. k rows score at
    least T - e, each of the best k no less than that, and so its S is at least T - 2e. The float32 scores of the rerank
    widen e by `error`.
    """
    columns, dim = query.shape
    read = np.flatnonzero(query.any(axis=1))
    width = slice(int(read[0]) * dim, (int(read[-1]) + 1) * dim) if len(read) else slice(0)
    scaled = query.reshape(-1) * codes.step
    coarse_step = float(np.abs(scaled).max()) / LEVEL
    if coarse_step == 0 or not np.isfinite(coarse_step):
        return None
    fine_step = coarse_step / FINE
    coarse = np.rint(scaled / coarse_step)
    fine = np.rint((scaled - coarse * coarse_step) / fine_step)
    off = (scaled - coarse * coarse_step - fine * fine_step).reshape(columns, dim)
    bound = np.linalg.norm(off, axis=1) @ codes.lengths + np.linalg.norm(query, axis=1) @ codes.residuals + error
    largest = np.linalg.norm(np.abs(coarse) * FINE + np.abs(fine)) * np.linalg.norm(codes.lengths)
    slack = 2 * (bound / fine_step + 8 * FLOAT32 * largest)
    whole = np.stack([coarse, fine])[:, width].astype(np.int8)
    scores, peaks = _products(codes.values[:, width], whole, allows, dead)
    total = len(codes.values)
    if len(peaks) < 8 * k:
        peaks = scores
    kth = np.partition(peaks, len(peaks) - k)[len(peaks) - k] if k <= len(peaks) else -np.inf
    found = np.flatnonzero(scores[:total] >= max(float(kth) - slack, float(np.finfo(np.float32).min)))
    return found if len(found) <= max(total // 16, 8 * k) else None


def _products(
    values: npt.NDArray[np.int8],
    query: npt.NDArray[np.int8],
    allows: npt.NDArray[np.bool_] | None,
    dead: npt.NDArray[np.int64],
) -> tuple[FloatArray, FloatArray]:
    """The score of each row in fine steps, -inf for those left out and for what fills the last group, and the peak of
    each group of rows, by as many threads as torch uses."""
    import numkong

    total = len(values)
    scores = np.full(-(-total // GROUP) * GROUP, -np.inf, np.float32)
    peaks = np.empty(len(scores) // GROUP, np.float32)
    packed, weights = numkong.dots_pack(query, dtype="int8"), np.array([FINE, 1], np.float32)
    starts, threads = count(0, BLOCK_ROWS), torch.get_num_threads()

    def work(_: int) -> None:
        while (start := next(starts)) < total:
            end = min(start + BLOCK_ROWS, total)
            both = np.asarray(numkong.dots_packed(values[start:end], packed))  # (rows, 2) int32
            np.matmul(both.astype(np.float32), weights, out=scores[start:end])
            if allows is not None:
                scores[start:end][~allows[start:end]] = -np.inf
            if len(dead):
                first, last = np.searchsorted(dead, (start, end))
                scores[dead[first:last]] = -np.inf
            padded = -(-end // GROUP) * GROUP
            scores[start:padded].reshape(GROUP, -1).max(axis=0, out=peaks[start // GROUP : padded // GROUP])

    if threads == 1 or total <= BLOCK_ROWS:
        work(0)
    else:
        list(_pool(threads).map(work, range(threads)))
    return scores, peaks


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "scan")


# --- the choice ------------------------------------------------------------------------------------------------------


def codes_are_faster(width: int, folder: Path | None = None) -> bool:
    """Whether this machine multiplies codes of `width` faster than float16 rows: tried once, then read from `folder`,
    which is the platform's cache folder by default."""
    place = (folder or user_cache_path("cvsi-db")) / "scan.json"
    key = f"{_processor()}, {torch.get_num_threads()} threads, {width} wide, "
    key += f"torch {torch.__version__}, numkong {version('numkong')}"
    known: dict[str, Any] = {}
    with suppress(OSError, ValueError):
        known = dict(json.loads(place.read_text("utf-8")))
    if isinstance(known.get(key), bool):
        return bool(known[key])
    faster = _try_codes(width, TRIAL_ROWS)
    with suppress(OSError):  # the next process tries again
        place.parent.mkdir(parents=True, exist_ok=True)
        with replace_file(place) as part:
            part.write_text(json.dumps({**known, key: faster}, indent=1), "utf-8")
    return faster


def _try_codes(width: int, rows: int) -> bool:
    """Both products over as many rows of ones, each at its best of three."""
    values, halves = np.ones((rows, width), np.int8), torch.ones((rows, width), dtype=torch.float16)
    nobody = np.empty(0, np.int64)

    def least(product: Callable[[], object]) -> float:
        times = []
        for _ in range(4):
            start = perf_counter()
            product()
            times.append(perf_counter() - start)
        return min(times[1:])

    return least(lambda: _products(values, values[:2], None, nobody)) < least(lambda: torch.mv(halves, halves[0]))


def _processor() -> str:
    """What tells machines of different speed apart: the processor's name where the system gives it, and its cores."""
    name = platform.processor() or platform.machine()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}"
