"""`cvsi-db search`: this picture, but …"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from .batch import answer_lines
from .common import common_options, emit, format_options, model_options, settings_for, tell, warn
from .output import as_csv, as_json_lines, as_table, shortest
from .preview import preview
from .query import compose, opened, query_options, search

if TYPE_CHECKING:
    from cvsi_db.search import SearchResult
    from cvsi_db.store.location import Location


@click.command("search")
@query_options
@format_options(
    "table",
    "json",
    "jsonl",
    "csv",
    "paths",
    "html",
    "preview",
    help="How to show the hits; html is one page with the images in it, preview draws them in the terminal.",
)
@click.option(
    "--open", "opens", is_flag=True, help="Write the page to a file, a temporary one without --out, and open it."
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
    opens: bool,
    out: Path | None,
    explain: bool,
    batch: TextIO | None,
    model: str | None,
    device: str | None,
    db: Location | None,
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
    if opens and (form not in ("table", "html") or batch is not None):
        raise click.UsageError("--open shows the page of one query: leave --format and --batch out")
    if batch is not None:
        if form not in ("table", "json") or explain:
            raise click.UsageError("--batch writes lines of JSON: leave --format and --explain out")
        emit(answer_lines(batch, settings_for(db, model, device), model, query, quiet), out)
        return
    composed = compose(query)
    with opened(settings_for(db, model, device), model, query["rewriter"], quiet, query["verifier"]) as gallery:
        result = search(gallery, composed)
    if explain:
        from cvsi_db.search.present.explain import explain_text

        tell(explain_text(result))  # the warnings are in it
    else:
        warn(result.warnings, quiet)
    if opens:
        _open_page(_as_html(result), out)
    elif form == "preview":
        drawn = preview(result, to_terminal=out is None, quiet=quiet, thumbnails=result.thumbnails())
        emit(drawn, out, styled=True)
    else:
        emit(_FORMATS[form](result), out)


def _open_page(page: str, out: Path | None) -> None:
    """Write the page to the file, or to one in a temporary folder of the user's own, and open it in the browser."""
    import tempfile
    import webbrowser

    out = out or Path(tempfile.mkdtemp(prefix="cvsi-db-"), "search.html")
    emit(page, out)
    tell(f"the page is {out}")
    if not webbrowser.open(out.resolve().as_uri()):
        raise click.ClickException(f"no browser could be started (BROWSER names one): open {out} yourself")


def _as_json(result: SearchResult) -> str:
    from cvsi_db.search.present.json import to_json

    return json.dumps(to_json(result), indent=2, ensure_ascii=False)


def _as_json_lines(result: SearchResult) -> str:
    from cvsi_db.search.present.json import to_json

    return as_json_lines(to_json(result)["hits"])


def _as_csv(result: SearchResult) -> str:
    terms = list(result[0].terms) if result else []
    sure = ["confidence"] if result.verified else []
    rows = (
        [
            *(hit.rank, hit.score, hit.path, hit.image_id),
            *(hit.confidence for _ in sure),
            *(hit.terms[t].contribution for t in terms),
        ]
        for hit in result
    )
    return as_csv(["rank", "score", "path", "image_id", *sure, *terms], rows)


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
    sure = ["sure"] if result.verified else []
    rows = [
        [
            *(hit.rank, hit.score),
            *("" if hit.confidence is None else f"{hit.confidence:.2f}" for _ in sure),
            *(f"{hit.terms[name].contribution:+.3f}" for name in terms),
            shortest(hit.path),
        ]
        for hit in result
    ]
    numbers = ("#", "score", *sure, *terms)
    return as_table([*numbers, "path"], rows, numbers=numbers, spare=terms)


_FORMATS = {
    "json": _as_json,
    "jsonl": _as_json_lines,
    "csv": _as_csv,
    "paths": _as_paths,
    "html": _as_html,
    "table": _as_table,
}
