"""A Lance table `thumbnails`, empty in a gallery that was made before. The catalog stays as it is.

An ingest fills it for new images. For those that are there `cvsi-db optimize --rewrite` does, as far as their files can
be read; it also writes the tables anew, whose rows then keep their ids when the tables are compacted.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from alembic import context

revision = "0005_thumbnails"
down_revision = "0004_tables"


def upgrade() -> None:
    attributes = context.config.attributes
    upgrade_lance(attributes["lance"], attributes["dim"])


def upgrade_lance(lance: Any, dim: int) -> None:
    """Make the table. Safe to repeat: what is there already stays."""
    schema = pa.schema(
        [pa.field("image_id", pa.string(), nullable=False), pa.field("image", pa.large_binary(), nullable=False)]
    )
    held = "thumbnails" in lance.list_tables().tables
    table = lance.open_table("thumbnails") if held else lance.create_table("thumbnails", schema=schema)
    if not table.schema.field("image_id").metadata:
        table.set_unenforced_primary_key("image_id")
