"""Backup: a gallery as one tar archive, and a gallery made from such an archive.

Takes the gallery's folder and the file. The archive holds the catalog, as SQLite's own backup copies it, and the folder
of the Lance tables, all from one moment: no other process may write meanwhile. That of a gallery on object storage is
the same, so that each can be restored as the other.
"""

from __future__ import annotations

import io
import os
import shutil
import sqlite3
import sys
import tarfile
import time
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

from cvsi_db.atomic_file import replace_file
from cvsi_db.errors import GalleryError
from cvsi_db.migrations import CHAIN
from cvsi_db.store.folder import CATALOG, copy_catalog, open_gallery_folder, upgrade, write_lock
from cvsi_db.store.location import LANCE, Location, RemoteFolder, files_in
from cvsi_db.store.sqlite import connect_reading

if TYPE_CHECKING:
    from cvsi_db.store.lance_catalog import LanceCatalog

_PART = "restore.part"


@dataclass(frozen=True)
class BackupSummary:
    """What a backup holds: the images in it, and the size of its file."""

    images: int
    bytes: int


def backup(folder: Location, file: Path) -> BackupSummary:
    """Write the gallery in `folder` to the new archive `file`.

    Raises GalleryError when there is no gallery or it is damaged, when another process is writing to it, when `file`
    exists, and when it cannot be written.
    """
    if file.exists():
        raise GalleryError(f"{str(file)!r} exists: name a new file")
    store, catalog = open_gallery_folder(folder)
    try:
        # Nobody writes to a folder that cannot be written.
        is_open = isinstance(folder, RemoteFolder) or os.access(folder, os.W_OK)
        with write_lock(folder) if is_open else nullcontext(), TemporaryDirectory() as scratch:
            images, tables = store.count(), catalog.gallery().tables
            with replace_file(file) as part, tarfile.open(part, _mode(file)) as archive:
                if isinstance(folder, RemoteFolder):
                    _catalog_to_sqlite(cast("LanceCatalog", catalog), Path(scratch))
                    _add_objects(archive, folder / tables, tables)
                else:
                    copy_catalog(folder / CATALOG, Path(scratch) / CATALOG)
                    archive.add(folder / tables, tables)
                archive.add(Path(scratch) / CATALOG, CATALOG)
    except (OSError, sqlite3.Error) as error:
        raise GalleryError(f"cannot write the backup {str(file)!r}: {error}") from error
    finally:
        catalog.close()
    return BackupSummary(images, file.stat().st_size)


def _mode(file: Path) -> Any:
    if file.suffix != ".zst":
        return "w"
    if sys.version_info < (3, 14):
        raise GalleryError(f"cannot compress {str(file)!r}: that needs Python 3.14; name it .tar")
    return "w:zst"


def restore(file: Path, folder: Location) -> BackupSummary:
    """Make the gallery in the archive `file` anew in `folder`, which must not exist or be empty.

    The catalog comes last, so a run that is cut short leaves no gallery. Raises GalleryError when `folder` holds
    anything, when `file` is no backup or is damaged, and when it cannot be written; nothing is then left behind.
    """
    from cvsi_db.manage.damage import find_damage

    if isinstance(folder, RemoteFolder):
        return _restore_remote(file, folder)
    if folder.exists() and (not folder.is_dir() or {path.name for path in folder.iterdir()} - {_PART}):
        raise GalleryError(f"{str(folder)!r} is not empty: name a new or an empty folder")
    is_new = not folder.exists()
    part = folder / _PART
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        with tarfile.open(file) as archive:
            for member in archive:
                if not _is_ours(member):
                    raise GalleryError(f"{str(file)!r} is no backup of a gallery: it holds {member.name!r}")
                archive.extract(member, part, filter="data")
        if problems := find_damage(part):
            raise GalleryError(f"the backup {str(file)!r} is damaged: {problems[0].what}")
        store, catalog = open_gallery_folder(part)  # migrates a backup from an older cvsi-db
        images = store.count()
        catalog.close()
        for path in sorted(part.iterdir(), key=lambda path: path.name == CATALOG):
            path.rename(folder / path.name)
    except (OSError, tarfile.TarError, EOFError) as error:
        raise GalleryError(f"cannot restore {str(file)!r} to {str(folder)!r}: {error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
        if is_new and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    return BackupSummary(images, file.stat().st_size)


def _is_ours(member: tarfile.TarInfo) -> bool:
    """Whether this is the catalog, or a file or folder of the tables."""
    parts = PurePosixPath(member.name).parts
    inside = bool(parts) and parts[0].startswith(LANCE) and ".." not in parts
    return (member.isfile() and (member.name == CATALOG or inside)) or (member.isdir() and inside)


# --- object storage ---------------------------------------------------------------------------------------------


def _add_objects(archive: tarfile.TarFile, tables: RemoteFolder, name: str) -> None:
    """Add the objects of a folder to the archive."""
    for path, size in tables.files():
        member = tarfile.TarInfo(f"{name}/{path}")
        member.size, member.mtime = size, int(time.time())
        archive.addfile(member, io.BytesIO((tables / path).read_bytes()))


def _catalog_to_sqlite(catalog: LanceCatalog, scratch: Path) -> None:
    """Make the SQLite catalog of the same rows in `scratch`."""
    from cvsi_db.store.lance_catalog import KEYS

    upgrade(scratch / CATALOG, scratch / LANCE, catalog.gallery().dim, CHAIN)
    with closing(sqlite3.connect(scratch / CATALOG, isolation_level=None)) as new:
        new.execute("BEGIN")
        for table in KEYS:
            for row in catalog.rows(table):
                row.pop("revision", None)
                into = f"{table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"
                new.execute(f"INSERT INTO {into}", list(row.values()))
        new.execute("COMMIT")
        new.execute("PRAGMA journal_mode = DELETE")


def _restore_remote(file: Path, root: RemoteFolder) -> BackupSummary:
    """Restore to a folder on this machine, then copy that; the catalog's description of the gallery goes last."""
    from cvsi_db.store import remote
    from cvsi_db.store.lance_catalog import KEYS

    if any(root.iterdir()):
        raise GalleryError(f"{str(root)!r} is not empty: name a new or an empty folder")
    with TemporaryDirectory() as scratch, write_lock(root):
        folder = Path(scratch) / "gallery"
        summary = restore(file, folder)
        with closing(open_gallery_folder(folder)[1]) as catalog:
            info = catalog.gallery()
        for path, _ in files_in(folder / info.tables):
            (root / info.tables / path).write_bytes(folder / info.tables / path)
        with closing(remote.unfinished(root, info, CHAIN)) as new, closing(connect_reading(folder / CATALOG)) as old:
            old.row_factory = sqlite3.Row
            for table in KEYS:
                if table != "gallery":
                    new.add_rows(table, map(dict, old.execute(f"SELECT * FROM {table}")))
            new.describe(info, CHAIN.head)
    return summary
