"""Remove: takes images out of the gallery, with their captions and whatever the catalog knows of their files.

Takes the store, the catalog and what names the images. The files on the disk stay, and so does the right to come back:
a later ingest finds them unknown and takes them in as new ones. Knows nothing about pictures or models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cvsi_db.manage.selection import refuse_idle, root_of, select

if TYPE_CHECKING:
    from cvsi_db.manage.selection import Selection
    from cvsi_db.store.catalog import Catalog
    from cvsi_db.store.images import Store

_CHUNK = 1000


@dataclass(frozen=True)
class RemoveSummary:
    """What a removal took out, or would: `images` whole, and `paths` of `kept` images that have other paths left too.

    `paths` are all the paths that the gallery forgot, sorted, those of files that never became an image among them.
    """

    images: int
    kept: int
    paths: tuple[str, ...] = field(repr=False)
    dry_run: bool = False


def remove(
    store: Store, catalog: Catalog, paths: Sequence[Path], where: str | None, dry_run: bool = False
) -> RemoveSummary:
    """Forget the files at or under `paths` of images that satisfy `where`, and the images that have no other file.

    The caller holds the gallery's write lock. The catalog goes first: cut short, this leaves rows that a second call
    still finds, and never a catalog that names a row that is not there. Raises UsageError for no images, or a path
    that names nothing; FilterError for an unusable condition.
    """
    meant = select(store, paths, where, removed=True)
    files = _files(catalog, meant, where)
    if where is None:
        refuse_idle(meant.idle - {root for path in files if (root := root_of(path, meant.roots))})
    whole, part = _split(store, meant.images)
    if not dry_run:
        _forget(store, catalog, files, whole, part)
    return RemoveSummary(len(whole), len(part), tuple(sorted(files)), dry_run)


def _files(catalog: Catalog, meant: Selection, where: str | None) -> set[str]:
    """The paths to forget: those of the images, and without a condition whatever else the catalog has there."""
    files = {path for paths in meant.images.values() for path in paths}
    if where is None:
        files.update(file.path for file in catalog.each_file() if root_of(file.path, meant.roots))
    return files


def _split(store: Store, images: Mapping[str, tuple[str, ...]]) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    """The images that lose their last path, and those that do not with the paths they keep."""
    part = {}
    for batch in store.scan(["image_id", "paths"]).to_batches():
        for image_id, paths in zip(batch["image_id"].to_pylist(), batch["paths"].to_pylist(), strict=True):
            left = tuple(path for path in paths if path not in images.get(image_id, paths))
            if left:
                part[image_id] = left
    return sorted(images.keys() - part.keys()), part


def _forget(
    store: Store, catalog: Catalog, files: set[str], whole: Sequence[str], part: Mapping[str, tuple[str, ...]]
) -> None:
    from cvsi_db.ingest.image_row import placed

    catalog.forget_files(sorted(files))
    catalog.forget_captions(whole)
    for start in range(0, len(whole), _CHUNK):
        store.delete(whole[start : start + _CHUNK])
    kept = sorted(part)
    for start in range(0, len(kept), _CHUNK):
        rows = store.rows(kept[start : start + _CHUNK])
        store.update([placed(row, part[image_id]) for image_id, row in rows.items()])
