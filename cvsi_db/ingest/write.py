"""Write: what was loaded and embedded goes into the gallery, Lance first and the catalog last, batch by batch.

Takes a DecodedBatch with its vectors, and at the end the scan; writes to the store and the catalog, and
returns the counts, in files. A row without a path goes to the table `removed`, and comes back without a model when its
content turns up again. A crash anywhere leaves only work to redo: the catalog never names a file whose row is missing,
and every step may be repeated.
"""

from __future__ import annotations

from collections import ChainMap, Counter
from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeVar

from cvsi_db.ingest.image_ids import ImageIds
from cvsi_db.ingest.image_row import is_respelt, new_row, placed, with_metadata, with_tags
from cvsi_db.ingest.read_bytes import DecodedBatch, FailedFile, ReadFile, printable
from cvsi_db.ingest.scan import Scan, is_gone, is_settled, signature
from cvsi_db.records import FloatArray, FoundFile, ImageRow, IngestFailure, IngestSummary
from cvsi_db.store.catalog import FileState, SourceFile

if TYPE_CHECKING:
    from cvsi_db.store.catalog import Catalog
    from cvsi_db.store.images import Store

T = TypeVar("T")
Outcome = Literal["new", "unchanged", "moved", "duplicates"]
_CHUNK = 500


class RecordedFiles:
    """The catalog's files, read as they are asked for: a gallery may have more than memory should hold.

    One whose image is not in `shown` counts as without image.
    """

    def __init__(self, catalog: Catalog, shown: Container[str]) -> None:
        self._catalog, self._shown = catalog, shown

    def get(self, path: str, /) -> SourceFile | None:
        """The file at that path."""
        return self.at([path]).get(path)

    def at(self, paths: Collection[str]) -> dict[str, SourceFile]:
        """The files at those of the paths where some are recorded, by path."""
        return {path: self._settled(file) for path, file in self._catalog.files_at(paths).items()}

    def values(self) -> Iterator[SourceFile]:
        """All files."""
        return map(self._settled, self._catalog.each_file())

    def _settled(self, file: SourceFile) -> SourceFile:
        return file if file.image_id is None or file.image_id in self._shown else replace(file, image_id=None)


class KnownContents(Container[str]):
    """The image_ids of contents that need no model: those in `shown`, and those in `removed` but for the `blind`, which
    have no vector."""

    def __init__(self, shown: ImageIds, removed: Collection[str], blind: set[str]) -> None:
        self._shown, self._removed, self.blind = shown, removed, blind

    def __contains__(self, image_id: object) -> bool:
        return image_id in self._shown or (image_id in self._removed and image_id not in self.blind)


class Writer:
    """Writes an ingest, and keeps track of what the gallery holds.

    `known` are the contents (image_ids) that need no model, removed ones included unless their vector is missing, as
    `cvsi-db reembed` leaves it where there is no file; `files` the catalog's files.
    A file has an image_id exactly when the row of that image in `images` has the file's path. Every file that is
    ingested gives its image the `tags`.
    """

    def __init__(self, store: Store, catalog: Catalog, *, tags: Sequence[str] = ()) -> None:
        self._store, self._catalog, self._tags = store, catalog, tuple(tags)
        self._shown = ImageIds(batch["image_id"] for batch in store.stream(["image_id"]))
        self._removed = _paths_of_removed(store, self._shown)
        blind = store.scan(["image_id"], "image_norm = 0", "removed")["image_id"].to_pylist()
        self.known = KnownContents(self._shown, self._removed, set(blind))
        self.files = RecordedFiles(catalog, self._shown)
        self._about: dict[str, SourceFile] = {}  # those of them that what is being written is about
        self._follows_a_crash = catalog.was_cut_short()
        if self._follows_a_crash:
            store.drop(store.orphans(), "captions")
            stray = store.ids("thumbnails") - self._removed.keys()
            store.drop(stray - self._shown.intersection(stray), "thumbnails")

    def write(self, batch: DecodedBatch, vectors: Mapping[str, FloatArray]) -> IngestSummary:
        """Write one batch; returns its part of the summary.

        `vectors` holds the embedding (dim,) of every picture in the batch, by image_id. Raises what the store and the
        catalog raise; the batch is then not recorded, and the next ingest does it again.
        """
        seen = [*(read.file for read in batch.files), *(failed.file for failed in batch.failures)]
        seen += [sidecar for file in seen for sidecar in file.sidecars]
        self._about = self.files.at({printable(file.path) for file in seen})
        left = {file.image_id for file in self._about.values() if file.image_id is not None}
        rows = self._rows(left | {read.image_id for read in batch.files})
        for read in batch.files:
            # A known one was decoded before an earlier batch was written.
            if read.picture and read.image_id not in self.known:
                fresh = new_row(read.file, read.picture, vectors[read.image_id])
                before = rows.get(read.image_id, fresh)
                rows[read.image_id] = replace(before, image_vector=fresh.image_vector, image_norm=fresh.image_norm)
        self._catalog.give_captions({read.image_id: (read.caption,) for read in batch.files if read.caption})
        # First, as captions: an image is never found without what belongs to it.
        self._store.add_thumbnails({each.image_id: each.thumbnail for each in batch.pictures if each.thumbnail})
        paths = {image_id: row.paths for image_id, row in rows.items()}
        records: dict[str, SourceFile] = {}
        outcomes = Counter(self._place(read, paths, records) for read in batch.files)
        self._write_rows(rows, paths, batch.files, records)
        self._record(records | self._failed(batch.failures) | self._sidecars(batch.files))
        return _summary(batch, outcomes)

    def finish(self, found: Scan, *, prune: bool = False) -> IngestSummary:
        """Do what is left once every pending file of a scan is written; returns that part of the summary.

        Unchanged files get their tags, gone ones are recorded as missing; with `prune` the removed images under the
        scanned folders are deleted.
        """
        if self._tags:
            for paths in _chunks(found.unchanged):
                self._about = self.files.at(paths)
                rows = self._rows({file.image_id for file in self._about.values() if file.image_id is not None})
                self._write_rows(rows, {image_id: row.paths for image_id, row in rows.items()}, tagged=rows)
        for skipped in _chunks(found.skipped):
            self._about = self.files.at([file.path for file in skipped])
            self._record({file.path: file for file in skipped if self._about.get(file.path) != file})
        self._catalog.forget_files(found.forgotten)
        if self._follows_a_crash:
            self._settle(found)
        return IngestSummary(
            unchanged=len(found.unchanged),
            skipped=len(found.skipped),
            skipped_files=tuple(IngestFailure(file.path, file.error or "") for file in found.skipped),
            removed=self.mark_missing(found.gone),
            pruned=self.prune(found.covers) if prune else 0,
            lost=found.lost,
        )

    def _settle(self, found: Scan) -> None:
        """Bring rows and catalog together where an ingest wrote rows, died, and their files changed before this scan.

        A path that the catalog knows by another image, or not at all though it was scanned, is taken out of the row.
        One that was not scanned is recorded, without a size, so that the next scan of it reads the file again.
        """
        for batch in self._store.batches(["image_id", "paths"], _CHUNK):
            held = [(row["image_id"], path) for row in batch.to_pylist() for path in row["paths"]]
            known = self.files.at({path for _, path in held})
            stray = [(name, path) for name, path in held if path not in known or known[path].image_id != name]
            unseen = {path: name for name, path in stray if path not in known and not found.covers(path)}
            wrong = {(name, path) for name, path in stray if path not in unseen}
            self._about = known
            rows = self._rows({name for name, _ in wrong})
            left = {name: tuple(path for path in row.paths if (name, path) not in wrong) for name, row in rows.items()}
            self._write_rows(rows, left)
            self._record({path: SourceFile(path, -1, -1, name, "ok", None) for path, name in unseen.items()})

    def mark_missing(self, gone: Sequence[SourceFile]) -> int:
        """Record the files that are gone and did not turn up elsewhere; returns how many of them were images."""
        lost, count = {file.path for file in gone}, 0
        for some in _chunks(gone):
            self._about = self.files.at([file.path for file in some])
            chunk = [file for file in some if not is_settled(self._about[file.path])]
            count += sum(file.state == "ok" or file.image_id is not None for file in chunk)
            rows = self._rows({file.image_id for file in chunk if file.image_id})
            left = {image_id: tuple(path for path in row.paths if path not in lost) for image_id, row in rows.items()}
            self._write_rows(rows, left)
            self._record({file.path: _missing(file) for file in chunk})
        return count

    def prune(self, covers: Callable[[str], bool]) -> int:
        """Delete the removed images whose last path is covered, with captions and caches; returns how many."""
        covered = sorted(image_id for image_id, path in self._removed.items() if covers(path))
        for chunk in _chunks(covered):
            self._catalog.forget_captions(chunk)  # may go first: a cache says nothing about the tables
            self._store.delete(chunk)
            for image_id in chunk:
                del self._removed[image_id]
        return len(covered)

    def _place(self, read: ReadFile, paths: dict[str, tuple[str, ...]], records: dict[str, SourceFile]) -> Outcome:
        """Put a file's path into the row of its content, in place of one that is gone, if any."""
        path, image_id, before = str(read.file.path), read.image_id, self._about.get(str(read.file.path))
        if before is not None and before.image_id in paths and before.image_id != image_id:
            paths[before.image_id] = tuple(other for other in paths[before.image_id] if other != path)
        records[path] = _source_file(read.file, image_id)
        if read.metadata is not None:
            records[path] = replace(records[path], keywords="\n".join(read.metadata.tags))
        held = paths[image_id]
        if path in held:  # touched but the same, or written by an ingest that died before it was recorded
            return "unchanged" if before is not None and before.image_id == image_id else "new"
        gone = next((other for other in held if is_gone(other) or is_respelt(other, path)), None)
        if gone is None:
            paths[image_id] = (*held, path)
            if held:
                return "duplicates"
            last = self._removed.get(image_id)  # the path of a removed image that is back
            return "new" if last is None else "unchanged" if last == path else "moved"
        paths[image_id] = tuple(path if other == gone else other for other in held)
        if gone in self._about:
            records[gone] = _missing(self._about[gone])
        return "moved"

    def _keywords(self, paths: Sequence[str], files: Mapping[str, SourceFile]) -> dict[str, None]:
        """The keywords that these files gave their image, in their order."""
        known = (files.get(path) for path in paths)
        return dict.fromkeys(word for file in known if file and file.keywords for word in file.keywords.split("\n"))

    def _sidecars(self, reads: Sequence[ReadFile]) -> dict[str, SourceFile]:
        """Records of the sidecars that could not be read; those that now could be are forgotten."""
        unread = {printable(failed.file.path): failed for read in reads for failed in read.unread}
        seen = {printable(sidecar.path) for read in reads for sidecar in read.file.sidecars}
        self._catalog.forget_files([path for path in seen - unread.keys() if path in self._about])
        return {
            path: replace(_source_file(failed.file, None, failed.reason), path=path, state="skipped")
            for path, failed in unread.items()
        }

    def _failed(self, failures: Sequence[FailedFile]) -> dict[str, SourceFile]:
        """Records of the failures, with the image_id they had: the row stays until its path holds another content."""
        records = {}
        for failed in failures:
            path = printable(failed.file.path)  # SQLite stores no other text
            before = self._about.get(path)
            record = _source_file(failed.file, before.image_id if before is not None else None, failed.reason)
            records[path] = replace(record, path=path)
        return records

    def _rows(self, image_ids: Collection[str]) -> dict[str, ImageRow]:
        """The rows of those images that have one, in either table; what is being written is about their files too."""
        shown = self._shown.intersection(image_ids)
        removed = self._removed.keys() & image_ids
        rows = self._store.rows(shown) if shown else {}
        rows |= self._store.rows(removed, "removed") if removed else {}
        paths = {path for row in rows.values() for path in row.paths or (row.path,)}
        self._about |= self.files.at(paths - self._about.keys())
        return rows

    def _write_rows(
        self,
        rows: Mapping[str, ImageRow],
        paths: Mapping[str, tuple[str, ...]],
        reads: Sequence[ReadFile] = (),
        records: Mapping[str, SourceFile] = MappingProxyType({}),
        *,
        tagged: Collection[str] = (),
    ) -> None:
        """Write new rows, then rows with other paths, and last move rows without any: no path is ever in no row.

        A row gets the metadata of its primary file, if that is among `reads`, and the keywords that its files have by
        `records` in place of those they had; all images of `reads` are tagged.
        """
        metadata = {str(read.file.path): read.metadata for read in reads}
        placed_rows = {image_id: placed(row, paths[image_id]) for image_id, row in rows.items() if paths[image_id]}
        files = ChainMap(dict(records), self._about)
        for image_id, row in placed_rows.items():
            had = self._keywords(rows[image_id].paths or (rows[image_id].path,), self._about)
            has = self._keywords(row.paths, files)
            described = with_metadata(row, found) if (found := metadata.get(row.path)) else row
            placed_rows[image_id] = with_tags(described, [each for each in has if each not in had], had.keys() - has)
        tagged = {*tagged, *(read.image_id for read in reads)}
        placed_rows |= {
            image_id: with_tags(row, self._tags) for image_id, row in placed_rows.items() if image_id in tagged
        }
        shown, removed = self._shown, self._removed
        new = [row for image_id, row in placed_rows.items() if image_id not in shown and image_id not in removed]
        back = [row for image_id, row in placed_rows.items() if image_id in self._removed]
        old = [row for image_id, row in placed_rows.items() if image_id in self._shown and row is not rows[image_id]]
        empty = {image_id: rows[image_id] for image_id in self._shown.intersection(rows.keys() - placed_rows.keys())}
        self._store.upsert(new, [])
        self._store.bring_back(back)
        self._store.update(old)
        self._store.remove(list(empty.values()))
        # These change in place, since the loading threads look into them.
        self._shown.update(placed_rows)
        self.known.blind.difference_update(placed_rows)
        for image_id in placed_rows.keys() & self._removed.keys():
            del self._removed[image_id]
        self._removed.update({image_id: row.path for image_id, row in empty.items()})
        self._shown.difference_update(empty)

    def _record(self, records: Mapping[str, SourceFile]) -> None:
        self._catalog.record_files(list(records.values()))


def _paths_of_removed(store: Store, shown: ImageIds) -> dict[str, str]:
    """The last path of every removed image; rows that a crash left in both tables are deleted from `removed`."""
    table = store.scan(["image_id", "path"], table="removed")
    removed = dict(zip(table["image_id"].to_pylist(), table["path"].to_pylist(), strict=True))
    store.drop(shown.intersection(removed), "removed")
    return {image_id: path for image_id, path in removed.items() if image_id not in shown}


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))


def _source_file(file: FoundFile, image_id: str | None, error: str | None = None) -> SourceFile:
    state: FileState = "failed" if error else "ok"
    return SourceFile(str(file.path), file.size_bytes, file.mtime_ns, image_id, state, error, signature(file.sidecars))


def _missing(file: SourceFile) -> SourceFile:
    return replace(file, image_id=None, state="missing", error=None)


def _summary(batch: DecodedBatch, outcomes: Counter[Outcome]) -> IngestSummary:
    unread = [failed for read in batch.files for failed in read.unread]
    return IngestSummary(
        new=outcomes["new"],
        unchanged=outcomes["unchanged"],
        moved=outcomes["moved"],
        duplicates=outcomes["duplicates"],
        failed=len(batch.failures),
        skipped=len(unread),
        embedded=len(batch.pictures),
        errors=tuple(IngestFailure(printable(failed.file.path), failed.reason) for failed in batch.failures),
        skipped_files=tuple(IngestFailure(printable(failed.file.path), failed.reason) for failed in unread),
    )
