"""`cvsi-db list`: the images in the gallery."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import click

from .common import common_options, emit, format_options, settings_for, tell
from .output import as_csv, as_json, as_json_lines, as_table, shortest
from .query import filter_options

if TYPE_CHECKING:
    from cvsi_db.store.location import Location

_SHOWN = ("format", "size", "taken_at", "camera", "tags", "path")
_FAILED = ("path", "error", "size_bytes")


@click.command("list")
@filter_options
@click.option("-n", "--limit", type=click.IntRange(min=0), metavar="N", help="At most N images.")
@click.option("--offset", type=click.IntRange(min=0), default=0, metavar="N", help="Leave out the first N.")
@click.option("--removed", is_flag=True, help="Images whose files are gone: no search finds them.")
@click.option("--failed", is_flag=True, help="List the files that are not in the gallery, with the reasons.")
@click.option("-0", "--null", is_flag=True, help="End each path with a NUL, for names with newlines (xargs -0).")
@format_options("paths", "table", "json", "jsonl", "csv", default="paths")
@common_options
def command(
    where: str | None,
    limit: int | None,
    offset: int,
    removed: bool,
    failed: bool,
    null: bool,
    form: str,
    db: Location | None,
    quiet: bool,
    **filters: Any,
) -> None:
    """List the images in the gallery, in the order of their paths.

    \b
    cvsi-db list --where "array_has(tags, 'sea') AND width > 1000" --format table
    cvsi-db list --after 2024-06 --near 48.858,2.294,5 --camera canon --rating 4
    cvsi-db list -0 --where "folder = 'trip'" | xargs -0 ls -l
    """
    from cvsi_db.gallery import Gallery

    if failed and (removed or where is not None or any(filters.values())):
        raise click.UsageError("--failed lists files that are no images: leave out --removed, --where and the filters")
    if null and form != "paths":
        raise click.UsageError(f"-0 is for paths: leave out --format {form}")
    with Gallery.open(settings_for(db).db) as gallery:
        if failed:
            found = gallery.failed()[offset : None if limit is None else offset + limit]
            reason = "every file that was seen is in the gallery" if not offset else None
        else:
            wanted = ("path",) if form == "paths" else ()
            each = gallery.each_image(where, limit=limit, offset=offset, removed=removed, columns=wanted, **filters)
            if form in ("paths", "jsonl", "csv") and (first := next(each, None)) is not None:
                _emit_each(chain([first], each), form, "\0" if null else "\n")
                return
            found = list(each)
            reason = None if found else gallery.why_no_image(where, removed=removed, **filters)
    if not found and limit != 0 and not quiet:
        tell(f"note: {reason or '--offset leaves out all images'}")
    if form in ("paths", "jsonl"):
        _emit_each(iter(found), form, "\0" if null else "\n")
        return
    columns: tuple[str, ...]
    if form == "json":
        emit(as_json(found))
    elif form == "csv":
        columns = _FAILED if failed else tuple(found[0]) if found else ("path",)
        emit(as_csv(columns, [[row[name] for name in columns] for row in found]))
    else:
        for row in found:
            row |= {"path": shortest(row["path"]), "size": f"{row.get('width')} × {row.get('height')}"}
        columns = _FAILED[::-1] if failed else _SHOWN
        emit(
            as_table(
                columns,
                [[row[name] for name in columns] for row in found],
                numbers=("size", "size_bytes"),
                spare=() if failed else columns[:-1],
            )
        )


def _emit_each(rows: Iterator[dict[str, Any]], form: str, end: str) -> None:
    """Write rows as they come: there may be more than memory should hold."""
    headed = True
    while some := list(islice(rows, 1000)):
        if form == "jsonl":
            emit(as_json_lines(some))
        elif form == "csv":
            emit(as_csv(tuple(some[0]), [list(row.values()) for row in some], headed=headed))
            headed = False
        else:
            emit("".join(f"{row['path']}{end}" for row in some), end=end)
