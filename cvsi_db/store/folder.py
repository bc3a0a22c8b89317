"""Folder: what a gallery has on disk, and how it is made, opened, locked and migrated.

Takes the folder; returns its open store and catalog. Layout: `lance/` the tables, unless the catalog names another
folder for them, `catalog.sqlite` the catalog, `lock` held by the one writer, who is named in `lock.holder`, `backups/`
catalogs from before migrations, `damaged/` what a repair replaced. `gallery.json` beside the tables repeats what the
catalog says of the gallery. A folder is a gallery once its catalog says what it was made with, which is written last.
Where nothing can be written (a read-only or a full disk, somebody else's folder) a gallery can still be opened and
read. An address on object storage is passed on to remote.py and lease.py.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvsi_db.atomic_file import replace_file
from cvsi_db.errors import GalleryError, MigrationError
from cvsi_db.migrations import CHAIN, Chain
from cvsi_db.store.location import DAMAGED, LANCE, NOTE, Location, RemoteFolder, files_in, table_folders
from cvsi_db.store.sqlite import connect_reading, is_busy

if TYPE_CHECKING:
    from cvsi_db.store.catalog import Catalog, GalleryInfo
    from cvsi_db.store.images import Store

CATALOG, BACKUPS = "catalog.sqlite", "backups"
_LOCK, _HOLDER = "lock", "lock.holder"
EVALUATION = "evaluation"
"""The folder inside a gallery's folder that caches what models made of a benchmark's queries."""
_OURS = frozenset(
    {LANCE, CATALOG, *(f"{CATALOG}-{kind}" for kind in ("wal", "shm", "journal"))}
    | {_LOCK, _HOLDER, BACKUPS, DAMAGED, EVALUATION, "server.sock"}
)


def is_gallery(folder: Location) -> bool:
    """Whether `folder` holds a finished gallery.

    Raises GalleryError when its catalog is damaged, and when there are images without a catalog of them.
    """
    if isinstance(folder, RemoteFolder):
        from cvsi_db.store import remote

        return remote.is_gallery(folder)
    if _ask(folder, "gallery", "SELECT id FROM gallery"):
        return True
    if any(any(files_in(tables / "images.lance" / "data")) for tables in table_folders(folder)):
        raise GalleryError(
            f"{str(folder)!r} holds images but no catalog of them: `cvsi-db check --repair --db {folder}` makes it anew"
        )
    return False


def noted_info(tables: Location) -> GalleryInfo | None:
    """What the gallery was made with, as noted beside its tables for the day when the catalog is lost; else None."""
    from cvsi_db.store.catalog import GalleryInfo

    try:
        return GalleryInfo(**json.loads((tables / NOTE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def create_gallery_folder(folder: Location, info: GalleryInfo, chain: Chain = CHAIN) -> tuple[Store, Catalog]:
    """Make an empty gallery in `folder`, or finish one whose making was cut short.

    Raises GalleryError when the folder holds a gallery or anything else already, or cannot be written.
    """
    if isinstance(folder, RemoteFolder):
        from cvsi_db.store import remote

        return remote.create_gallery(folder, info, chain)
    names = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    if (folder.exists() and not folder.is_dir()) or (names - _OURS and not is_gallery(folder)):
        raise GalleryError(f"{str(folder)!r} holds other files and no gallery: name a new or an empty folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GalleryError(f"cannot make the folder {str(folder)!r}: {error.strerror or error}") from error
    with write_lock(folder):
        if is_gallery(folder):
            raise GalleryError(f"{str(folder)!r} holds a gallery already: open it, or name another folder")
        _clear_unfinished(folder)
        upgrade(folder / CATALOG, folder / LANCE, info.dim, chain)
        store, catalog = _open(folder)
        catalog.describe(info)
        _note(folder / LANCE, info)
    return store, catalog


def open_gallery_folder(folder: Location, chain: Chain = CHAIN) -> tuple[Store, Catalog]:
    """Open the gallery in `folder`, migrated to the newest revision.

    Raises GalleryError when there is none, MigrationError when a newer cvsi-db made it, when a migration fails, and
    when one is due in a folder that cannot be written.
    """
    if isinstance(folder, RemoteFolder):
        from cvsi_db.store import remote

        return remote.open_gallery(folder, chain)
    if not is_gallery(folder):
        raise GalleryError(f"no gallery in {str(folder)!r}: make one with `cvsi-db ingest PATH --db {folder}`")
    if stamp(folder) != chain.head:
        if not os.access(folder, os.W_OK):
            raise MigrationError(
                f"{str(folder)!r} is read-only and needs a migration: open it once where it can be written"
            )
        with write_lock(folder):
            _migrate(folder, chain)
    store, catalog = _open(folder)
    _note(_tables(folder), catalog.gallery())
    return store, catalog


@contextmanager
def write_lock(folder: Location, timeout: float = 2.0) -> Iterator[None]:
    """The block is the one writer of `folder`; may be nested.

    Raises GalleryError after `timeout` seconds, naming the process that holds the lock, and at once where nothing can
    be written.
    """
    if isinstance(folder, RemoteFolder):
        from cvsi_db.store.lease import lease

        with lease(folder, timeout):
            yield
        return
    from filelock import FileLock, Timeout

    # One lock object per folder and process, so that the holder may take it again.
    lock = FileLock(folder.resolve() / _LOCK, is_singleton=True)
    try:
        lock.acquire(timeout=timeout)
    except Timeout as error:
        holder = ""
        with suppress(OSError, ValueError):  # not in the lock itself, which a process that tries to take it empties
            holder = f" ({(folder / _HOLDER).read_text()})"
        raise GalleryError(
            f"another process is writing to {str(folder)!r}{holder}: wait until it is done, then retry"
        ) from error
    except OSError as error:
        raise GalleryError(f"cannot write to {str(folder)!r}: {error.strerror or error}") from error
    try:
        with suppress(OSError):  # optional: on a full disk a removal must still be possible
            (folder / _HOLDER).write_text(f"process {os.getpid()} on {platform.node()}")
        yield
    finally:
        lock.release()


def _open(folder: Path) -> tuple[Store, Catalog]:
    from cvsi_db.store.catalog import Catalog
    from cvsi_db.store.images import Store

    return Store.open(_tables(folder)), Catalog(folder / CATALOG)


# --- making -----------------------------------------------------------------------------------------------------


def _clear_unfinished(folder: Path) -> None:
    """Remove what an unfinished gallery left: it cannot hold images yet, and may be for vectors of another width."""
    shutil.rmtree(folder / LANCE, ignore_errors=True)
    for path in folder.glob(f"{CATALOG}*"):
        path.unlink()


def _note(tables: Path, info: GalleryInfo) -> None:
    """Note `info` beside the tables; optional, so a folder that cannot be written is left as it is."""
    if noted_info(tables) != info:
        with suppress(OSError), replace_file(tables / NOTE) as part:
            part.write_text(json.dumps(asdict(info)), "utf-8")


def upgrade(catalog: Path, tables: Path, dim: int, chain: Chain) -> None:
    """Run the pending revisions on a catalog, made if missing, and on the tables. Raises GalleryError."""
    from sqlalchemy.exc import DBAPIError

    from cvsi_db.store.catalog import open_engine
    from cvsi_db.store.lance import connect, lance_write_errors

    engine = open_engine(catalog)
    try:
        with lance_write_errors(catalog.parent), engine.connect() as connection:
            chain.upgrade(connection, connect(tables), dim)
    except DBAPIError as error:
        raise GalleryError(f"cannot write to {str(catalog.parent)!r}: {error.orig}") from error
    finally:
        engine.dispose()


# --- migrating --------------------------------------------------------------------------------------------------


def _migrate(folder: Path, chain: Chain) -> None:
    """Run the pending revisions on a gallery; its catalog and tables are put back if one fails."""
    from cvsi_db.store.lance import restoring

    before, dim = stamp(folder), _ask(folder, "gallery", "SELECT dim FROM gallery")
    if before == chain.head:  # another process was faster
        return
    if before is None or before not in chain.revisions:
        raise MigrationError(
            f"{str(folder)!r} was made by a newer cvsi-db (its revision is {before!r}): upgrade cvsi-db"
        )
    backup = _back_up(folder, before)
    try:
        with restoring(_tables(folder)):
            upgrade(folder / CATALOG, _tables(folder), dim, chain)
    except BaseException as error:
        copy_catalog(backup, folder / CATALOG)
        if not isinstance(error, Exception):
            raise
        kept = f"the gallery is as before, and a copy of its catalog is {str(backup)!r}"
        raise MigrationError(
            f"cannot migrate {str(folder)!r} from {before!r} to {chain.head!r}: {error}; {kept}"
        ) from error


def _tables(folder: Path) -> Path:
    """The folder of the Lance tables; the catalog of a new or an older gallery does not name it."""
    named = _ask(folder, "gallery", "SELECT 1 FROM pragma_table_info('gallery') WHERE name = 'tables'")
    return folder / ((named and _ask(folder, "gallery", "SELECT tables FROM gallery")) or LANCE)


def stamp(folder: Path) -> str | None:
    """The revision that the gallery is at."""
    revision: str | None = _ask(folder, "alembic_version", "SELECT version_num FROM alembic_version")
    return revision


def _ask(folder: Path, table: str, question: str) -> Any:
    """The first value of the answer to an SQL `question` about a catalog's `table`; None without file, table or row.

    Without SQLModel, which takes longer to import than this check of an up-to-date gallery.
    """
    path = (folder / CATALOG).resolve()
    if not path.is_file():
        return None
    try:
        with closing(connect_reading(path)) as connection:
            known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone()
            row = connection.execute(question).fetchone() if known else None
    except sqlite3.Error as error:
        raise unreadable_catalog(path, error) from error
    return row and row[0]


def unreadable_catalog(path: Path, error: sqlite3.Error) -> GalleryError:
    """The error for a catalog that cannot be read, with its remedy."""
    if is_busy(error):
        return GalleryError(f"another program has locked the catalog {str(path)!r}: close that program, then retry")
    return GalleryError(
        f"cannot read the catalog {str(path)!r}: {error}; `cvsi-db check --repair --db {path.parent}` makes it anew"
    )


def _back_up(folder: Path, stamp: str) -> Path:
    backup = folder / BACKUPS / f"catalog-{stamp}-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.sqlite"
    try:
        backup.parent.mkdir(exist_ok=True)
        with replace_file(backup) as part:
            copy_catalog(folder / CATALOG, part)
            with closing(sqlite3.connect(part)) as copied:  # else reading the backup leaves files of a log beside it
                copied.execute("PRAGMA journal_mode = DELETE")
    except (OSError, sqlite3.Error) as error:
        raise MigrationError(f"cannot back up the catalog of {str(folder)!r}: {error}; free some space") from error
    return backup


def copy_catalog(source: Path, target: Path) -> None:
    """Copy one SQLite file over another, with what its write-ahead log holds."""
    with closing(connect_reading(source)) as there, closing(sqlite3.connect(target)) as here:
        there.backup(here)
