"""Selection: the images that a person means by naming files, folders or a condition.

Takes the store, paths and an SQL condition; returns the image_ids with those of their paths that are meant. Looks at
the tables alone: knows nothing about what lies on the disk, nor about what is then done with the images.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cvsi_db.errors import UsageError
from cvsi_db.query.where import check_where

if TYPE_CHECKING:
    from cvsi_db.store.images import Store, TableName


@dataclass(frozen=True)
class Selection:
    """The images meant, by image_id, each with the paths meant; `roots` are the absolute paths that were named, and
    `idle` those of them at or under which no image lies."""

    images: Mapping[str, tuple[str, ...]]
    roots: frozenset[str]
    idle: frozenset[str]


def select(
    store: Store, paths: Sequence[Path], where: str | None, *, all_without: bool = False, removed: bool = False
) -> Selection:
    """The images with a path at or under one of `paths` that satisfy `where`; all, if both are missing and may be.

    With `removed` also those that searches do not find. Raises UsageError when both are missing and `all_without` is
    False, FilterError for a condition that cannot be used.
    """
    if not paths and where is None and not all_without:
        raise UsageError("no image is named: give paths, or a condition with where")
    condition = None if where is None else check_where(where, store.columns)
    roots = frozenset(os.path.abspath(path) for path in paths)
    images: dict[str, tuple[str, ...]] = {}
    busy: set[str] = set()
    for image_id, held in _rows(store, condition, removed):
        found = {path: root for path in held if (root := root_of(path, roots)) is not None}
        if found:
            images[image_id] = tuple(found)
            busy.update(found.values())
    return Selection(images, roots, roots - busy)


def select_named(store: Store, paths: Sequence[Path], where: str | None, *, all_without: bool = False) -> Selection:
    """The same; raises UsageError also for a path at or under which no image lies, unless a condition may be why."""
    selection = select(store, paths, where, all_without=all_without)
    if where is None:
        refuse_idle(selection.idle)
    return selection


def refuse_idle(idle: frozenset[str]) -> None:
    """Raise UsageError if there is such a path."""
    if idle:
        raise UsageError(f"no image of the gallery is at or under {min(idle)!r}: `cvsi-db list` shows what there is")


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
    """The image_id and paths of each row; one in both tables comes from `images`, which holds it, last."""
    tables: tuple[TableName, ...] = ("removed", "images") if removed else ("images",)
    for table in tables:
        found = store.scan(["image_id", "path", "paths"], condition, table=table)
        for batch in found.to_batches():
            ids, last, paths = (column.to_pylist() for column in batch.columns)
            yield from ((image_id, held or [path]) for image_id, path, held in zip(ids, last, paths, strict=True))
