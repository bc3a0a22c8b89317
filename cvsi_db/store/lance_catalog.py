"""The catalog of a gallery on object storage: Lance tables beside the images, with the rows of the SQLite catalog.

Takes the tables' folder and the SQLite file of this machine; it is a Catalog like any other. A table has the columns of
its SQLite counterpart; lists and summaries are JSON. What searches cache stays on this machine: rewrites, and captions
of references. The migrations make the tables.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, Literal, cast

import pyarrow as pa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateTable

from cvsi_db.errors import GalleryError
from cvsi_db.records import IngestSummary
from cvsi_db.store.catalog import (
    GIVEN,
    Catalog,
    GalleryInfo,
    IngestRun,
    SourceFile,
    now,
    open_engine,
    stored_summary,
)
from cvsi_db.store.catalog_tables import CaptionCacheTable, RewriteCacheTable, VerdictCacheTable
from cvsi_db.store.images import any_of
from cvsi_db.store.indexes import KEEP, SCALAR_INDEX_ROWS
from cvsi_db.store.lance import connect, lance_read_errors, lance_write_errors, merge, open_table, pages
from cvsi_db.store.lease import is_held
from cvsi_db.store.location import NOTE, RemoteFolder

CatalogTable = Literal["gallery", "source_file", "ingest_run", "caption_cache"]
KEYS: Mapping[CatalogTable, str] = {
    "gallery": "id",
    "source_file": "path",
    "ingest_run": "run_id",
    "caption_cache": "cache_id",
}
"""The tables, each with its key."""

_CHUNK = 1000


class LanceCatalog(Catalog):
    """One open catalog in the folder `tables`; `own` is the file for what this machine caches.

    Every method writes at most one table, in one commit. Raises GalleryError when the tables cannot be used.
    """

    def __init__(self, tables: RemoteFolder, own: Path) -> None:
        make_cache(own)
        super().__init__(own)
        self._folder, self._root = tables, tables.parent
        lance = connect(tables)
        self._tables = {name: open_table(lance, name, tables) for name in KEYS}
        self._schemas: dict[CatalogTable, pa.Schema] = {}

    def rows(self, table: CatalogTable, where: str | None = None) -> Iterator[dict[str, Any]]:
        """The rows of a table, by its key, without the key of caption_cache, which SQLite does without.

        A page of them is in memory at a time.
        """
        columns = [name for name in self._schema(table).names if name != "cache_id"]
        named = [*columns, "cache_id"] if table == "caption_cache" else columns
        found = pages(self._tables[table], named, [KEYS[table]], where)
        while True:
            with lance_read_errors(self._folder):
                page = next(found, None)
            if page is None:
                return
            for batch in page.select(columns).to_batches(_CHUNK):
                yield from batch.to_pylist()

    def add_rows(self, table: CatalogTable, rows: Iterable[Mapping[str, Any]]) -> None:
        """Insert or replace rows, by their key; the last one of a key counts."""
        name, schema = KEYS[table], self._schema(table)
        if table == "caption_cache":
            rows = [{**row, "cache_id": f"{row['image_id']}/{row['captioner']}"} for row in rows]
        by_key = {row[name]: row for row in rows}
        if by_key:
            columns = [pa.array([row[field.name] for row in by_key.values()], field.type) for field in schema]
            with lance_write_errors(self._folder):
                merge(self._tables[table], pa.table(columns, schema=schema), name)

    def revision(self) -> str:
        """The revision of the migrations that the gallery is at."""
        return str(self._row()["revision"])

    def optimize(self) -> None:
        """Compact the tables, drop their old versions, index what searches look up."""
        from lancedb.index import BTree

        with lance_write_errors(self._folder):
            for name, table in self._tables.items():
                table.optimize(cleanup_older_than=KEEP)
                if name == "caption_cache" and table.count_rows() >= SCALAR_INDEX_ROWS and not table.list_indices():
                    table.create_index("image_id", config=BTree())

    # --- a Catalog's methods ------------------------------------------------------------------------------------

    def gallery(self) -> GalleryInfo:
        """What the gallery was made with."""
        return GalleryInfo(**{field.name: self._row()[field.name] for field in fields(GalleryInfo)})

    def describe(self, info: GalleryInfo, revision: str | None = None) -> None:
        """Record what the gallery was made with, and the revision that it is at, unless that stays."""
        self.add_rows("gallery", [{"id": 1, **asdict(info), "revision": revision or self.revision()}])
        (self._root / info.tables / NOTE).write_bytes(json.dumps(asdict(info)).encode())

    def each_file(self) -> Iterator[SourceFile]:
        """Every file seen so far, in the order of their paths."""
        return map(_file, self.rows("source_file"))

    def files_at(self, paths: Collection[str]) -> dict[str, SourceFile]:
        """Those of the files seen so far that are at these paths, by path."""
        wanted, found = list(paths), dict[str, SourceFile]()
        for start in range(0, len(wanted), _CHUNK):
            some = self.rows("source_file", any_of(wanted[start : start + _CHUNK], "path"))
            found |= {row["path"]: _file(row) for row in some}
        return found

    def record_files(self, files: Sequence[SourceFile]) -> None:
        """Insert or replace files, by path."""
        self.add_rows("source_file", [asdict(file) for file in files])

    def forget_files(self, paths: Collection[str]) -> None:
        """Forget files; unknown paths are ignored."""
        self._forget("source_file", "path", paths)

    def start_run(self, roots: Sequence[str]) -> int:
        """Record that an ingest of `roots` began; returns its number."""
        run_id = 1 + max((row["run_id"] for row in self.rows("ingest_run")), default=0)
        row = {"run_id": run_id, "roots": json.dumps(list(roots)), "started_at": now()}
        self.add_rows("ingest_run", [{**row, "finished_at": None, "summary": None}])
        return run_id

    def finish_run(self, run_id: int, summary: IngestSummary) -> None:
        """Record what an ingest did; which files it skipped is in the records of the files."""
        done = {"finished_at": now(), "summary": json.dumps(asdict(replace(summary, skipped_files=())))}
        self.add_rows("ingest_run", [{**row, **done} for row in self.rows("ingest_run", f"run_id = {int(run_id)}")])

    def runs(self, limit: int = 10) -> list[IngestRun]:
        """The last ingests, newest first."""
        return [
            IngestRun(
                row["run_id"],
                tuple(json.loads(row["roots"])),
                row["started_at"],
                row["finished_at"],
                stored_summary(json.loads(row["summary"])) if row["summary"] else None,
            )
            for row in sorted(self.rows("ingest_run"), key=lambda row: -row["run_id"])[:limit]
        ]

    def kept_captions(self, image_ids: Collection[str]) -> dict[str, dict[str, tuple[str, ...]]]:
        """All cached captions of these images, on this machine or in the gallery: by image_id, by captioner."""
        found, wanted = super().kept_captions(image_ids), list(image_ids)
        for start in range(0, len(wanted), _CHUNK):
            for row in self.rows("caption_cache", any_of(wanted[start : start + _CHUNK])):
                found.setdefault(row["image_id"], {})[row["captioner"]] = tuple(json.loads(row["captions"]))
        return found

    def keep_captions(self, captioner: str, captions: Mapping[str, tuple[str, ...]]) -> None:
        """Cache what `captioner` wrote of images: the writer for everybody, a search for this machine."""
        if is_held(self._root):
            self._add_captions(captioner, captions)
        else:
            super().keep_captions(captioner, captions)

    def give_captions(self, captions: Mapping[str, tuple[str, ...]]) -> None:
        """Record imported captions of images, by image_id, which hold whatever the captioner."""
        self._add_captions(GIVEN, captions)

    def forget_captions(self, image_ids: Collection[str]) -> None:
        """Forget all cached captions of these images."""
        super().forget_captions(image_ids)
        self._forget("caption_cache", "image_id", image_ids)

    def _add_captions(self, captioner: str, captions: Mapping[str, tuple[str, ...]]) -> None:
        rows = [
            {"image_id": name, "captioner": captioner, "captions": json.dumps(texts)}
            for name, texts in captions.items()
        ]
        self.add_rows("caption_cache", rows)

    def _row(self) -> dict[str, Any]:
        row = next(self.rows("gallery"), None)
        if row is None:
            raise GalleryError(f"{str(self._root)!r} holds no gallery: ingest images first")
        return row

    def _schema(self, table: CatalogTable) -> pa.Schema:
        """The columns of a table, asked for once: a handle asks the store for its newest version each time."""
        if table not in self._schemas:
            self._schemas[table] = self._tables[table].schema
        return self._schemas[table]

    def _forget(self, table: CatalogTable, column: str, values: Collection[str]) -> None:
        wanted = list(values)
        with lance_write_errors(self._folder):
            for start in range(0, len(wanted), _CHUNK):
                self._tables[table].delete(any_of(wanted[start : start + _CHUNK], column))


def _file(row: Mapping[str, Any]) -> SourceFile:
    return SourceFile(*(row[field.name] for field in fields(SourceFile)))


def make_cache(own: Path) -> None:
    """Make the SQLite file of this machine, with the tables that cache, where they are not there yet."""
    try:
        own.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GalleryError(
            f"cannot make the folder of caches {str(own.parent)!r}: {error.strerror or error}"
        ) from error
    engine = open_engine(own)
    try:
        with engine.begin() as connection:
            for table in (CaptionCacheTable, RewriteCacheTable, VerdictCacheTable):
                connection.execute(CreateTable(cast(Any, table).__table__, if_not_exists=True))
    except DBAPIError as error:
        raise GalleryError(f"cannot make the cache {str(own)!r}: {error.orig}") from error
    finally:
        engine.dispose()
