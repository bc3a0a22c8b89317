"""The resident rows: both vector columns of a gallery in memory, on the device, as one matrix.

Takes a store, gives a ResidentMatrix of its newest version: loaded whole once, then brought up to date by the rows that
changed. Vectors keep their float16 on a CPU, where large galleries have codes of eight bits beside them, which the scan
reads first; other devices hold them as float32, because their float16 products may sum in float16. torch loads with the
first matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate, islice
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
    from cvsi_db.search.run.int8_scan import Codes
    from cvsi_db.store.images import Store

BATCH_ROWS = 8192
"""How many rows are read at a time, 16 MiB at width 512: enough to make the overhead of a batch nothing."""

NORM_SLACK = 1e-3
"""A float32 norm is rounded; this much longer, as a part of itself, it bounds the true one."""

SPARE = 8
"""Memory for one more row in this many is set aside for rows to come; what is not used is not taken from the system."""

DEAD = 4
"""Once one row in this many has been removed or replaced, all are loaded anew."""

CODED_ROWS = 8192
"""Fewer rows are read so fast that codes would gain nothing."""

MIXED_TO = 2**18
"""No more rows get codes of their columns mixed: half of what a first pass reads else, 128 MiB at width 512."""

SERIAL = 2**15 - 1
"""Numbers that torch converts in the thread that asks: more it shares among its threads."""

_COLUMNS = ("image_id", *VECTORS, "_rowaddr", "_rowid")


@dataclass(frozen=True)
class ResidentMatrix:
    """The rows of one version of a table: `image_ids` (n,) strings, in one chunk those that were loaded and in another
    those that came since; `rows` a (n, 2 · dim) tensor of the two columns side by side, in VECTORS' order, and
    `longest`, for each column, a number no vector of it is longer than.

    The rows at the positions in `dead`, ascending, are no longer in the table: they were there when it was loaded.
    `addresses` and `row_ids` (n,) are the store's. `codes` are those of int8_scan where they are of use, `mixed_codes`
    those of the columns mixed, by their mix, once scans have made them. `memory` (capacity, 2 · dim) begins with the
    rows: rows that come are put behind them, where no matrix that was given before looks.

    Where several devices share the rows, `rows` is None and `parts` are the matrices of each, one behind the other.
    """

    version: int
    image_ids: pa.ChunkedArray = field(repr=False)
    rows: Any = field(repr=False)
    longest: tuple[float, ...]
    dead: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64), repr=False)
    addresses: npt.NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64), repr=False)
    row_ids: npt.NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64), repr=False)
    codes: Codes | None = field(default=None, repr=False)
    mixed_codes: dict[tuple[float, ...], Codes | None] = field(default_factory=dict, repr=False)
    memory: Any = field(default=None, repr=False)
    parts: tuple[ResidentMatrix, ...] = ()

    def __len__(self) -> int:
        return len(self.image_ids) - len(self.dead)

    @cached_property
    def unit_scales(self) -> FloatArray:
        """(n, columns) float32: what each vector is multiplied by where its column counts at unit length."""
        return np.concatenate([part.unit_scales for part in self.parts]) if self.parts else _unit_scales(self.rows)

    def firsts(self) -> Iterator[tuple[int, ResidentMatrix]]:
        """Each part, and the position of its first row."""
        return zip(accumulate(map(len, self.parts), initial=0), self.parts, strict=False)

    def named(self, rows: npt.NDArray[np.int64]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        """The image_ids of these rows, ascending, and the rows in their order."""
        # Taken chunk by chunk: Arrow would first copy both into one.
        loaded = len(self.image_ids.chunk(0))
        rows = np.concatenate([rows[rows < loaded], rows[rows >= loaded]])
        first = int((rows < loaded).sum())
        parts = zip(self.image_ids.chunks, (rows[:first], rows[first:] - loaded), strict=False)
        image_ids = pa.concat_arrays([ids.take(pa.array(of)) for ids, of in parts])
        order = pc.array_sort_indices(image_ids)
        return image_ids.take(order).to_numpy(zero_copy_only=False), rows[order.to_numpy()]

    def mixed(self, rows: npt.NDArray[np.int64], shares: npt.NDArray[np.float64]) -> FloatArray:
        """(len(rows), dim) float32: these rows' columns mixed, each row by its own `shares` (len(rows), columns)."""
        import torch

        if self.parts:
            mixed = np.empty((len(rows), self.parts[0].rows.shape[1] // len(VECTORS)), np.float32)
            for first, part in self.firsts():
                of_it = (rows >= first) & (rows < first + len(part))
                mixed[of_it] = part.mixed(rows[of_it] - first, shares[of_it])
            return mixed
        width, weights = self.rows.shape[1], shares.astype(np.float32)[:, :, None]
        mixed = np.empty((len(rows), width // len(VECTORS)), np.float32)
        # In pieces that stay in the cache, and so small that torch converts them in this thread: over so few rows its
        # threads would wait for one another.
        size = max(SERIAL // width, 1) if self.rows.device.type == "cpu" else len(rows)
        wide = torch.empty((size, width), dtype=torch.float32)
        for start in range(0, len(rows), size):
            piece = rows[start : start + size]
            if self.rows.device.type == "cpu":
                taken = torch.from_numpy(self.rows.numpy()[piece])
            else:
                taken = self.rows.index_select(0, torch.from_numpy(piece).to(self.rows.device))
            columns = wide[: len(piece)].copy_(taken).numpy().reshape(len(piece), len(VECTORS), -1)
            columns *= weights[start : start + size]  # each product is rounded, and then their sum, as in rerank.mix
            np.add(columns[:, 0], columns[:, 1], out=mixed[start : start + size])
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

    def refresh(self, store: Store, version: int) -> bool:
        """Whether this version of the table is in memory; an older one is brought up to date, or else dropped."""
        with self._lock:
            if self._matrix is not None and self._matrix.version != version:
                self._matrix = refreshed(self._matrix, store)
            return self._matrix is not None

    def matrix(self, store: Store, device: str, version: int | None = None) -> ResidentMatrix:
        """The matrix of the table as it is now, from memory or else loaded. `version` is the table's, if just asked."""
        self.refresh(store, version or store.version)
        with self._lock:
            if self._matrix is None:
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


def row_bytes(dim: int, device: str, rows: int) -> int:
    """What each of `rows` rows of two vectors of width `dim` takes on `device`: float16 and codes on a CPU, with those
    of the columns mixed where rows are few; elsewhere float32."""
    return len(VECTORS) * dim * (3 if device == "cpu" else 4) + (dim if device == "cpu" and rows <= MIXED_TO else 0)


def load_matrix(store: Store, device: str) -> ResidentMatrix:
    """Read both columns, batch by batch, of the table as it is now: whatever is written meanwhile is not in it."""
    import torch

    kept = store.snapshot()
    version, count = kept.version, kept.count()
    if count and len(devices := _devices(device)) > 1:
        return _load_parts(kept, devices)
    shape = count + count // SPARE + 1024, len(VECTORS) * store.dim
    if device == "cpu":
        memory = torch.from_numpy(np.empty(shape, np.float16))  # in large pages, where the system has them
    else:
        memory = torch.empty(shape, dtype=torch.float32, device=device)
    image_ids, addresses, row_ids = _fill(memory[:count], kept.batches(_COLUMNS, BATCH_ROWS))
    rows, codes = memory[:count], None
    if device == "cpu" and count >= CODED_ROWS:
        from cvsi_db.search.run.int8_scan import code_memory, codes_are_faster, encode

        one, many = codes_are_faster(rows.shape[1])
        if one:
            codes = replace(encode(rows, code_memory(*memory.shape), len(VECTORS)), serve_many=many)
    return ResidentMatrix(
        version,
        pa.chunked_array([image_ids]),
        rows,
        _longest(rows),
        addresses=addresses,
        row_ids=row_ids,
        codes=codes,
        memory=memory,
    )


def _devices(device: str) -> list[str]:
    """The devices that share the rows: all GPUs where there are several."""
    import torch

    count = torch.cuda.device_count() if device == "cuda" else 1
    return [f"cuda:{number}" for number in range(count)] if count > 1 else [device]


def _load_parts(kept: Store, devices: Sequence[str]) -> ResidentMatrix:
    """The rows of a snapshot on several devices, as many on each."""
    import torch

    batches, left, parts = kept.batches(_COLUMNS, BATCH_ROWS), kept.count(), []
    share = -(-left // (len(devices) * BATCH_ROWS))  # batches, which are whole but for the last
    for device in devices[: -(-left // (share * BATCH_ROWS))]:
        count = min(share * BATCH_ROWS, left)
        rows = torch.empty((count, len(VECTORS) * kept.dim), dtype=torch.float32, device=device)
        image_ids, addresses, row_ids = _fill(rows, islice(batches, share))
        ids = pa.chunked_array([image_ids])
        parts.append(ResidentMatrix(kept.version, ids, rows, _longest(rows), addresses=addresses, row_ids=row_ids))
        left -= count
    return ResidentMatrix(
        kept.version,
        pa.chunked_array([pa.concat_arrays([part.image_ids.chunk(0) for part in parts])]),
        None,
        tuple(np.max([part.longest for part in parts], axis=0).tolist()),
        addresses=np.concatenate([part.addresses for part in parts]),
        row_ids=np.concatenate([part.row_ids for part in parts]),
        parts=tuple(parts),
    )


def refreshed(matrix: ResidentMatrix, store: Store) -> ResidentMatrix | None:
    """The matrix of the table as it is now, for which only the rows that changed since are read.

    None where it would take as long as loading: when too much has changed, or when the table was compacted, which gives
    every row another address. Rows that several devices share are always loaded anew.
    """
    if matrix.parts:
        return None
    kept = store.snapshot()
    addresses, row_ids = kept.addresses()
    order = np.argsort(matrix.addresses, kind="stable")
    ordered = matrix.addresses[order]
    places = np.searchsorted(ordered, addresses)
    held = places < len(order)
    held[held] = ordered[places[held]] == addresses[held]
    alive = np.zeros(len(order), np.bool_)
    alive[order[places[held]]] = True
    dead, start, end = np.flatnonzero(~alive), len(order), len(order) + int((~held).sum())
    if kept.version < matrix.version or end > len(matrix.memory) or len(dead) * DEAD > end:
        return None
    new = row_ids[~held]
    batches = (kept.take_rows(new[at : at + BATCH_ROWS], _COLUMNS) for at in range(0, len(new), BATCH_ROWS))
    image_ids, new_addresses, new_row_ids = _fill(
        matrix.memory[start:end], (batch for table in batches for batch in table.to_batches())
    )
    rows, added = matrix.memory[:end], matrix.memory[start:end]
    loaded, *since = matrix.image_ids.chunks
    codes, mixed = matrix.codes, dict(matrix.mixed_codes)
    if codes is not None and len(added):
        from cvsi_db.search.run.int8_scan import extended

        codes = extended(codes, rows)
        mixed = {mix: of_mix and extended(of_mix, rows) for mix, of_mix in mixed.items()}
    after = replace(
        matrix,
        version=kept.version,
        image_ids=pa.chunked_array([loaded, pa.concat_arrays([*since, image_ids])]),
        rows=rows,
        longest=tuple(map(max, matrix.longest, _longest(added))),
        dead=dead,
        addresses=np.concatenate([matrix.addresses, new_addresses]),
        row_ids=np.concatenate([matrix.row_ids, new_row_ids]),
        codes=codes,
        mixed_codes=mixed,
    )
    if "unit_scales" in matrix.__dict__:
        after.__dict__["unit_scales"] = np.concatenate([matrix.unit_scales, _unit_scales(added)])
    return after


def _fill(
    rows: Any, batches: Iterable[pa.RecordBatch]
) -> tuple[pa.Array, npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Put the vectors of the batches into `rows` (n, 2 · dim), which they fill; their image_ids, addresses and ids."""
    import torch

    image_ids, keys, filled = [], [np.empty((2, 0), np.uint64)], 0
    for batch in batches:
        end = filled + len(batch)
        into = rows[filled:end].unflatten(1, (len(VECTORS), -1))
        for place, name in enumerate(VECTORS):
            stored = batch[name].flatten().to_numpy(zero_copy_only=False).reshape(len(batch), -1).copy()
            into[:, place] = torch.from_numpy(stored)
        # Taken, that is copied: a column of a batch keeps the whole batch in memory.
        image_ids.append(batch["image_id"].take(pa.array(range(len(batch)), pa.int64())))
        keys.append(np.stack([batch["_rowaddr"].to_numpy(), batch["_rowid"].to_numpy()]))
        filled = end
    addresses, row_ids = np.concatenate(keys, axis=1)
    return pa.chunked_array(image_ids, pa.string()).combine_chunks(), addresses, row_ids


def _unit_scales(rows: Any) -> FloatArray:
    scales = np.empty((len(rows), len(VECTORS)), np.float32)
    for start in range(0, len(scales), BATCH_ROWS):
        block = rows[start : start + BATCH_ROWS].float().cpu().numpy()
        scales[start : start + len(block)] = unit_scales(block.reshape(len(block), len(VECTORS), -1))
    return scales


def _longest(rows: Any) -> tuple[float, ...]:
    """For each column, a number that none of its vectors is longer than."""
    import torch

    longest = torch.zeros(len(VECTORS))
    # After the reading, not between: short-lived blocks among what stays would leave the memory full of holes.
    for block in rows.split(BATCH_ROWS):
        lengths = block.float().unflatten(1, (len(VECTORS), -1)).norm(dim=2)
        longest = torch.maximum(longest, lengths.amax(dim=0).cpu()) if len(block) else longest
    return tuple(length * (1 + NORM_SLACK) for length in longest.tolist())
