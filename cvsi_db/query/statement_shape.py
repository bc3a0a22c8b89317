"""The shape of a statement: one plain SELECT from compose(…) or from images, with no clause beyond a short list.

Takes text; returns sqlglot's tree of it, or raises SqlError with a caret under the first word that does not belong.
Knows nothing about columns, ranks or conditions.
"""

from __future__ import annotations

import sqlglot
from sqlglot import TokenType, exp

from cvsi_db.errors import SqlError
from cvsi_db.query.sql_errors import clipped, place_of, pointed, words

FORM = "SELECT columns FROM compose(…) or images, then WHERE, ORDER BY, LIMIT and OFFSET"
"""What errors say a statement is."""

_CLAUSES = frozenset({"expressions", "from_", "where", "order", "limit", "offset"})
_REFUSED = frozenset(
    {
        TokenType.ALL, TokenType.CASE, TokenType.DISTINCT, TokenType.EXCEPT, TokenType.FETCH, TokenType.FOR,
        TokenType.GROUP_BY, TokenType.HAVING, TokenType.HINT, TokenType.INTERSECT, TokenType.INTO, TokenType.JOIN,
        TokenType.LATERAL, TokenType.OVER, TokenType.PIVOT, TokenType.QUALIFY, TokenType.SELECT,
        TokenType.TABLE_SAMPLE, TokenType.UNION, TokenType.UNPIVOT, TokenType.USING, TokenType.VALUES, TokenType.WINDOW,
        TokenType.WITH,
    }
)  # fmt: skip


def read_select(text: str) -> exp.Select:
    """The tree of a statement, its clauses checked. Raises SqlError, or what sqlglot raises when it does not parse."""
    _check_words(text)
    tree = sqlglot.parse_one(text)
    if not isinstance(tree, exp.Select):
        raise SqlError(f"cannot use the statement {clipped(text)!r}: it is {FORM}")
    for clause, value in tree.args.items():
        if value and clause not in _CLAUSES:
            extra = value[0] if isinstance(value, list) else value
            raise pointed(SqlError, f"a statement is {FORM}, and no more", text, place_of(extra, text))
    if not tree.expressions or not tree.args.get("from_"):
        raise SqlError(f"the statement {clipped(text)!r} is not whole: write {FORM}")
    return tree


def call_of_compose(tree: exp.Select, text: str) -> exp.Anonymous | None:
    """The call that a statement reads from; None when it reads from images. Raises SqlError for anything else."""
    table = tree.args["from_"].this
    source = table.this if isinstance(table, exp.Table) else None
    known = "compose" if isinstance(source, exp.Anonymous) else "images"
    if not isinstance(source, exp.Anonymous | exp.Identifier) or source.name.lower() != known:
        message = "a statement reads from compose(reference, edit) or from images, and nothing else"
        raise pointed(SqlError, message, text, place_of(table, text))
    for extra in (value for name, value in table.args.items() if name != "this" and value):
        message = "the table takes no other name and no options"
        raise pointed(SqlError, message, text, place_of(extra[0] if isinstance(extra, list) else extra, text))
    return source if isinstance(source, exp.Anonymous) else None


def _check_words(text: str) -> None:
    """Point at the first word that no statement of this form holds, before a parser makes something else of it."""
    first, *rest = words(text, "statement", SqlError, "one SELECT")
    if first.token_type != TokenType.SELECT:
        raise pointed(SqlError, f"a statement only reads: {FORM}", text, first.start)
    for token in rest:
        if token.token_type in _REFUSED or token.text.lower() == "nulls":
            raise pointed(SqlError, f"cannot use {token.text.upper()}: a statement is {FORM}", text, token.start)
