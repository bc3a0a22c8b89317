"""Listing: the images of a gallery as plain mappings, and the files that could not be read.

Takes the store or the catalog; returns lists in the order of paths.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from cvsi_db.errors import QueryError
from cvsi_db.manage.selection import wanted_rows

if TYPE_CHECKING:
    import pyarrow as pa

    from cvsi_db.store.catalog import Catalog
    from cvsi_db.store.images import Store, TableName

_ORDER = ["path", "image_id"]
_FEW = 1000
"""Up to this limit the order is found first, and the columns are read of the listed images only."""


def list_images(
    store: Store,
    where: str | None = None,
    limit: int | None = None,
    offset: int = 0,
    removed: bool = False,
    columns: Sequence[str] = (),
    filters: Mapping[str, Any] = MappingProxyType({}),
) -> list[dict[str, Any]]:
    """A mapping per image that satisfies `where` and the filters (query/filters.py), ordered by path.

    It has the `columns`, by default all but the vectors. At most `limit`, after the first `offset`; with `removed` the
    images whose files are all gone. Raises FilterError for a condition that cannot be used, QueryError for a negative
    number, an unknown column or a filter that cannot be used.
    """
    from cvsi_db.store.images import any_of

    if offset < 0 or (limit is not None and limit < 0):
        raise QueryError(f"cannot list {limit!r} images after {offset!r}: neither may be negative")
    chosen = wanted_rows(store, where, filters)
    wanted = check_columns(columns, store.columns)
    table: TableName = "removed" if removed else "images"
    if limit is not None and limit <= _FEW:
        listed = _sorted(store.scan(_ORDER, chosen, table=table)).slice(offset, limit)
        chosen, offset = any_of(listed["image_id"].to_pylist()), 0
    found = _sorted(store.scan([*wanted, *(name for name in _ORDER if name not in wanted)], chosen, table=table))
    rows: list[dict[str, Any]] = found.select(wanted).slice(offset, limit).to_pylist()
    return rows


def check_columns(wanted: Sequence[str], columns: Mapping[str, object]) -> list[str]:
    """The wanted columns, each once, by default all of `columns`. Raises QueryError for one that is not among them."""
    if isinstance(wanted, str) or not all(isinstance(name, str) for name in wanted):
        raise QueryError(f"columns is {wanted!r}: give a list of names of columns")
    for name in wanted:
        if name not in columns:
            close = get_close_matches(name, columns, 1)
            remedy = f"did you mean {close[0]}?" if close else f"the columns are {', '.join(columns)}"
            raise QueryError(f"unknown column {name!r}: {remedy}")
    return list(dict.fromkeys(wanted or columns))


def list_failed(catalog: Catalog) -> list[dict[str, Any]]:
    """A mapping per file that is not in the gallery: path, error, size_bytes and state, ordered by path.

    The state is "failed" for one that could not be read when last seen, and "skipped" for a file that is no image or a
    folder that is not entered.
    """
    return [
        {"path": file.path, "error": file.error, "size_bytes": file.size_bytes, "state": file.state}
        for file in catalog.each_file()
        if file.state in ("failed", "skipped")
    ]


def _sorted(table: pa.Table) -> pa.Table:
    return table.sort_by([(name, "ascending") for name in _ORDER])
