"""Backup: a gallery as one tar archive, and a gallery made from such an archive.

Takes the gallery's folder and the file. The archive holds the catalog, as SQLite's own backup copies it, and the folder
of the Lance tables, all from one moment: no other process may write meanwhile.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import tarfile
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from cvsi_db.atomic_file import replace_file
from cvsi_db.errors import GalleryError
from cvsi_db.store.folder import CATALOG, LANCE, copy_catalog, open_gallery_folder, write_lock

_PART = "restore.part"


@dataclass(frozen=True)
class BackupSummary:
    """What a backup holds: the images in it, and the size of its file."""

    images: int
    bytes: int


def backup(folder: Path, file: Path) -> BackupSummary:
    """Write the gallery in `folder` to the new archive `file`.

    Raises GalleryError when there is no gallery or it is damaged, when another process is writing to it, when `file`
    exists, and when it cannot be written.
    """
    if file.exists():
        raise GalleryError(f"{str(file)!r} exists: name a new file")
    store, catalog = open_gallery_folder(folder)
    try:
        # Nobody writes to a folder that cannot be written.
        with write_lock(folder) if os.access(folder, os.W_OK) else nullcontext(), TemporaryDirectory() as scratch:
            images, tables = store.count(), catalog.gallery().tables
            copy_catalog(folder / CATALOG, Path(scratch) / CATALOG)
            with replace_file(file) as part, tarfile.open(part, _mode(file)) as archive:
                archive.add(Path(scratch) / CATALOG, CATALOG)
                archive.add(folder / tables, tables)
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


def restore(file: Path, folder: Path) -> BackupSummary:
    """Make the gallery in the archive `file` anew in `folder`, which must not exist or be empty.

    The catalog comes last, so a run that is cut short leaves no gallery. Raises GalleryError when `folder` holds
    anything, when `file` is no backup or is damaged, and when it cannot be written; nothing is then left behind.
    """
    from cvsi_db.manage.damage import find_damage

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
