"""The statement form of a query: one SELECT over images, captions and compose(…), as an engine of SQL answers it.

Takes the text, the columns of the images table and the values of placeholders; returns the statement for the engine
with the rows that it reads: of the gallery's tables only the columns that it names, by the conditions that the store
can apply, and of compose(…) the hits of a composed query. Errors point at the place.

    SELECT path, score FROM compose('ref.jpg', 'with a hat') WHERE width > 1000 ORDER BY 0.6*image + 0.4*pseudo_token
    SELECT camera, count(*) FROM images WHERE taken_at >= '2024' GROUP BY camera ORDER BY 2 DESC
    SELECT h.path, c.text FROM compose('ref.jpg', 'with a hat', k => 50) h JOIN captions c USING (image_id)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import sqlglot
from sqlglot import TokenType, exp

from cvsi_db.errors import SqlError
from cvsi_db.query.compose_call import compose_fields
from cvsi_db.query.engine import MAX_ROWS
from cvsi_db.query.functions import AGGREGATES
from cvsi_db.query.placeholders import Placeholders, marked
from cvsi_db.query.sql_errors import DIALECT, clipped, place_of, pointed, sql_errors, words
from cvsi_db.query.weights import linear_weights
from cvsi_db.query.where import Condition, condition_of, is_condition, with_periods
from cvsi_db.records import EXAMPLE_TERMS, METHOD_TERMS, TERM_NAMES, ComposedQuery, Weights

FORM = "one SELECT over images, captions and compose(reference, edit)"
"""What errors say a statement is."""

CAPTIONS: Mapping[str, str] = {"image_id": "string", "ordinal": "int32", "text": "string"}
"""The columns of captions."""

DEFAULT_LIMIT = 10
"""The rows of a statement that lists images, captions or hits as they are, without a LIMIT."""

DEFAULT_HITS = 100
"""The hits of a compose(…) that is joined, grouped or inside another SELECT, without a LIMIT or k."""

SIMILARITY = "similarity_"
"""Before a term's name: its similarity; the name alone is its contribution, so that they add up to the score."""

MAX_WORDS = 1_000
"""The words of a statement, numbers, texts and commas aside: parsers take long over more."""

MAX_TABLES = 16
"""The tables, also those by WITH, that a statement names."""

MAX_ALIAS_USES = 16
"""How often the columns of one SELECT may use those before them by their names."""

_OF_HITS = ("rank", "score", "confidence", *TERM_NAMES)
_LISTING = frozenset({"expressions", "from_", "where", "order", "limit", "offset", "with_"})
"""The clauses of a SELECT whose rows are those of its table."""

_UNCOUNTED = frozenset({TokenType.COMMA, TokenType.NUMBER, TokenType.STRING})


@dataclass(frozen=True)
class Rows:
    """The `columns` of the rows of a table that meet `where`."""

    table: Literal["images", "captions"]
    columns: tuple[str, ...]
    where: Condition | None


@dataclass(frozen=True)
class Hits:
    """The `columns` of a composed query's hits, at most `limit`: none is a number here, but not to a query."""

    columns: tuple[str, ...]
    query: ComposedQuery
    limit: int


@dataclass(frozen=True)
class Statement:
    """`sql` for the engine, the rows behind each name in it, and the text that it was read from."""

    sql: str
    sources: Mapping[str, Rows | Hits]
    text: str


def parse_statement(
    text: str, columns: Mapping[str, object], values: Sequence[object] = (), named: Mapping[str, object] | None = None
) -> Statement:
    """What a statement asks for; `columns` maps the columns of the images table to their Arrow types.

    `values` fill its `?` and `named` its `:name`. Raises SqlError for what is no statement of this form, FilterError
    for the WHERE and RankError for the ORDER BY of a compose(…). What the engine cannot answer, and whether a query
    makes sense, shows when it is run.
    """
    text = text.rstrip().removesuffix(";")
    with sql_errors(text, "statement", SqlError):
        return _Reader(text, columns, values, named or {}).statement()


class _Reader:
    """One statement's text and tree, which becomes that of the engine."""

    def __init__(
        self, text: str, columns: Mapping[str, object], values: Sequence[object], named: Mapping[str, object]
    ) -> None:
        self._text = text
        self._columns = columns
        self._tree = _read(text)
        self._placeholders = Placeholders(self._tree, text, values, named)
        self._sources: dict[str, Rows | Hits] = {}

    def statement(self) -> Statement:
        calls: list[dict[str, Any]] = []
        for table in self._tables():
            if self._source_of(table) == "compose":
                table.meta["call"] = len(calls)  # what follows copies parts of the tree
                calls.append(self._compose_fields(table))
        self._placeholders.put_into(self._tree)
        self._name_columns()
        with_periods(self._tree, self._text, self._columns)
        tables = self._tables()
        sources = {self._source_of(table) for table in tables}
        for table in tables:
            if "call" in table.meta:
                self._read_hits(table, calls[table.meta["call"]])
            else:
                self._read_rows(table)
        self._check_columns(sources)
        self._limit_rows()
        self._choose_columns(tables)
        for name in [
            name for name, source in self._sources.items() if isinstance(source, Rows) and source.table == "captions"
        ]:
            self._drop_captions_without_image(name)
        return Statement(self._tree.sql(DIALECT), self._sources, self._text)

    def _tables(self) -> list[exp.Table]:
        """The tables that are no CTE's."""
        ctes = {cte.alias.lower() for cte in self._tree.find_all(exp.CTE)}
        return [table for table in self._tree.find_all(exp.Table) if table.name.lower() not in ctes]

    # --- where rows come from -----------------------------------------------------------------------------------

    def _source_of(self, table: exp.Table) -> str:
        """images, captions or compose. Raises SqlError for anything else."""
        source, name = table.this, str(table.this.name).lower()
        known = ("compose",) if isinstance(source, exp.Anonymous) else ("images", "captions")
        if not isinstance(source, exp.Anonymous | exp.Identifier) or name not in known or table.db:
            raise self._wrong(f"a statement is {FORM}: it reads from nothing else", table)
        extra = [value for key, value in table.args.items() if value and key not in ("this", "alias", "joins")]
        if extra or table.alias_column_names:
            raise self._wrong(f"{name} takes no options and no other column names", table)
        return name

    def _compose_fields(self, table: exp.Table) -> dict[str, Any]:
        fields = compose_fields(table.this, self._text, self._placeholders)
        table.this.set("expressions", [])
        return fields

    def _read_hits(self, table: exp.Table, fields: dict[str, Any]) -> None:
        """Put the hits of a composed query in place of compose(…).

        In a SELECT from it alone WHERE is the query's; unless rows are grouped, so are ORDER BY, LIMIT and OFFSET.
        """
        select, alias = _alone(table), table.alias or "compose"
        query = ComposedQuery(**{"k": DEFAULT_HITS, **fields})
        limit = query.k
        if select is not None:
            self._expand_stars(select, _star(query))
            query = replace(query, where=self._search_where(select, alias))
            if _is_listing(select):
                default = query.k if "k" in fields or select is not self._tree else DEFAULT_LIMIT
                limit, offset = self._page(select, default)
                limit = min(limit, fields.get("k", limit))
                query = replace(query, k=max(limit, 1), offset=offset, rank=self._rank(select, alias))
                select.set("order", None)
                select.set("offset", None)
        self._put(table, "compose", Hits((), query, limit))

    def _read_rows(self, table: exp.Table) -> None:
        """Put the rows of images or captions in place of the table; conditions that the store applies leave WHERE."""
        name: Any = table.name.lower()
        columns = self._columns if name == "images" else CAPTIONS
        select = _alone(table)
        if select is not None:
            self._expand_stars(select, columns)
            if select is self._tree and _is_listing(select):
                order = select.args.get("order") or exp.Order(expressions=[])
                last = ("path", "image_id") if name == "images" else ("image_id", "ordinal")
                keys = last if not order.expressions else last[-1:] if name == "images" else last
                order.set("expressions", [*order.expressions, *(exp.column(key, table.alias_or_name) for key in keys)])
                select.set("order", order)
                self._page(select, DEFAULT_LIMIT)
        self._put(table, name, Rows(name, (), self._store_where(table, columns)))

    def _put(self, table: exp.Table, name: str, source: Rows | Hits) -> None:
        number = 1 + sum(each.startswith(f"{name}_") for each in self._sources)
        alias = table.alias or name
        table.set("this", exp.to_identifier(f"{name}_{number}"))
        table.set("alias", exp.TableAlias(this=exp.to_identifier(alias)))
        self._sources[f"{name}_{number}"] = source

    # --- clauses ------------------------------------------------------------------------------------------------

    def _search_where(self, select: exp.Select, alias: str) -> Condition | None:
        """The WHERE of a SELECT from compose(…) alone, taken out: it says which images are searched."""
        where = select.args.get("where")
        if where is None:
            return None
        for column in where.find_all(exp.Column):
            if column.name.lower() in _OF_HITS:
                raise self._wrong("WHERE is about images, not scores: say min_score => 0.5 in compose(…)", column)
        _unqualify(where, alias)
        select.set("where", None)
        return condition_of(where.this, self._text, self._columns)

    def _store_where(self, table: exp.Table, columns: Mapping[str, object]) -> Condition | None:
        """The parts of WHERE that speak of this table alone and that the store can apply, taken out."""
        select, alias = table.find_ancestor(exp.Select), table.alias_or_name
        where = select.args.get("where") if select else None
        if select is None or where is None:
            return None
        joins = select.args.get("joins") or []
        listed = table is select.args["from_"].this or table.parent in joins
        if not listed or any(join.side or join.kind not in ("", "INNER", "CROSS") for join in joins):
            return None
        kept: list[exp.Expr] = []
        applied: list[exp.Expr] = []
        for part in list(where.this.flatten()) if isinstance(where.this, exp.And) else [where.this]:
            lone = part.copy()
            qualified = _unqualify(lone, alias)
            fits = (_alone(table) is not None or qualified) and is_condition(lone, columns)
            (applied if fits else kept).append(lone if fits else part)
        select.set("where", exp.Where(this=exp.and_(*kept, copy=False)) if kept else None)
        return condition_of(exp.and_(*applied, copy=False), self._text, columns) if applied else None

    def _rank(self, select: exp.Select, alias: str) -> Weights | None:
        """The rank expression; None for the preset's own, which goes by the name of score."""
        order = select.args.get("order")
        if order is None:
            return None
        _unqualify(order, alias)
        first, *more = order.expressions
        if more:
            raise self._wrong("a statement has one order: add the terms up with weights, as in 0.6*image + …", more[0])
        if first.args.get("desc") is False:
            place = self._text.lower().rfind("asc")
            raise pointed(SqlError, "hits come best first: leave out ASC, or negate the rank", self._text, place)
        if isinstance(first.this, exp.Column) and first.this.name.lower() == "score":
            return None
        return linear_weights(first.this, self._text)

    def _page(self, select: exp.Expr, default: int) -> tuple[int, int]:
        """LIMIT, which is set when it is missing, and OFFSET."""
        limit, offset = self._number(select, "limit", default), self._number(select, "offset", 0)
        if limit + offset > MAX_ROWS:
            raise self._wrong(f"LIMIT and OFFSET add up to at most {MAX_ROWS:,}", select.args["offset"])
        select.set("limit", exp.Limit(expression=exp.Literal.number(limit)))
        return limit, offset

    def _number(self, select: exp.Expr, clause: str, default: int) -> int:
        node = select.args.get(clause)
        if node is None:
            return default
        number = node.args.get("expression")
        digits = number.name if isinstance(number, exp.Literal) and not number.is_string else ""
        plain = not any(value for name, value in node.args.items() if name not in ("this", "expression"))
        if not (plain and digits.isascii() and digits.isdigit() and len(digits) < 20 and int(digits) <= MAX_ROWS):
            raise self._wrong(f"{clause.upper()} takes a whole number from 0 to {MAX_ROWS:,}", node)
        return int(digits)

    def _limit_rows(self) -> None:
        """See to it that the whole answer has a LIMIT: where none is said, one more than it may have."""
        if self._tree.args.get("limit") is None:
            self._tree.set("limit", exp.Limit(expression=exp.Literal.number(MAX_ROWS + 1)))
        else:
            self._page(self._tree, MAX_ROWS)

    # --- columns ------------------------------------------------------------------------------------------------

    def _check_columns(self, sources: Collection[str]) -> None:
        """Point at the first column that neither a source has nor the statement makes."""
        known = [*_OF_HITS] if "compose" in sources else []
        known += self._columns if {"images", "compose"} & {*sources} else ()
        known += (name for name in CAPTIONS if "captions" in sources and name not in known)
        made = {alias.alias.lower() for alias in self._tree.find_all(exp.Alias)}
        names = (alias.find_all(exp.Identifier) for alias in self._tree.find_all(exp.TableAlias))
        made |= {name.name.lower() for each in names for name in each}
        made |= {*known, *(SIMILARITY + term for term in TERM_NAMES if "compose" in sources), *sources}
        for column in self._tree.find_all(exp.Column):
            if isinstance(column.this, exp.Identifier) and column.name.lower() not in made:
                quotes = "; a string takes single quotes" if column.this.quoted else ""
                message = f"unknown column {clipped(column.name)!r}: the columns are {', '.join(known)}{quotes}"
                raise self._wrong(message, column)

    def _name_columns(self) -> None:
        """A column without a name is called by what it holds, count(*) just count; a name is to be printable."""
        for column in self._tree.selects:
            if not isinstance(column, exp.Alias | exp.Column | exp.Columns | exp.Star):
                held = column.sql(DIALECT, normalize_functions="lower")
                name = "count" if held == "count(*)" else held
                column.replace(exp.alias_(column.copy(), name, quoted=True))
        for alias in self._tree.find_all(exp.Alias):
            if not alias.alias.strip() or not alias.alias.isprintable():
                raise self._wrong("a column's name takes letters that can be printed", alias)

    def _expand_stars(self, select: exp.Select, names: Collection[str]) -> None:
        """Put the columns in place of each plain *."""
        columns: list[exp.Expr] = []
        for each in select.expressions:
            star = each.this if isinstance(each, exp.Column) else each
            plain = isinstance(star, exp.Star) and not any(star.args.values())
            columns += [exp.column(name) for name in names] if plain else [each]
        select.set("expressions", columns)

    def _choose_columns(self, tables: Sequence[exp.Table]) -> None:
        """Give every source the columns that the statement names, or all where it may mean them."""
        named = {identifier.name.lower() for identifier in self._tree.find_all(exp.Identifier)}
        aliases = {table.alias_or_name.lower() for table in tables}
        everything = any(
            (isinstance(node, exp.Star) and not isinstance(node.parent, exp.Count))
            or isinstance(node, exp.Columns)
            or (isinstance(node, exp.Join) and node.method)
            or (isinstance(node, exp.Column) and not node.table and node.name.lower() in aliases)
            for node in self._tree.walk()
        )
        for name, source in self._sources.items():
            if isinstance(source, Hits):
                star = _star(source.query) if everything else ("rank",)
                known = (*_OF_HITS, *(SIMILARITY + term for term in TERM_NAMES), *self._columns)
                chosen = [*star, *(column for column in known if column in named and column not in star)]
            else:
                known = tuple(self._columns if source.table == "images" else CAPTIONS)
                chosen = [column for column in known if everything or column in named]
            narrow = "width" if name.startswith("images") else "ordinal"  # to count rows by
            self._sources[name] = replace(source, columns=tuple(chosen) or (narrow,))

    def _drop_captions_without_image(self, name: str) -> None:
        """Leave out the captions of images that are not in the gallery: those are kept until their files come back."""
        captions = self._sources[name]
        self._sources[name] = replace(captions, columns=tuple(dict.fromkeys((*captions.columns, "image_id"))))
        self._sources[f"{name}_images"] = Rows("images", ("image_id",), None)
        table = next(table for table in self._tree.find_all(exp.Table) if table.name == name)
        joined = sqlglot.parse_one(f"FROM {name} SEMI JOIN {name}_images USING (image_id)", dialect=DIALECT)
        table.replace(exp.Subquery(this=joined, alias=table.args["alias"], joins=table.args.get("joins")))

    def _wrong(self, message: str, node: exp.Expr) -> Exception:
        return pointed(SqlError, message, self._text, place_of(node, self._text))


def _read(text: str) -> exp.Query:
    """The tree of a statement. Raises SqlError, or what sqlglot raises when it does not parse."""
    first, *rest = words(text, "statement", SqlError, "one SELECT")
    if first.token_type not in (TokenType.SELECT, TokenType.WITH, TokenType.L_PAREN):
        raise pointed(SqlError, f"a statement only reads: it is {FORM}", text, first.start)
    counted = [token for token in rest if token.token_type not in _UNCOUNTED]
    if len(counted) > MAX_WORDS:
        raise pointed(SqlError, f"the statement has more than {MAX_WORDS:,} words", text, counted[MAX_WORDS].start)
    tree = marked(sqlglot.parse_one, text)
    if not isinstance(tree, exp.Select | exp.SetOperation):
        raise SqlError(f"cannot use the statement {clipped(text)!r}: it is {FORM}")
    if not all(select.expressions for select in tree.find_all(exp.Select)):
        raise SqlError(f"the statement {clipped(text)!r} is not whole: a SELECT names columns")
    tables = list(tree.find_all(exp.Table))
    if len(tables) > MAX_TABLES:
        message = f"the statement names more than {MAX_TABLES} tables"
        raise pointed(SqlError, message, text, place_of(tables[MAX_TABLES], text))
    for select in tree.find_all(exp.Select):
        _check_aliases(select, text)
    for cte in tree.find_all(exp.CTE):
        if cte.alias.lower() in ("images", "captions", "compose"):
            raise pointed(SqlError, f"{cte.alias} is a table: call this one differently", text, place_of(cte, text))
    return tree


def _check_aliases(select: exp.Select, text: str) -> None:
    """Point at a SELECT whose columns use one another many times: each use may double what the engine plans."""
    named: set[str] = set()
    uses = 0
    for each in select.expressions:
        for column in each.find_all(exp.Column):
            uses += column.name.lower() in named
            if uses > MAX_ALIAS_USES:
                message = f"a SELECT uses its own columns more than {MAX_ALIAS_USES} times: write a subquery"
                raise pointed(SqlError, message, text, place_of(column, text))
        named.add(each.alias.lower())


def _alone(table: exp.Table) -> exp.Select | None:
    """The SELECT that reads from this table and no other."""
    select = table.parent.parent if isinstance(table.parent, exp.From) else None
    if not isinstance(select, exp.Select) or table.args.get("joins"):
        return None
    return None if select.args.get("joins") or select.args.get("laterals") else select


def _is_listing(select: exp.Select) -> bool:
    """Whether the SELECT has a row for each row of its table: it neither groups them nor looks at several at once."""
    if any(value and clause not in _LISTING for clause, value in select.args.items()):
        return False
    order = select.args.get("order")
    return not any(
        isinstance(node, exp.AggFunc | exp.Window) or (node.name.lower() in AGGREGATES and isinstance(node, exp.Func))
        for part in (*select.expressions, *([order] if order else []))
        for node in part.walk(prune=lambda node: isinstance(node, exp.Query))
    )


def _unqualify(tree: exp.Expr, alias: str) -> bool:
    """Take the table's name off its columns; whether every column had it."""
    columns = list(tree.find_all(exp.Column))
    own = [column for column in columns if column.table.lower() == alias.lower() and not column.args.get("db")]
    for column in own:
        column.set("table", None)
    return bool(columns) and len(own) == len(columns)


def _star(query: ComposedQuery) -> tuple[str, ...]:
    """What * selects of hits."""
    asked = [name for name in EXAMPLE_TERMS if getattr(query, name)]
    return ("rank", "score", *METHOD_TERMS, "edit_text", *asked, "path", "width", "height", "taken_at")
