"""The catalog names the folder of the gallery's Lance tables, so that another one can take its place. Lance stays."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004_tables"
down_revision = "0003_file_metadata"


def upgrade() -> None:
    op.add_column("gallery", sa.Column("tables", sa.String(), nullable=False, server_default="lance"))


def upgrade_lance(lance: Any, dim: int) -> None:
    """Do nothing."""
