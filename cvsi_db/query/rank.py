"""A rank: the weights of a query's terms, as a linear expression or as a mapping.

Takes what a person wrote, as in "0.6*edited_captions + 0.4*(image - objects)"; returns a weight per term, or raises
RankError with a caret under the place.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from sqlglot import exp

from cvsi_db.errors import RankError
from cvsi_db.query.sql_errors import parse, place_of, pointed, sql_errors
from cvsi_db.records import TERM_NAMES, TermName, Weights

SMALLEST, LARGEST = 1e-6, 1e6
"""The range of a weight's size, so that float32 scores neither vanish nor overflow."""

_CONSTANT = ""


def weights_of(rank: str | Mapping[TermName, float]) -> Weights:
    """The weight of each term that a rank names, be it an expression or a mapping.

    Raises RankError when an expression does not parse or is not linear; for a name that is not a term, a bare number,
    or a weight that is not finite or outside SMALLEST to LARGEST (0 is fine).
    """
    if isinstance(rank, str):
        return linear_weights(parse(rank, "rank", RankError), rank)
    for name in rank:
        if name not in TERM_NAMES:
            raise RankError(f"unknown term {name!r} in the rank: the terms are {_terms()}")
    return _checked(dict(rank))


def linear_weights(tree: exp.Expr, text: str) -> Weights:
    """The weights in the tree of a rank expression; `text` is what it was read from. Raises as `weights_of` does."""
    with sql_errors(text, "rank", RankError):
        form = _linear(tree, text)
    if form.pop(_CONSTANT, 0.0):
        raise RankError(f"the rank {text!r} adds a number that weighs no term: multiply it with one of {_terms()}")
    return _checked({name: form[name] for name in TERM_NAMES if name in form})


def _checked(weights: dict[TermName, float]) -> Weights:
    for name, weight in weights.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise RankError(f"the rank gives {name} the weight {weight!r}: give a number")
        if weight and not SMALLEST <= abs(weight) <= LARGEST:
            limits = f"{SMALLEST:g} and {LARGEST:g}"
            raise RankError(f"the rank gives {name} the weight {weight:g}: keep weights between {limits}")
    return {name: float(weight) for name, weight in weights.items()}


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


def _terms() -> str:
    return ", ".join(TERM_NAMES)
