"""The statement form of a query: one SELECT from compose(…) or from images, and nothing else.

Takes the text, the columns of the images table and the values of placeholders; returns what it asks for, or raises an
error that points at the place. Everything is on a short list: no other table, no function, no join, no sub-query and
no write gets through.

    SELECT path, score FROM compose('ref.jpg', 'with a hat') WHERE width > 1000 ORDER BY 0.6*image + 0.4*pseudo_token
    SELECT name, taken_at FROM images WHERE camera IS NOT NULL ORDER BY taken_at DESC LIMIT 20 OFFSET 40
    SELECT count(*) FROM images WHERE folder = 'trip'
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import sqlglot
from sqlglot import TokenType, exp

from cvsi_db.errors import SqlError
from cvsi_db.query.compose_call import compose_fields
from cvsi_db.query.placeholders import Placeholders
from cvsi_db.query.sql_errors import clipped, place_of, pointed, sql_errors, words
from cvsi_db.query.weights import linear_weights
from cvsi_db.query.where import Condition, condition_of
from cvsi_db.records import EXAMPLE_TERMS, METHOD_TERMS, TERM_NAMES, ComposedQuery, Weights

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

DEFAULT_LIMIT = 10
MAX_ROWS = 100_000
"""The most that LIMIT and OFFSET may add up to."""

SIMILARITY = "similarity_"
"""Before a term's name: its similarity; the name alone is its contribution, so that they add up to the score."""

COUNT = "count(*)"

_OF_HITS = ("rank", "score", *TERM_NAMES)


@dataclass(frozen=True)
class Output:
    """A column of the answer: what it holds (`source`) and what it is called (`name`)."""

    source: str
    name: str


@dataclass(frozen=True)
class HitsStatement:
    """A composed query, and how many of its hits to show: none is a number here, but not to a query."""

    outputs: tuple[Output, ...]
    query: ComposedQuery
    limit: int


@dataclass(frozen=True)
class ImagesStatement:
    """The images that meet `where` in the order of one metadata column, or their number when the output is COUNT."""

    outputs: tuple[Output, ...]
    where: Condition | None
    order_by: str
    descending: bool
    limit: int
    offset: int


Statement: TypeAlias = HitsStatement | ImagesStatement


def parse_statement(
    text: str, columns: Mapping[str, object], values: Sequence[object] = (), named: Mapping[str, object] | None = None
) -> Statement:
    """What a statement asks for; `columns` maps the columns of the images table to their Arrow types.

    `values` fill its `?` and `named` its `:name`. Raises SqlError for what is no statement of this form, FilterError
    for its WHERE and RankError for its ORDER BY. Whether the query makes sense is checked when it is run.
    """
    with sql_errors(text, "statement", SqlError):
        return _Reader(text, columns, values, named or {}).statement()


class _Reader:
    """One statement's text and tree."""

    def __init__(
        self, text: str, columns: Mapping[str, object], values: Sequence[object], named: Mapping[str, object]
    ) -> None:
        self._text = text
        self._columns = columns
        self._tree = _read_select(text)
        self._placeholders = Placeholders(self._tree, text, values, named)

    def statement(self) -> Statement:
        call = _call_of_compose(self._tree, self._text)
        return self._images() if call is None else self._hits(call)

    def _hits(self, call: exp.Expr) -> HitsStatement:
        limit, offset = self._page()
        query = ComposedQuery(
            **compose_fields(call, self._text, self._placeholders),
            k=max(limit, 1),
            offset=offset,
            where=self._where(),
            rank=self._rank(),
        )
        similarities = tuple(SIMILARITY + name for name in TERM_NAMES)
        outputs = self._outputs({*_OF_HITS, *similarities, *self._columns}, _star(query))
        return HitsStatement(outputs, query, limit)

    def _images(self) -> ImagesStatement:
        if any(isinstance(column.unalias(), exp.Count) for column in self._tree.expressions):
            return self._count()
        limit, offset = self._page()
        outputs = self._outputs(set(self._columns), tuple(self._columns))
        return ImagesStatement(outputs, self._where(), *self._order(), limit, offset)

    def _count(self) -> ImagesStatement:
        first, *more = self._tree.expressions
        for extra in (*more, *(self._tree.args.get(name) for name in ("order", "limit", "offset"))):
            if extra is not None:
                raise self._wrong("count(*) stands alone: leave this out", extra)
        count = first.unalias()
        if not isinstance(count.this, exp.Star) or count.expressions:
            raise self._wrong("only count(*) can be counted", count)
        return ImagesStatement((Output(COUNT, _name(first, "count", self._text)),), self._where(), "path", False, 1, 0)

    def _outputs(self, known: set[str], star: Sequence[str]) -> tuple[Output, ...]:
        outputs: list[Output] = []
        for column in self._tree.expressions:
            if isinstance(column, exp.Star) and not any(column.args.values()):
                outputs += [Output(name, name) for name in star]
            else:
                outputs.append(self._output(column, known))
            names = [output.name for output in outputs]
            if len(set(names)) < len(names):
                raise self._wrong(f"two columns are called {names[-1]!r}: name one of them with AS", column)
        return tuple(outputs)

    def _output(self, node: exp.Expr, known: set[str]) -> Output:
        column = node.unalias()
        if not isinstance(column, exp.Column) or not isinstance(column.this, exp.Identifier) or column.table:
            raise self._wrong(f"cannot select {clipped(column.sql())!r}: only columns by their name, and *", column)
        name = column.name.lower()
        if name not in known:
            listed = ", ".join([*(each for each in _OF_HITS if each in known), *self._columns])
            raise self._wrong(f"unknown column {clipped(column.sql())!r}: the columns are {listed}", column)
        return Output(name, _name(node, name, self._text))

    def _where(self) -> Condition | None:
        where = self._tree.args.get("where")
        if where is None:
            return None
        for column in where.find_all(exp.Column):
            if column.name.lower() in _OF_HITS:
                raise self._wrong("WHERE is about images, not scores: say min_score => 0.5 in compose(…)", column)
        self._placeholders.put_into(where)
        return condition_of(where.this, self._text, self._columns)

    def _rank(self) -> Weights | None:
        """The rank expression; None for the preset's own, which goes by the name of score."""
        ordered = self._ordered()
        if ordered is None:
            return None
        if ordered.args.get("desc") is False:
            place = self._text.lower().rfind("asc")
            raise pointed(SqlError, "hits come best first: leave out ASC, or negate the rank", self._text, place)
        if isinstance(ordered.this, exp.Column) and ordered.this.sql().lower() == "score":
            return None
        return linear_weights(ordered.this, self._text)

    def _order(self) -> tuple[str, bool]:
        """The column that images are ordered by, and whether the greatest comes first."""
        ordered = self._ordered()
        if ordered is None:
            return "path", False
        name = self._output(ordered.this, set(self._columns)).source
        if str(self._columns[name]).startswith("list"):
            raise self._wrong(f"cannot order by {name}: it holds lists", ordered)
        return name, bool(ordered.args.get("desc"))

    def _ordered(self) -> exp.Expr | None:
        order = self._tree.args.get("order")
        if order is None:
            return None
        first, *more = order.expressions
        if more:
            raise self._wrong("a statement has one order: add the terms up with weights, as in 0.6*image + …", more[0])
        if first.args.get("with_fill") or order.args.get("siblings"):
            raise self._wrong(f"a statement is {FORM}, and no more", first)
        return first if isinstance(first, exp.Expr) else None

    def _page(self) -> tuple[int, int]:
        """LIMIT and OFFSET."""
        limit, offset = self._number("limit", DEFAULT_LIMIT), self._number("offset", 0)
        if limit + offset > MAX_ROWS:
            raise self._wrong(f"LIMIT and OFFSET add up to at most {MAX_ROWS:,}", self._tree.args["offset"])
        return limit, offset

    def _number(self, clause: str, default: int) -> int:
        node = self._tree.args.get(clause)
        if node is None:
            return default
        plain = not any(value for name, value in node.args.items() if name not in ("this", "expression"))
        number = node.args.get("expression")
        given = self._placeholders[number] if isinstance(number, exp.Placeholder) else _whole(number)
        if not plain or isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= MAX_ROWS:
            raise self._wrong(f"{clause.upper()} takes a whole number from 0 to {MAX_ROWS:,}", node)
        return given

    def _wrong(self, message: str, node: exp.Expr) -> Exception:
        return pointed(SqlError, message, self._text, place_of(node, self._text))


def _star(query: ComposedQuery) -> tuple[str, ...]:
    """What * selects of hits."""
    asked = [name for name in EXAMPLE_TERMS if getattr(query, name)]
    return ("rank", "score", *METHOD_TERMS, *asked, "path", "width", "height", "taken_at")


def _name(node: exp.Expr, name: str, text: str) -> str:
    if not isinstance(node, exp.Alias):
        return name
    if not node.alias.strip() or not node.alias.isprintable():
        raise pointed(SqlError, "a column's name takes letters that can be printed", text, place_of(node, text))
    return node.alias


def _whole(node: exp.Expr | None) -> int | None:
    digits = node.name if isinstance(node, exp.Literal) and not node.is_string else ""
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 20 else None


def _read_select(text: str) -> exp.Select:
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


def _call_of_compose(tree: exp.Select, text: str) -> exp.Anonymous | None:
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
