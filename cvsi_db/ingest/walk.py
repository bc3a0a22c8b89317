"""Walk: the files in a folder and in all folders below that may be images, and what else lies there.

Takes a folder and a test for known files; yields paths with size, time and XMP sidecars, and keeps what is not taken
with its reason. Since a folder may hold a million files, paths are text, and each file is looked at once.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import NamedTuple

from cvsi_db.errors import GalleryError
from cvsi_db.ingest.formats import HEAD_BYTES, RAW_SUFFIXES, SUFFIXES, kind_of, sniff, unreadable
from cvsi_db.ingest.ignore import IGNORE_FILE, IgnoreRules, rules_above, why_hidden, why_skipped
from cvsi_db.ingest.read_bytes import mtime_ns, place_of
from cvsi_db.ingest.tar_member import BESIDE, TarMember
from cvsi_db.store.location import RemoteFolder


class Seen(NamedTuple):
    """A file: its absolute path, size in bytes, modification time in nanoseconds, and the XMP sidecars beside it."""

    path: str
    size_bytes: int
    mtime_ns: int
    sidecars: tuple[Seen, ...] = ()


class Skipped(NamedTuple):
    """A file or folder that is not taken, and why."""

    file: Seen
    reason: str


class Walk:
    """Walks folders; `skipped` holds what was not taken so far, in no particular order.

    `is_known` says whether a path was an image before: it is then taken for one without reading it.
    """

    def __init__(self, is_known: Callable[[str], bool]) -> None:
        self.skipped: list[Skipped] = []
        self._is_known = is_known

    def images(self, root: str) -> Iterator[Seen]:
        """The files below `root` that may be images, folder by folder; in a folder by name.

        Links to folders come last and each folder once, so that loops end. A folder that cannot be read is yielded in
        place of its files, unless it is `root`: loading it will fail, and give the reason. Raises IngestError for an
        ignore file that cannot be used.
        """
        if isinstance(place := place_of(root), RemoteFolder):
            yield from self._objects(place)
            return
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
            names = {entry.name for entry in entries}
            if folder != root and (reason := why_skipped(names)):
                self.skipped.append(Skipped(Seen(folder, 0, 0), reason))
                continue
            rules = rules.within(folder) if IGNORE_FILE in names else rules
            files = []
            for entry in entries:
                is_folder = _is_folder(entry)
                if reason := _why_excluded(entry, is_folder, rules):
                    self.skipped.append(Skipped(seen(entry), reason))
                elif is_folder:
                    (links if entry.is_symlink() else folders).append((entry.path, rules))
                else:
                    files.append(entry)
            yield from self._images_of(files)

    def _objects(self, root: RemoteFolder) -> Iterator[Seen]:
        """What may be an image by its name, below an address or in an archive: to read where each begins takes long."""
        sidecars, images = dict[str, Seen](), list[Seen]()
        beside = (".xmp", *(BESIDE if isinstance(root, TarMember) else ()))
        if isinstance(root, TarMember):
            self.skipped += [Skipped(Seen(path, size, 0), reason) for path, size, reason in root.left_out()]
        for name, size, changed in root.objects():
            found, parts = Seen(f"{root}/{name}", size, changed), name.split("/")
            hidden = [why for part in parts[:-1] if (why := why_hidden(part, True))]
            suffix = os.path.splitext(name)[1].lower()
            kind = "RAW" if suffix in RAW_SUFFIXES else suffix
            if reason := next(iter(hidden), None) or why_hidden(parts[-1], False):
                self.skipped.append(Skipped(found, reason))
            elif suffix in beside:
                sidecars[found.path.lower()] = found
            elif (kind in SUFFIXES | {"RAW"} and not unreadable(kind)) or self._is_known(found.path):
                images.append(found)
            else:
                self.skipped.append(Skipped(found, unreadable(kind) or kind_of(name)))
        for image in images:
            names = [f"{base}{suffix}".lower() for base in _bases(image.path) for suffix in beside]
            yield image._replace(sidecars=tuple(sidecars[name] for name in names if name in sidecars))

    def _images_of(self, files: Sequence[os.DirEntry[str]]) -> Iterator[Seen]:
        """The files that may be images, of one folder, each with its sidecars."""
        beside_images = [entry for entry in files if entry.name.lower().endswith(".xmp")]
        sidecars = {entry.name.lower(): entry for entry in beside_images}
        used = set[str]()
        for entry in files:
            if sidecars and entry.name.lower() in sidecars:
                continue
            if reason := self._why_not(entry):
                self.skipped.append(Skipped(seen(entry), reason))
                continue
            found = seen(entry)
            if sidecars:
                names = (f"{base}.xmp".lower() for base in _bases(entry.name))
                found = found._replace(sidecars=tuple(seen(sidecars[name]) for name in names if name in sidecars))
                used.update(each.path for each in found.sidecars)
            yield found
        for entry in beside_images:
            if entry.path not in used:
                self.skipped.append(Skipped(seen(entry), "an XMP sidecar of no image here"))

    def _why_not(self, entry: os.DirEntry[str]) -> str | None:
        """Why the file is not an image, as far as its name and its first bytes tell; None where it may be one."""
        suffix = os.path.splitext(entry.name)[1].lower()
        if (suffix in SUFFIXES and not unreadable(suffix)) or self._is_known(entry.path):
            return None
        try:
            if not entry.is_file():  # opening a pipe would wait forever
                return "a link to nothing" if entry.is_symlink() else "not a regular file"
            with open(entry.path, "rb", buffering=0) as file:
                head = file.read(HEAD_BYTES)
        except OSError as error:  # a link to itself, or one that may not be read
            return f"cannot be read: {(error.strerror or str(error)).lower()}"
        if (kind := sniff(head, entry.name)) is None:
            return kind_of(entry.name) if head else "empty file"
        return unreadable(kind)


def _listed(folder: str) -> tuple[object, list[os.DirEntry[str]]]:
    """The folder's identity, which is the same under all of its names, and its entries, by name."""
    status = os.stat(folder)
    with os.scandir(folder) as listing:
        return (status.st_dev, status.st_ino), sorted(listing, key=attrgetter("name"))


def seen(file: str | os.DirEntry[str]) -> Seen:
    """The file as it is now; size and time are -1 where they cannot be had, as of a dangling link.

    An entry of a folder's listing often knows them without another call.
    """
    path = file if isinstance(file, str) else file.path
    if isinstance(file, str) and isinstance(place := place_of(file), RemoteFolder):
        try:
            return Seen(path, *place.status())
        except (FileNotFoundError, GalleryError):
            return Seen(path, -1, -1)
    try:
        status = os.stat(file) if isinstance(file, str) else file.stat()
    except OSError:
        return Seen(path, -1, -1)
    return Seen(path, status.st_size, mtime_ns(status))


def named(path: str) -> Seen:
    """A file on this machine that was named by itself, with its sidecars."""
    beside = []
    for base in _bases(path):
        beside += [seen(base + suffix) for suffix in (".xmp", ".XMP") if os.path.exists(base + suffix)][:1]
    return seen(path)._replace(sidecars=tuple(beside))


def _bases(name: str) -> tuple[str, str]:
    """What a file's sidecars are called without their suffix: a.jpg comes before a."""
    return name, os.path.splitext(name)[0]


def _why_excluded(entry: os.DirEntry[str], is_folder: bool, rules: IgnoreRules) -> str | None:
    """Why a file or folder is left out, by its name or by the ignore files; None where it is not."""
    if reason := why_hidden(entry.name, is_folder):
        return reason
    ignored = rules.specs and rules.ignore(entry.path, folder=is_folder)
    return f"excluded by a {IGNORE_FILE} file" if ignored else None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False
