"""Selection: the images that files, folders or a condition name.

Takes the store, paths and an SQL condition; returns the image_ids with the paths that were named. Looks at the tables
only, not at the disk.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cvsi_db.errors import UsageError
from cvsi_db.manage.nothing import close_path
from cvsi_db.query.options import condition
from cvsi_db.query.where import check_where
from cvsi_db.store.location import Location, absolute

if TYPE_CHECKING:
    from cvsi_db.store.images import Store, TableName


@dataclass(frozen=True)
class Selection:
    """The selected images, by image_id, each with its selected paths; `roots` are the named paths, absolute, and
    `unmatched` those of them at or under which there is no image."""

    images: Mapping[str, tuple[str, ...]]
    roots: frozenset[str]
    unmatched: frozenset[str]


def select(
    store: Store, paths: Sequence[Location], where: str | None, *, all_without: bool = False, removed: bool = False
) -> Selection:
    """The images with a path at or under one of `paths` that satisfy `where`; with neither, all if `all_without`.

    With `removed` also the images whose files are gone. Raises UsageError when both are missing and `all_without` is
    False, FilterError for a condition that cannot be used.
    """
    if not paths and where is None and not all_without:
        raise UsageError("no image is named: give paths, or a condition with where")
    condition = None if where is None else check_where(where, store.columns)
    roots = frozenset(absolute(path) for path in paths)
    images: dict[str, tuple[str, ...]] = {}
    matched: set[str] = set()
    for image_id, row_paths in _rows(store, condition, removed):
        found = {path: root for path in row_paths if (root := root_of(path, roots)) is not None}
        if found:
            images[image_id] = tuple(found)
            matched.update(found.values())
    return Selection(images, roots, roots - matched)


def select_named(store: Store, paths: Sequence[Location], where: str | None, *, all_without: bool = False) -> Selection:
    """As `select`; raises UsageError also for a path without images, unless there is a condition."""
    selection = select(store, paths, where, all_without=all_without)
    if where is None:
        refuse_unmatched(selection.unmatched, store)
    return selection


def refuse_unmatched(unmatched: frozenset[str], store: Store) -> None:
    """Raise UsageError if there is such a path."""
    if unmatched:
        first = min(unmatched)
        asked = close_path(first, [path for _, paths in _rows(store, None, False) for path in paths])
        remedy = asked or "`cvsi-db list` shows all paths"
        raise UsageError(f"no image of the gallery is at or under {first!r}: {remedy}")


def wanted_rows(store: Store, where: str | None, filters: Mapping[str, Any]) -> str | None:
    """The condition of the rows that satisfy `where` and the filters (query/filters.py); None where nothing is asked.

    Raises QueryError for a filter that cannot be used, FilterError for such a condition.
    """
    wanted = condition(where, store.columns, filters)
    if filters.get("match") is None:
        return wanted
    matching = store.match_condition(filters["match"])
    return matching if wanted is None else f"({wanted}) AND {matching}"


def root_of(path: str, roots: frozenset[str]) -> str | None:
    """The longest of the roots that `path` is at or under, else None; without roots everything is under ""."""
    if not roots:
        return ""
    here = path
    while here not in roots:
        above = os.path.dirname(here)
        if above == here:
            return None
        here = above
    return here


def _rows(store: Store, condition: str | None, removed: bool) -> Iterator[tuple[str, list[str]]]:
    """The image_id and paths of each row; of an image in both tables the row of `images`, which counts, comes last."""
    tables: tuple[TableName, ...] = ("removed", "images") if removed else ("images",)
    for table in tables:
        found = store.scan(["image_id", "path", "paths"], condition, table=table)
        for batch in found.to_batches():
            ids, last, paths = (column.to_pylist() for column in batch.columns)
            yield from ((image_id, held or [path]) for image_id, path, held in zip(ids, last, paths, strict=True))
