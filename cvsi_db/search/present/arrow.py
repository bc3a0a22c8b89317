"""Answering a statement: an Arrow table with the columns that it selects.

Takes a parsed statement, the store, and the search to run it with; returns the table, whose schema carries the
warnings of the searches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa

from cvsi_db.errors import CvsiError
from cvsi_db.manage.nothing import why_no_image
from cvsi_db.query.engine import run
from cvsi_db.query.statement import SIMILARITY, Hits, Rows, Statement
from cvsi_db.records import LATE_TERMS, ComposedQuery, TermName
from cvsi_db.search.result import METADATA, Hit, SearchResult, TermScore

if TYPE_CHECKING:
    from cvsi_db.store.images import Store

WARNINGS = b"warnings"
"""The key of the schema's metadata that holds the searches' warnings, one a line."""


def answer(statement: Statement, store: Store, search: Callable[[ComposedQuery], SearchResult]) -> pa.Table:
    """The rows of a statement. `rank` is int64; `score`, `confidence` and what belongs to a term are float32, null for
    a term that the query does not have and a hit that was not verified; the images' columns have the store's types.
    Raises what `search`, the store and the engine raise.
    """
    warnings: list[str] = []
    relations: dict[str, Any] = {}
    for name, source in statement.sources.items():
        if isinstance(source, Hits):
            shows_late = {part + name for name in LATE_TERMS for part in ("", SIMILARITY)} & {*source.columns}
            result = search(replace(source.query, pool=max(source.query.pool, 1)) if shows_late else source.query)
            warnings += result.warnings
            relations[name] = _hits(source.columns, result[: source.limit], store)
        else:
            relations[name] = _Stream(source, store)
    try:
        table = run(statement.sql, relations, statement.text)
    except CvsiError:
        for relation in relations.values():
            if isinstance(relation, _Stream) and relation.error:
                raise relation.error from None
        raise
    if not table.num_rows and not warnings:
        sources = [source for source in statement.sources.values() if isinstance(source, Rows)]
        reasons = [why_no_image(store, source.where, {}) for source in sources if source.table == "images"]
        warnings += [reason for reason in reasons if reason] or ["no row satisfies the statement"]
    return table.replace_schema_metadata({WARNINGS: "\n".join(dict.fromkeys(warnings))}) if warnings else table


def warnings_of(table: pa.Table) -> tuple[str, ...]:
    """The warnings that came with an answer."""
    return tuple((table.schema.metadata or {}).get(WARNINGS, b"").decode().splitlines())


class _Stream:
    """Rows of the store as an Arrow stream, read when the engine asks for them, and anew each time that it does."""

    def __init__(self, rows: Rows, store: Store) -> None:
        self._rows = rows
        self._store = store
        self._schema = store.schema(rows.columns, rows.table)
        self.error: CvsiError | None = None

    def __arrow_c_schema__(self) -> object:
        return self._schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return pa.RecordBatchReader.from_batches(self._schema, self._batches()).__arrow_c_stream__(requested_schema)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        try:
            yield from self._store.stream(self._rows.columns, self._rows.where, self._rows.table)
        except CvsiError as error:
            self.error = error
            raise


def _hits(columns: Sequence[str], hits: Sequence[Hit], store: Store) -> pa.Table:
    more = [name for name in columns if name in store.columns and name not in ("image_id", *METADATA)]
    taken: Any = store.take([hit.image_id for hit in hits], more) if more else {}
    return pa.table({name: taken[name] if name in more else _of_hits(name, hits, store) for name in columns})


def _of_hits(column: str, hits: Sequence[Hit], store: Store) -> pa.Array:
    if column in store.columns:
        values = [hit.image_id if column == "image_id" else hit.metadata[column] for hit in hits]
        return pa.array(values, store.columns[column])
    if column == "rank":
        return pa.array([hit.rank for hit in hits], pa.int64())
    if column in ("score", "confidence"):
        return pa.array([getattr(hit, column) for hit in hits], pa.float32())
    name, similar = cast(TermName, column.removeprefix(SIMILARITY)), column.startswith(SIMILARITY)

    def value(term: TermScore | None) -> float | None:
        return None if term is None else term.similarity if similar else term.contribution

    return pa.array([value(hit.terms.get(name)) for hit in hits], pa.float32())
