"""Scan: which files an ingest has to load.

Takes the named paths and the catalog's files; returns the files to load, the unchanged ones, those that are not taken,
the known ones that are gone, and the named paths where known files were and nothing is now. Looks at names, sizes and
times, also of XMP sidecars, and at the first bytes of a file whose suffix is not an image's.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, overload

from cvsi_db.errors import GalleryError, IngestError
from cvsi_db.ingest.formats import SUFFIXES
from cvsi_db.ingest.read_bytes import place_of, printable
from cvsi_db.ingest.walk import Seen, Skipped, Walk, named, seen
from cvsi_db.records import FoundFile, IngestFailure
from cvsi_db.store.location import Location, RemoteFolder, absolute

if TYPE_CHECKING:
    from cvsi_db.store.catalog import SourceFile


class KnownFiles(Protocol):
    """The catalog's files by path: a dict of them, or what reads them as they are asked for."""

    def get(self, path: str, /) -> SourceFile | None:
        """The file at that path."""

    def values(self) -> Iterable[SourceFile]:
        """All files."""


class Pending(Sequence[FoundFile]):
    """Files to load, each made when it is asked for: what was seen of them takes a third of the memory."""

    def __init__(self, files: Sequence[Seen]) -> None:
        self._files = files

    def __len__(self) -> int:
        return len(self._files)

    @overload
    def __getitem__(self, at: int) -> FoundFile: ...

    @overload
    def __getitem__(self, at: slice) -> Pending: ...

    def __getitem__(self, at: int | slice) -> FoundFile | Pending:
        if isinstance(at, slice):
            return Pending(self._files[at])
        path, size, changed, sidecars = self._files[at]
        beside = tuple(FoundFile(place_of(each.path), *each[1:3]) for each in sidecars)
        return FoundFile(place_of(path), size, changed, beside)

    def paths(self) -> Iterator[str]:
        """Their paths."""
        return (file.path for file in self._files)


@dataclass(frozen=True)
class Scan:
    """The files under the named paths, sorted by path: `pending` ones must be loaded, those at `unchanged` need not.

    `gone` are the known files under the named folders that no longer exist; `skipped` the files and folders that are
    not taken, with the reason as their error, `forgotten` the paths that were so and no longer are. `folders` are the
    named folders that were walked, `lost` the named paths that hold nothing where known files were, each with its
    reason: a disk may not be mounted, so nothing below them counts as gone.
    """

    pending: Pending
    unchanged: tuple[str, ...]
    gone: tuple[SourceFile, ...]
    skipped: tuple[SourceFile, ...] = ()
    forgotten: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    lost: tuple[IngestFailure, ...] = ()

    @property
    def total(self) -> int:
        """How many files there are."""
        return len(self.pending) + len(self.unchanged)

    @property
    def paths(self) -> set[str]:
        """The paths of all files."""
        return {*self.pending.paths(), *self.unchanged}

    def covers(self, path: str) -> bool:
        """Whether this scan can tell that `path` does not exist: it is in a folder that was walked."""
        walked, lost = self._prefixes
        return path.startswith(walked) and not path.startswith(lost)

    @cached_property
    def _prefixes(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return _inside(self.folders), _inside(lost.path for lost in self.lost)


def scan(paths: Sequence[Location], files: KnownFiles, known: Container[str]) -> Scan:
    """Find the images under `paths`: files, and folders with all folders below them.

    `files` are the catalog's; `known` the image_ids that need no model. Raises IngestError without paths, for
    one that does not exist, cannot be read or holds no image, unless files are known there, and when all are lost.
    """

    def was_image(path: str) -> bool:
        return (before := files.get(path)) is not None and before.image_id is not None

    found, folders, lost, skipped = dict[str, Seen](), list[str](), list[IngestFailure](), dict[str, Skipped]()
    for root in _roots(paths):
        walk = Walk(was_image)
        here = {each[0]: each for each in _named(root, walk)}
        # Gone by now, as a disk unplugged during the walk, or a link to one that is not there.
        exists = isinstance(place_of(root), RemoteFolder) or os.path.exists(root)
        if not here or (not exists and _known_below(root, files)):
            lost.append(IngestFailure(printable(root), _lost(root, _known_below(root, files), walk.skipped)))
            continue
        found = found | here if found else here
        if root not in here and exists:  # it was walked
            skipped |= {printable(each.file.path): each for each in walk.skipped}
            folders.append(root)
    if not found:
        raise IngestError("; ".join(each.reason for each in lost))
    left_out = [each for each in skipped.values() if each.file.path not in found]
    none = Scan(Pending(()), (), (), _records(left_out), (), tuple(folders), tuple(lost))
    return _compared(found, files, known, none)


def check_paths(paths: Sequence[Location]) -> None:
    """Raise what a scan of `paths` for a new gallery would raise; a folder is walked only to its first image."""
    for root in _roots(paths):
        walk = Walk(lambda _path: False)
        if next(_named(root, walk), None) is None:
            _lost(root, 0, walk.skipped)


def is_gone(path: str) -> bool:
    """Whether there is certainly no file at `path`; False where it is only unreadable."""
    if isinstance(place := place_of(path), RemoteFolder):
        try:
            place.status()
        except (FileNotFoundError, GalleryError) as error:
            return isinstance(error, FileNotFoundError)
        return False
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False


def is_settled(file: SourceFile) -> bool:
    """Whether the file is recorded as missing, and no row has its path."""
    return file.state == "missing" and file.image_id is None


def _roots(paths: Sequence[Location]) -> list[str]:
    """The named paths, each once, a folder before what lies in it."""
    if not paths:
        raise IngestError("nothing to ingest: name at least one file or folder")
    return sorted({absolute(path) for path in paths})


def _named(root: str, walk: Walk) -> Iterator[Seen]:
    """The files at or below a named path; whatever is not a folder counts as a file."""
    if isinstance(place_of(root), RemoteFolder):
        yield from [one] if (one := seen(root)).size_bytes >= 0 else walk.images(root)
    elif os.path.isdir(root):
        yield from walk.images(root)
    elif os.path.lexists(root):
        yield named(root)


def _lost(root: str, known: int, skipped: Sequence[Skipped]) -> str:
    """Why there is nothing at a named path where `known` files were; raises IngestError where none was."""
    if isinstance(place := place_of(root), RemoteFolder):
        is_there, what = place.is_dir(), "a folder or an object that is there"
    else:
        is_there, what = os.path.lexists(root), "an existing file or folder"
    if not is_there:
        reason, remedy = f"{root!r} does not exist", f"name {what}"
    elif os.path.isdir(root) and not os.access(root, os.R_OK | os.X_OK):
        reason, remedy = f"cannot read the folder {root!r}", "permission denied"
    else:
        kinds = ", ".join(sorted(suffix.removeprefix(".") for suffix in SUFFIXES))
        reason, remedy = f"no image in {root!r} or below", f"name a folder with {kinds} files"
        if skipped:
            first = min(skipped)
            remedy += f"; not taken: {len(skipped)} others, as {first.file.path!r} ({first.reason})"
    if not known:
        raise IngestError(f"{reason}: {remedy}")
    were = "1 image was" if known == 1 else f"{known} images were"
    return f"{reason}, where {were}: they stay in the gallery; mount the disk, or use `cvsi-db remove`"


def _known_below(root: str, files: KnownFiles) -> int:
    """How many of the files, at `root` or below, have an image."""
    below = _inside([root])
    return sum(
        each.image_id is not None and (each.path == root or each.path.startswith(below)) for each in files.values()
    )


def _inside(folders: Iterable[str]) -> tuple[str, ...]:
    """The prefixes of all paths in these folders."""
    return tuple(os.path.join(folder, "") for folder in folders)


def _compared(found: dict[str, Seen], files: KnownFiles, known: Container[str], scan: Scan) -> Scan:
    """The scan with what its files are beside those of the catalog; takes the unchanged ones out of `found`."""
    now = {file.path for file in scan.skipped}
    odd = {printable(path) for path in found if not path.isascii()}  # as their paths are recorded
    unchanged: list[str] = []
    gone: list[SourceFile] = []
    left: list[SourceFile] = []
    for before in files.values():
        path = before.path
        if (here := found.get(path)) is not None:
            if (
                (before.size_bytes, before.mtime_ns) == here[1:3]
                and before.sidecars == signature(here.sidecars)
                and before.state == "ok"
                and before.image_id in known
            ):
                unchanged.append(found.pop(path).path)
        elif before.state == "skipped":
            if path not in now and scan.covers(path):
                left.append(before)
        elif not is_settled(before) and path not in odd and scan.covers(path) and is_gone(path):
            gone.append(before)
    broken = [
        file
        for file in left
        if file.path.lower().endswith(".xmp") and seen(file.path)[1:3] == (file.size_bytes, file.mtime_ns)
    ]
    return replace(
        scan,
        pending=Pending(sorted(found.values())),
        unchanged=tuple(sorted(unchanged)),
        gone=tuple(gone),
        skipped=(*scan.skipped, *broken),
        forgotten=tuple(file.path for file in left if file not in broken),
    )


def signature(sidecars: Sequence[Seen | FoundFile]) -> str:
    """The sizes and times of a file's sidecars as a text, which changes when they do."""
    return " ".join(f"{each.size_bytes}:{each.mtime_ns}" for each in sidecars)


def _records(skipped: Iterable[Skipped]) -> tuple[SourceFile, ...]:
    from cvsi_db.store.catalog import SourceFile

    return tuple(
        SourceFile(printable(file.path), file.size_bytes, file.mtime_ns, None, "skipped", reason)
        for file, reason in sorted(skipped)
    )
