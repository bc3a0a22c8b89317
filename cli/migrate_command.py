"""`cvsi-db migrate`: bring a gallery to this version's layout."""

from __future__ import annotations

from pathlib import Path

import click

from .common import common_options, emit, settings_for


@click.command("migrate")
@common_options
def command(db: Path | None, quiet: bool) -> None:
    """Bring the gallery to this version's layout."""
    from cvsi_db.store.folder import open_gallery_folder

    folder = settings_for(db).db
    _, catalog = open_gallery_folder(folder)
    catalog.close()
    emit(f"{folder} is up to date")
