"""A file of queries: read and checked whole, then answered together, an answer a line in their order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TextIO

import click

from cvsi_db.errors import CvsiError
from cvsi_db.settings import Settings

from .common import warn
from .query import asked, compose, opened

if TYPE_CHECKING:
    from cvsi_db.gallery import Gallery
    from cvsi_db.records import ComposedQuery, SearchResult


def answer_lines(batch: TextIO, settings: Settings, model: str | None, options: dict[str, Any], quiet: bool) -> str:
    """The answers as lines of JSON, in the queries' order; the options hold for what a line leaves out.

    Raises before the gallery is opened when a line cannot be meant. Warnings go to stderr with their line's number.
    """
    from cvsi_db.query.json_lines import read_queries
    from cvsi_db.search.present.hits import to_json

    if options["reference"] is not None or options["edit_text"] is not None or options["text"] is not None:
        raise click.UsageError("--batch takes REF and EDIT from its lines: leave them out here")
    queries = read_queries(_lines(batch), compose(options))
    if not queries:
        raise click.UsageError(f"{batch.name} holds no query: write one JSON object a line")
    with opened(settings, model, options["rewriter"], quiet) as gallery:
        results = _answer(gallery, queries)
    for (number, _), result in zip(queries, results, strict=True):
        warn(tuple(f"line {number}: {warning}" for warning in result.warnings), quiet)
    return "".join(json.dumps(to_json(result), ensure_ascii=False) + "\n" for result in results)


def _answer(gallery: Gallery, queries: list[tuple[int, ComposedQuery]]) -> list[SearchResult]:
    """All together; when that fails one by one, to find the line that is to blame."""
    from cvsi_db.query.json_lines import naming_line

    try:
        return gallery.search_many([query for _, query in queries])
    except CvsiError:
        for number, query in queries:
            try:
                gallery.search(**asked(query))
            except CvsiError as error:
                raise naming_line(error, number) from None
        raise


def _lines(batch: TextIO) -> list[str]:
    try:
        return batch.read().split("\n")  # what else Python splits at may stand in a JSON text
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{batch.name} is not UTF-8: {error.reason} at byte {error.start}") from None
