"""`cvsi-db remove`: remove images from the gallery."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .common import LocationType, common_options, emit, format_options, plural, settings_for
from .output import as_json

if TYPE_CHECKING:
    from cvsi_db.manage.remove import RemoveSummary
    from cvsi_db.store.location import Location


@click.command("remove")
@click.argument("paths", nargs=-1, type=LocationType(), metavar="[PATH]...")
@click.option("--where", metavar="SQL", help="Only images that satisfy this condition.")
@click.option("--dry-run", is_flag=True, help="Only list what would be removed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@format_options("table", "json")
@common_options
def command(
    paths: tuple[Path, ...],
    where: str | None,
    dry_run: bool,
    yes: bool,
    form: str,
    db: Location | None,
    quiet: bool,
) -> None:
    """Remove images from the gallery; their files stay.

    This applies to the images at or under PATH..., with their captions and tags. An image that has another file stays
    with that one. A later ingest of the folder adds the images again: list the files in its .cvsiignore to prevent it.
    """
    from cvsi_db.gallery import Gallery

    folder = settings_for(db).db
    with Gallery.open(folder) as gallery:
        if not (yes or dry_run):
            _confirm(gallery.remove(*paths, where=where, dry_run=True), folder)
        summary = gallery.remove(*paths, where=where, dry_run=dry_run)
    if dry_run and form == "table":
        emit("".join(f"{path}\n" for path in summary.paths))
    emit(as_json(dataclasses.asdict(summary)) if form == "json" else _as_text(summary))


def _confirm(planned: RemoveSummary, folder: Location) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError(
            "cannot ask, since stdin is not a terminal: add --yes to remove, or --dry-run to see what would be removed"
        )
    if not click.confirm(f"{_as_text(planned)} (gallery {folder}). Go on?", err=True):
        raise click.ClickException("nothing was removed")


def _as_text(summary: RemoveSummary) -> str:
    kept = f"; {plural(summary.kept, 'image')} kept for another file" if summary.kept else ""
    would = "would be removed" if summary.dry_run else "removed"
    return f"{plural(summary.images, 'image')} ({plural(len(summary.paths), 'file')}) {would}{kept}"
