"""`cvsi-db restore`: a gallery from a backup."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .common import common_options, emit, plural, settings_for

if TYPE_CHECKING:
    from cvsi_db.store.location import Location


@click.command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@common_options
def command(file: Path, db: Location | None, quiet: bool) -> int:
    """Make a gallery from FILE, which `cvsi-db backup` wrote.

    Its folder must not exist or be empty: nothing is overwritten.
    """
    from cvsi_db.manage.backup import restore

    folder = settings_for(db).db
    summary = restore(file, folder)
    emit(f"{plural(summary.images, 'image')} of {file} in {folder}")
    return 0
