"""Tar member: a file in an uncompressed tar archive, as img2dataset's shards are, addressed as ARCHIVE/NAME.

Takes an archive on this machine or on object storage; returns what is in it, found by reading the headers alone, and
reads one file of it without the others. Nothing is unpacked. Archives come from strangers, so there are bounds: of
members, of headers, and of where a name may lead.
"""

from __future__ import annotations

import os
import posixpath
import re
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple, Self

from cvsi_db.errors import GalleryError
from cvsi_db.store.location import Location, RemoteFolder, locate

BESIDE = (".json", ".txt")
"""The suffixes of what a shard says of an image, in files that are called like it: metadata and a caption."""

MAX_MEMBERS = 500_000
"""The most files of one archive; img2dataset's shards have 30,000."""

HEADER_BYTES = 2**20
"""The most bytes that describe one file: its header and the extended ones before it."""

_WINDOW = 2**20
"""How much of an object is read at once for its headers: on object storage a request takes longer than a megabyte."""

_KEPT = 32
"""How many archives' lists are kept in memory: some 2 MB each."""


class TarMember(RemoteFolder):
    """A file in a tar archive, or a folder in it, or all of it (the name is then empty); it is as old as the archive.

    It is read as an object on object storage is.
    """

    archive: Location
    member: str

    def __new__(cls, archive: Location, member: str) -> Self:
        """The text of it is its address."""
        made = super().__new__(cls, f"{archive}/{member}" if member else str(archive))
        made.archive, made.member = archive, member
        return made

    def __getnewargs__(self) -> Any:
        return self.archive, self.member

    def is_dir(self) -> bool:
        """Whether any file is in it; an archive is there, whatever is in it."""
        return not self.member or super().is_dir()

    def objects(self) -> Iterator[tuple[str, int, int]]:
        """The files in it: names relative to it, with sizes, and with the time of the archive's last change."""
        found, changed = _listed(self.archive)
        prefix = f"{self.member}/" if self.member else ""
        for name, (_, size) in found.places.items():
            if name.startswith(prefix):
                yield name.removeprefix(prefix), size, changed

    def left_out(self) -> list[tuple[str, int, str]]:
        """What of the archive is not taken: address, size and reason."""
        return [
            (f"{self.archive}/{name}" if name else str(self.archive), size, why)
            for name, size, why in _listed(self.archive)[0].left_out
        ]

    def status(self) -> tuple[int, int]:
        """Its size, and the time of the archive's last change. Raises GalleryError, FileNotFoundError."""
        found, changed = _listed(self.archive)
        if self.member not in found.places:
            raise FileNotFoundError(str(self))
        return found.places[self.member][1], changed

    def read_bytes(self) -> bytes:
        """The file's content. Raises GalleryError, FileNotFoundError."""
        found, changed = _listed(self.archive)
        if self.member not in found.places:
            raise FileNotFoundError(str(self))
        start, size = found.places[self.member]
        data = _read(self.archive, start, size)
        if len(data) != size or (isinstance(self.archive, Path) and _status(self.archive)[1] != changed):
            raise GalleryError(f"{str(self.archive)!r} changed while it was read: ingest it again")
        return data


class Listing(NamedTuple):
    """What is in an archive: where each file begins and how long it is; and name, size and reason of what is left out,
    without a name where the archive itself is damaged."""

    places: Mapping[str, tuple[int, int]]
    left_out: tuple[tuple[str, int, str], ...]


def member_at(path: str) -> TarMember | None:
    """What lies at `path` in a tar archive, or the archive at `path`; None where no archive is named."""
    for found in re.finditer(r"\.tar(?=/|$)", path, re.IGNORECASE):  # a folder may be called so too
        archive = locate(path[: found.end()])
        if _is_archive(archive):
            return TarMember(archive, path[found.end() + 1 :])
    return None


_objects: set[RemoteFolder] = set()
"""The archives on object storage that were seen: to ask again for each of their files would take long."""


def _is_archive(place: Location) -> bool:
    if isinstance(place, Path):
        return os.path.isfile(place)
    with suppress(FileNotFoundError, GalleryError):
        if place not in _objects:
            place.status()
            _objects.add(place)
        return True
    return False


_listing = Lock()


def _listed(archive: Location) -> tuple[Listing, int]:
    """What is in the archive as it is now, and when it was changed last. Raises GalleryError, FileNotFoundError."""
    size, changed = _status(archive)
    with _listing:  # many threads ask for the same one
        return _list(archive, size, changed), changed


def _status(archive: Location) -> tuple[int, int]:
    if not isinstance(archive, Path):
        return archive.status()
    try:
        status = archive.stat()
    except OSError as error:
        raise _unreadable(archive, error) from error
    return status.st_size, min(status.st_mtime_ns, 2**63 - 1)


def _read(archive: Location, start: int, size: int) -> bytes:
    """That part of the archive, or as much of it as there is."""
    if not isinstance(archive, Path):
        return archive.read_range(start, size) if size else b""
    try:
        with archive.open("rb") as file:
            file.seek(start)
            return file.read(size)
    except OSError as error:
        raise _unreadable(archive, error) from error


def _unreadable(archive: Path, error: OSError) -> Exception:
    if isinstance(error, FileNotFoundError):
        return error
    return GalleryError(f"cannot read {str(archive)!r}: {error.strerror or error}")


@lru_cache(maxsize=_KEPT)
def _list(archive: Location, size: int, _changed: int) -> Listing:
    places, left_out = dict[str, tuple[int, int]](), list[tuple[str, int, str]]()
    headers = _Headers(archive, size)
    try:
        tar, reached = tarfile.TarFile(fileobj=headers, mode="r"), -1  # type: ignore[arg-type]
        while (member := tar.next()) is not None:
            if not reached < tar.offset or member.size < 0:
                raise tarfile.ReadError("a header leads backwards")
            if len(places) >= MAX_MEMBERS:
                raise tarfile.ReadError(f"it has more than {MAX_MEMBERS:,} files")
            reached, headers.left = tar.offset, HEADER_BYTES
            tar.members.clear()  # type: ignore[attr-defined]  # else all of them stay in memory
            name = _sound(member.name)
            if member.isdir():
                continue
            if not member.isfile() or member.issparse():
                left_out.append((name or "", member.size, "not a regular file"))
            elif name is None:
                left_out.append(("", member.size, f"its name {member.name!a} leads elsewhere or is not UTF-8"))
            elif member.offset_data + member.size > size:
                left_out.append((name, member.size, "the archive ends in the middle of it"))
            else:
                places[name] = (member.offset_data, member.size)
        headers.left = HEADER_BYTES
        headers.seek(max(reached, 0))
        if any(headers.read(tarfile.BLOCKSIZE)):
            raise tarfile.ReadError("a header is damaged")
    except (GalleryError, OSError):
        raise
    except Exception as error:  # tarfile raises errors of many kinds for headers that make no sense
        what = f"damaged after {len(places):,} files" if places else "no uncompressed tar archive"
        left_out.append(("", size, f"{what}: {error}"))
    return Listing(places, tuple(left_out))


def _sound(name: str) -> str | None:
    """The name of a member, below the archive; None where it leads elsewhere or cannot be stored."""
    plain = posixpath.normpath(name)
    is_text = plain == plain.encode("utf-8", "ignore").decode()
    return plain if is_text and not plain.startswith(("/", "../")) and plain not in (".", "..") else None


class _Headers:
    """An archive as tarfile reads the headers of it, `left` bytes at most."""

    def __init__(self, archive: Location, size: int) -> None:
        self.left = HEADER_BYTES
        self._archive, self._size, self._at = archive, size, 0
        self._start, self._held = 0, b""
        self._window = _WINDOW if isinstance(archive, RemoteFolder) else 2**13

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, to: int) -> None:
        """Read on from there."""
        self._at = to

    def read(self, size: int) -> bytes:
        """The next bytes, fewer at the end. Raises ReadError beyond the bound."""
        self.left -= size
        if size < 0 or self.left < 0:
            raise tarfile.ReadError("a header is too long")
        skipped = self._at - self._start
        if not 0 <= skipped <= skipped + size <= len(self._held):
            length = min(max(size, self._window), max(self._size - self._at, 0))
            self._start, self._held, skipped = self._at, _read(self._archive, self._at, length) if length else b"", 0
        data = self._held[skipped : skipped + size]
        self._at += len(data)
        return data
