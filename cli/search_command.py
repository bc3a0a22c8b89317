"""`cvsi-db search`: this picture, but …"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from .batch import answer_lines
from .common import common_options, emit, model_options, settings_for, warn
from .output import as_table, shortest
from .query import compose, opened, query_options, search

if TYPE_CHECKING:
    from cvsi_db.search import SearchResult


@click.command("search")
@query_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "paths", "html"]),
    default="table",
    show_default=True,
    help="How to show the hits; html is one page with the images in it.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write to a file.")
@click.option("--explain", is_flag=True, help="Also tell on stderr how the search ran.")
@click.option(
    "--batch",
    type=click.File("r", encoding="utf-8"),
    metavar="FILE",
    help="A query per line, as JSON, or - for stdin; the answers come as lines of JSON. The options hold for all.",
)
@model_options
@common_options
def command(
    form: str,
    out: Path | None,
    explain: bool,
    batch: TextIO | None,
    model: str | None,
    device: str | None,
    db: Path | None,
    quiet: bool,
    **query: Any,
) -> None:
    """Find images: REF, but EDIT.

    Either may be missing. REF is an image file, or - for one on stdin. A reference that is in the gallery is left out
    of the hits.

    \b
    cvsi-db search ref.jpg "with a hat" --like other.jpg --not "a beach"
    cvsi-db search --batch queries.jsonl       {"reference": "ref.jpg", "edit_text": "with a hat", "k": 5}
    """
    if batch is not None:
        if form not in ("table", "json") or explain:
            raise click.UsageError("--batch writes lines of JSON: leave --format and --explain out")
        emit(answer_lines(batch, settings_for(db, model, device), model, query, quiet), out)
        return
    composed = compose(query)
    with opened(settings_for(db, model, device), model, query["rewriter"], quiet) as gallery:
        result = search(gallery, composed)
    if explain:
        from cvsi_db.search.present.explain import explain_text

        click.echo(explain_text(result), err=True)  # the warnings are in it
    else:
        warn(result.warnings, quiet)
    emit(_FORMATS[form](result), out)


def _as_json(result: SearchResult) -> str:
    from cvsi_db.search.present.json import to_json

    return json.dumps(to_json(result), indent=2, ensure_ascii=False)


def _as_paths(result: SearchResult) -> str:
    return "".join(f"{hit.path}\n" for hit in result)


def _as_html(result: SearchResult) -> str:
    from cvsi_db.search.compile.references import read_reference
    from cvsi_db.search.present.html import to_html

    reference = result.compiled.query.reference
    return to_html(result, None if reference is None else read_reference(reference).picture.image)


def _as_table(result: SearchResult) -> str:
    """The hits as a table: a row each, with the share of every term that has weight."""
    terms = [name for name, term in result[0].terms.items() if term.weight] if result else []
    rows = [
        [hit.rank, hit.score, *(f"{hit.terms[name].contribution:+.3f}" for name in terms), shortest(hit.path)]
        for hit in result
    ]
    numbers = ("#", "score", *terms)
    return as_table([*numbers, "path"], rows, nothing="no image matches", numbers=numbers)


_FORMATS = {"json": _as_json, "paths": _as_paths, "html": _as_html, "table": _as_table}
