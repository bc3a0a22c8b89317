"""A condition over the columns of the images table, as a person writes it after --where.

Takes text; returns the condition as LanceDB reads it, or raises FilterError with a caret under the place. Only what is
on a short list gets through: no sub-query, statement, comment or unknown function ever reaches the store.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import reduce

from sqlglot import exp

from cvsi_db.errors import FilterError
from cvsi_db.query.sql_errors import DIALECT, parse, place_of, pointed, sql_errors

MAX_NESTING = 100
"""Parts inside parts of a condition, AND and OR apart: 1+1+… of 1,200 numbers overflows LanceDB's stack, and that ends
the process."""

FUNCTIONS: Mapping[type[exp.Expr], str] = {
    exp.Abs: "abs",
    exp.ArrayContains: "array_has",
    exp.EndsWith: "ends_with",
    exp.Length: "length",
    exp.Lower: "lower",
    exp.StartsWith: "starts_with",
    exp.Upper: "upper",
}
"""The functions a condition may call."""

TYPES = frozenset({"BIGINT", "DATE", "DOUBLE", "FLOAT", "INT", "REAL", "SMALLINT", "TIMESTAMP"})
"""What a condition may cast to."""

_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.In, exp.Between)
_ALLOWED = frozenset(
    {
        *_COMPARISONS, *FUNCTIONS, exp.And, exp.Or, exp.Not, exp.Paren, exp.Like, exp.ILike, exp.Is, exp.Null,
        exp.Boolean, exp.Literal, exp.Column, exp.Identifier, exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod,
        exp.Cast, exp.DataType,
    }
)  # fmt: skip
_EARLIEST = "0000-01-01"
_MIRRORED: Mapping[type[exp.Expr], type[exp.Expr]] = {
    exp.GT: exp.LT,
    exp.GTE: exp.LTE,
    exp.LT: exp.GT,
    exp.LTE: exp.GTE,
}
"""The comparison that says the same with its sides swapped."""


class Condition(str):
    """A condition that is known to be sound, as LanceDB reads it: it is not read again."""

    __slots__ = ()


def check_where(text: str, columns: Mapping[str, object]) -> Condition:
    """The condition as LanceDB reads it; `columns` maps each column it may name to its Arrow type.

    Raises FilterError as `condition_of` does, and when it does not parse.
    """
    return condition_of(parse(text, "filter", FilterError), text, columns)


def condition_of(tree: exp.Expr, text: str, columns: Mapping[str, object]) -> Condition:
    """The condition in a tree, as LanceDB reads it; `text` is what it was read from, for errors to point at.

    A date compared with a timestamp column ('2024', '2024-01', '2024-01-31', '2024-01-31 18:30', with a zone or in UTC)
    is the whole year, month, day or minute that it names. Raises FilterError, with a caret under the place, for
    anything that is not on the list of this module.
    """
    with sql_errors(text, "filter", FilterError):
        _check_nesting(tree, text)
        for node in list(tree.walk()):
            _check_node(node, text, columns)
        tree = with_periods(tree, text, columns)
        for node in list(tree.find_all(exp.Length)):
            if isinstance(node.this, exp.Column) and str(columns[node.this.name]).startswith("list"):
                items = exp.func("array_length", node.this.copy())  # NULL for none
                node.replace(exp.func("coalesce", items, exp.Literal.number(0)))
        return Condition(tree.sql(DIALECT))


def is_condition(tree: exp.Expr, columns: Mapping[str, object]) -> bool:
    """Whether `condition_of` takes all parts of the tree, be it that it names dates that are none."""
    try:
        _check_nesting(tree, "")
        for node in list(tree.walk()):
            _check_node(node, "", columns)
    except FilterError:
        return False
    return True


def with_periods(tree: exp.Expr, text: str, columns: Mapping[str, object]) -> exp.Expr:
    """The tree, in which dates compared with timestamp columns are the periods they name; see `condition_of`."""
    for node in reversed(list(tree.find_all(*_COMPARISONS))):  # what is inside another comes first
        mended = _with_periods(node, text, columns)
        tree = mended if node is tree else tree
        node.replace(mended)
    return tree


def _check_nesting(tree: exp.Expr, text: str) -> None:
    parts = [(tree, 0)]
    while parts:
        node, depth = parts.pop()
        depth += not isinstance(node, exp.And | exp.Or)
        if depth > MAX_NESTING:
            message = f"the filter nests more than {MAX_NESTING} parts: write it with fewer operators in a row"
            raise pointed(FilterError, message, text, place_of(node, text))
        parts += [(child, depth) for child in node.iter_expressions()]


def _check_node(node: exp.Expr, text: str, columns: Mapping[str, object]) -> None:
    if isinstance(node, exp.Column):
        _check_column(node, text, columns)
    elif type(node) not in _ALLOWED or (isinstance(node, exp.In) and not node.expressions):
        usable = f"comparisons, AND, OR, NOT, IN, BETWEEN, LIKE, IS NULL, and {', '.join(FUNCTIONS.values())}"
        raise pointed(FilterError, f"a filter cannot use {node.sql()!r}: it takes {usable}", text, place_of(node, text))
    elif isinstance(node, exp.DataType) and node.sql(DIALECT) not in TYPES:
        raise pointed(FilterError, f"a filter cannot cast to {node.sql()}: only to {', '.join(sorted(TYPES))}", text, 0)


def _check_column(node: exp.Column, text: str, columns: Mapping[str, object]) -> None:
    name = node.name.lower()
    if node.table or name not in columns:
        known = f"the columns are {', '.join(columns)}; a string takes single quotes"
        raise pointed(FilterError, f"unknown column {node.sql()!r} in the filter: {known}", text, place_of(node, text))
    # LanceDB takes a name in double quotes for a string, and finds nothing.
    node.this.replace(exp.to_identifier(name, quoted=False))


def _with_periods(node: exp.Expr, text: str, columns: Mapping[str, object]) -> exp.Expr:
    """The comparison, where a date beside a timestamp column is the period it names: `= '2024-10-31'` is that day,
    `> '2024'` after that year, `<= '2024-10'` until the end of that month."""
    operands = list(node.iter_expressions())
    timed = any(isinstance(each, exp.Column) and _is_time(columns.get(each.name.lower())) for each in operands)
    if not timed or not any(map(_date_of, operands)):
        return node

    def compared(kind: type[exp.Expr], left: exp.Expr, right: exp.Expr) -> exp.Expr:
        if isinstance(right, exp.Column) and _date_of(left):
            return compared(_MIRRORED.get(kind, kind), right, left)
        date = _date_of(right)
        if date is None or not isinstance(left, exp.Column):
            return kind(this=left.copy(), expression=right.copy())
        start, end = (_timestamp(moment) for moment in _period(date, text))
        if kind is exp.EQ:
            return exp.paren(
                exp.And(
                    this=exp.GTE(this=left.copy(), expression=start),
                    expression=exp.LT(this=left.copy(), expression=end),
                )
            )
        if kind is exp.NEQ:
            return exp.paren(
                exp.Or(
                    this=exp.LT(this=left.copy(), expression=start),
                    expression=exp.GTE(this=left.copy(), expression=end),
                )
            )
        exact = exp.GTE if kind in (exp.GT, exp.GTE) else exp.LT
        return exact(this=left.copy(), expression=end if kind in (exp.GT, exp.LTE) else start)

    if isinstance(node, exp.In):
        if not node.expressions:  # IN a list, or the rows of a subquery
            return node
        parts = [compared(exp.EQ, node.this, each) for each in node.expressions]
        return exp.paren(reduce(lambda left, right: exp.Or(this=left, expression=right), parts))
    if isinstance(node, exp.Between):
        low, high = compared(exp.GTE, node.this, node.args["low"]), compared(exp.LTE, node.this, node.args["high"])
        return exp.paren(exp.And(this=low, expression=high))
    return compared(type(node), node.this, node.expression)


def _is_time(arrow_type: object) -> bool:
    return str(arrow_type).startswith("timestamp")


def _date_of(node: exp.Expr) -> exp.Literal | None:
    """The string that says a date: '2024-10-31' or DATE '2024-10-31'."""
    if isinstance(node, exp.Cast) and node.to.sql() == "DATE":
        node = node.this
    return node if isinstance(node, exp.Literal) and node.is_string else None


def _timestamp(moment: datetime) -> exp.Expr:
    return exp.Cast(this=exp.Literal.string(moment.isoformat(" ")), to=exp.DataType.build("TIMESTAMP"))


def _period(string: exp.Literal, text: str) -> tuple[datetime, datetime]:
    try:
        return period_of(string.this)
    except ValueError:
        message = f"the filter compares a time with {string.this!r}: write a date as '2024-01-31' or '2024-01-31 18:30'"
        raise pointed(FilterError, message, text, place_of(string, text)) from None


def period_of(written: str) -> tuple[datetime, datetime]:
    """The beginning and the end of the year, month, day, hour, minute, second or fraction of one that a date names.

    The end is the first moment after it; with a zone both are in UTC. Raises ValueError for what is no date.
    """
    written = written.strip().replace("/", "-")
    start = datetime.fromisoformat(written + _EARLIEST[len(written) :] if len(written) in (4, 7) else written)
    time = re.sub(r"(Z|[+-]\d\d:?\d\d)$", "", written.replace("T", " ").partition(" ")[2].strip())
    digits = sum(map(str.isdigit, time))
    try:
        if len(written) == 4:
            end = start.replace(year=start.year + 1)
        elif len(written) == 7:
            end = (start + timedelta(days=31)).replace(day=1)
        elif digits <= 6:
            end = start + timedelta(**{("days", "hours", "minutes", "seconds")[(digits + 1) // 2]: 1})
        else:
            end = start + timedelta(seconds=10.0 ** -min(digits - 6, 6))
        return _in_utc(start), _in_utc(end)
    except (ValueError, OverflowError):  # beyond the year 9999
        return start.replace(tzinfo=None), datetime.max


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
