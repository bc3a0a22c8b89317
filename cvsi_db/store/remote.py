"""Remote: what a gallery on object storage has, and how it is made, opened and migrated.

Takes its address; returns its open store and catalog, as folder.py does for a folder. Layout: `lance/` the tables of
images, unless the catalog names another folder for them, `catalog/` those of the catalog, `lease.lance` the lock,
`damaged/` what a repair replaced. It is a gallery once the catalog says what it was made with, which is written last.
Reading needs no more than credentials that may list and read.
"""

from __future__ import annotations

from cvsi_db.errors import GalleryError, MigrationError
from cvsi_db.migrations import Chain
from cvsi_db.store.catalog import Catalog, GalleryInfo
from cvsi_db.store.images import Store
from cvsi_db.store.lance import connect, lance_read_errors, lance_write_errors, open_table, restoring
from cvsi_db.store.lance_catalog import LanceCatalog
from cvsi_db.store.lease import lease
from cvsi_db.store.location import DAMAGED, LANCE, RemoteFolder, on_this_machine, remove_tree, table_folders

CATALOG = "catalog"
_OURS = frozenset({CATALOG, LANCE, DAMAGED, "lease.lance"})


def is_gallery(root: RemoteFolder) -> bool:
    """Whether there is a finished gallery at `root`.

    Raises GalleryError when the catalog cannot be read, and when there are images without a catalog of them.
    """
    if (root / CATALOG / "gallery.lance").is_dir():
        gallery = open_table(connect(root / CATALOG), "gallery", root)
        with lance_read_errors(root):
            if gallery.count_rows():
                return True
    if any((tables / "images.lance" / "data").is_dir() for tables in table_folders(root)):
        raise GalleryError(
            f"{str(root)!r} holds images but no catalog of them: `cvsi-db check --repair --db {root}` makes it anew"
        )
    return False


def create_gallery(root: RemoteFolder, info: GalleryInfo, chain: Chain) -> tuple[Store, Catalog]:
    """Make an empty gallery at `root`, or finish one whose making was cut short.

    Raises GalleryError when there is a gallery or anything else already, when the credentials may not write, and when
    the store cannot keep two writers apart.
    """
    others = {entry.name for entry in root.iterdir() if not entry.name.startswith("probe-")} - _OURS
    if others and not is_gallery(root):
        raise GalleryError(f"{str(root)!r} holds other files and no gallery: name a new or an empty folder")
    with lease(root, 2.0):
        if is_gallery(root):
            raise GalleryError(f"{str(root)!r} holds a gallery already: open it, or name another folder")
        for left in (CATALOG, LANCE):  # of one that was cut short: it cannot hold images yet
            remove_tree(root / left)
        catalog = unfinished(root, info, chain)
        catalog.describe(info, chain.head)
        return Store.open(root / info.tables), catalog


def unfinished(root: RemoteFolder, info: GalleryInfo, chain: Chain) -> LanceCatalog:
    """Make the tables that are not there yet; it is a gallery once the catalog that is returned describes it.

    The caller holds the lease.
    """
    with lance_write_errors(root):
        chain.upgrade_remote(connect(root / CATALOG), connect(root / info.tables), info.dim)
    return _catalog(root)


def open_gallery(root: RemoteFolder, chain: Chain) -> tuple[Store, Catalog]:
    """Open the gallery at `root`, migrated to the newest revision.

    Raises GalleryError when there is none, MigrationError when a newer cvsi-db made it, when a migration fails, and
    when one is due and the credentials may not write.
    """
    if not is_gallery(root):
        raise GalleryError(f"no gallery in {str(root)!r}: make one with `cvsi-db ingest PATH --db {root}`")
    catalog = _catalog(root)
    try:
        if catalog.revision() != chain.head:
            _migrate(root, catalog, chain)
        return Store.open(root / catalog.gallery().tables), catalog
    except BaseException:
        catalog.close()
        raise


def _catalog(root: RemoteFolder) -> LanceCatalog:
    return LanceCatalog(root / CATALOG, on_this_machine(root) / "cache.sqlite")


def _migrate(root: RemoteFolder, catalog: LanceCatalog, chain: Chain) -> None:
    """Run the pending revisions; all tables are put back to what they were if one fails."""
    before = catalog.revision()
    if before not in chain.revisions:
        raise MigrationError(f"{str(root)!r} was made by a newer cvsi-db (its revision is {before!r}): upgrade cvsi-db")
    try:
        with lease(root, 2.0):
            info = catalog.gallery()
            if (before := catalog.revision()) == chain.head:  # another process was faster
                return
            tables = root / info.tables
            with restoring(root / CATALOG), restoring(tables), lance_write_errors(root):
                chain.upgrade_remote(connect(root / CATALOG), connect(tables), info.dim, before)
                catalog.describe(info, chain.head)
    except Exception as error:
        raise MigrationError(
            f"cannot migrate {str(root)!r} from {before!r} to {chain.head!r}: {error}; the gallery is as before"
        ) from error
