"""`cvsi-db check`: whether catalog, tables and files agree."""

from __future__ import annotations

from pathlib import Path

import click

from .common import common_options, emit, plural, settings_for


@click.command("check")
@common_options
def command(db: Path | None, quiet: bool) -> int:
    """Check that catalog and tables agree."""
    from cvsi_db.gallery import Gallery

    folder = settings_for(db).db
    with Gallery.open(folder) as gallery:
        problems = gallery.check()
    emit(
        "\n".join([*problems, f"{plural(len(problems), 'problem')} in {folder}" if problems else f"{folder} is sound"])
    )
    return 1 if problems else 0
