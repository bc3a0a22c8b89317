"""Near pairs: all pairs of rows of a matrix whose cosine is at least a threshold; most others are never compared.

Takes vectors, which may lie in a file, and the threshold; hands on the pairs with their cosines, block by block. Two
bounds leave pairs out that cannot be near, so the answer is that of comparing every pair:

- of a vector's coordinates along the principal axes of the vectors only the leading ones are kept, and the length of
  all others as one more; by the inequality of Cauchy and Schwarz the product of two such short vectors is at least the
  cosine, for a tenth of the work;
- the short vectors are sorted into cells around centres, and two that are near lie at distances from any centre that
  differ by no more than their own distance: most rows are too far from most cells.

Cosines are computed from the whole vectors for what is left. Memory holds some blocks and the rows' places; the short
vectors are in a temporary file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from tempfile import TemporaryFile
from threading import Lock
from typing import IO

import numpy as np
import numpy.typing as npt

from cvsi_db.ingest.prefetch import Prefetch
from cvsi_db.models.device import cores_shared
from cvsi_db.records import FloatArray

CELL, MOST_CELLS = 256, 4096
"""About how many rows a cell has, as long as there are no more cells than these."""

TOGETHER = 16
"""Cells whose distances are taken at once."""

READ = 2**16
"""Rows that are read, and compared with those cells, at a time."""

TILE = 2048
"""Rows compared at a time, with as many of a cell, which mostly has fewer: their products stay in the cache."""

AXES = (16, 32, 64, 128, 256)
"""The numbers of leading axes to choose from."""

SAMPLED = 1000
SURVIVORS = 2e-4
"""The fewest axes are chosen that leave no more than this part of the pairs in question, beside those that are near."""

SLACK = 1e-6
"""The rounding error of a float32 cosine."""

_BOUND_SLACK = 1e-4
"""That of the bounds, which are of rounded coordinates: many times what was seen."""

Indices = npt.NDArray[np.int64]


Found = Callable[[Indices, Indices, FloatArray], None]
"""Is given rows (m,), other rows (k,), and their cosines (m, k), which are 0 for pairs that are not near."""


def find_near_pairs(
    vectors: npt.NDArray[np.float16],
    threshold: float,
    found: Found,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Call `found` with all pairs of rows of `vectors` (n, dim) whose cosine is at least `threshold`, each pair once.

    Vectors count at unit length; a zero vector is near to none. `found` is called from several threads, one at a time;
    `on_progress`, from this one, with the pairs that are settled and their number.
    """
    lock, rows, threads = Lock(), len(vectors), min(os.cpu_count() or 1, 16)
    with TemporaryFile() as scratch, cores_shared(threads) as begin:
        cells = _arrange(vectors, threshold, scratch)

        def compare(first: int) -> int:
            return _compare(cells, first, found, lock)

        groups = range(0, len(cells.centres), TOGETHER)
        with Prefetch(compare, groups, threads=threads, room=2 * threads, begin=begin) as compared:
            for left in compared:
                if on_progress:
                    on_progress((rows * rows - left * left) // 2, rows * rows // 2)


def unit(vectors: npt.NDArray[np.float16]) -> FloatArray:
    """The vectors as float32 at unit length, which float16 has changed a little; damaged ones become finite."""
    wide = np.nan_to_num(vectors.astype(np.float32), posinf=0, neginf=0)
    return np.asarray(wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-6), np.float32)


@dataclass(frozen=True)
class _Cells:
    """The rows in the order of their cells: `order` (n,) their places in `vectors`, `short` (n, axes + 1) their short
    vectors. Cell i, around `centres[i]`, has the rows from `starts[i]` to `starts[i + 1]`; a row farther than
    `limits[i]` from that centre is near to none of them."""

    vectors: npt.NDArray[np.float16]
    threshold: float
    order: Indices
    short: FloatArray
    centres: FloatArray
    starts: Indices
    limits: FloatArray


def _arrange(vectors: npt.NDArray[np.float16], threshold: float, scratch: IO[bytes]) -> _Cells:
    """Sort the rows into cells; the short vectors go to the file."""
    rows = len(vectors)
    axes = _axes(unit(vectors[:: max(1, rows // 5000)]), threshold)
    centres = _centres(vectors, axes)
    of, distances = np.empty(rows, np.int64), np.empty(rows, np.float32)
    for some in _parts(rows, len(centres)):
        of[some], distances[some] = _nearest(_shortened(vectors[some], axes), centres)
    order = np.argsort(of, kind="stable")
    starts = np.searchsorted(of[order], np.arange(len(centres) + 1))
    limits = np.zeros(len(centres), np.float32)
    np.maximum.at(limits, of, distances)
    limits += np.sqrt(max(2 - 2 * (threshold - _BOUND_SLACK), 0)) + 1e-3  # the distances are roots of rounded squares
    shape = (rows, axes.shape[1] + 1)
    short = np.memmap(scratch, np.float32, "w+", shape=shape) if rows else np.zeros(shape, np.float32)
    for some in _parts(rows, len(centres)):
        short[some] = _shortened(vectors[order[some]], axes)
    return _Cells(vectors, threshold, order, np.asarray(short), centres, starts, limits)


def _axes(sample: FloatArray, threshold: float) -> FloatArray:
    """(dim, axes) orthonormal: as few of the principal axes of a sample (n, dim) as tell most of its pairs apart."""
    dim = sample.shape[1]
    _, axes = np.linalg.eigh(_products(sample.T, sample.T).astype(np.float64))
    axes = np.asarray(axes[:, ::-1], np.float32)
    few = sample[:: max(1, len(sample) // SAMPLED)]
    near = int((_products(few, few) >= threshold - SLACK).sum())
    for count in (count for count in AXES if count < dim):
        short = _with_rest(_products(few, axes[:, :count].T), few)
        if int((_products(short, short) >= threshold - _BOUND_SLACK).sum()) - near <= SURVIVORS * len(few) ** 2:
            return axes[:, :count]
    return axes


def _shortened(vectors: npt.NDArray[np.float16], axes: FloatArray) -> FloatArray:
    """(n, axes + 1) the vectors along the axes, and the length of what is left of them."""
    whole = unit(vectors)
    return _with_rest(_products(whole, axes.T), whole)


def _with_rest(leading: FloatArray, whole: FloatArray) -> FloatArray:
    rest = np.sqrt(np.maximum(np.vecdot(whole, whole) - np.vecdot(leading, leading), 0))
    return np.concatenate([leading, rest[:, None]], axis=1)


def _centres(vectors: npt.NDArray[np.float16], axes: FloatArray) -> FloatArray:
    """(cells, axes + 1) by a few rounds of k-means on a sample; any centres will do, better ones leave more out."""
    cells = min(-(-len(vectors) // CELL), MOST_CELLS)
    drawn = np.random.default_rng(0).permutation(len(vectors))[: 32 * cells]
    sample = _shortened(vectors[np.sort(drawn)], axes)
    centres = sample[np.linspace(0, len(sample), cells, endpoint=False, dtype=np.int64)]
    for _ in range(3):
        counts, sums = np.zeros((cells, 1), np.float32), np.zeros_like(centres)
        for some in _parts(len(sample), cells):
            of, _ = _nearest(sample[some], centres)
            np.add.at(counts, of, 1)
            np.add.at(sums, of, sample[some])
        centres = np.where(counts > 0, sums / np.maximum(counts, 1), centres)
    return centres


def _parts(rows: int, cells: int) -> Iterator[slice]:
    """Slices of the rows, small enough to hold the distances to all cells."""
    step = max(2**22 // max(cells, 1), 1)
    return (slice(start, start + step) for start in range(0, rows, step))


def _nearest(short: FloatArray, centres: FloatArray) -> tuple[Indices, FloatArray]:
    """For each short vector its nearest centre, and the distance to it."""
    squares = _squared_distances(short, centres)
    of = squares.argmin(axis=1)
    return of, np.sqrt(np.take_along_axis(squares, of[:, None], axis=1)[:, 0])


def _squared_distances(short: FloatArray, centres: FloatArray) -> FloatArray:
    """(n, cells) of each short vector to each centre."""
    lengths = np.vecdot(short, short)[:, None] + np.vecdot(centres, centres)
    return np.asarray(np.maximum(lengths - 2 * _products(short, centres), 0), np.float32)


def _compare(cells: _Cells, first: int, found: Found, lock: Lock) -> int:
    """Compare the rows of TOGETHER cells with one another and with the rows after them; returns how many come after."""
    last, rows = min(first + TOGETHER, len(cells.centres)), len(cells.order)
    for start in range(int(cells.starts[first]), rows, READ):
        squares = _squared_distances(cells.short[start : start + READ], cells.centres[first:last])
        for cell in range(first, last):
            begin, end = int(cells.starts[cell]), int(cells.starts[cell + 1])
            near = start + np.flatnonzero(squares[:, cell - first] <= cells.limits[cell] ** 2)
            for low in range(begin, end, TILE):
                later = near[np.searchsorted(near, low) :]
                for top in range(0, len(later), TILE):
                    _compare_tile(cells, later[top : top + TILE], low, min(low + TILE, end), found, lock)
    return rows - int(cells.starts[last])


def _compare_tile(cells: _Cells, upper: Indices, begin: int, end: int, found: Found, lock: Lock) -> None:
    """Find the near pairs of the rows `upper` with those from `begin` to `end` that come before them."""
    possible = _products(cells.short[upper], cells.short[begin:end]) >= cells.threshold - _BOUND_SLACK
    possible &= upper[:, None] > np.arange(begin, end)
    if not possible.any():
        return
    upper = upper[possible.any(axis=1)]
    lower = begin + np.flatnonzero(possible.any(axis=0))
    cosines = _products(unit(cells.vectors[cells.order[upper]]), unit(cells.vectors[cells.order[lower]]))
    cosines[(cosines < cells.threshold - SLACK) | (upper[:, None] <= lower)] = 0
    if cosines.any():
        with lock:
            found(cells.order[upper], cells.order[lower], cosines)


def _products(upper: FloatArray, lower: FloatArray) -> FloatArray:
    """(m, k) the inner products of (m, width) and (k, width): by torch, which keeps to its share of the cores."""
    import torch

    products: FloatArray = torch.mm(torch.from_numpy(upper), torch.from_numpy(lower).T).numpy()
    return products
