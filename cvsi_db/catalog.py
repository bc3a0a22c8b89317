"""The catalog: a gallery's SQLite file, by SQLModel. The only module that imports sqlmodel.

Takes and returns frozen records: which files were seen, which ingests ran, what captioner and rewriter said. Knows
nothing about vectors, and does not make its own tables: the migrations do.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast

from sqlalchemy import URL, CheckConstraint, Engine, event
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DBAPIError
from sqlmodel import JSON, Column, Field, Session, SQLModel, col, create_engine, select

from cvsi_db.errors import GalleryError
from cvsi_db.records import IngestFailure, IngestSummary, Rewrite

FileState = Literal["ok", "failed", "missing"]

GIVEN = "*"
"""Stands in the caption cache in place of a captioner: captions that a person chose, which whoever asks shall get."""


@dataclass(frozen=True)
class GalleryInfo:
    """What a gallery was made with: bundle, fingerprint of its weights, width of its vectors; ISO 8601 created_at."""

    bundle: str
    fingerprint: str
    dim: int
    created_at: str


@dataclass(frozen=True)
class SourceFile:
    """A file as the last ingest saw it. `path` is absolute; `image_id` is set exactly when that
    image's row has this path: a file that cannot be read any more keeps it until another content is seen there."""

    path: str
    size_bytes: int
    mtime_ns: int
    image_id: str | None
    state: FileState
    error: str | None


@dataclass(frozen=True)
class IngestRun:
    """One ingest: its roots, ISO 8601 times, and its summary. Both ends are None while it runs, or if it died."""

    run_id: int
    roots: tuple[str, ...]
    started_at: str
    finished_at: str | None
    summary: IngestSummary | None


class GalleryTable(SQLModel, table=True):
    """The one row that says what the gallery is."""

    __tablename__ = "gallery"
    __table_args__ = (CheckConstraint("id = 1", name="one_gallery"),)

    id: int = Field(default=1, primary_key=True)
    bundle: str
    fingerprint: str
    dim: int
    created_at: str


class SourceFileTable(SQLModel, table=True):
    """Every file that an ingest saw."""

    __tablename__ = "source_file"

    path: str = Field(primary_key=True)
    size_bytes: int
    mtime_ns: int
    image_id: str | None = Field(default=None, index=True)
    state: str
    error: str | None = None


class IngestRunTable(SQLModel, table=True):
    """Every ingest, finished or not."""

    __tablename__ = "ingest_run"

    run_id: int | None = Field(default=None, primary_key=True)
    roots: list[str] = Field(sa_column=Column(JSON, nullable=False))
    started_at: str
    finished_at: str | None = None
    summary: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))


class CaptionCacheTable(SQLModel, table=True):
    """What a captioner said of an image."""

    __tablename__ = "caption_cache"

    image_id: str = Field(primary_key=True)
    captioner: str = Field(primary_key=True)
    captions: list[str] = Field(sa_column=Column(JSON, nullable=False))


class RewriteCacheTable(SQLModel, table=True):
    """What a rewriter made of captions and an edit text; `key` is the digest of all three."""

    __tablename__ = "rewrite_cache"

    key: str = Field(primary_key=True)
    rewriter: str
    edit_text: str
    edited_captions: list[str] = Field(sa_column=Column(JSON, nullable=False))
    added_objects: str
    answered_by: str
    fallback: bool


class Catalog:
    """One open catalog; every method is one transaction. Raises GalleryError when the file cannot be used."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise GalleryError(f"no catalog at {str(path)!r}: ingest pictures first")
        self._path = path
        self._engine = open_engine(path)

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    # --- the gallery --------------------------------------------------------------------------------------------

    def gallery(self) -> GalleryInfo:
        """What the gallery was made with."""
        with self._session() as session:
            row = session.get(GalleryTable, 1)
            if row is None:
                raise GalleryError(f"{str(self._path)!r} describes no gallery: ingest pictures first")
            return GalleryInfo(row.bundle, row.fingerprint, row.dim, row.created_at)

    def describe(self, info: GalleryInfo) -> None:
        """Say what the gallery was made with, in place of what was said before."""
        self._upsert(GalleryTable, [{"id": 1, **asdict(info)}])

    # --- files and runs -----------------------------------------------------------------------------------------

    def source_files(self) -> dict[str, SourceFile]:
        """Every file seen so far, by absolute path."""
        with self._session() as session:
            rows = session.exec(select(SourceFileTable).order_by(SourceFileTable.path))
            return {row.path: SourceFile(**row.model_dump()) for row in rows}

    def record_files(self, files: Sequence[SourceFile]) -> None:
        """Insert or replace files, by path."""
        self._upsert(SourceFileTable, [asdict(file) for file in files])

    def start_run(self, roots: Sequence[str]) -> int:
        """Note that an ingest of `roots` began; returns its number."""
        with self._session() as session:
            run = IngestRunTable(roots=list(roots), started_at=_now())
            session.add(run)
            session.flush()
            return cast(int, run.run_id)

    def finish_run(self, run_id: int, summary: IngestSummary) -> None:
        """Note what an ingest did."""
        with self._session() as session:
            run = session.get_one(IngestRunTable, run_id)
            run.finished_at, run.summary = _now(), asdict(summary)

    def runs(self, limit: int = 10) -> list[IngestRun]:
        """The last ingests, newest first."""
        with self._session() as session:
            rows = session.exec(select(IngestRunTable).order_by(col(IngestRunTable.run_id).desc()).limit(limit))
            return [_run(row) for row in rows]

    # --- caches -------------------------------------------------------------------------------------------------

    def captions(self, image_ids: Collection[str], captioner: str) -> dict[str, tuple[str, ...]]:
        """The captions kept for those of the images that `captioner` has seen, or that somebody gave captions."""
        kept = self.kept_captions(image_ids)
        own = {image_id: said.get(GIVEN, said.get(captioner)) for image_id, said in kept.items()}
        return {image_id: captions for image_id, captions in own.items() if captions is not None}

    def kept_captions(self, image_ids: Collection[str]) -> dict[str, dict[str, tuple[str, ...]]]:
        """Everything kept of these images: by image_id, by captioner."""
        wanted = list(image_ids)
        found: dict[str, dict[str, tuple[str, ...]]] = {}
        with self._session() as session:
            for start in range(0, len(wanted), 1000):  # SQLite limits the parameters of a statement
                some = col(CaptionCacheTable.image_id).in_(wanted[start : start + 1000])
                for row in session.exec(select(CaptionCacheTable).where(some)):
                    found.setdefault(row.image_id, {})[row.captioner] = tuple(row.captions)
        return found

    def keep_captions(self, captioner: str, captions: Mapping[str, tuple[str, ...]]) -> None:
        """Keep what `captioner` said of images, by image_id."""
        rows = [{"image_id": i, "captioner": captioner, "captions": list(texts)} for i, texts in captions.items()]
        self._upsert(CaptionCacheTable, rows)

    def give_captions(self, captions: Mapping[str, tuple[str, ...]]) -> None:
        """Keep captions of images, by image_id, that stand whichever captioner is asked for."""
        self.keep_captions(GIVEN, captions)

    def rewrite(self, captions: Sequence[str], edit_text: str, rewriter: str) -> Rewrite | None:
        """What `rewriter` made of the same captions and edit text before, or None."""
        with self._session() as session:
            row = session.get(RewriteCacheTable, _rewrite_key(captions, edit_text, rewriter))
            if row is None:
                return None
            return Rewrite(tuple(row.edited_captions), row.added_objects, row.answered_by, row.fallback)

    def keep_rewrite(self, captions: Sequence[str], edit_text: str, rewriter: str, rewrite: Rewrite) -> None:
        """Keep a rewrite; `rewriter` is the name to ask for it by (a Rewriter's `name`)."""
        row = {
            "key": _rewrite_key(captions, edit_text, rewriter),
            "rewriter": rewriter,
            "edit_text": edit_text,
            "edited_captions": list(rewrite.edited_captions),
            "added_objects": rewrite.added_objects,
            "answered_by": rewrite.rewriter,
            "fallback": rewrite.fallback,
        }
        self._upsert(RewriteCacheTable, [row])

    def _upsert(self, table: type[SQLModel], rows: Sequence[dict[str, Any]]) -> None:
        if not rows:
            return
        statement = insert(table)
        keys = [column.name for column in cast(Any, table).__table__.primary_key]
        changes = {name: statement.excluded[name] for name in rows[0] if name not in keys}
        with self._session() as session:
            session.execute(statement.on_conflict_do_update(index_elements=keys, set_=changes), list(rows))

    @contextmanager
    def _session(self) -> Iterator[Session]:
        try:
            with Session(self._engine) as session, session.begin():
                yield session
        except DBAPIError as error:
            raise GalleryError(f"cannot use the catalog {str(self._path)!r}: {error.orig}") from error


def open_engine(path: Path) -> Engine:
    """An engine on the SQLite file `path`, made if missing: WAL, foreign keys, 10 s of patience with other writers."""
    engine = create_engine(URL.create("sqlite", database=str(path)), connect_args={"timeout": 10})
    event.listen(engine, "connect", _prepare)
    # The driver's own BEGIN leaves schema changes outside of transactions; ours holds them, so migrations are atomic.
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _rewrite_key(captions: Sequence[str], edit_text: str, rewriter: str) -> str:
    return hashlib.sha256(json.dumps([rewriter, edit_text, list(captions)]).encode()).hexdigest()


def _run(row: IngestRunTable) -> IngestRun:
    summary = row.summary and _summary(row.summary)
    return IngestRun(cast(int, row.run_id), tuple(row.roots), row.started_at, row.finished_at, summary or None)


def _summary(stored: Mapping[str, Any]) -> IngestSummary:
    return IngestSummary(**{**stored, "errors": tuple(IngestFailure(**error) for error in stored["errors"])})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
