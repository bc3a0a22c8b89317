"""The resident rows: both vector columns of a gallery in memory, on the device, as one matrix.

Takes a store, gives a ResidentMatrix of its newest version. Vectors keep their float16 on a CPU, whose product with
one float16 vector reads half the bytes of float32; other devices hold them as float32, because their float16 products
may sum in float16. torch loads with the first matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, reduce
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cvsi_db.records import FloatArray
from cvsi_db.search.run.rerank import unit_scales
from cvsi_db.store.arrow_rows import VECTORS

if TYPE_CHECKING:
    from cvsi_db.store.images import Store

BATCH_ROWS = 8192
"""How many rows loading reads at a time, 16 MiB at width 512: enough to make the overhead of a batch nothing."""

NORM_SLACK = 1e-3
"""A float32 norm is rounded; this much longer, as a part of itself, it bounds the true one."""


@dataclass(frozen=True)
class ResidentMatrix:
    """The rows of one version of a table: `image_ids` (n,) strings, `rows` a (n, 2 · dim) tensor of the two columns
    side by side, in VECTORS' order, and `longest`, for each column, a number no vector of it is longer than."""

    version: int
    image_ids: pa.Array = field(repr=False)
    rows: Any = field(repr=False)
    longest: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.image_ids)

    @cached_property
    def ranks(self) -> npt.NDArray[np.int64]:
        """(n,) each row's place in the ascending order of the image_ids."""
        ranks = np.empty(len(self), np.int64)
        ranks[pc.array_sort_indices(self.image_ids).to_numpy()] = np.arange(len(self))
        return ranks

    @cached_property
    def unit_scales(self) -> FloatArray:
        """(n, columns) float32: what each vector is multiplied by where its column counts at unit length."""
        scales = np.empty((len(self.image_ids), len(VECTORS)), np.float32)
        for start in range(0, len(scales), BATCH_ROWS):
            block = self.rows[start : start + BATCH_ROWS].float().cpu().numpy()
            scales[start : start + len(block)] = unit_scales(block.reshape(len(block), len(VECTORS), -1))
        return scales

    def mixed(self, rows: npt.NDArray[np.int64], shares: npt.NDArray[np.float64]) -> FloatArray:
        """(len(rows), dim) float32: these rows' columns mixed, each row by its own `shares` (len(rows), columns)."""
        import torch

        taken = self.rows.index_select(0, torch.from_numpy(rows).to(self.rows.device)).float()
        weights = torch.from_numpy(shares).to(taken)
        columns = zip(taken.chunk(len(VECTORS), dim=1), weights.chunk(len(VECTORS), dim=1), strict=True)
        # Each product is rounded, and then their sum, as in rerank.mix.
        mixed: FloatArray = reduce(torch.Tensor.add_, [column.mul_(share) for column, share in columns]).cpu().numpy()
        return mixed


class Resident:
    """Keeps the matrix for the life of a gallery, and counts the rows and the searches of its table's version.

    Several threads may use it at once: one loads, the others wait, and a matrix once given never changes.
    """

    def __init__(self, load: Callable[[Store, str], ResidentMatrix] | None = None) -> None:
        self._load = load or load_matrix
        self._lock = Lock()
        self._matrix: ResidentMatrix | None = None
        self._counted = (0, 0)
        self._rows = (0, 0)

    def is_loaded(self, version: int) -> bool:
        """Whether this version of the table is in memory."""
        matrix = self._matrix
        return matrix is not None and matrix.version == version

    def matrix(self, store: Store, device: str, version: int | None = None) -> ResidentMatrix:
        """The matrix of the table as it is now, from memory or else loaded. `version` is the table's, if just asked."""
        with self._lock:
            if self._matrix is None or self._matrix.version != (version or store.version):
                self._matrix = None  # the old rows go before the new ones come: both may not fit
                self._matrix = self._load(store, device)
            return self._matrix

    def rows(self, store: Store, version: int) -> int:
        """How many rows the table has, counted once for each version."""
        counted, rows = self._rows
        if counted != version:
            rows = store.count()
            self._rows = (version, rows)
        return rows

    def searches(self, version: int) -> int:
        """How many searches this version of the table has answered."""
        counted, times = self._counted
        return times if counted == version else 0

    def count(self, version: int, searches: int = 1) -> None:
        """Note that this version of the table has answered this many more."""
        with self._lock:
            self._counted = (version, self.searches(version) + searches)


def row_bytes(dim: int, device: str) -> int:
    """What a row of two vectors of width `dim` takes on `device`."""
    return len(VECTORS) * dim * (2 if device == "cpu" else 4)


def load_matrix(store: Store, device: str) -> ResidentMatrix:
    """Read both columns, batch by batch. A write in between is no harm: the rows are those of one version."""
    while True:
        version, count = store.version, store.count()
        # Should the rows be newer than the version, the next search will see another version and load again.
        matrix = _read(store, device, version, count)
        if matrix is not None:
            return matrix


def _read(store: Store, device: str, version: int, count: int) -> ResidentMatrix | None:
    """The matrix, or None when there turned out to be more or fewer than `count` rows."""
    import torch

    dtype = torch.float16 if device == "cpu" else torch.float32
    rows = torch.empty((count, len(VECTORS) * store.dim), dtype=dtype, device=device)
    image_ids, filled = [], 0
    for batch in store.batches(["image_id", *VECTORS], BATCH_ROWS):
        end = filled + len(batch)
        if end > count:
            return None
        for place, name in enumerate(VECTORS):
            stored = batch[name].flatten().to_numpy(zero_copy_only=False).reshape(len(batch), store.dim).copy()
            rows[filled:end, place * store.dim : (place + 1) * store.dim] = torch.from_numpy(stored)
        # Taken, that is copied: a column of a batch keeps the whole batch in memory.
        image_ids.append(batch["image_id"].take(pa.array(range(len(batch)), pa.int64())))
        filled = end
    if filled < count:
        return None
    ids = pa.chunked_array(image_ids, pa.string()).combine_chunks()
    return ResidentMatrix(version, ids, rows, _longest(rows))


def _longest(rows: Any) -> tuple[float, ...]:
    """For each column, a number that none of its vectors is longer than."""
    import torch

    longest = torch.zeros(len(VECTORS))
    # After the reading, not between: short-lived blocks among what stays would leave the memory full of holes.
    for block in rows.split(BATCH_ROWS):
        lengths = block.float().unflatten(1, (len(VECTORS), -1)).norm(dim=2)
        longest = torch.maximum(longest, lengths.amax(dim=0).cpu()) if len(block) else longest
    return tuple(length * (1 + NORM_SLACK) for length in longest.tolist())
