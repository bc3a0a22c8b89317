"""Scan: which files an ingest has to look at.

Takes the paths a person named and what the catalog knew; returns the files to read, those that are as they were, and
the known ones that are gone. Looks at names, sizes and times only: knows nothing about what is in a file.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cvsi_db.errors import IngestError
from cvsi_db.records import FoundFile

if TYPE_CHECKING:
    from cvsi_db.catalog import SourceFile

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"})
"""What a file in a folder must be called to be taken for a picture; a file named by itself is always tried."""


@dataclass(frozen=True)
class Scan:
    """What lies under the named paths, sorted by path: `pending` files must be read, `unchanged` ones need not.

    `gone` are the known files under the named folders at whose path there is no file any more.
    """

    pending: tuple[FoundFile, ...]
    unchanged: tuple[FoundFile, ...]
    gone: tuple[SourceFile, ...]

    @property
    def total(self) -> int:
        """How many files there are."""
        return len(self.pending) + len(self.unchanged)


def scan(paths: Sequence[Path], files: Mapping[str, SourceFile], known: Collection[str]) -> Scan:
    """Find the pictures under `paths`: files, and folders with all folders below them.

    `files` are the catalog's, by path; `known` the image_ids that have a row. Raises IngestError for no path at all,
    a path that does not exist, and a folder that cannot be read or holds no picture; an unmounted disk is such an
    empty folder, so nothing on it is ever taken for gone.
    """
    if not paths:
        raise IngestError("nothing to ingest: name at least one file or folder")
    roots = [Path(os.path.abspath(path)) for path in paths]
    found = {file.path: file for root in roots for file in _under(root)}
    unchanged = {path for path, file in found.items() if _is_unchanged(file, files.get(str(path)), known)}
    return Scan(
        pending=tuple(found[path] for path in sorted(found) if path not in unchanged),
        unchanged=tuple(found[path] for path in sorted(unchanged)),
        gone=tuple(_gone(roots, found, files)),
    )


def is_gone(path: str) -> bool:
    """Whether there is certainly no file at `path`; one that may merely not be looked at is not gone."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False


def _is_unchanged(file: FoundFile, before: SourceFile | None, known: Collection[str]) -> bool:
    return (
        before is not None
        and before.state == "ok"
        and before.image_id in known
        and (before.size_bytes, before.mtime_ns) == (file.size_bytes, file.mtime_ns)
    )


def _gone(roots: Iterable[Path], found: Collection[Path], files: Mapping[str, SourceFile]) -> Iterator[SourceFile]:
    named = frozenset(roots)
    for path, file in sorted(files.items()):
        here = Path(path)
        if file.state != "missing" and here not in found and not named.isdisjoint(here.parents) and is_gone(path):
            yield file


def _under(root: Path) -> list[FoundFile]:
    if not os.path.lexists(root):
        raise IngestError(f"there is no {str(root)!r}: name an existing file or folder")
    if not os.path.isdir(root):
        return [_found(root)]
    if not os.access(root, os.R_OK | os.X_OK):
        raise IngestError(f"cannot read the folder {str(root)!r}: permission denied")
    files = list(_walk(root))
    if not files:
        raise IngestError(f"no picture in {str(root)!r} or below: name a folder with {_spoken(SUFFIXES)} files")
    return files


def _walk(root: Path) -> Iterator[FoundFile]:
    """The picture files below `root`. Links to folders come last and each folder once, so that loops end."""
    folders, links, visited = deque([root]), deque[Path](), set[tuple[int, int]]()
    while folders or links:
        folder = (folders or links).popleft()
        try:
            status = folder.stat()
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            yield _found(folder)  # reading it will fail, and say why
            continue
        if (status.st_dev, status.st_ino) in visited:
            continue
        visited.add((status.st_dev, status.st_ino))
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                (links if entry.is_symlink() else folders).append(Path(entry.path))
            elif os.path.splitext(entry.name)[1].lower() in SUFFIXES:
                yield _found(Path(entry.path))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _found(path: Path) -> FoundFile:
    """The file as it is now; what cannot be looked at (a dangling link) has size and time -1, and is tried."""
    try:
        status = path.stat()
    except OSError:
        return FoundFile(path, -1, -1)
    return FoundFile(path, status.st_size, status.st_mtime_ns)


def _spoken(suffixes: Iterable[str]) -> str:
    return ", ".join(sorted(suffix.removeprefix(".") for suffix in suffixes))
