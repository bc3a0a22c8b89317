"""The statement form of a query: one SELECT from compose(…) or from images, and nothing else.

Takes the text, the columns of the images table and the values of placeholders; returns what it asks for, or raises an
error that points at the place. Everything is on a short list: no other table, no function, no join, no sub-query and
no write can be said. Knows nothing about how an answer is found.

    SELECT path, score FROM compose('ref.jpg', 'with a hat') WHERE width > 1000 ORDER BY 0.6*image + 0.4*pseudo_token
    SELECT name, taken_at FROM images WHERE camera IS NOT NULL ORDER BY taken_at DESC LIMIT 20 OFFSET 40
    SELECT count(*) FROM images WHERE folder = 'trip'
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sqlglot import exp

from cvsi_db.errors import SqlError
from cvsi_db.query.checks import check_query
from cvsi_db.query.compose_call import compose
from cvsi_db.query.placeholders import Parameters
from cvsi_db.query.sql_errors import clipped, place_of, pointed, reading
from cvsi_db.query.statement_shape import FORM, call_of_compose, read_select
from cvsi_db.query.where import condition_of, weights_of
from cvsi_db.records import EXAMPLE_TERMS, METHOD_TERMS, TERM_NAMES, ComposedQuery

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
    where: str | None
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
    for its WHERE, RankError for its ORDER BY and QueryError for a compose() that asks for nothing.
    """
    with reading(text, "statement", SqlError):
        return _Reader(text, columns, values, named or {}).statement()


class _Reader:
    """One statement's text and tree."""

    def __init__(
        self, text: str, columns: Mapping[str, object], values: Sequence[object], named: Mapping[str, object]
    ) -> None:
        self._text = text
        self._columns = columns
        self._tree = read_select(text)
        self._parameters = Parameters(self._tree, text, values, named)

    def statement(self) -> Statement:
        call = call_of_compose(self._tree, self._text)
        return self._images() if call is None else self._hits(call)

    def _hits(self, call: exp.Expr) -> HitsStatement:
        limit, offset = self._page()
        query = ComposedQuery(
            **compose(call, self._text, self._parameters),
            k=max(limit, 1),
            offset=offset,
            where=self._where(),
            rank=self._rank(),
        )
        check_query(query)
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

    def _where(self) -> str | None:
        where = self._tree.args.get("where")
        if where is None:
            return None
        for column in where.find_all(exp.Column):
            if column.name.lower() in _OF_HITS:
                raise self._wrong("WHERE is about images, not scores: say min_score => 0.5 in compose(…)", column)
        self._parameters.put_into(where)
        return condition_of(where.this, self._text, self._columns)

    def _rank(self) -> str | None:
        """The rank expression; None for the preset's own, which goes by the name of score."""
        ordered = self._ordered()
        if ordered is None:
            return None
        if ordered.args.get("desc") is False:
            place = self._text.lower().rfind("asc")
            raise pointed(SqlError, "hits come best first: leave out ASC, or negate the rank", self._text, place)
        if isinstance(ordered.this, exp.Column) and ordered.this.sql().lower() == "score":
            return None
        weights_of(ordered.this, self._text)
        return str(ordered.this.sql())

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
        given = self._parameters[number] if isinstance(number, exp.Placeholder) else _whole(number)
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
