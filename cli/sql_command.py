"""`cvsi-db sql`: a query as one SELECT statement."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .common import common_options, emit, format_options, model_options, settings_for, warn
from .output import as_csv, as_table
from .query import REWRITER_HELP, VERIFIER_HELP, opened, server_option

if TYPE_CHECKING:
    import pyarrow as pa

    from cvsi_db.store.location import Location


@click.command("sql")
@click.argument("statement", metavar="STATEMENT")
@click.option("--set", "values", multiple=True, metavar="NAME=VALUE", help="A string for :NAME in the statement.")
@click.option("--rewriter", metavar="NAME", help=REWRITER_HELP)
@click.option("--verifier", metavar="NAME", help=VERIFIER_HELP)
@server_option
@format_options("table", "json", "csv")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write to a file.")
@model_options
@common_options
def command(
    statement: str,
    values: tuple[str, ...],
    rewriter: str | None,
    verifier: str | None,
    form: str,
    out: Path | None,
    model: str | None,
    device: str | None,
    db: Location | None,
    quiet: bool,
) -> None:
    """Answer one SELECT STATEMENT, or - for one on stdin. It only reads.

    \b
    SELECT path, score FROM compose('ref.jpg', 'with a hat')
      WHERE width > 1000 ORDER BY 0.6*edited_captions + 0.4*image LIMIT 20
    SELECT camera, count(*) FROM images WHERE taken_at >= '2024' GROUP BY camera
    SELECT i.path, c.text FROM images i JOIN captions c USING (image_id) LIMIT 20

    Tables: images, captions, and compose(reference, edit), whose rows are hits: rank, score, confidence, each term
    (what it adds to the score), similarity_TERM and the image's columns. It also takes preset, k, keep_reference,
    strict, min_score, auto_cut, liked, unliked, negative, exact, match, after, before, near, folder, camera, tag,
    rating, edited_captions, added_objects, verify, verify_weight and refine by name, as in k => 50. A plain list of
    rows ends after 10 unless there is a LIMIT. Grouping, joins, subqueries and windows are as in DuckDB; docs/sql.md
    has every column.
    """
    from cvsi_db.search.present.arrow import warnings_of

    settings = settings_for(db, model, device)
    given = dict(_pair(value) for value in values)
    asked = _from_stdin() if statement == "-" else statement
    with opened(settings, model, rewriter, quiet, verifier) as gallery:
        table = gallery.sql(asked, **given)
    warn(warnings_of(table), quiet)
    emit(_FORMATS[form](table), out)


def _pair(value: str) -> tuple[str, str]:
    name, equals, text = value.partition("=")
    if not name or not equals:
        raise click.UsageError(f"--set takes NAME=VALUE, not {value!r}")
    return name, text


def _from_stdin() -> str:
    from cvsi_db.query.sql_errors import MAX_LENGTH

    # Four bytes are the longest character: more than this is too long whatever it says.
    return sys.stdin.buffer.read(4 * MAX_LENGTH + 1).decode("utf-8", "replace")


def _as_json(table: pa.Table) -> str:
    return json.dumps(table.to_pylist(), indent=2, ensure_ascii=False, default=str)


def _as_csv(table: pa.Table) -> str:
    return as_csv(table.column_names, [list(row.values()) for row in table.to_pylist()])


def _as_table(table: pa.Table) -> str:
    rows = [list(row.values()) for row in table.to_pylist()]
    return as_table(table.column_names, rows)


_FORMATS = {"json": _as_json, "csv": _as_csv, "table": _as_table}
