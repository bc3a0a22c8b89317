"""Of images the rating, lens, orientation, and the date's source and offset; of files their sidecars and keywords.

The new columns are empty until the next ingest, which reads the metadata of every file again, without a model.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import context, op

revision = "0003_file_metadata"
down_revision = "0002_places_and_removed"

_COLUMNS = {
    "rating": "int",
    "lens": "string",
    "orientation": "int",
    "date_source": "string",
    "utc_offset": "string",
}


def upgrade() -> None:
    attributes = context.config.attributes
    upgrade_lance(attributes["lance"], attributes["dim"])
    for name in ("sidecars", "keywords"):
        op.add_column("source_file", sa.Column(name, sa.String()))


def upgrade_lance(lance: Any, dim: int) -> None:
    """Add the columns to `images` and `removed`. Safe to repeat: what is there already stays."""
    for name in ("images", "removed"):
        table = lance.open_table(name)
        lacking = {
            column: f"cast(null as {kind})" for column, kind in _COLUMNS.items() if column not in table.schema.names
        }
        if lacking:
            table.add_columns(lacking)
