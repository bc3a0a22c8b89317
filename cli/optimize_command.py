"""`cvsi-db optimize`: compact the gallery's tables."""

from __future__ import annotations

from pathlib import Path

import click

from .common import common_options, emit, settings_for


@click.command("optimize")
@common_options
def command(db: Path | None, quiet: bool) -> None:
    """Compact the tables after many small ingests."""
    from cvsi_db.gallery import Gallery

    folder = settings_for(db).db
    with Gallery.open(folder) as gallery:
        gallery.optimize()
    emit(f"optimized {folder}")
