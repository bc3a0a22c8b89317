"""The values of a statement's placeholders, `?` and `:name`.

Takes a statement's tree and the values; returns the value of each placeholder, and for a condition the literals in
their place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date

import sqlglot
from sqlglot import TokenType, exp

from cvsi_db.errors import SqlError
from cvsi_db.query.sql_errors import DIALECT, is_text, place_of, pointed

_LARGEST = 2**63 - 1


class Placeholders:
    """The value of every placeholder of one statement."""

    def __init__(self, tree: exp.Expr, text: str, values: Sequence[object], named: Mapping[str, object]) -> None:
        """Give `values` to the `?` in the order of the text, and `named` to the `:name`.

        Raises SqlError, with a caret under the placeholder, for one without a value, and for values left over.
        """
        self._text = text
        self._values: dict[int, object] = {}
        nodes = sorted(tree.find_all(exp.Placeholder), key=lambda node: node.meta.get("start", 0))
        marks = [node for node in nodes if _name(node) is None]
        if len(values) != len(marks):
            problem = "too many" if len(values) > len(marks) else "too few"
            message = f"{problem} values for the ? placeholders ({len(values)} given, {len(marks)} expected)"
            raise pointed(SqlError, message, text, max(text.rfind("?"), 0)) if marks else SqlError(message)
        unused = set(named) - {_name(node) for node in nodes}
        if unused:
            raise SqlError(f"a value for :{min(unused)}, which the statement does not hold: leave it out")
        rest = iter(values)
        for node in nodes:
            name = _name(node)
            if name is not None and name not in named:
                raise pointed(SqlError, f"no value for :{name}: give it as {name}=…", text, place_of(node, text))
            self._values[id(node)] = next(rest) if name is None else named[name]

    def __getitem__(self, node: exp.Placeholder) -> object:
        return self._values[id(node)]

    def put_into(self, condition: exp.Expr) -> None:
        """Replace the placeholders below `condition` by literals. Raises SqlError for a value that cannot be one."""
        for node in list(condition.find_all(exp.Placeholder)):
            node.replace(self._literal(node))

    def _literal(self, node: exp.Placeholder) -> exp.Expr:
        match self[node]:
            case None:
                return exp.Null()
            case bool() as truth:
                return exp.Boolean(this=truth)
            case int() as number if abs(number) <= _LARGEST:
                return exp.Literal.number(number)
            case float() as number if math.isfinite(number):
                return exp.Literal.number(number)
            case str() as string if is_text(string):
                return exp.Literal.string(string)
            case date() as day:  # a datetime is one too
                return exp.Literal.string(day.isoformat())
            case other:
                kinds = "a string, a number, a date, True, False or None"
                message = f"a condition cannot hold this {type(other).__name__}: give {kinds}"
                raise pointed(SqlError, message, self._text, place_of(node, self._text))


def marked(read: Callable[..., exp.Expr], text: str) -> exp.Expr:
    """The tree that `read`, sqlglot's, makes of `text`, in which each `?` knows its place, as a column does."""
    mark = next(letter for letter in map(chr, range(0xE000, 0xF900)) if letter not in text)
    spelled = list(text)
    for token in sqlglot.tokenize(text, dialect=DIALECT):
        if token.token_type == TokenType.PLACEHOLDER and token.text == "?":
            spelled[token.start] = mark
    tree = read("".join(spelled), dialect=DIALECT)
    for column in list(tree.find_all(exp.Column)):
        if column.name == mark:
            placeholder = exp.Placeholder()
            placeholder.meta.update(column.this.meta)
            column.replace(placeholder)
    return tree


def _name(node: exp.Placeholder) -> str | None:
    """The name of a `:name`; None for a `?`."""
    return None if node.args.get("this") is None else str(node.this)
