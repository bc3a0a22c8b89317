"""Check: whether a gallery's catalog, its tables and the files on the disk agree, and whether its vectors are sound.

Takes the store and the catalog; returns Problems, each with its remedy. Changes nothing. Reads everything once, a batch
at a time, so that memory grows with the number of problems only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from operator import attrgetter
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from cvsi_db.ingest.read_bytes import mtime_ns, place_of
from cvsi_db.ingest.walk import seen
from cvsi_db.manage.cross_check import CrossCheck, Records
from cvsi_db.store.indexes import is_outgrown
from cvsi_db.store.location import RemoteFolder

if TYPE_CHECKING:
    import pyarrow as pa

    from cvsi_db.store.catalog import Catalog, SourceFile
    from cvsi_db.store.images import Store, TableName

Kind = Literal[
    "catalog damaged", "table damaged",
    "file gone", "file changed", "image missing", "path lost", "path unknown", "row without file", "row paths",
    "image twice", "image vector", "captions", "captions without image", "thumbnail without image", "index",
]  # fmt: skip

_READ_AGAIN = "`cvsi-db check --repair`, then `cvsi-db ingest` its folder"
_REPAIR = "`cvsi-db check --repair`"
REMEDIES: MappingProxyType[Kind, str] = MappingProxyType(
    {
        "catalog damaged": _REPAIR,
        "table damaged": _READ_AGAIN,
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
        "thumbnail without image": _REPAIR,
        "index": "`cvsi-db optimize`",
    }
)
"""What to do, by kind of problem."""

KINDS: tuple[Kind, ...] = get_args(Kind)

UNIT_TOLERANCE = 5e-3
"""How far a float16 vector of unit length may be from 1."""

BATCH = 2000


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong: `what`, in one line, and its `remedy`; `table` is the table of the row concerned."""

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
    """The problems, by kind in the order of KINDS; an empty list when there are none.

    With `files` the files on the disk are looked at too: gone or changed ones are problems then, which an ingest
    solves. An image without captions is no problem, nor is a file that could not be read.
    """
    found: dict[Kind, list[Problem]] = {kind: [] for kind in KINDS}
    with CrossCheck(store.count() + store.count(table="removed")) as cross_check:
        for problem in chain(
            _file_problems(catalog, cross_check, files),
            _image_problems(store, cross_check, "images"),
            _image_problems(store, cross_check, "removed"),
            _caption_problems(store, cross_check),
            _thumbnail_problems(store, cross_check),
            (problem for records in cross_check.each_range() for problem in _disagreements(records)),
            _index_problems(store),
        ):
            found[problem.kind].append(problem)
    return [problem for same in found.values() for problem in sorted(same, key=attrgetter("what"))]


def _file_problems(catalog: Catalog, cross_check: CrossCheck, look: bool) -> Iterator[Problem]:
    files = catalog.each_file()
    while batch := list(islice(files, BATCH)):
        known = [file for file in batch if file.image_id is not None]
        cross_check.add("files", [file.path for file in known], [file.image_id for file in known])
        for file in batch:
            if file.state == "ok" and file.image_id is None:
                yield Problem("image missing", f"{file.path}: the catalog names no image for it", None, file.path)
            if file.state == "ok" and look:
                yield from _disk_problems(file)


def _disk_problems(file: SourceFile) -> Iterator[Problem]:
    if isinstance(place_of(file.path), RemoteFolder):
        now = seen(file.path)
        if now.size_bytes < 0:
            yield Problem("file gone", f"{file.path} is not there", file.image_id, file.path)
        elif now[1:3] != (file.size_bytes, file.mtime_ns):
            yield Problem("file changed", f"{file.path} has changed since it was read", file.image_id, file.path)
        return
    try:
        status = os.stat(file.path)
    except (FileNotFoundError, NotADirectoryError):
        yield Problem("file gone", f"{file.path} does not exist", file.image_id, file.path)
    except OSError as error:
        yield Problem("file gone", f"{file.path}: {error.strerror or error}", file.image_id, file.path)
    else:
        if (status.st_size, mtime_ns(status)) != (file.size_bytes, file.mtime_ns):
            yield Problem("file changed", f"{file.path} has changed since it was read", file.image_id, file.path)


_COLUMNS = ("image_id", "path", "paths", "folder", "name", "captions", "image_vector", "caption_vector")


def _image_problems(store: Store, cross_check: CrossCheck, table: TableName) -> Iterator[Problem]:
    for batch in store.batches(_COLUMNS, BATCH, table=table):
        ids, lengths = batch["image_id"].to_pylist(), batch["captions"].value_lengths()
        cross_check.add("images", batch["image_id"], [table] * len(ids), lengths)
        vectors = _matrix(batch["image_vector"])
        # A row whose file was gone when the gallery's model was changed has none until the file is back.
        waits = ~np.any(vectors, axis=1) & (table == "removed")
        for row in np.flatnonzero(~_are_unit(vectors) & ~waits):
            what = f"the vector of image {ids[row]} is not of unit length"
            yield Problem("image vector", what, ids[row], table=table)
        captions, counts = _matrix(batch["caption_vector"]), lengths.to_numpy()
        finite, zero = np.all(np.isfinite(captions), axis=1), ~np.any(captions, axis=1)
        for row in np.flatnonzero(~finite | (zero != (counts == 0))):
            what = "is not finite" if not finite[row] else "is zero" if zero[row] else "is not zero, without captions"
            yield Problem("captions", f"the caption vector of image {ids[row]} {what}", ids[row], table=table)
        if table == "images":
            paths = batch["paths"]
            cross_check.add("held", paths.flatten(), batch["image_id"].take(pc.list_parent_indices(paths)))
            yield from _path_problems(batch)


def _path_problems(batch: pa.RecordBatch) -> Iterator[Problem]:
    for row in batch.select(["image_id", "path", "paths", "folder", "name"]).to_pylist():
        image_id, path = row["image_id"], row["path"]
        place = Path(path)
        if not row["paths"]:
            yield Problem("row without file", f"image {image_id} ({path}) has no path", image_id, path)
        elif path not in row["paths"] or (row["folder"], row["name"]) != (place.parent.name, place.name):
            what = f"the primary path of image {image_id}, {path}, does not fit its paths, folder and name"
            yield Problem("row paths", what, image_id, path)


def _caption_problems(store: Store, cross_check: CrossCheck) -> Iterator[Problem]:
    for batch in store.batches(["image_id", "vector"], BATCH, table="captions"):
        cross_check.add("captions", batch["image_id"])
        for row in np.flatnonzero(~_are_unit(_matrix(batch["vector"]))):
            image_id = batch["image_id"][int(row)].as_py()
            yield Problem("captions", f"a caption's vector of image {image_id} is not of unit length", image_id)


def _thumbnail_problems(store: Store, cross_check: CrossCheck) -> Iterator[Problem]:
    for batch in store.batches(["image_id"], BATCH, table="thumbnails"):
        cross_check.add("thumbnails", batch["image_id"])
    yield from ()


def _index_problems(store: Store) -> Iterator[Problem]:
    for facts in store.indexes():
        if is_outgrown(facts):
            yield Problem("index", f"the index on {facts.column} has {facts.rows} rows, {facts.rows_since} came later")


def _disagreements(records: Records) -> Iterator[Problem]:
    """Where catalog, rows and captions do not say the same of an image."""
    for row in records.files_without_image():
        yield Problem("image missing", f"{row['path']}: its image is in no table", None, row["path"])
    for row in records.files_not_held():
        image_id, path = row["image_id"], row["path"]
        yield Problem("path lost", f"the row of image {image_id} lacks the path {path}", image_id, path)
    for row in records.paths_unknown():
        image_id, path = row["image_id"], row["path"]
        yield Problem("path unknown", f"image {image_id}: the catalog does not know its path {path}", image_id, path)
    for row in records.images_twice():
        image_id, table = row["image_id"], row["table"]
        yield Problem("image twice", f"image {image_id} is in the table {table} more than once", image_id, table=table)
    for row in records.captions_without_image():
        image_id = row["image_id"]
        yield Problem("captions without image", f"there are captions of image {image_id}, but no image", image_id)
    for row in records.thumbnails_without_image():
        image_id = row["image_id"]
        what = f"there is a thumbnail of image {image_id}, but no image"
        yield Problem("thumbnail without image", what, image_id, table="thumbnails")
    for row in records.captions_differing():
        what = f"image {row['image_id']} has {row['captions']} captions in its row and {row['there']} in their table"
        yield Problem("captions", what, row["image_id"], table=row["table"])


def _are_unit(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(np.abs(np.linalg.norm(vectors, axis=1) - 1) <= UNIT_TOLERANCE)


def _matrix(vectors: pa.Array) -> npt.NDArray[np.float32]:
    flat = vectors.flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat, np.float32).reshape(len(vectors), vectors.type.list_size)
