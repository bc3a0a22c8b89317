"""The two pieces of SQL a person may write: `rank`, a linear expression over terms, and `where`, a condition.

Takes text; returns weights, or a condition as LanceDB reads it, or raises an error that points at the place. Only
what is on a short list gets through: no sub-query, statement, comment or unknown function ever reaches the store.
Knows nothing about tables, vectors or models.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime

from sqlglot import exp

from cvsi_db.errors import FilterError, RankError
from cvsi_db.query.sql_errors import parse, place_of, pointed, reading
from cvsi_db.records import TERM_NAMES, TermName

SMALLEST, LARGEST = 1e-6, 1e6
"""The range of a weight's size, so that float32 scores neither vanish nor overflow."""

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
_CONSTANT = ""
_EARLIEST = "0000-01-01"


def parse_rank(text: str) -> dict[TermName, float]:
    """The weight of each term that a rank expression names, as in "0.6*edited_captions + 0.4*(image - objects)".

    Raises RankError as `weights_of` does, and when it does not parse.
    """
    return weights_of(parse(text, "rank", RankError), text)


def weights_of(tree: exp.Expr, text: str) -> dict[TermName, float]:
    """The weights in the tree of a rank expression; `text` is what it was read from, for errors to point at.

    Raises RankError, with a caret under the place, when it is not linear, names something else than a term, holds a
    bare number, or gives a weight that is not finite or outside SMALLEST to LARGEST (0 is fine).
    """
    with reading(text, "rank", RankError):
        form = _linear(tree, text)
        rank = tree.sql()
    if form.pop(_CONSTANT, 0.0):
        raise RankError(f"the rank {rank!r} adds a number that weighs no term: multiply it with one of {_terms()}")
    weights = {name: form[name] for name in TERM_NAMES if name in form}
    for name, weight in weights.items():
        if weight and not SMALLEST <= abs(weight) <= LARGEST:
            limits = f"{SMALLEST:g} and {LARGEST:g}"
            raise RankError(f"the rank {rank!r} gives {name} the weight {weight:g}: keep weights between {limits}")
    return weights


def check_where(text: str, columns: Mapping[str, object]) -> str:
    """The condition as LanceDB reads it; `columns` maps each column it may name to its Arrow type.

    Raises FilterError as `condition_of` does, and when it does not parse.
    """
    return condition_of(parse(text, "filter", FilterError), text, columns)


def condition_of(tree: exp.Expr, text: str, columns: Mapping[str, object]) -> str:
    """The condition in a tree, as LanceDB reads it; `text` is what it was read from, for errors to point at.

    Dates compared with a timestamp column ('2024', '2024-01-31', '2024-01-31 18:30', with a zone or in UTC) become
    timestamps. Raises FilterError, with a caret under the place, for anything that is not on the list of this module.
    """
    with reading(text, "filter", FilterError):
        _check_nesting(tree, text)
        for node in list(tree.walk()):
            _check_node(node, text, columns)
        for node in list(tree.find_all(*_COMPARISONS)):
            _mend_dates(node, text, columns)
        return tree.sql()


def _linear(node: exp.Expr, text: str) -> dict[str, float]:
    """The expression as a weight per term; what weighs no term is under _CONSTANT."""
    match node:
        case exp.Paren():
            return _linear(node.this, text)
        case exp.Neg():
            return _times(_linear(node.this, text), -1.0)
        case exp.Add() | exp.Sub():
            sign = 1.0 if isinstance(node, exp.Add) else -1.0
            return _plus(_linear(node.left, text), _times(_linear(node.right, text), sign))
        case exp.Mul():
            return _product(node, text)
        case exp.Div():
            return _times(_linear(node.left, text), 1 / _divisor(node, text))
        case exp.Literal() if not node.is_string:
            return {_CONSTANT: _number(node, text)}
        case exp.Column() if not node.table and node.name.lower() in TERM_NAMES:
            return {node.name.lower(): 1.0}
        case exp.Column():
            raise pointed(
                RankError,
                f"unknown term {node.sql()!r} in the rank: the terms are {_terms()}",
                text,
                place_of(node, text),
            )
    message = f"the rank cannot use {node.sql()!r}: only numbers, terms, + - * / and brackets"
    raise pointed(RankError, message, text, place_of(node, text))


def _product(node: exp.Mul, text: str) -> dict[str, float]:
    left, right = _linear(node.left, text), _linear(node.right, text)
    if set(left) == {_CONSTANT}:
        return _times(right, left[_CONSTANT])
    if set(right) == {_CONSTANT}:
        return _times(left, right[_CONSTANT])
    raise pointed(RankError, "the rank is not linear: it multiplies a term with a term", text, place_of(node, text))


def _divisor(node: exp.Div, text: str) -> float:
    form, place = _linear(node.right, text), place_of(node.right, text)
    if set(form) != {_CONSTANT}:
        raise pointed(RankError, "the rank is not linear: it divides by a term", text, place)
    if not form[_CONSTANT] or not math.isfinite(1 / form[_CONSTANT]):
        raise pointed(RankError, "the rank divides by zero", text, place)
    return form[_CONSTANT]


def _number(node: exp.Literal, text: str) -> float:
    try:
        return float(node.this)
    except ValueError:
        raise pointed(
            RankError, f"the rank holds {node.this!r}, which is no number", text, place_of(node, text)
        ) from None


def _times(form: dict[str, float], factor: float) -> dict[str, float]:
    return {name: weight * factor for name, weight in form.items()}


def _plus(left: dict[str, float], right: dict[str, float]) -> dict[str, float]:
    return {name: left.get(name, 0.0) + right.get(name, 0.0) for name in {**left, **right}}


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


def _terms() -> str:
    return ", ".join(TERM_NAMES)
