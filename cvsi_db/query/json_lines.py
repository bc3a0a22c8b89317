"""Composed queries as lines of JSON, one object each: its keys are the fields of ComposedQuery, images are paths.

Takes lines and the query that fills in what a line leaves out; returns the queries with their line numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from cvsi_db.errors import QueryError
from cvsi_db.query.options import BY_FIELD, IMAGE, IMAGES
from cvsi_db.records import ComposedQuery


def read_queries(lines: Iterable[str], defaults: ComposedQuery) -> list[tuple[int, ComposedQuery]]:
    """The queries with their line numbers, from 1; empty lines are left out.

    Raises QueryError, naming the line, for one that is not an object with known keys and values of their kinds. What
    the values mean is checked when the queries are run.
    """
    queries = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                queries.append((number, replace(defaults, **_values(line))))
            except QueryError as error:
                raise QueryError(f"line {number}: {error}") from None
    return queries


def _values(line: str) -> dict[str, Any]:
    try:
        values = json.loads(line)
    except ValueError as error:
        raise QueryError(f"not valid JSON: {error}") from None
    except RecursionError:
        raise QueryError("the JSON is nested too deeply") from None
    if not isinstance(values, dict):
        raise QueryError('not a JSON object: write one like {"reference": "ref.jpg", "edit_text": "with a hat"}')
    found = {}
    for name, given in values.items():
        option = BY_FIELD.get(name)
        if option is None:
            raise QueryError(f"unknown key {name!r}: the keys are {', '.join(BY_FIELD)}")
        value = option.value(given)
        option.check(value)
        if option.kind is IMAGE and value is not None:
            value = Path(value)
        found[name] = tuple(map(Path, value)) if option.kind is IMAGES else value
    return found
