"""Parsing the SQL a person wrote, with errors that point at a place in it.

Takes text; returns sqlglot's tokens and trees, or raises an error of the kind it was told. What a tree may hold is
checked in rank.py, where.py and statement.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlglot
from sqlglot import Token, exp
from sqlglot.errors import ParseError, SqlglotError

from cvsi_db.errors import UsageError

DIALECT = "duckdb"
"""The SQL that is read, here and in the engine that answers statements."""

MAX_LENGTH = 10_000
"""Characters of one text; a longer one is an accident, and deep ones exhaust the parsers' stacks."""

MAX_DEPTH = 50
"""Brackets inside brackets."""

SHOWN = 100
"""Characters of a text that an error shows, around the place it points at."""


@contextmanager
def sql_errors(text: str, kind: str, error: type[UsageError]) -> Iterator[None]:
    """Make what sqlglot raises about `text`, a `kind` such as "rank", an `error` that points at the place."""
    try:
        yield
    except ParseError as problem:
        where = problem.errors[0] if problem.errors else {}
        place = _offset(text, where.get("line"), where.get("col"), where.get("highlight"))
        reason = where.get("description") or ""
        reason = reason if reason and "<class" not in reason else "something is missing here"
        raise pointed(error, f"cannot read the {kind}: {reason}", text, place) from None
    except (SqlglotError, ValueError):  # the latter of an argument named ''
        raise error(f"cannot read the {kind} {clipped(text)!r}: is a quote or a bracket left open?") from None
    except RecursionError:
        raise error(f"the {kind} is nested too deeply: write it with fewer brackets and signs") from None


def parse(text: str, kind: str, error: type[UsageError]) -> exp.Expr:
    """The tree of exactly one expression. Raises `error`."""
    with sql_errors(text, kind, error):
        words(text, kind, error, "an expression")
        return sqlglot.parse_one(text, into=exp.Condition, dialect=DIALECT)


def words(text: str, kind: str, error: type[UsageError], what: str) -> list[Token]:
    """The words of `text`; raises `error` when it is not one `what`: empty, endless, or more than one."""
    if not text.strip():
        raise error(f"the {kind} is empty: write {what}")
    if len(text) > MAX_LENGTH:
        raise error(f"the {kind} is {len(text):,} characters long: keep it under {MAX_LENGTH:,}")
    if not is_text(text):
        raise error(f"the {kind} {clipped(text)!r} holds a NUL or half a character: leave it out")
    tokens, depth = sqlglot.tokenize(text, dialect=DIALECT), 0
    if not tokens:
        raise error(f"the {kind} {clipped(text)!r} is a comment: write {what}")
    for token in tokens:
        if token.comments:
            place = text.find(token.comments[0]) - len("--")
            raise pointed(error, f"the {kind} holds a comment: leave it out", text, max(place, 0))
        if token.text == ";" and text[token.start] == ";":
            raise pointed(error, f"the {kind} is {what}, without a semicolon", text, token.start)
        depth += (token.text == "(") - (token.text == ")")
        if depth > MAX_DEPTH:
            raise pointed(error, f"the {kind} nests more than {MAX_DEPTH} brackets", text, token.start)
    return tokens


def place_of(node: exp.Expr, text: str) -> int:
    """Where in `text` a node starts, as well as the parser remembers."""
    starts = [found.meta["start"] for found in node.walk() if "start" in found.meta]
    return int(min(starts)) if starts else max(text.lower().find(node.sql().split(" ")[0].lower()), 0)


def pointed(error: type[UsageError], message: str, text: str, place: int) -> UsageError:
    """The error with the text below its one line, and a caret under the place; a long text is cut to what is near."""
    line = "".join(character if character.isprintable() else " " for character in text)
    if len(line) > SHOWN:
        start = max(min(place - SHOWN // 2, len(line) - SHOWN), 0)
        before, after = "…" if start else "", "…" if start + SHOWN < len(line) else ""
        line, place = before + line[start : start + SHOWN] + after, place - start + len(before)
    return error(f"{message}\n  {line}\n  {' ' * place}^")


def is_text(text: str) -> bool:
    """Whether `text` can be stored and be a path: whole characters only, and no NUL."""
    try:
        return b"\0" not in text.encode("utf-8")
    except UnicodeEncodeError:
        return False


def clipped(text: str) -> str:
    """The text, or its beginning when it is long."""
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def _offset(text: str, line: int | None, column: int | None, token: str | None) -> int:
    """The start of a token that ends at `column` (from 1) of `line` (from 1)."""
    if line is None or column is None:
        return len(text)
    before = sum(len(each) for each in text.splitlines(keepends=True)[: line - 1])
    return max(before + column - len(token or ""), 0)
