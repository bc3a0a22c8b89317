"""`cvsi-db stats`: what the gallery holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from .common import common_options, emit, format_options, plural, settings_for
from .output import as_json, labelled, sized

if TYPE_CHECKING:
    from cvsi_db.store.location import Location

_TOP = 10
"""How many folders and tags are shown."""


@click.command("stats")
@format_options("table", "json")
@common_options
def command(form: str, db: Location | None, quiet: bool) -> None:
    """Show what the gallery holds and which bundle made it."""
    from cvsi_db.gallery import Gallery

    with Gallery.open(settings_for(db).db) as gallery:
        stats = gallery.stats()
    emit(as_json(stats) if form == "json" else _as_text(stats))


def _as_text(stats: Mapping[str, Any]) -> str:
    plain = {name: value for name, value in stats.items() if not isinstance(value, dict | list)}
    indexes = [f"{index['column']} {index['kind']} ({_state(index)})" for index in stats["indexes"]]
    shown = {
        **plain,
        "files": _counts(stats["files"]),
        **{name: _counts(stats[name]) for name in ("formats", "folders", "tags")},
        "indexes": ", ".join(indexes) or "none",
        "bytes": ", ".join(f"{name} {sized(size)}" for name, size in stats["bytes"].items() if size),
    }
    lines = [*shown.items(), *(("run", _run(run)) for run in stats["runs"])]
    return "\n".join(labelled(name, str(value)) for name, value in lines)


def _counts(counts: Mapping[str, int]) -> str:
    shown = [f"{count} {name}" for name, count in list(counts.items())[:_TOP]]
    more = [f"and {len(counts) - _TOP} more"] if len(counts) > _TOP else []
    return ", ".join([*shown, *more]) or "none"


def _state(index: Mapping[str, Any]) -> str:
    return f"{plural(index['rows_since'], 'row')} behind" if index["rows_since"] else "up to date"


def _run(run: Mapping[str, Any]) -> str:
    where = f"{run['started_at']} {', '.join(run['roots'])}"
    if run["summary"] is None:
        return f"{where}: not finished"
    counts = [f"{count} {name}" for name, count in run["summary"].items() if count and name != "seconds"]
    return f"{where}: {', '.join(counts) or 'nothing'} in {run['summary']['seconds']:.1f} s"
