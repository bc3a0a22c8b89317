"""Check: whether a gallery's catalog, its tables and the files on the disk agree, and whether its vectors are sound.

Takes the store and the catalog; returns Problems, each with its remedy. Changes nothing; reads everything once, a batch
at a time, so that memory grows with the problems alone. Knows nothing about models.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from cvsi_db.manage.cross_check import Ledger
from cvsi_db.store.indexes import is_outgrown

if TYPE_CHECKING:
    import pyarrow as pa

    from cvsi_db.store.catalog import Catalog, SourceFile
    from cvsi_db.store.images import Store, TableName

Kind = Literal[
    "file gone", "file changed", "image missing", "path lost", "path unknown", "row without file", "row paths",
    "image twice", "image vector", "captions", "captions without image", "index",
]  # fmt: skip

_READ_AGAIN = "`cvsi-db check --repair`, then `cvsi-db ingest` its folder"
_REPAIR = "`cvsi-db check --repair`"
REMEDIES: MappingProxyType[Kind, str] = MappingProxyType(
    {
        "file gone": "bring the file back, or `cvsi-db ingest` its folder to keep the image out of the hits",
        "file changed": "`cvsi-db ingest` its folder",
        "image missing": _READ_AGAIN,
        "path lost": _READ_AGAIN,
        "path unknown": _REPAIR,
        "row without file": _REPAIR,
        "row paths": _REPAIR,
        "image twice": _READ_AGAIN,
        "image vector": _READ_AGAIN,
        "captions": "`cvsi-db check --repair`, then `cvsi-db caption`",
        "captions without image": _REPAIR,
        "index": "`cvsi-db optimize`",
    }
)
"""What a person should do, by kind of problem."""

KINDS: tuple[Kind, ...] = get_args(Kind)

UNIT_TOLERANCE = 5e-3
"""How far a float16 vector of unit length may be from 1."""

BATCH = 2000


@dataclass(frozen=True)
class Problem:
    """Something that is wrong: `what`, in one line, and `remedy`; `image_id` and `path` where it has them.

    `table` is the one that the row concerned is in.
    """

    kind: Kind
    what: str
    image_id: str | None = None
    path: str | None = None
    table: TableName = "images"

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return REMEDIES[self.kind]

    def __str__(self) -> str:
        return f"{self.kind}: {self.what}"


def find_problems(store: Store, catalog: Catalog, *, files: bool = False) -> list[Problem]:
    """The problems, by kind in the order of KINDS; an empty list when the gallery is sound.

    With `files` the files on the disk are looked at too: gone or changed ones are problems then, though only because
    no ingest has seen it yet. An image without captions is sound, and so is a file that could not be read.
    """
    with Ledger() as ledger:
        problems = [
            *_of_files(catalog, ledger, files),
            *(problem for table in ("images", "removed") for problem in _of_images(store, ledger, table)),
            *_of_captions(store, ledger),
            *_of_ledger(ledger),
            *_of_indexes(store),
        ]
    return sorted(problems, key=lambda problem: (KINDS.index(problem.kind), problem.what))


# --- file by file, row by row -----------------------------------------------------------------------------------


def _of_files(catalog: Catalog, ledger: Ledger, look: bool) -> Iterator[Problem]:
    chunk: list[SourceFile] = []
    for file in catalog.each_file():
        chunk.append(file)
        if look and file.state == "ok":
            yield from _of_file(file)
        if len(chunk) == BATCH:
            ledger.add_files((known.path, known.image_id, known.state) for known in chunk)
            chunk.clear()
    ledger.add_files((known.path, known.image_id, known.state) for known in chunk)


def _of_file(file: SourceFile) -> Iterator[Problem]:
    try:
        status = os.stat(file.path)
    except (FileNotFoundError, NotADirectoryError):
        yield Problem("file gone", f"{file.path} is not there", file.image_id, file.path)
    except OSError as error:
        yield Problem("file gone", f"{file.path}: {error.strerror or error}", file.image_id, file.path)
    else:
        if (status.st_size, status.st_mtime_ns) != (file.size_bytes, file.mtime_ns):
            yield Problem("file changed", f"{file.path} has changed since it was read", file.image_id, file.path)


_COLUMNS = ("image_id", "path", "paths", "folder", "name", "captions", "image_vector", "caption_vector")


def _of_images(store: Store, ledger: Ledger, table: TableName) -> Iterator[Problem]:
    for batch in store.batches(_COLUMNS, BATCH, table=table):
        ids, counts = batch["image_id"].to_pylist(), _lengths(batch["captions"])
        ledger.add_images(table, zip(ids, counts, strict=True))
        yield from _of_vectors(batch, ids, counts, table)
        if table == "images":
            yield from _of_paths(batch, ledger)


def _of_vectors(
    batch: pa.RecordBatch, ids: Sequence[str], counts: Sequence[int], table: TableName
) -> Iterator[Problem]:
    for row in _where(~_are_unit(_matrix(batch["image_vector"]))):
        yield Problem("image vector", f"the vector of image {ids[row]} is not of unit length", ids[row], table=table)
    captions = _matrix(batch["caption_vector"])
    finite, zero = np.all(np.isfinite(captions), axis=1), ~np.any(captions, axis=1)
    for row in _where(~finite | (zero != (np.asarray(counts) == 0))):
        what = "is not finite" if not finite[row] else "is zero" if zero[row] else "is of no captions"
        yield Problem("captions", f"the caption vector of image {ids[row]} {what}", ids[row], table=table)


def _of_paths(batch: pa.RecordBatch, ledger: Ledger) -> Iterator[Problem]:
    for row in batch.select(["image_id", "path", "paths", "folder", "name"]).to_pylist():
        image_id, path, paths = row["image_id"], row["path"], row["paths"]
        ledger.add_paths((held, image_id) for held in paths)
        place = Path(path)
        if not paths:
            yield Problem("row without file", f"image {image_id} ({path}) has no path", image_id, path)
        elif path not in paths or (row["folder"], row["name"]) != (place.parent.name, place.name):
            yield Problem("row paths", f"image {image_id} has a path, {path}, unlike its others", image_id, path)


def _of_captions(store: Store, ledger: Ledger) -> Iterator[Problem]:
    for batch in store.batches(["image_id", "vector"], BATCH, table="captions"):
        ids = batch["image_id"].to_pylist()
        ledger.add_captions(ids)
        for row in _where(~_are_unit(_matrix(batch["vector"]))):
            yield Problem("captions", f"a caption's vector of image {ids[row]} is not of unit length", ids[row])


def _of_indexes(store: Store) -> Iterator[Problem]:
    for facts in store.indexes():
        if is_outgrown(facts):
            yield Problem(
                "index", f"the index on {facts.column} holds {facts.rows} rows, {facts.rows_since} came since"
            )


def _are_unit(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(np.abs(np.linalg.norm(vectors, axis=1) - 1) <= UNIT_TOLERANCE)


def _where(ill: npt.NDArray[np.bool_]) -> list[int]:
    rows: list[int] = np.flatnonzero(ill).tolist()
    return rows


def _matrix(vectors: Any) -> npt.NDArray[np.float32]:
    flat = vectors.flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat, np.float32).reshape(len(vectors), vectors.type.list_size)


def _lengths(lists: Any) -> list[int]:
    return [length or 0 for length in lists.value_lengths().to_pylist()]


# --- each against the others ------------------------------------------------------------------------------------


def _of_ledger(ledger: Ledger) -> Iterator[Problem]:
    ledger.close_lists()
    for (path,) in ledger.files_without_image():
        yield Problem("image missing", f"{path}: its image is in no table", None, path)
    for path, image_id in ledger.files_not_held():
        yield Problem("path lost", f"image {image_id} does not hold {path}, which leads to it", image_id, path)
    for path, image_id in ledger.paths_unknown():
        yield Problem("path unknown", f"image {image_id}: the catalog does not know its path {path}", image_id, path)
    for table, image_id in ledger.images_twice():
        yield Problem("image twice", f"image {image_id} is in the table {table} more than once", image_id, table=table)
    for (image_id,) in ledger.captions_without_image():
        yield Problem("captions without image", f"there are captions of image {image_id}, but no image", image_id)
    for table, image_id, told, there in ledger.captions_differing():
        what = f"image {image_id} has {told} captions in its row and {there} in their table"
        yield Problem("captions", what, image_id, table=table)
