"""Listing: the images of a gallery as plain mappings, and the files that could not be read.

Takes the store or the catalog; returns lists in the order of paths.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import chain, islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from cvsi_db.errors import QueryError
from cvsi_db.manage.selection import wanted_rows

if TYPE_CHECKING:
    from cvsi_db.store.catalog import Catalog
    from cvsi_db.store.images import Store, TableName

_ORDER = ["path", "image_id"]
_ASCENDING = [(name, "ascending") for name in _ORDER]
_FEW = 1000
"""How many images' columns are read at a time."""


def each_image(
    store: Store,
    where: str | None = None,
    limit: int | None = None,
    offset: int = 0,
    removed: bool = False,
    columns: Sequence[str] = (),
    filters: Mapping[str, Any] = MappingProxyType({}),
) -> Iterator[dict[str, Any]]:
    """A mapping per image that satisfies `where` and the filters (query/filters.py), ordered by path, as it is read.

    It has the `columns`, by default all but the vectors. At most `limit`, after the first `offset`; with `removed` the
    images whose files are all gone. Raises FilterError for a condition that cannot be used, QueryError for a negative
    number, an unknown column or a filter that cannot be used.
    """
    if offset < 0 or (limit is not None and limit < 0):
        raise QueryError(f"cannot list {limit!r} images after {offset!r}: neither may be negative")
    chosen = wanted_rows(store, where, filters)
    wanted = check_columns(columns, store.columns)
    return _rows(store, chosen, limit, offset, "removed" if removed else "images", wanted)


def _rows(
    store: Store, chosen: str | None, limit: int | None, offset: int, table: TableName, wanted: Sequence[str]
) -> Iterator[dict[str, Any]]:
    from cvsi_db.store.images import any_of

    read = [*wanted, *(name for name in _ORDER if name not in wanted)]
    if limit is not None and limit <= _FEW:  # an answer for a page or one image: no snapshot, which takes longer
        pages = store.pages(_ORDER, _ORDER, chosen, table, size=max(offset + limit, 1))
        listed = list(
            islice(chain.from_iterable(page["image_id"].to_pylist() for page in pages), offset, offset + limit)
        )
        yield from store.scan(read, any_of(listed), table=table).sort_by(_ASCENDING).select(wanted).to_pylist()
        return
    kept, left = store.snapshot(), limit
    for page in kept.pages([*_ORDER, "_rowid"], _ORDER, chosen, table):
        skipped = min(offset, len(page))
        offset -= skipped
        page = page.slice(skipped, left)
        left = None if left is None else left - len(page)
        for start in range(0, len(page), _FEW):
            some = page.slice(start, _FEW)
            rows = some if set(read) == set(_ORDER) else kept.take_rows(some["_rowid"].to_numpy(), read, table)
            yield from rows.sort_by(_ASCENDING).select(wanted).to_pylist()
        if left == 0:
            return


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
