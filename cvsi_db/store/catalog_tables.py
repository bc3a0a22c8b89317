"""The catalog's tables, as SQLModel sees them; the migrations make them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CheckConstraint
from sqlmodel import JSON, Column, Field, SQLModel


class GalleryTable(SQLModel, table=True):
    """The one row that says what the gallery is."""

    __tablename__ = "gallery"
    __table_args__ = (CheckConstraint("id = 1", name="one_gallery"),)

    id: int = Field(default=1, primary_key=True)
    bundle: str
    fingerprint: str
    dim: int
    created_at: str
    tables: str = "lance"


class SourceFileTable(SQLModel, table=True):
    """Every file that an ingest saw."""

    __tablename__ = "source_file"

    path: str = Field(primary_key=True)
    size_bytes: int
    mtime_ns: int
    image_id: str | None = Field(default=None, index=True)
    state: str
    error: str | None = None
    sidecars: str | None = None
    keywords: str | None = None


class IngestRunTable(SQLModel, table=True):
    """Every ingest, finished or not."""

    __tablename__ = "ingest_run"

    run_id: int | None = Field(default=None, primary_key=True)
    roots: list[str] = Field(sa_column=Column(JSON, nullable=False))
    started_at: str
    finished_at: str | None = None
    summary: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))


class CaptionCacheTable(SQLModel, table=True):
    """The captions that a captioner wrote of an image."""

    __tablename__ = "caption_cache"

    image_id: str = Field(primary_key=True)
    captioner: str = Field(primary_key=True)
    captions: list[str] = Field(sa_column=Column(JSON, nullable=False))


class VerdictCacheTable(SQLModel, table=True):
    """How sure a verifier was of an image; `key` is a digest of verifier, reference, edit text and image."""

    __tablename__ = "verdict_cache"

    key: str = Field(primary_key=True)
    verifier: str
    confidence: float


class RewriteCacheTable(SQLModel, table=True):
    """What a rewriter made of captions and an edit text; `key` is a digest of all three."""

    __tablename__ = "rewrite_cache"

    key: str = Field(primary_key=True)
    rewriter: str
    edit_text: str
    edited_captions: list[str] = Field(sa_column=Column(JSON, nullable=False))
    added_objects: str
    answered_by: str
    fallback: bool
