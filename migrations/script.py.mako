"""${message}."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import context, op

revision = "${up_revision}"
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    attributes = context.config.attributes
    upgrade_lance(attributes["lance"], attributes["dim"])
    ${upgrades if upgrades else "pass"}


def upgrade_lance(lance: Any, dim: int) -> None:
    """Move the Lance tables; must be safe to repeat, since a crash may come before the catalog's commit."""
