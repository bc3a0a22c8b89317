"""`cvsi-db doctor`: is everything here, and which command mends what is not?"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from .common import common_options, emit, format_options, settings_for
from .output import as_json

if TYPE_CHECKING:
    from cvsi_db.store.location import Location

_MARKS = {"ok": " ", "note": "·", "problem": "!"}


@click.command("doctor")
@format_options("table", "json")
@common_options
def command(form: str, db: Location | None, quiet: bool) -> int:
    """Look at versions, device, models and the gallery.

    What is missing comes with the command that mends it. Exit code 1 when there is a problem; a note (·) is none.
    """
    from cvsi_db.manage.doctor import examine

    findings = examine(settings_for(db))
    if form == "json":
        emit(as_json([asdict(finding) for finding in findings]))
    else:
        wide = max(len(finding.about) for finding in findings)
        lines = []
        for finding in findings:
            lines.append(f"{_MARKS[finding.verdict]} {finding.about:{wide}}  {finding.found}")
            lines += [f"    → {finding.remedy}"] if finding.remedy else []
        emit("\n".join(lines))
    return int(any(finding.verdict == "problem" for finding in findings))
