"""The arguments of compose(…) in a statement, as the fields of a ComposedQuery.

compose('ref.jpg', 'with a hat')        compose(:image, :edit)        compose(NULL, 'a cat')
compose('ref.jpg', edit => 'with a hat', preset => 'circo', k => 50, keep_reference => TRUE, strict => TRUE)
compose('ref.jpg', liked => 'more.jpg', unliked => :images, negative => 'a dog', min_score => 0.3)
"""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from cvsi_db.errors import SqlError
from cvsi_db.query.options import BY_ARGUMENT, IMAGE, IMAGES
from cvsi_db.query.placeholders import Placeholders
from cvsi_db.query.sql_errors import place_of, pointed
from cvsi_db.records import URL

_POSITIONS = ("reference", "edit")


def compose_fields(call: exp.Expr, text: str, placeholders: Placeholders) -> dict[str, Any]:
    """The fields of ComposedQuery that the call gives; an argument that is NULL is as one left out.

    A reference may be whatever a search takes: a path, bytes or a PIL image; several liked or unliked images or
    negative texts come as a list, in a placeholder. Raises SqlError, with a caret under the argument, for one that is
    unknown, given twice or of the wrong kind.
    """
    found: dict[str, Any] = {}
    names: set[str] = set()
    named = False
    for position, node in enumerate(call.expressions):
        if isinstance(node, exp.Kwarg):
            named, name, value = True, node.this.name.lower(), node.expression
        elif not named and position < len(_POSITIONS):
            name, value = _POSITIONS[position], node
        else:
            message = "compose takes a reference and an edit text in order; name what follows, as in preset => 'circo'"
            raise pointed(SqlError, message, text, place_of(node, text))
        if name not in BY_ARGUMENT or name in names:
            problem = f"compose takes {', '.join(BY_ARGUMENT)}, each once: not {name!r}"
            place = place_of(value, text)
            raise pointed(SqlError, problem, text, max(text.lower().rfind(name, 0, place), 0))
        names.add(name)
        option = BY_ARGUMENT[name]
        given = placeholders[value] if isinstance(value, exp.Placeholder) else _literal(value)
        if given is None:
            continue
        field = option.value(given)
        if isinstance(given, exp.Expr) or not option.accepts(field):
            raise pointed(SqlError, f"{name} takes {option.kind.takes}", text, place_of(value, text))
        if isinstance(value, exp.Literal) and option.kind in (IMAGE, IMAGES) and str(given).lower().startswith(URL):
            message = "a statement fetches nothing: give a path, or the image as a parameter"
            raise pointed(SqlError, message, text, place_of(value, text))
        found[option.field] = not field if option.negated else field
    return found


def _literal(node: exp.Expr) -> Any:
    """The value that a node says outright; any other node is itself, and so of no kind that is wanted."""
    match node:
        case exp.Null():
            return None
        case exp.Boolean():
            return bool(node.this)
        case exp.Literal():
            return str(node.this) if node.is_string else int(node.this) if node.is_int else float(node.this)
        case exp.Neg(this=exp.Literal(is_string=False) as number):
            return -float(number.this)
    return node
