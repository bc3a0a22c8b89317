"""The catalog: a gallery's SQLite file, by SQLModel, which only this module and catalog_tables import.

Takes and returns frozen records: which files were seen, which ingests ran, what captioners and rewriters wrote. The
migrations make its tables.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast

from sqlalchemy import URL, Engine, delete, event, update
from sqlalchemy import select as select_columns
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlmodel import Session, SQLModel, col, create_engine, select

from cvsi_db.errors import GalleryError
from cvsi_db.records import IngestFailure, IngestSummary, Rewrite
from cvsi_db.store.catalog_tables import (
    CaptionCacheTable,
    GalleryTable,
    IngestRunTable,
    RewriteCacheTable,
    SourceFileTable,
    VerdictCacheTable,
)
from cvsi_db.store.sqlite import ReadOnly, connect_writing

FileState = Literal["ok", "failed", "missing", "skipped"]

GIVEN = "*"
"""The captioner's name in the cache for captions that a person imported: they take precedence over every captioner."""

_PARAMETERS = 1000
"""How many parameters a statement gets: SQLite limits them."""


@dataclass(frozen=True)
class GalleryInfo:
    """What a gallery was made with: bundle, fingerprint of its weights, width of its vectors; ISO 8601 created_at.

    `tables` is the name of the folder that holds its Lance tables.
    """

    bundle: str
    fingerprint: str
    dim: int
    created_at: str
    tables: str = "lance"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as the last ingest saw it. `path` is absolute; `image_id` is set exactly when that image's row has this
    path. A file that has become unreadable keeps it until another content is seen there; a skipped one is no image, and
    `error` says why it is not taken. `sidecars` tells whether its XMP sidecars have changed, `keywords` are those that
    it and they gave the image, a line each; both are None where an older cvsi-db saw the file."""

    path: str
    size_bytes: int
    mtime_ns: int
    image_id: str | None
    state: FileState
    error: str | None
    sidecars: str | None = ""
    keywords: str | None = ""


@dataclass(frozen=True)
class IngestRun:
    """One ingest: its roots, ISO 8601 times and summary. `finished_at` and `summary` are None unless it finished."""

    run_id: int
    roots: tuple[str, ...]
    started_at: str
    finished_at: str | None
    summary: IngestSummary | None


class Catalog:
    """One open catalog; every method is one transaction. Raises GalleryError when the file cannot be used."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise GalleryError(f"no catalog at {str(path)!r}: ingest images first")
        self._path = path
        self._engine = open_engine(path)

    def close(self) -> None:
        """Close the file."""
        self._engine.dispose()

    def optimize(self) -> None:
        """Make room where a catalog needs it: this one does not."""

    # --- the gallery --------------------------------------------------------------------------------------------

    def gallery(self) -> GalleryInfo:
        """What the gallery was made with."""
        with self._session() as session:
            row = session.get(GalleryTable, 1)
            if row is None:
                raise GalleryError(f"{str(self._path)!r} describes no gallery: ingest images first")
            return GalleryInfo(row.bundle, row.fingerprint, row.dim, row.created_at, row.tables)

    def describe(self, info: GalleryInfo) -> None:
        """Record what the gallery was made with."""
        self._upsert(GalleryTable, [{"id": 1, **asdict(info)}])

    # --- files and runs -----------------------------------------------------------------------------------------

    def source_files(self) -> dict[str, SourceFile]:
        """Every file seen so far, by absolute path."""
        return {file.path: file for file in self.each_file()}

    def each_file(self) -> Iterator[SourceFile]:
        """Every file seen so far, in the order of their paths, read in chunks."""
        columns = [cast(Any, SourceFileTable).__table__.c[field.name] for field in fields(SourceFile)]
        with self._session() as session:  # columns, since making SourceFileTable objects takes ten times as long
            rows = session.connection(execution_options={"yield_per": 1000}).execute(
                select_columns(*columns).order_by(col(SourceFileTable.path))
            )
            for some in rows.partitions():
                yield from (SourceFile(*row) for row in some)

    def files_at(self, paths: Collection[str]) -> dict[str, SourceFile]:
        """Those of the files seen so far that are at these paths, by path."""
        columns = [cast(Any, SourceFileTable).__table__.c[field.name] for field in fields(SourceFile)]
        # A name that is not UTF-8 is no text, and never in the catalog.
        wanted, found = [path for path in paths if path == path.encode(errors="ignore").decode()], list[SourceFile]()
        with self._session() as session:
            for start in range(0, len(wanted), _PARAMETERS):
                some = col(SourceFileTable.path).in_(wanted[start : start + _PARAMETERS])
                found += [
                    SourceFile(*row) for row in session.connection().execute(select_columns(*columns).where(some))
                ]
        return {file.path: file for file in found}

    def record_files(self, files: Sequence[SourceFile]) -> None:
        """Insert or replace files, by path."""
        self._upsert(SourceFileTable, [asdict(file) for file in files])

    def forget_files(self, paths: Collection[str]) -> None:
        """Forget files; unknown paths are ignored."""
        self._delete(SourceFileTable, col(SourceFileTable.path), paths)

    def start_run(self, roots: Sequence[str]) -> int:
        """Record that an ingest of `roots` began; returns its number."""
        with self._session() as session:
            run = IngestRunTable(roots=list(roots), started_at=now())
            session.add(run)
            session.flush()
            return cast(int, run.run_id)

    def finish_run(self, run_id: int, summary: IngestSummary) -> None:
        """Record what an ingest did; which files it skipped is in the records of the files."""
        done = {"finished_at": now(), "summary": asdict(replace(summary, skipped_files=()))}
        with self._session() as session:  # no read first: SQLite refuses to write after a read if others wrote
            session.execute(update(IngestRunTable).where(col(IngestRunTable.run_id) == run_id).values(done))

    def runs(self, limit: int = 10) -> list[IngestRun]:
        """The last ingests, newest first."""
        with self._session() as session:
            rows = session.exec(select(IngestRunTable).order_by(col(IngestRunTable.run_id).desc()).limit(limit))
            return [
                IngestRun(
                    cast(int, row.run_id),
                    tuple(row.roots),
                    row.started_at,
                    row.finished_at,
                    stored_summary(row.summary) if row.summary else None,
                )
                for row in rows
            ]

    def was_cut_short(self) -> bool:
        """Whether the last ingest has not finished."""
        return any(run.finished_at is None for run in self.runs(limit=1))

    # --- caches -------------------------------------------------------------------------------------------------

    def captions(self, image_ids: Collection[str], captioner: str) -> dict[str, tuple[str, ...]]:
        """The cached captions of the images, by image_id: imported ones, else those of `captioner`."""
        kept = self.kept_captions(image_ids)
        own = {image_id: said.get(GIVEN, said.get(captioner)) for image_id, said in kept.items()}
        return {image_id: captions for image_id, captions in own.items() if captions is not None}

    def kept_captions(self, image_ids: Collection[str]) -> dict[str, dict[str, tuple[str, ...]]]:
        """All cached captions of these images: by image_id, by captioner."""
        wanted = list(image_ids)
        found: dict[str, dict[str, tuple[str, ...]]] = {}
        with self._session() as session:
            for start in range(0, len(wanted), _PARAMETERS):
                some = col(CaptionCacheTable.image_id).in_(wanted[start : start + _PARAMETERS])
                for row in session.exec(select(CaptionCacheTable).where(some)):
                    found.setdefault(row.image_id, {})[row.captioner] = tuple(row.captions)
        return found

    def keep_captions(self, captioner: str, captions: Mapping[str, tuple[str, ...]]) -> None:
        """Cache what `captioner` wrote of images, by image_id; does nothing where nothing can be written."""
        self._cache(CaptionCacheTable, _captions(captioner, captions))

    def give_captions(self, captions: Mapping[str, tuple[str, ...]]) -> None:
        """Record imported captions of images, by image_id, which hold whatever the captioner."""
        self._upsert(CaptionCacheTable, _captions(GIVEN, captions))

    def forget_captions(self, image_ids: Collection[str]) -> None:
        """Forget all cached captions of these images."""
        self._delete(CaptionCacheTable, col(CaptionCacheTable.image_id), image_ids)

    def rewrite(self, captions: Sequence[str], edit_text: str, rewriter: str) -> Rewrite | None:
        """The cached rewrite of these captions and edit text by `rewriter`, or None."""
        with self._session() as session:
            row = session.get(RewriteCacheTable, _rewrite_key(captions, edit_text, rewriter))
            if row is None:
                return None
            return Rewrite(tuple(row.edited_captions), row.added_objects, row.answered_by, row.fallback)

    def keep_rewrite(self, captions: Sequence[str], edit_text: str, rewriter: str, rewrite: Rewrite) -> None:
        """Cache a rewrite under a Rewriter's `name`; does nothing where nothing can be written."""
        row = {
            "key": _rewrite_key(captions, edit_text, rewriter),
            "rewriter": rewriter,
            "edit_text": edit_text,
            "edited_captions": list(rewrite.edited_captions),
            "added_objects": rewrite.added_objects,
            "answered_by": rewrite.rewriter,
            "fallback": rewrite.fallback,
        }
        self._cache(RewriteCacheTable, [row])

    def verdicts(self, keys: Sequence[str]) -> dict[str, float]:
        """The cached confidences of verifiers, by key, of those of the keys that have one."""
        found: dict[str, float] = {}
        with self._session() as session:
            for start in range(0, len(keys), _PARAMETERS):
                some = col(VerdictCacheTable.key).in_(keys[start : start + _PARAMETERS])
                found |= {row.key: row.confidence for row in session.exec(select(VerdictCacheTable).where(some))}
        return found

    def keep_verdicts(self, verifier: str, confidences: Mapping[str, float]) -> None:
        """Cache confidences, by key, under a Verifier's `name`; does nothing where nothing can be written."""
        rows = [{"key": key, "verifier": verifier, "confidence": value} for key, value in confidences.items()]
        self._cache(VerdictCacheTable, rows)

    def _cache(self, table: type[SQLModel], rows: Sequence[dict[str, Any]]) -> None:
        """Upsert what can be computed again: in a read-only folder or on a full disk it is left out."""
        try:
            self._upsert(table, rows)
        except GalleryError as error:
            if not isinstance(error.__cause__, OperationalError):
                raise

    def _upsert(self, table: type[SQLModel], rows: Sequence[dict[str, Any]]) -> None:
        if not rows:
            return
        statement = insert(table)
        keys = [column.name for column in cast(Any, table).__table__.primary_key]
        changes = {name: statement.excluded[name] for name in rows[0] if name not in keys}
        with self._session() as session:
            session.execute(statement.on_conflict_do_update(index_elements=keys, set_=changes), list(rows))

    def _delete(self, table: type[SQLModel], column: Any, keys: Collection[str]) -> None:
        wanted = list(keys)
        with self._session() as session:
            for start in range(0, len(wanted), _PARAMETERS):
                session.execute(delete(table).where(column.in_(wanted[start : start + _PARAMETERS])))

    @contextmanager
    def _session(self) -> Iterator[Session]:
        try:
            with Session(self._engine) as session, session.begin():
                yield session
        except DBAPIError as error:
            code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
            read_only = code == sqlite3.SQLITE_READONLY
            reason = "its folder is read-only, or the disk is full" if read_only else str(error.orig)
            if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                reason += "; `cvsi-db check --repair` keeps what can be read"
            raise GalleryError(f"cannot use the catalog {str(self._path)!r}: {reason}") from error
        except ValueError as error:  # JSON or UTF-8 that is none
            told = f"{error}; `cvsi-db check --repair` keeps what can be read"
            raise GalleryError(f"cannot use the catalog {str(self._path)!r}: {told}") from error


def open_engine(path: Path) -> Engine:
    """An engine on the SQLite file `path`, made if missing; where nothing can be written, it reads."""
    engine = create_engine(URL.create("sqlite", database=str(path)), creator=lambda: connect_writing(path))
    # The driver's own BEGIN leaves schema changes outside of transactions; ours holds them, so migrations are atomic.
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    event.listen(engine, "checkin", _drop_read_only)
    return engine


def _drop_read_only(connection: Any, record: Any) -> None:
    """Do not reuse a read-only connection: another process may write before the next statement."""
    if isinstance(connection, ReadOnly):
        record.invalidate()


def _rewrite_key(captions: Sequence[str], edit_text: str, rewriter: str) -> str:
    return hashlib.sha256(json.dumps([rewriter, edit_text, list(captions)]).encode()).hexdigest()


def _captions(captioner: str, captions: Mapping[str, tuple[str, ...]]) -> list[dict[str, Any]]:
    return [{"image_id": i, "captioner": captioner, "captions": list(texts)} for i, texts in captions.items()]


def stored_summary(stored: Mapping[str, Any]) -> IngestSummary:
    """The summary; counts that an older cvsi-db did not record are 0."""
    failures = {
        name: tuple(IngestFailure(**each) for each in stored.get(name, ()))
        for name in ("errors", "lost", "skipped_files")
    }
    return IngestSummary(**{**stored, **failures})


def now() -> str:
    """The time as the catalog has it: UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
