"""Filters: makes a condition a person wrote ready for LanceDB, or says why it cannot be meant.

Takes the text of a `--where` condition and the columns it may name; returns a condition that LanceDB reads the same
way. LanceDB itself drops whatever follows a complete condition (`width > 3; drop`) and compares no timestamp with a
plain string, so both are settled here. Knows nothing about tables or rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from cvsi_db.errors import FilterError

TIME_COLUMNS = frozenset({"modified_at", "taken_at"})

_STRING = re.compile(r"'(?:[^']|'')*'")


@lru_cache(maxsize=256)
def prepare_filter(where: str, columns: frozenset[str]) -> str:
    """The condition with its dates made timestamps; otherwise as it was written.

    Dates are ISO 8601; one without a time zone is UTC for modified_at, the camera's clock for taken_at. Raises
    FilterError when `where` is not exactly one condition, names a column that is not in `columns`, or compares a
    time with something that is no date.
    """
    # Parsing a copy whose strings are numbered tells which pieces of the original text to replace, and leaves the
    # rest verbatim: printing the tree again would translate functions into another dialect's.
    numbers = iter(range(len(where)))
    tree = _parse(_STRING.sub(lambda _: f"'{next(numbers)}'", where), where)
    _check_columns(tree, where, columns)
    dates = set(_dates(tree))
    numbers = iter(range(len(where)))
    return _STRING.sub(lambda found: _moment(found[0], where) if next(numbers) in dates else found[0], where)


def _parse(numbered: str, where: str) -> Any:
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        tree = exp.condition(numbered)
    except SqlglotError:
        raise FilterError(f'cannot read the filter {where!r}: write one SQL condition, as in "width > 1000"') from None
    if tree.find(exp.Query) or any(node.comments for node in tree.walk()):
        raise FilterError(f"the filter {where!r} holds a SELECT or a comment: write one SQL condition over the columns")
    return tree


def _check_columns(tree: Any, where: str, columns: frozenset[str]) -> None:
    from sqlglot import exp

    for column in tree.find_all(exp.Column):
        if column.table or column.name.lower() not in columns:
            known = ", ".join(sorted(columns))
            named = column.sql().strip('"')
            raise FilterError(f"the filter {where!r} names {named!r}, no column; the columns are {known}")


def _dates(tree: Any) -> Iterator[int]:
    """The numbers of the strings that are compared with a time column."""
    from sqlglot import exp

    for node in tree.find_all(exp.Predicate):
        operands = list(node.iter_expressions())
        if any(isinstance(operand, exp.Column) and operand.name.lower() in TIME_COLUMNS for operand in operands):
            yield from (
                int(operand.name) for operand in operands if isinstance(operand, exp.Literal) and operand.is_string
            )


def _moment(quoted: str, where: str) -> str:
    text = quoted[1:-1]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        hint = "write it as '2024-01-31' or '2024-01-31 18:30'"
        raise FilterError(f"the filter {where!r} compares a time with {text!r}, which is no date: {hint}") from None
    moment = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    return f"CAST('{moment.isoformat()}' AS TIMESTAMP)"
