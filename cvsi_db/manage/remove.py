"""Remove: deletes images from the gallery, with their captions and what the catalog knows of their files.

Takes the store, the catalog and what names the images. The files on the disk stay: a later ingest finds them unknown
and takes them in as new ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cvsi_db.ingest.image_row import placed
from cvsi_db.manage.selection import refuse_unmatched, root_of, select
from cvsi_db.store.location import Location

if TYPE_CHECKING:
    from cvsi_db.store.catalog import Catalog
    from cvsi_db.store.images import Store

_CHUNK = 1000


@dataclass(frozen=True)
class RemoveSummary:
    """What a removal deleted, or would: `images` whole, and some paths of `kept` images that have others left.

    `paths` are all paths that the gallery forgot, sorted, including those of files that never became an image.
    """

    images: int
    kept: int
    paths: tuple[str, ...] = field(repr=False)
    dry_run: bool = False


def remove(
    store: Store, catalog: Catalog, paths: Sequence[Location], where: str | None, dry_run: bool = False
) -> RemoveSummary:
    """Forget the files at or under `paths` of images that satisfy `where`, and delete images without another file.

    The caller holds the gallery's write lock. The catalog goes first: cut short, this leaves rows that a second call
    still finds, and never a catalog that names a missing row. Raises UsageError for no images, or a path that names
    nothing; FilterError for an unusable condition.
    """
    selection = select(store, paths, where, removed=True)
    images, roots = selection.images, selection.roots
    files = {path for selected in images.values() for path in selected}
    if where is None:  # also the files there that never became an image
        files.update(file.path for file in catalog.each_file() if root_of(file.path, roots))
        refuse_unmatched(selection.unmatched - {root for path in files if (root := root_of(path, roots))}, store)
    paths_left = {}
    for batch in store.scan(["image_id", "paths"]).to_batches():
        for image_id, held in zip(batch["image_id"].to_pylist(), batch["paths"].to_pylist(), strict=True):
            if left := tuple(path for path in held if path not in images.get(image_id, held)):
                paths_left[image_id] = left
    whole = sorted(images.keys() - paths_left.keys())
    if not dry_run:
        catalog.forget_files(sorted(files))
        catalog.forget_captions(whole)
        for start in range(0, len(whole), _CHUNK):
            store.delete(whole[start : start + _CHUNK])
        kept = sorted(paths_left)
        for start in range(0, len(kept), _CHUNK):
            rows = store.rows(kept[start : start + _CHUNK])
            store.update([placed(row, paths_left[image_id]) for image_id, row in rows.items()])
    return RemoveSummary(len(whole), len(paths_left), tuple(sorted(files)), dry_run)
