"""`cvsi-db explain`: how a search runs."""

from __future__ import annotations

from pathlib import Path

import click

from .common import common_options, emit, model_options, settings_for
from .query import ask, query_options


@click.command("explain")
@query_options
@model_options
@common_options
def command(model: str | None, device: str | None, db: Path | None, quiet: bool, **query: object) -> None:
    """Run a search and tell how it ran."""
    from cvsi_db.search.present import explain_text

    emit(explain_text(ask(settings_for(db, model, device), model, query, quiet)))  # the warnings are in it
