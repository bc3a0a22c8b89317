"""The catalog keeps what verifiers said: a table `verdict_cache`. Lance stays as it is.

On object storage such answers are kept on the machine that asked, in its own file.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006_verdicts"
down_revision = "0005_thumbnails"


def upgrade() -> None:
    op.create_table(
        "verdict_cache",
        sa.Column("key", sa.String(), primary_key=True),
        sa.Column("verifier", sa.String(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        if_not_exists=True,
    )


def upgrade_lance(lance: Any, dim: int) -> None:
    """Do nothing."""
