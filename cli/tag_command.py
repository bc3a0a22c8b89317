"""`cvsi-db tag`: add tags to images, remove them, or count them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .common import LocationType, common_options, emit, format_options, plural, settings_for
from .output import as_json

if TYPE_CHECKING:
    from cvsi_db.store.location import Location


@click.command("tag")
@click.argument("paths", nargs=-1, type=LocationType(), metavar="[PATH]...")
@click.option("--add", multiple=True, metavar="NAME", help="A tag to add; may be repeated.")
@click.option("--remove", multiple=True, metavar="NAME", help="A tag to remove; may be repeated.")
@click.option("--where", metavar="SQL", help="Only images that satisfy this condition.")
@format_options("table", "json")
@common_options
def command(
    paths: tuple[Path, ...],
    add: tuple[str, ...],
    remove: tuple[str, ...],
    where: str | None,
    form: str,
    db: Location | None,
    quiet: bool,
) -> None:
    """Tag images, or count their tags.

    This applies to the images at or under PATH...; without --add and --remove their tags are counted. A tag belongs to
    the image: it stays when the file is moved or renamed. Search for it with --where.

    \b
    cvsi-db tag --add sea --add 2024 photos/trip
    cvsi-db tag --remove sea --where "width < 500"
    cvsi-db search --text "a dog" --where "array_has(tags, 'sea')"
    """
    from cvsi_db.gallery import Gallery

    with Gallery.open(settings_for(db).db) as gallery:
        if not add and not remove:
            counts = gallery.tags(*paths, where=where)
            text = "\n".join(f"{count:8} {name}" for name, count in counts.items()) or "no tags"
            emit(as_json(counts) if form == "json" else text)
            return
        summary = gallery.tag(*paths, where=where, add=add, remove=remove)
    text = f"{plural(summary.changed, 'image')} of {summary.images} changed"
    emit(as_json(dataclasses.asdict(summary)) if form == "json" else text)
