"""Answering a statement: an Arrow table with the columns that it selects.

Takes a parsed statement, the store, and the search to run it with; returns the table, whose schema carries the search's
warnings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa

from cvsi_db.query.statement import COUNT, SIMILARITY, HitsStatement, ImagesStatement, Output, Statement
from cvsi_db.records import ComposedQuery, TermName
from cvsi_db.search.result import Hit, SearchResult, TermScore

if TYPE_CHECKING:
    from cvsi_db.store.images import Store

WARNINGS = b"warnings"
"""The key of the schema's metadata that holds the search's warnings, one a line."""


def answer(statement: Statement, store: Store, search: Callable[[ComposedQuery], SearchResult]) -> pa.Table:
    """The rows of a statement. `rank` is int64, `score` and what belongs to a term float32, null for a term that the
    query does not have; the images' columns have the store's types. Raises what `search` and the store raise.
    """
    if isinstance(statement, HitsStatement):
        return _hits(statement, store, search(statement.query))
    return _images(statement, store)


def warnings_of(table: pa.Table) -> tuple[str, ...]:
    """The warnings that came with an answer."""
    return tuple((table.schema.metadata or {}).get(WARNINGS, b"").decode().splitlines())


def _hits(statement: HitsStatement, store: Store, result: SearchResult) -> pa.Table:
    hits = result[: statement.limit]
    columns = list(dict.fromkeys(output.source for output in statement.outputs if output.source in store.columns))
    metadata: Any = store.take([hit.image_id for hit in hits], columns) if columns else {}
    arrays = [
        metadata[output.source] if output.source in columns else _of_hits(output.source, hits)
        for output in statement.outputs
    ]
    table = _named(arrays, statement.outputs)
    return table.replace_schema_metadata({WARNINGS: "\n".join(result.warnings)}) if result.warnings else table


def _of_hits(source: str, hits: Sequence[Hit]) -> pa.Array:
    if source == "rank":
        return pa.array([hit.rank for hit in hits], pa.int64())
    if source == "score":
        return pa.array([hit.score for hit in hits], pa.float32())
    name, similar = cast(TermName, source.removeprefix(SIMILARITY)), source.startswith(SIMILARITY)

    def value(term: TermScore | None) -> float | None:
        return None if term is None else term.similarity if similar else term.contribution

    return pa.array([value(hit.terms.get(name)) for hit in hits], pa.float32())


def _images(statement: ImagesStatement, store: Store) -> pa.Table:
    if statement.outputs[0].source == COUNT:
        return _named([pa.array([store.count(statement.where)], pa.int64())], statement.outputs)
    keys = list(dict.fromkeys(["image_id", statement.order_by]))
    direction = "descending" if statement.descending else "ascending"
    found = store.scan(keys, statement.where).sort_by([(statement.order_by, direction), ("image_id", "ascending")])
    page = found["image_id"].slice(statement.offset, statement.limit).to_pylist()
    taken = store.take(page, list(dict.fromkeys(output.source for output in statement.outputs)))
    return _named([taken[output.source] for output in statement.outputs], statement.outputs)


def _named(arrays: Sequence[pa.Array], outputs: Sequence[Output]) -> pa.Table:
    return pa.table(list(arrays), names=[output.name for output in outputs])
