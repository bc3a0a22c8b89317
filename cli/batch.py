"""A file of queries, answered together: an answer per line, in their order."""

from __future__ import annotations

import json
from typing import Any, TextIO

import click

from cvsi_db.errors import CvsiError
from cvsi_db.settings import Settings

from .common import warn
from .query import compose, opened


def answer_lines(batch: TextIO, settings: Settings, model: str | None, options: dict[str, Any], quiet: bool) -> str:
    """The answers as lines of JSON, in the queries' order; the options hold for what a line leaves out.

    An error or a warning names the line that it is about. Every line is checked before a model loads.
    """
    from cvsi_db.query.json_lines import read_queries
    from cvsi_db.search.present.json import to_json

    if options["reference"] is not None or options["edit_text"] is not None or options["text"] is not None:
        raise click.UsageError("--batch takes REF and EDIT from its lines: leave them out here")
    try:
        lines = batch.read().split("\n")  # what else Python splits at may stand in a JSON text
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{batch.name} is not UTF-8: {error.reason} at byte {error.start}") from None
    numbered = read_queries(lines, compose(options))
    if not numbered:
        raise click.UsageError(f"{batch.name} holds no query: write one JSON object a line")
    numbers, queries = zip(*numbered, strict=True)
    with opened(settings, model, options["rewriter"], quiet, options["verifier"]) as gallery:
        try:
            results = gallery.search_many(queries)
        except CvsiError as error:
            if error.position is not None:
                error.args = (f"line {numbers[error.position]}: {error}",)
            raise
    for number, result in zip(numbers, results, strict=True):
        warn(tuple(f"line {number}: {warning}" for warning in result.warnings), quiet)
    return "".join(json.dumps(to_json(result), ensure_ascii=False) + "\n" for result in results)
