"""Rewrite: a gallery's tables written anew in the form that new galleries have, with thumbnails of what can be read.

Takes the folder, the store and the catalog. The new tables are built in a folder of their own; searches use the old
ones until the catalog names the new ones. A rewrite that is cut short leaves the gallery as it was.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from cvsi_db.errors import ImageError
from cvsi_db.ingest.pipeline import DECODERS
from cvsi_db.ingest.prefetch import Prefetch
from cvsi_db.ingest.recaption import read_again
from cvsi_db.ingest.thumbnail import SIDE, make_thumbnail
from cvsi_db.interrupt import stop_between_steps
from cvsi_db.store.images import Store
from cvsi_db.store.lance import TABLE_NAMES
from cvsi_db.store.location import LANCE, Location, remove_tree, table_folders

if TYPE_CHECKING:
    from cvsi_db.records import ImageRow
    from cvsi_db.store.catalog import Catalog

_CHUNK = 500
_OWN = (f"{LANCE}-rewritten", LANCE)
"""What the folder of the new tables is called: the first name that is not the old one's."""


def rewrite(
    folder: Location, store: Store, catalog: Catalog, on_step: Callable[[int, int, str], None] | None = None
) -> None:
    """Copy the tables of the gallery in `folder` to new ones, make missing thumbnails, and let the catalog name them.

    `store` must not be used afterwards. `on_step` is called with what is done, the total and what comes next. The
    caller holds the gallery's write lock. Raises GalleryError when the tables cannot be written; at Ctrl-C, which
    leaves the gallery as it was, KeyboardInterrupt.
    """
    info, tell = catalog.gallery(), on_step or (lambda *_: None)
    target = folder / next(name for name in _OWN if name != info.tables)
    for left in table_folders(folder):  # of runs that were cut short; what a reembed has done is its next run's
        if left.name in _OWN and left.name != info.tables:
            remove_tree(left)
    new = Store.create(target, store.dim)
    for done, name in enumerate(TABLE_NAMES):
        tell(done, len(TABLE_NAMES), f"copy {name}")
        new.take_over(store, [name])
    lacking = sorted(store.ids() - store.ids("thumbnails"))
    with stop_between_steps(signal.SIGINT) as stopped:
        for start in range(0, len(lacking), _CHUNK):
            tell(start, len(lacking), "make thumbnails")
            rows = list(new.rows(lacking[start : start + _CHUNK]).values())
            with Prefetch(_thumbnail, rows, threads=DECODERS, room=2 * DECODERS) as made:
                new.add_thumbnails({row.image_id: jpeg for row, jpeg in zip(rows, made, strict=True) if jpeg})
            if stopped.is_set():
                raise KeyboardInterrupt
    catalog.describe(replace(info, tables=target.name))
    remove_tree(folder / info.tables, ignore_errors=True)


def _thumbnail(row: ImageRow) -> bytes | None:
    """The thumbnail of an image; None where none of its files can be read."""
    try:
        return make_thumbnail(read_again(row, SIDE // 2).image)
    except ImageError:
        return None
