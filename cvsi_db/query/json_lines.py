"""Query lines: composed queries as lines of JSON, one object each, for whoever asks many at once.

Takes lines and the values of what a line leaves out; returns queries, or an error that names the line. A line's keys
are the fields of ComposedQuery; pictures are paths. Knows nothing about models or galleries.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cvsi_db.errors import CvsiError, QueryError
from cvsi_db.query.checks import check_query
from cvsi_db.query.where import check_where
from cvsi_db.records import ComposedQuery, ImageRow

_COLUMNS = {field.name: None for field in fields(ImageRow) if not field.name.endswith("_vector")}
_FIELDS = tuple(field.name for field in fields(ComposedQuery))
_PICTURES = ("liked", "unliked")
_LISTS = (*_PICTURES, "negative")
_KINDS: Mapping[str, tuple[type, ...]] = MappingProxyType(
    {
        **dict.fromkeys(("reference", "edit_text", "where", "rank", "preset"), (str, type(None))),
        **dict.fromkeys(("k", "offset", "pool"), (int,)),
        **dict.fromkeys(("exclude_reference", "strict", "exact", "auto_cut"), (bool,)),
        **dict.fromkeys(_LISTS, (str, list)),
        "min_score": (int, float, type(None)),
    }
)
_NAMES = MappingProxyType({str: "text", type(None): "null", int: "a number", float: "a number", bool: "true or false"})


def read_queries(lines: Iterable[str], defaults: ComposedQuery) -> list[tuple[int, ComposedQuery]]:
    """The queries with their line numbers, from 1; empty lines are left out. `defaults` fills what a line leaves out.

    Everything that can be told without a model or a gallery is checked (of a filter its form and names). Raises the
    error that a search for it would, or QueryError for a line that is no query; both name the line.
    """
    return [(number, _read(line, number, defaults)) for number, line in enumerate(lines, 1) if line.strip()]


def naming_line(error: CvsiError, number: int) -> CvsiError:
    """The error, changed to say on which line it arose."""
    error.args = (f"line {number}: {error}",)
    return error


def _read(line: str, number: int, defaults: ComposedQuery) -> ComposedQuery:
    try:
        query = replace(defaults, **_values(line))
        check_query(query)
        if query.where is not None:
            check_where(query.where, _COLUMNS)
        for picture in (query.reference, *query.liked, *query.unliked):
            if isinstance(picture, Path) and not picture.is_file():
                raise QueryError(f"no such file: {str(picture)!r}")
        return query
    except CvsiError as error:
        raise naming_line(error, number) from None


def _values(line: str) -> dict[str, Any]:
    try:
        values = json.loads(line)
    except ValueError as error:
        raise QueryError(f"this is no JSON: {error}") from None
    except RecursionError:
        raise QueryError("this JSON is nested too deeply") from None
    if not isinstance(values, dict):
        raise QueryError('this is no JSON object: write one like {"reference": "ref.jpg", "edit_text": "with a hat"}')
    return dict(_field(name, value) for name, value in values.items())


def _field(name: str, value: object) -> tuple[str, Any]:
    if name not in _KINDS:
        raise QueryError(f"unknown key {name!r}: the keys are {', '.join(_FIELDS)}")
    kinds = _KINDS[name]
    # A bool is an int to Python, and to no one else.
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise QueryError(f"{name} is {value!r}: it takes {_takes(name)}")
    if name in _LISTS:
        given = value if isinstance(value, list) else [value]
        return name, tuple(_entry(name, each) for each in given)
    return name, Path(value) if name == "reference" and isinstance(value, str) else value


def _entry(name: str, value: object) -> str | Path:
    if not isinstance(value, str):
        raise QueryError(f"{name} holds {value!r}: it takes {_takes(name)}")
    return Path(value) if name in _PICTURES else value


def _takes(name: str) -> str:
    return (
        "a text or a list of texts" if name in _LISTS else " or ".join(dict.fromkeys(_NAMES[k] for k in _KINDS[name]))
    )
