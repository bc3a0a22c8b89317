"""`cvsi-db search`: this picture, but …"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from .batch import answer_lines
from .common import common_options, emit, format_options, model_options, settings_for, tell, warn
from .output import as_csv, as_json_lines, as_table, printable, shortest
from .query import compose, opened, query_options, search

if TYPE_CHECKING:
    from cvsi_db.search import SearchResult


PREVIEW = 32
"""The longest side of a drawn hit, in characters; a character is two pixels high."""


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

        tell(explain_text(result))  # the warnings are in it
    else:
        warn(result.warnings, quiet)
    emit(_FORMATS[form](result), out, styled=form == "preview")


def _as_json(result: SearchResult) -> str:
    from cvsi_db.search.present.json import to_json

    return json.dumps(to_json(result), indent=2, ensure_ascii=False)


def _as_json_lines(result: SearchResult) -> str:
    from cvsi_db.search.present.json import to_json

    return as_json_lines(to_json(result)["hits"])


def _as_csv(result: SearchResult) -> str:
    terms = list(result[0].terms) if result else []
    rows = (
        [hit.rank, hit.score, hit.path, hit.image_id, *(hit.terms[t].contribution for t in terms)] for hit in result
    )
    return as_csv(["rank", "score", "path", "image_id", *terms], rows)


def _as_paths(result: SearchResult) -> str:
    return "".join(f"{hit.path}\n" for hit in result)


def _as_html(result: SearchResult) -> str:
    from cvsi_db.search.compile.references import read_reference
    from cvsi_db.search.present.html import to_html

    reference = result.compiled.query.reference
    return to_html(result, None if reference is None else read_reference(reference).picture.image)


def _as_preview(result: SearchResult) -> str:
    """Each hit drawn with half blocks in 24-bit colour, under a line with its rank, score and path."""
    import numpy as np

    from cvsi_db.errors import ImageError
    from cvsi_db.ingest.decode import read_picture

    drawn: list[str] = []
    for hit in result:
        drawn.append(f"{hit.rank}. {hit.score:.4f}  {printable(shortest(hit.path))}")
        try:
            image = read_picture(Path(hit.path)).image.convert("RGB")
        except ImageError as error:
            drawn.append(f"   (no preview: {printable(str(error))})")
            continue
        image.thumbnail((PREVIEW, PREVIEW))
        pixels = np.asarray(image)
        for upper, lower in zip(pixels[::2], pixels[1::2], strict=False):
            blocks = (
                f"\x1b[38;2;{r};{g};{b};48;2;{r2};{g2};{b2}m▀"
                for (r, g, b), (r2, g2, b2) in zip(upper, lower, strict=True)
            )
            drawn.append(f"   {''.join(blocks)}\x1b[0m")
    return "\n".join(drawn)


def _as_table(result: SearchResult) -> str:
    """The hits as a table: a row each, with the share of every term that has weight."""
    terms = [name for name, term in result[0].terms.items() if term.weight] if result else []
    rows = [
        [hit.rank, hit.score, *(f"{hit.terms[name].contribution:+.3f}" for name in terms), shortest(hit.path)]
        for hit in result
    ]
    numbers = ("#", "score", *terms)
    return as_table([*numbers, "path"], rows, numbers=numbers, spare=terms)


_FORMATS = {
    "json": _as_json,
    "jsonl": _as_json_lines,
    "csv": _as_csv,
    "paths": _as_paths,
    "html": _as_html,
    "preview": _as_preview,
    "table": _as_table,
}
