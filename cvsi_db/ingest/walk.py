"""Walk: the files in a folder and in all folders below that may be images.

Takes a folder and a test for known files; yields paths with size and time, and counts the other files. Hidden and
ignored files are skipped. Since a folder may hold a million files, paths are text, and each file is looked at once.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from operator import attrgetter

from cvsi_db.ingest.formats import HEAD_BYTES, RAW_SUFFIXES, SUFFIXES, sniff
from cvsi_db.ingest.ignore import IGNORE_FILE, IgnoreRules, rules_above

Seen = tuple[str, int, int]
"""A file: its absolute path, size in bytes and modification time in nanoseconds."""


class Walk:
    """Walks folders; `skipped` counts the files so far that are not images by name and content.

    `is_known` says whether a path was an image before: it is then taken for one without reading it.
    """

    def __init__(self, is_known: Callable[[str], bool]) -> None:
        self.skipped = 0
        self._is_known = is_known

    def images(self, root: str) -> Iterator[Seen]:
        """The files below `root` that may be images, folder by folder; in a folder by name.

        Links to folders come last and each folder once, so that loops end. A folder that cannot be read is yielded in
        place of its files, unless it is `root`: loading it will fail, and give the reason. Raises IngestError for an
        ignore file that cannot be used.
        """
        folders, links, visited = deque([(root, rules_above(root))]), deque[tuple[str, IgnoreRules]](), set[object]()
        while folders or links:
            folder, rules = (folders or links).popleft()
            try:
                identity, entries = _listed(folder)
            except OSError:
                if folder != root:
                    yield seen(folder)
                continue
            if identity in visited:
                continue
            visited.add(identity)
            rules = rules.within(folder) if any(entry.name == IGNORE_FILE for entry in entries) else rules
            for entry in entries:
                if entry.name.startswith(".") or (rules.specs and rules.ignore(entry.path, folder=_is_folder(entry))):
                    continue
                if _is_folder(entry):
                    (links if entry.is_symlink() else folders).append((entry.path, rules))
                elif self._may_be_image(entry):
                    yield _seen(entry)

    def _may_be_image(self, entry: os.DirEntry[str]) -> bool:
        suffix = os.path.splitext(entry.name)[1].lower()
        if suffix in SUFFIXES or self._is_known(entry.path):
            return True
        try:
            if not entry.is_file():  # opening a pipe would wait forever
                return False
        except OSError:  # a link to itself
            return False
        found = False
        if suffix not in RAW_SUFFIXES:
            with suppress(OSError), open(entry.path, "rb", buffering=0) as file:
                found = sniff(file.read(HEAD_BYTES)) is not None
        self.skipped += not found
        return found


def _listed(folder: str) -> tuple[object, list[os.DirEntry[str]]]:
    """The folder's identity, which is the same under all of its names, and its entries, by name."""
    status = os.stat(folder)
    with os.scandir(folder) as listing:
        return (status.st_dev, status.st_ino), sorted(listing, key=attrgetter("name"))


def seen(path: str) -> Seen:
    """The file as it is now; size and time are -1 where they cannot be had, as of a dangling link."""
    try:
        status = os.stat(path)
    except OSError:
        return path, -1, -1
    return path, status.st_size, status.st_mtime_ns


def _seen(entry: os.DirEntry[str]) -> Seen:
    """The same from a folder's listing, which often knows it without another call."""
    try:
        status = entry.stat()
    except OSError:
        return entry.path, -1, -1
    return entry.path, status.st_size, status.st_mtime_ns


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False
