"""compose(…): the arguments of its call in a statement, as the fields of a ComposedQuery they stand for.

    compose('ref.jpg', 'with a hat')        compose(:picture, :edit)        compose(NULL, 'a cat')
    compose('ref.jpg', edit => 'with a hat', preset => 'circo', keep_reference => TRUE, strict => TRUE)
    compose('ref.jpg', liked => 'more.jpg', unliked => :pictures, negative => 'a dog', min_score => 0.3)

Takes the call and the values of placeholders; knows nothing about the rest of a statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sqlglot import exp

from cvsi_db.errors import SqlError
from cvsi_db.query.placeholders import Parameters
from cvsi_db.query.sql_errors import is_text, place_of, pointed

_POSITIONS = ("reference", "edit")


def compose(call: exp.Expr, text: str, parameters: Parameters) -> dict[str, Any]:
    """The fields of ComposedQuery that the call gives; an argument that is NULL is as one left out.

    A reference may be whatever a search takes: a path, bytes or a PIL image; several liked or unliked pictures or
    negative texts come as a list, in a placeholder. Raises SqlError, with a caret under the argument, for one that is
    unknown, given twice or of the wrong kind.
    """
    given: dict[str, Any] = {}
    for name, node in _arguments(call, text):
        if name not in _KINDS or name in given:
            problem = f"compose takes {', '.join(_KINDS)}, each once: not {name!r}"
            place = place_of(node, text)
            raise pointed(SqlError, problem, text, max(text.lower().rfind(name, 0, place), 0))
        given[name] = parameters[node] if isinstance(node, exp.Placeholder) else _literal(node)
        said, fits = _KINDS[name]
        if given[name] is not None and not fits(given[name]):
            raise pointed(SqlError, f"{name} takes {said}, NULL or a placeholder", text, place_of(node, text))
    return {_FIELDS.get(name, name): _field(name, value) for name, value in given.items() if value is not None}


def _arguments(call: exp.Expr, text: str) -> Iterator[tuple[str, exp.Expr]]:
    named = False
    for position, node in enumerate(call.expressions):
        if isinstance(node, exp.Kwarg):
            named = True
            yield node.this.name.lower(), node.expression
        elif named or position >= len(_POSITIONS):
            message = "compose takes a reference and an edit text in order; name what follows, as in preset => 'circo'"
            raise pointed(SqlError, message, text, place_of(node, text))
        else:
            yield _POSITIONS[position], node


def _literal(node: exp.Expr) -> Any:
    """The value that a node says outright; any other node is itself, and so of no kind that is wanted."""
    match node:
        case exp.Null():
            return None
        case exp.Boolean():
            return bool(node.this)
        case exp.Literal():
            return str(node.this) if node.is_string else float(node.this)
        case exp.Neg(this=exp.Literal(is_string=False) as number):
            return -float(number.this)
    return node


def _field(name: str, value: Any) -> Any:
    if name == "keep_reference":
        return not value
    if name in _SEVERAL:
        return tuple(value) if isinstance(value, list | tuple) else (value,)
    return value


def _is_string(value: Any) -> bool:
    return isinstance(value, str) and is_text(value)


def _is_reference(value: Any) -> bool:
    """Whether it may be one: a PIL image is known to whoever reads it."""
    return is_text(str(value)) if isinstance(value, str | Path) else not isinstance(value, exp.Expr | bool | float)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _one_or_more(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: all(map(fits, value)) if isinstance(value, list | tuple) else fits(value)


_STRING = ("a string", _is_string)
_TRUTH = ("TRUE or FALSE", lambda value: isinstance(value, bool))
_PICTURES = ("a path or pictures", _one_or_more(_is_reference))
_KINDS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "reference": ("a path or a picture", _is_reference),
    "edit": _STRING,
    "preset": _STRING,
    "liked": _PICTURES,
    "unliked": _PICTURES,
    "negative": ("a string or a list of them", _one_or_more(_is_string)),
    "min_score": ("a number", _is_number),
    "auto_cut": _TRUTH,
    "keep_reference": _TRUTH,
    "strict": _TRUTH,
    "exact": _TRUTH,
}
_SEVERAL = ("liked", "unliked", "negative")
_FIELDS = {"edit": "edit_text", "keep_reference": "exclude_reference"}
