"""`cvsi-db migrate`: bring a gallery to this version's layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .common import common_options, emit, settings_for

if TYPE_CHECKING:
    from cvsi_db.store.location import Location


@click.command("migrate")
@common_options
def command(db: Location | None, quiet: bool) -> None:
    """Bring the gallery to this version's layout."""
    from cvsi_db.store.folder import open_gallery_folder

    folder = settings_for(db).db
    _, catalog = open_gallery_folder(folder)
    catalog.close()
    emit(f"{folder} is up to date")
