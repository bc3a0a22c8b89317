"""`cvsi-db eval reproduce`: the rows of papers, run one after the other, beside their published figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cvsi_db.evaluation.paper_rows import PAPER_ROWS, TITLES
from cvsi_db.models.device import DEVICES

from .common import common_options, emit, format_options, settings_for, tell
from .engine import engine_options
from .progress import stage_progress

if TYPE_CHECKING:
    from cvsi_db.ingest.ray_engine import RayEngine


@click.command("reproduce")
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    metavar="DIR",
    help="Holds CIRR, CIRCO and FashionIQ, or some of them, each laid out as `eval` takes it.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="DIR",
    help="Where galleries, bundle files, reports and submissions go.",
)
@click.option(
    "--rows",
    type=click.Choice(tuple(PAPER_ROWS)),
    metavar="ROW",
    multiple=True,
    help="Only this row; may be given again.  [default: all without a verifier]",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N queries of each, for a trial.")
@click.option("--allow-missing", is_flag=True, help="Leave out images that are missing or unreadable.")
@click.option(
    "--dry-run", "dry", is_flag=True, help="Tell what is ready, what is missing and what it costs; run nothing."
)
@click.option("--device", type=click.Choice(DEVICES), help="Where the models run.")
@engine_options
@format_options("table", "json")
@common_options
def reproduce(
    data: Path,
    out: Path,
    rows: tuple[str, ...],
    limit: int | None,
    allow_missing: bool,
    dry: bool,
    device: str | None,
    engine: RayEngine | None,
    form: str,
    quiet: bool,
    **_: object,
) -> None:
    """Run the rows of papers that docs/reproduction.md lists, as far as their images and weights are here.

    Each row is its bundle, method, rewriter and verifier. It runs on every benchmark that is in the folder, over all
    splits: a split whose targets are not published gives the files for the benchmark's server. A row that lacks images,
    weights or a key is told and left out, and so is one that fails: the rest go on. What is finished is kept in OUT and
    not computed again, and a run that was cut off goes on where it stopped, so the same command may be given as often
    as it takes. The result is a table: published, measured with a 95 % interval, difference, seconds.

    Nothing is downloaded: `cvsi-db models pull` with the bundle file in OUT that a row names does that. Rows with a
    verifier ask it some 800,000 times, and are run only when they are named.
    """
    from cvsi_db.evaluation.reproduce import Kit, expected_table, outcomes_table
    from cvsi_db.evaluation.reproduce import reproduce as run

    chosen = [row for name, row in PAPER_ROWS.items() if name in rows or (not rows and not row.paper.verify)]
    kit = Kit(data, out, settings_for(None, None, device).device, limit, allow_missing, dry, engine)
    outcomes = []
    with stage_progress(quiet) as on_progress:
        for each in run(chosen, kit, on_progress):
            outcomes.append(each)
            if not quiet and each.state in ("done", "failed"):  # what is absent, the table says once
                what = f"{each.report['seconds']:,.0f} s" if each.report else each.reason
                tell(f"{each.row.name} on {TITLES[each.benchmark]} {each.split}: {each.state}, {what}")
    if form == "json":
        emit(json.dumps([each.to_dict() for each in outcomes], indent=2))
    else:
        emit("\n\n".join(filter(None, [outcomes_table(outcomes), expected_table(outcomes) if dry else ""])))
    states = {each.state for each in outcomes}
    if "failed" in states or not states & {"done", "ready"}:
        click.get_current_context().exit(1)
