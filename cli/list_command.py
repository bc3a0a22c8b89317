"""`cvsi-db list`: the images in the gallery."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from .common import common_options, emit, settings_for
from .rows import as_csv, as_json, as_table, shortest

_SHOWN = ("path", "format", "size", "taken_at", "camera", "tags")


@click.command("list")
@click.option("--where", metavar="SQL", help="Only images that satisfy this condition.")
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="At most so many.")
@click.option("--offset", type=click.IntRange(min=0), default=0, metavar="N", help="Leave out the first N.")
@click.option("--removed", is_flag=True, help="Those whose files are gone: out of searches until they are back.")
@click.option("--failed", is_flag=True, help="Files that could not be read instead, with the reasons.")
@click.option("-0", "--null", is_flag=True, help="End each path with a NUL, for names with newlines (xargs -0).")
@click.option(
    "--format", "form", type=click.Choice(["paths", "table", "json", "csv"]), default="paths", show_default=True
)
@common_options
def command(
    where: str | None,
    limit: int | None,
    offset: int,
    removed: bool,
    failed: bool,
    null: bool,
    form: str,
    db: Path | None,
    quiet: bool,
) -> None:
    """List the images in the gallery, in the order of their paths.

    \b
    cvsi-db list --where "array_has(tags, 'sea') AND width > 1000" --format table
    cvsi-db list -0 --where "folder = 'trip'" | xargs -0 ls -l
    """
    from cvsi_db.gallery import Gallery

    if failed and (removed or where is not None):
        raise click.UsageError("--failed lists files that are no images: leave --removed and --where out")
    if null and form != "paths":
        raise click.UsageError(f"-0 ends paths: leave --format {form} out")
    with Gallery.open(settings_for(db).db) as gallery:
        if failed:
            found = gallery.failed()[offset : None if limit is None else offset + limit]
        else:
            columns = ("path",) if form == "paths" else ()
            found = gallery.images(where, limit=limit, offset=offset, removed=removed, columns=columns)
    if form == "paths":
        end = "\0" if null else "\n"
        sys.stdout.write("".join(f"{row['path']}{end}" for row in found))
        return
    emit(_FORMATS[form](found, ["path", "error", "size_bytes"] if failed else ()))


def _as_table(found: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    rows = [
        {**row, "path": shortest(row["path"]), "size": f"{row.get('width')} × {row.get('height')}"} for row in found
    ]
    return as_table(rows, columns or _SHOWN, nothing="no image matches" if not columns else "no file failed")


def _as_csv(found: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    return as_csv(found, columns or (list(found[0]) if found else ["path"]))


_FORMATS = {"table": _as_table, "json": lambda found, columns: as_json(found), "csv": _as_csv}
