"""A condition over the columns of the images table, as a person writes it after --where.

Takes text; returns the condition as LanceDB reads it, or raises FilterError with a caret under the place. Only what is
on a short list gets through: no sub-query, statement, comment or unknown function ever reaches the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlglot import exp

from cvsi_db.errors import FilterError
from cvsi_db.query.sql_errors import parse, place_of, pointed, sql_errors

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

TYPES = frozenset({"BIGINT", "DATE", "DOUBLE", "FLOAT", "INT", "SMALLINT", "TIMESTAMP"})
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

    Dates compared with a timestamp column ('2024', '2024-01-31', '2024-01-31 18:30', with a zone or in UTC) become
    timestamps. Raises FilterError, with a caret under the place, for anything that is not on the list of this module.
    """
    with sql_errors(text, "filter", FilterError):
        _check_nesting(tree, text)
        for node in list(tree.walk()):
            _check_node(node, text, columns)
        for node in list(tree.find_all(*_COMPARISONS)):
            _mend_dates(node, text, columns)
        return Condition(tree.sql())


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
    elif isinstance(node, exp.DataType) and node.sql() not in TYPES:
        raise pointed(FilterError, f"a filter cannot cast to {node.sql()}: only to {', '.join(sorted(TYPES))}", text, 0)


def _check_column(node: exp.Column, text: str, columns: Mapping[str, object]) -> None:
    name = node.name.lower()
    if node.table or name not in columns:
        known = f"the columns are {', '.join(columns)}; a string takes single quotes"
        raise pointed(FilterError, f"unknown column {node.sql()!r} in the filter: {known}", text, place_of(node, text))
    # LanceDB takes a name in double quotes for a string, and finds nothing.
    node.this.replace(exp.to_identifier(name, quoted=False))


def _mend_dates(node: exp.Expr, text: str, columns: Mapping[str, object]) -> None:
    """Make the strings that are compared with a timestamp column timestamps: LanceDB would refuse them."""
    operands = list(node.iter_expressions())
    times = [operand for operand in operands if isinstance(operand, exp.Column) and _is_time(columns[operand.name])]
    strings = [operand for operand in operands if isinstance(operand, exp.Literal) and operand.is_string]
    for string in strings if times else []:
        moment = exp.Literal.string(_moment(string, text))
        string.replace(exp.Cast(this=moment, to=exp.DataType.build("TIMESTAMP")))


def _is_time(arrow_type: object) -> bool:
    return str(arrow_type).startswith("timestamp")


def _moment(string: exp.Literal, text: str) -> str:
    written = string.this.strip()
    whole = written + _EARLIEST[len(written) :] if len(written) in (4, 7) else written  # a year, or a year and month
    try:
        moment = datetime.fromisoformat(whole)
        return (moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment).isoformat(" ")
    except (ValueError, OverflowError):
        message = f"the filter compares a time with {written!r}: write a date as '2024-01-31' or '2024-01-31 18:30'"
        raise pointed(FilterError, message, text, place_of(string, text)) from None
