"""The SQL engine: DuckDB in memory, over Arrow data that is handed to it and nothing else.

Takes one SELECT and the relations that it names; returns an Arrow table. The engine opens no file, loads no extension
and cannot be set up anew; functions, tables and kinds of clauses are those on the lists below, as its own parser finds
them in the statement. Memory and time are bounded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from functools import cache
from threading import Timer
from typing import Any

import pyarrow as pa

from cvsi_db.errors import SqlError, UsageError
from cvsi_db.query.functions import FUNCTIONS, KINDS
from cvsi_db.query.sql_errors import pointed

SECONDS = 4.0
"""The longest that the engine works on a statement."""

MEMORY_MB = 400
"""The most that it holds meanwhile; the answer is then copied once."""

MAX_ROWS = 100_000
"""The most rows of an answer."""

Relation = Any
"""An Arrow table, or an object that gives its rows as an Arrow stream whenever it is asked."""


def run(sql: str, relations: Mapping[str, Relation], text: str) -> pa.Table:
    """The answer to `sql` over the relations that it names; `text` is what a person wrote, for errors to point at.

    Raises SqlError for what is not on this module's lists, what cannot be computed, more than MAX_ROWS rows, and a
    statement that takes more than SECONDS or MEMORY_MB.
    """
    import duckdb

    with closing(_database().cursor()) as session:
        timer = Timer(SECONDS, session.interrupt)
        timer.daemon = True
        timer.start()
        try:
            _check(session, sql, relations, text)
            for name, relation in relations.items():
                session.register(name, relation)
            names = [column for column, *_ in session.execute(f"DESCRIBE {sql}").fetchall()]
            if len(set(names)) < len(names):
                name = next(name for place, name in enumerate(names) if name in names[:place])
                message = f"two columns are called {name!r}: name one of them with AS"
                raise pointed(SqlError, message, text, max(text.lower().rfind(name.lower()), 0))
            # A table is made in the engine's bounded memory, where an Arrow answer would be made outside of it.
            session.execute(f"CREATE TEMP TABLE answer AS {sql}")
            found = session.sql("SELECT * FROM answer").to_arrow_table()
        except duckdb.Error as error:
            if isinstance(error, duckdb.FatalException | duckdb.InternalException):
                _database.cache_clear()
            raise _told(error, text) from None
        finally:
            timer.cancel()
    if len(found) > MAX_ROWS:
        raise SqlError(f"the answer has more than {MAX_ROWS:,} rows: add a LIMIT, or group them")
    return _plain(found)


@cache
def _database() -> Any:
    """The engine, shut off: one for the process, a session for each statement."""
    import duckdb

    settings: dict[str, Any] = {
        "allow_community_extensions": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "enable_external_access": False,
        "error_on_division_by_zero": False,
        "integer_division": True,  # as LanceDB divides, which computes most conditions
        "memory_limit": f"{MEMORY_MB}MB",
        "python_enable_replacements": False,
        "temp_directory": "",
        "threads": 2,
    }
    database = duckdb.connect(":memory:", config=settings)
    database.execute("SET TimeZone = 'UTC'")
    database.execute("SET lock_configuration = true")
    return database


def _check(session: Any, sql: str, relations: Mapping[str, Relation], text: str) -> None:
    """Raise SqlError unless all that the engine's own parser finds in the statement is on a list."""
    [(read,)] = session.execute("SELECT json_serialize_sql(?)", [sql]).fetchall()
    try:
        tree = json.loads(read)
    except RecursionError:
        raise SqlError("the statement is nested too deeply: write it with fewer brackets and operators") from None
    if tree["error"]:
        raise SqlError(f"cannot read the statement: {_one_line(tree['error_message'])}")
    nodes = list(_nodes(tree["statements"]))
    tables = {*relations, *(entry["key"] for node in nodes for entry in node.get("cte_map", {}).get("map", ()))}
    for node in nodes:
        kind = node.get("class") or node.get("type")
        name = node.get("function_name")
        wrong = None
        if isinstance(kind, str) and kind not in KINDS:
            wrong = f"a statement cannot use {kind.lower().replace('_', ' ')}"
        elif name is not None and name.lower() not in FUNCTIONS:
            wrong = f"a statement cannot call {name}: see the functions in docs/sql.md"
        elif name == "replace" and not _shortens(node):
            wrong = "replace takes two texts in quotes, the second no longer than the first"
        elif kind == "TABLE_FUNCTION" and node["function"]["function_name"] != "unnest":
            wrong = f"a statement cannot read from {node['function']['function_name']}"
        elif kind == "BASE_TABLE" and (node["table_name"] not in tables or node["catalog_name"] or node["schema_name"]):
            wrong = f"there is no table {node['table_name']!r}"
        if wrong:
            start = node.get("query_location", 0)
            raise _placed(wrong, sql[start : start + node.get("query_location_length", 0)], text)


def _shortens(call: dict[str, Any]) -> bool:
    """Whether a call of replace cannot make a text longer: the engine does not bound the memory of that."""
    found, by = (argument["expression"].get("literal", {}).get("text") for argument in call["arguments"][1:])
    return isinstance(found, str) and isinstance(by, str) and len(by.encode()) <= len(found.encode())


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    parts = [tree]
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            yield part
            parts += part.values()
        elif isinstance(part, list):
            parts += part


def _told(error: Exception, text: str) -> UsageError:
    """What the engine said, as an error of ours that points into what a person wrote."""
    kind = type(error).__name__
    if kind == "InterruptException":
        return SqlError(f"the statement took longer than {SECONDS:g} s: add conditions, or join less")
    if kind == "OutOfMemoryException":
        return SqlError(f"the statement takes more than {MEMORY_MB} MB: select fewer columns or rows")
    reason, _, shown = str(error).partition("\n\nLINE")
    line, _, carets = f"LINE{shown}".partition("\n")
    reason = _one_line(re.sub(r"^[\w ]+ Error: |You might need.*", "", reason, flags=re.DOTALL))
    return _placed(reason, line[carets.find("^") : carets.rfind("^") + 1] if carets else "", text)


def _placed(message: str, at: str, text: str) -> UsageError:
    """The error with a caret under the word with which `at` begins, where a person wrote it."""
    word = re.match(r"\W*(\w+)", at)
    place = re.search(rf"\b{word[1]}\b", text, re.IGNORECASE) if word else None
    return pointed(SqlError, message, text, place.start()) if place else SqlError(message)


def _one_line(reason: str) -> str:
    return " ".join(reason.split())


def _plain(table: pa.Table) -> pa.Table:
    """The table with its decimals, as sums are, as int64 where they fit, else float64, and its moments in UTC."""
    for place, column in enumerate(table.schema):
        if pa.types.is_timestamp(column.type) and column.type.tz:
            utc = table[column.name].cast(pa.timestamp(column.type.unit, "UTC"))
            table = table.set_column(place, column.name, utc)
        if pa.types.is_decimal(column.type):
            kinds = (pa.int64(), pa.float64()) if not column.type.scale else (pa.float64(),)
            for kind in kinds:
                with suppress(pa.ArrowInvalid):
                    table = table.set_column(place, column.name, table[column.name].cast(kind))
                    break
    return table
