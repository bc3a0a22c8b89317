"""`cvsi-db list`: the images in the gallery."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .common import common_options, emit, settings_for


@click.command("list")
@click.option("--where", metavar="SQL", help="Only images that satisfy this condition.")
@click.option("--format", "form", type=click.Choice(["paths", "json"]), default="paths", show_default=True)
@common_options
def command(where: str | None, form: str, db: Path | None, quiet: bool) -> None:
    """List the images in the gallery by path."""
    from cvsi_db.gallery import Gallery

    with Gallery.open(settings_for(db).db) as gallery:
        images = gallery.images(where)
    if form == "json":
        emit(json.dumps(images, indent=2, ensure_ascii=False, default=str))
    elif images:
        emit("\n".join(image["path"] for image in images))
