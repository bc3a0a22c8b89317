"""The first gallery: the catalog's tables, and the Lance tables `images` and `captions`."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from alembic import context, op

revision = "0001_first"
down_revision = None


def upgrade() -> None:
    attributes = context.config.attributes
    upgrade_lance(attributes["lance"], attributes["dim"])
    _create_catalog()


def upgrade_lance(lance: Any, dim: int) -> None:
    """Make both tables. Safe to repeat: what is there already stays."""
    there = lance.list_tables().tables
    for name, schema in (("captions", _captions(dim)), ("images", _images(dim))):
        table = lance.open_table(name) if name in there else lance.create_table(name, schema=schema)
        key = schema.names[0]
        # Without a key, two writers that upsert the same new row at once both insert it.
        if not table.schema.field(key).metadata:
            table.set_unenforced_primary_key(key)


def _images(dim: int) -> pa.Schema:
    return pa.schema(
        [
            pa.field("image_id", pa.string(), nullable=False),
            pa.field("path", pa.string(), nullable=False),
            pa.field("paths", _strings(), nullable=False),
            pa.field("folder", pa.string(), nullable=False),
            pa.field("name", pa.string(), nullable=False),
            pa.field("format", pa.string(), nullable=False),
            pa.field("width", pa.int32(), nullable=False),
            pa.field("height", pa.int32(), nullable=False),
            pa.field("size_bytes", pa.int64(), nullable=False),
            pa.field("modified_at", pa.timestamp("us", tz="UTC"), nullable=False),
            # Cameras write their wall clock and no time zone.
            pa.field("taken_at", pa.timestamp("us")),
            pa.field("camera", pa.string()),
            pa.field("captions", _strings(), nullable=False),
            pa.field("tags", _strings(), nullable=False),
            pa.field("image_vector", pa.list_(pa.float16(), dim), nullable=False),
            pa.field("caption_vector", pa.list_(pa.float16(), dim), nullable=False),
        ]
    )


def _captions(dim: int) -> pa.Schema:
    return pa.schema(
        [
            # LanceDB takes one key column only: caption_id is "image_id/ordinal".
            pa.field("caption_id", pa.string(), nullable=False),
            pa.field("image_id", pa.string(), nullable=False),
            pa.field("ordinal", pa.int32(), nullable=False),
            pa.field("text", pa.string(), nullable=False),
            pa.field("vector", pa.list_(pa.float16(), dim), nullable=False),
        ]
    )


def _strings() -> pa.DataType:
    return pa.list_(pa.field("item", pa.string(), nullable=False))


def _create_catalog() -> None:
    op.create_table(
        "gallery",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("bundle", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("dim", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.CheckConstraint("id = 1", name="one_gallery"),
    )
    op.create_table(
        "source_file",
        sa.Column("path", sa.String(), primary_key=True),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("mtime_ns", sa.Integer(), nullable=False),
        sa.Column("image_id", sa.String(), index=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("error", sa.String()),
    )
    op.create_table(
        "ingest_run",
        sa.Column("run_id", sa.Integer(), primary_key=True),
        sa.Column("roots", sa.JSON(), nullable=False),
        sa.Column("started_at", sa.String(), nullable=False),
        sa.Column("finished_at", sa.String()),
        sa.Column("summary", sa.JSON()),
    )
    op.create_table(
        "caption_cache",
        sa.Column("image_id", sa.String(), primary_key=True),
        sa.Column("captioner", sa.String(), primary_key=True),
        sa.Column("captions", sa.JSON(), nullable=False),
    )
    op.create_table(
        "rewrite_cache",
        sa.Column("key", sa.String(), primary_key=True),
        sa.Column("rewriter", sa.String(), nullable=False),
        sa.Column("edit_text", sa.String(), nullable=False),
        sa.Column("edited_captions", sa.JSON(), nullable=False),
        sa.Column("added_objects", sa.String(), nullable=False),
        sa.Column("answered_by", sa.String(), nullable=False),
        sa.Column("fallback", sa.Boolean(), nullable=False),
    )
