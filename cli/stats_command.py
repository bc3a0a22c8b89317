"""`cvsi-db stats`: what the gallery holds."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .common import common_options, emit, settings_for


@click.command("stats")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@common_options
def command(form: str, db: Path | None, quiet: bool) -> None:
    """Show what the gallery holds and which bundle made it."""
    from cvsi_db.gallery import Gallery

    with Gallery.open(settings_for(db).db) as gallery:
        stats = gallery.stats()
    if form == "json":
        emit(json.dumps(stats, indent=2))
        return
    files = ", ".join(f"{count} {state}" for state, count in stats.pop("files").items()) or "none"
    emit("\n".join(f"{name:12} {value}" for name, value in {**stats, "files": files}.items()))
