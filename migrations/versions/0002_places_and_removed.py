"""Where an image was taken, how long its embedding was, and a Lance table `removed`. The catalog stays as it is."""

from __future__ import annotations

from typing import Any

from alembic import context

revision = "0002_places_and_removed"
down_revision = "0001_first"

_COLUMNS = {"latitude": "double", "longitude": "double", "image_norm": "float"}
"""image_norm is the length of an image's embedding, whose direction alone is the image_vector."""


def upgrade() -> None:
    attributes = context.config.attributes
    upgrade_lance(attributes["lance"], attributes["dim"])


def upgrade_lance(lance: Any, dim: int) -> None:
    """Add the columns to `images`, and make `removed` like it. Safe to repeat: what is there already stays."""
    images = lance.open_table("images")
    lacking = {name: f"cast(null as {kind})" for name, kind in _COLUMNS.items() if name not in images.schema.names}
    if lacking:
        images.add_columns(lacking)
    if "removed" not in lance.list_tables().tables:
        lance.create_table("removed", schema=lance.open_table("images").schema)
    removed = lance.open_table("removed")
    if not removed.schema.field("image_id").metadata:
        removed.set_unenforced_primary_key("image_id")
