"""`cvsi-db backup`: the gallery as one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .common import common_options, emit, plural, settings_for

if TYPE_CHECKING:
    from cvsi_db.store.location import Location


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@common_options
def command(file: Path, db: Location | None, quiet: bool) -> int:
    """Write the whole gallery to the new tar archive FILE.

    It holds the vectors, captions, tags and the catalog, not the image files. `cvsi-db restore` makes a gallery of it.
    Searches go on meanwhile, writes wait.
    """
    from cvsi_db.manage.backup import backup

    folder = settings_for(db).db
    summary = backup(folder, file)
    emit(f"{plural(summary.images, 'image')} of {folder} in {file} ({summary.bytes:,} bytes)")
    return 0
