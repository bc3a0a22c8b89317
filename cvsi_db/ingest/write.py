"""Write: what was read and embedded goes into the gallery, Lance first and the catalog last, batch by batch.

Takes a DecodedBatch with its vectors and captions, writes to the store and the catalog, and returns what that was, in
files. Knows nothing about models or the inside of a picture. A crash anywhere leaves only work to redo: the catalog
never names a file whose row is not there, and every step may be repeated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cvsi_db.catalog import SourceFile
from cvsi_db.ingest.caption import Captions
from cvsi_db.ingest.decode import DecodedBatch, FailedFile, ReadFile, printable
from cvsi_db.ingest.scan import is_gone
from cvsi_db.records import FloatArray, FoundFile, ImageRow, IngestFailure, IngestSummary, Picture

if TYPE_CHECKING:
    from cvsi_db.catalog import Catalog
    from cvsi_db.store import Store

Outcome = Literal["new", "unchanged", "moved", "duplicates"]
_CHUNK = 500
_LAST_MOMENT = 253402300799 * 10**9
"""The end of the year 9999 in nanoseconds: file systems know later times, Python does not."""


class Writer:
    """The one who writes an ingest, and who knows what the gallery holds meanwhile.

    `known` are the image_ids with a row, `files` the catalog's files by path. A file has an image_id exactly when the
    row of that image has the file's path.
    """

    def __init__(self, store: Store, catalog: Catalog) -> None:
        self._store, self._catalog = store, catalog
        self.known: set[str] = set(store.scan(["image_id"])["image_id"].to_pylist())
        self.files: dict[str, SourceFile] = catalog.source_files()

    def write(
        self, batch: DecodedBatch, vectors: Mapping[str, FloatArray], captions: Mapping[str, Captions]
    ) -> IngestSummary:
        """Write one batch; returns its part of the summary.

        `vectors` and `captions` hold every picture of the batch, by image_id. Raises what the store and the catalog
        raise; the batch is then not recorded, and the next ingest does it again.
        """
        rows = self._rows_touched_by(batch.files)
        rows |= {
            read.image_id: _row(read.file, read.picture, vectors, captions) for read in batch.files if read.picture
        }
        paths = {image_id: row.paths for image_id, row in rows.items()}
        records: dict[str, SourceFile] = {}
        outcomes = Counter(self._place(read, paths, records) for read in batch.files)
        self._write_rows(rows, paths, captions)
        self._record(records | self._failed(batch.failures))
        return _summary(batch, outcomes)

    def mark_missing(self, gone: Sequence[SourceFile]) -> int:
        """Note the files that are gone and did not turn up elsewhere; returns how many of them were images.

        Their rows stay. A row that has another path left loses the gone one.
        """
        missing = [file for file in gone if self.files[file.path].state != "missing"]
        for start in range(0, len(missing), _CHUNK):
            chunk = missing[start : start + _CHUNK]
            rows = self._rows({file.image_id for file in chunk if file.image_id})
            left = {image_id: _still_there(row.paths) or row.paths for image_id, row in rows.items()}
            self._write_rows(rows, left, {})
            self._record({file.path: _missing(file, _holder(file, left)) for file in chunk})
        return sum(file.image_id is not None for file in missing)

    def _place(self, read: ReadFile, paths: dict[str, tuple[str, ...]], records: dict[str, SourceFile]) -> Outcome:
        """Put a file's path into the row of its content, in place of one that is gone if there is one."""
        path, image_id, before = str(read.file.path), read.image_id, self.files.get(str(read.file.path))
        if before is not None and before.image_id in paths and before.image_id != image_id:
            paths[before.image_id] = tuple(other for other in paths[before.image_id] if other != path)
        records[path] = _source_file(read.file, image_id)
        held = paths[image_id]
        if path in held:  # touched but the same, or written by an ingest that died before it was recorded
            return "unchanged" if before is not None and before.image_id == image_id else "new"
        gone = next(filter(is_gone, held), None)
        if gone is None:
            paths[image_id] = (*held, path)
            return "duplicates" if held else "new"
        paths[image_id] = tuple(path if other == gone else other for other in held)
        if gone in self.files:
            records[gone] = _missing(self.files[gone], None)
        return "moved"

    def _failed(self, failures: Sequence[FailedFile]) -> dict[str, SourceFile]:
        """Records of the failures. They keep the image_id: the row stays until the path is known to hold another."""
        records = {}
        for failed in failures:
            path = str(failed.file.path)
            if path == printable(failed.file.path):  # SQLite takes no other text
                before = self.files.get(path)
                image_id = before.image_id if before is not None else None
                records[path] = _source_file(failed.file, image_id, failed.reason)
        return records

    def _rows_touched_by(self, files: Sequence[ReadFile]) -> dict[str, ImageRow]:
        before = (self.files.get(str(read.file.path)) for read in files)
        left = {file.image_id for file in before if file is not None and file.image_id is not None}
        return self._rows(left | {read.image_id for read in files})

    def _rows(self, image_ids: Collection[str]) -> dict[str, ImageRow]:
        wanted = self.known.intersection(image_ids)
        return self._store.rows(wanted) if wanted else {}

    def _write_rows(
        self, rows: Mapping[str, ImageRow], paths: Mapping[str, tuple[str, ...]], captions: Mapping[str, Captions]
    ) -> None:
        """New rows, then rows with other paths, and last the end of rows without any: no path is ever in no row."""
        placed = {image_id: _placed(row, paths[image_id]) for image_id, row in rows.items() if paths[image_id]}
        new = [row for image_id, row in placed.items() if image_id in captions]
        old = [row for image_id, row in placed.items() if image_id not in captions and row is not rows[image_id]]
        empty = rows.keys() - placed.keys()
        self._store.upsert(new, [text for row in new for text in captions[row.image_id].rows(row.image_id)])
        self._store.update(old)
        self._store.delete(empty)
        self.known = (self.known | placed.keys()) - empty

    def _record(self, records: Mapping[str, SourceFile]) -> None:
        self._catalog.record_files(list(records.values()))
        self.files.update(records)


def _row(
    file: FoundFile, picture: Picture, vectors: Mapping[str, FloatArray], captions: Mapping[str, Captions]
) -> ImageRow:
    """The row of a content seen for the first time; it has no path yet."""
    image_id = picture.image_id
    return ImageRow(
        image_id=image_id,
        path="",
        paths=(),
        folder="",
        name="",
        format=picture.format,
        width=picture.width,
        height=picture.height,
        size_bytes=file.size_bytes,
        modified_at=_moment(file.mtime_ns),
        taken_at=picture.taken_at,
        camera=picture.camera,
        captions=captions[image_id].texts,
        tags=(),
        image_vector=vectors[image_id],
        caption_vector=captions[image_id].mean,
    )


def _placed(row: ImageRow, paths: tuple[str, ...]) -> ImageRow:
    """The row with these paths, at least one; the first that is still there is the primary one."""
    primary = next(iter(_still_there(paths)), paths[0])
    if (primary, paths) == (row.path, row.paths):
        return row
    where = Path(primary)
    modified_at = row.modified_at if is_gone(primary) else _moment(where.stat().st_mtime_ns)
    return replace(row, path=primary, paths=paths, folder=where.parent.name, name=where.name, modified_at=modified_at)


def _still_there(paths: Sequence[str]) -> tuple[str, ...]:
    return tuple(path for path in paths if not is_gone(path))


def _source_file(file: FoundFile, image_id: str | None, error: str | None = None) -> SourceFile:
    return SourceFile(str(file.path), file.size_bytes, file.mtime_ns, image_id, "failed" if error else "ok", error)


def _missing(file: SourceFile, image_id: str | None) -> SourceFile:
    return replace(file, image_id=image_id, state="missing", error=None)


def _holder(file: SourceFile, paths: Mapping[str, tuple[str, ...]]) -> str | None:
    """The image whose row still has the file's path, if any."""
    return file.image_id if file.image_id is not None and file.path in paths.get(file.image_id, ()) else None


def _moment(mtime_ns: int) -> str:
    return datetime.fromtimestamp(min(max(mtime_ns, 0), _LAST_MOMENT) // 1000 / 1e6, UTC).isoformat()


def _summary(batch: DecodedBatch, outcomes: Counter[Outcome]) -> IngestSummary:
    return IngestSummary(
        new=outcomes["new"],
        unchanged=outcomes["unchanged"],
        moved=outcomes["moved"],
        duplicates=outcomes["duplicates"],
        failed=len(batch.failures),
        embedded=len(batch.pictures),
        errors=tuple(IngestFailure(printable(failed.file.path), failed.reason) for failed in batch.failures),
    )
