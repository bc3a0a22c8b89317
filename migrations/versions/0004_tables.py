"""The catalog names the folder of the gallery's Lance tables, so that another one can take its place. Lance stays.

Galleries on object storage begin here: their catalog is Lance tables, with the columns of SQLite's.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from alembic import op

revision = "0004_tables"
down_revision = "0003_file_metadata"


def upgrade() -> None:
    op.add_column("gallery", sa.Column("tables", sa.String(), nullable=False, server_default="lance"))


def upgrade_lance(lance: Any, dim: int) -> None:
    """Do nothing."""


def upgrade_lance_catalog(lance: Any) -> None:
    """Make the catalog's tables. Safe to repeat: what is there already stays."""
    for name, (key, *columns) in _TABLES.items():
        lance.create_table(name, schema=pa.schema([key, *columns]), exist_ok=True)


def _text(name: str, *, nullable: bool = False) -> pa.Field:
    return pa.field(name, pa.string(), nullable=nullable)


def _number(name: str) -> pa.Field:
    return pa.field(name, pa.int64(), nullable=False)


_KEY = {b"lance-schema:unenforced-primary-key:position": b"1"}
"""Without a key, two writers that upsert the same new row at once both insert it."""

_TABLES = {
    "gallery": (
        _number("id").with_metadata(_KEY),
        _text("bundle"),
        _text("fingerprint"),
        _number("dim"),
        _text("created_at"),
        _text("tables"),
        _text("revision"),
    ),
    "source_file": (
        _text("path").with_metadata(_KEY),
        _number("size_bytes"),
        _number("mtime_ns"),
        _text("image_id", nullable=True),
        _text("state"),
        *(_text(name, nullable=True) for name in ("error", "sidecars", "keywords")),
    ),
    "ingest_run": (
        _number("run_id").with_metadata(_KEY),
        _text("roots"),
        _text("started_at"),
        *(_text(name, nullable=True) for name in ("finished_at", "summary")),
    ),
    # LanceDB takes one key column only: cache_id is "image_id/captioner".
    "caption_cache": (_text("cache_id").with_metadata(_KEY), _text("image_id"), _text("captioner"), _text("captions")),
}
