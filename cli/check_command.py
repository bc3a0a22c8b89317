"""`cvsi-db check`: whether catalog, tables and files agree."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import click

from .common import common_options, emit, format_options, plural, settings_for
from .completion import bundles
from .output import as_json

if TYPE_CHECKING:
    from cvsi_db.manage.check import Problem
    from cvsi_db.store.location import Location

_SHOWN = 20
"""How many problems of a kind the table shows; JSON has them all."""


@click.command("check")
@click.option("--repair", is_flag=True, help="Fix what needs no model, then list what was done and what remains.")
@click.option(
    "--model",
    metavar="BUNDLE",
    shell_complete=bundles,
    help="With --repair: what the gallery was made with, if nothing says so.",
)
@format_options("table", "json")
@common_options
def command(repair: bool, model: str | None, form: str, db: Location | None, quiet: bool) -> int:
    """Check that catalog, tables and files agree.

    Vectors and captions are checked too; in a gallery that cannot be opened, what is damaged. Files that are gone or
    have changed since the last ingest are problems, which an ingest solves. --repair loses nothing that a file still
    holds: the next ingest reads again what it deletes, and what it replaces is moved to the folder `damaged` in the
    gallery's. What another process writes meanwhile may look like a problem. Exit 1 when problems remain.
    """
    from cvsi_db.gallery import Gallery

    folder, mended = settings_for(db).db, dict[str, int]()
    if repair:
        summary = Gallery.repair_folder(folder, model=model)
        mended, problems = {str(kind): count for kind, count in summary.mended.items()}, summary.remaining
    else:
        problems = tuple(Gallery.check_folder(folder))
    emit(_as_json(problems, mended) if form == "json" else "\n".join(_lines(problems, mended, folder)))
    return 1 if problems else 0


def _as_json(problems: Sequence[Problem], mended: Mapping[str, int]) -> str:
    return as_json(
        {
            "sound": not problems,
            "mended": mended,
            "problems": [{**dataclasses.asdict(problem), "remedy": problem.remedy} for problem in problems],
        }
    )


def _lines(problems: Sequence[Problem], mended: Mapping[str, int], folder: Location) -> Iterator[str]:
    from cvsi_db.manage.check import REMEDIES

    for kind, count in mended.items():
        yield f"fixed {count} of {kind!r}"
    steps = {remedy.partition(", then ")[2] for kind, remedy in REMEDIES.items() if kind in mended} - {""}
    yield from (f"  next: {step}" for step in sorted(steps))
    for kind, group in groupby(problems, lambda problem: problem.kind):
        same = list(group)
        yield from (str(problem) for problem in same[:_SHOWN])
        if len(same) > _SHOWN:
            yield f"{kind}: and {len(same) - _SHOWN} more (--format json has them all)"
        yield f"  to fix: {same[0].remedy}"
    yield f"{plural(len(problems), 'problem')} in {folder}" if problems else f"no problems in {folder}"
