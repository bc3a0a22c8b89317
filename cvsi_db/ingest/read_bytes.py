"""Read bytes: the content of one file and its sha256, from a file that may hang, change, or not be a regular file.

Takes a path; returns the file's Content, or raises ImageError with the reason. Also the records that hold each file of
an ingest after it was read.
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from cvsi_db.errors import GalleryError, ImageError
from cvsi_db.ingest.pillow_guard import MAX_BYTES
from cvsi_db.records import FoundFile, Metadata, Picture

if TYPE_CHECKING:
    from PIL.Image import Image

    from cvsi_db.store.location import RemoteFolder

PATIENCE_S = 30.0
"""A file that gives no byte for this many seconds, as on a disconnected network drive, is given up."""

NO_SUCH_FILE = "no such file"

_CHUNK = 2**22  # few, because joining parts costs as much as reading them
_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
"""Non-blocking, because the file may have become a pipe since it was looked at."""


@dataclass(frozen=True)
class Content:
    """What was in a file, its sha256 (hex), and the file's size and time while it was read."""

    data: bytes = field(repr=False)
    image_id: str
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True)
class ReadFile:
    """A file that was read: its content's id, and the picture unless that content needs no model.

    The picture's pixels are what the image tower sees of it (Encoder.prepare). `metadata` is what the file, its
    sidecars and its name say; None where that could not be read. `unread` are the sidecars that could not be. `caption`
    is one that came with the file.
    """

    file: FoundFile
    image_id: str
    picture: Picture | None
    metadata: Metadata | None = None
    unread: tuple[FailedFile, ...] = ()
    caption: str = ""


@dataclass(frozen=True)
class FailedFile:
    """A file that could not be read, and why."""

    file: FoundFile
    reason: str


@dataclass(frozen=True)
class DecodedBatch:
    """A batch after loading: every file is in exactly one of the two, in the batch's order."""

    files: tuple[ReadFile, ...]
    failures: tuple[FailedFile, ...]

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The contents that are new to the gallery, each once."""
        return tuple(read.picture for read in self.files if read.picture is not None)

    @property
    def views(self) -> dict[str, Image]:
        """What the image tower sees of each picture, by image_id."""
        return {picture.image_id: picture.image for picture in self.pictures}


def printable(path: Path | str) -> str:
    """The path as text that can be printed and stored, also where its bytes are not UTF-8."""
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def mtime_ns(status: os.stat_result) -> int:
    """When a file was changed last, as the catalog can hold it: 64 bits of nanoseconds end in the year 2262."""
    return max(-(2**63), min(status.st_mtime_ns, 2**63 - 1))


def place_of(path: str) -> Path | RemoteFolder:
    """Where the file is that a gallery or a user calls `path`: on this machine, on object storage, in a tar archive."""
    if ".tar" in path.lower():
        from cvsi_db.ingest.tar_member import member_at

        if (member := member_at(path)) is not None:
            return member
    if "://" not in path:
        return Path(path)
    from cvsi_db.store.location import locate

    return locate(path)


def read_file(path: Path | RemoteFolder, *, patience: float = PATIENCE_S) -> Content:
    """The whole file as it is at one moment. Safe to call from several threads.

    Raises ImageError for what is not a regular file or cannot be read, for more than MAX_BYTES, for a file that changes
    during both of two reads, and when no byte comes for `patience` seconds; the thread that hangs is then abandoned.
    """
    where = printable(path)
    if not isinstance(path, Path):
        return _read_object(path)
    if where != str(path):
        raise ImageError(where, "its name is not UTF-8: rename it")
    try:
        return (_idle.pop() if _idle else _Reader()).read(path, patience)
    except FileNotFoundError:
        raise ImageError(where, NO_SUCH_FILE) from None
    except PermissionError:
        raise ImageError(where, "permission denied") from None
    except ValueError:
        raise ImageError(where, "its name holds a NUL") from None
    except OSError as error:
        raise ImageError(where, error.strerror or str(error)) from None


def read_image(path: str, image_id: str) -> Content:
    """The whole file at a path of the gallery, which must still hold that image. Raises ImageError as `read_file`."""
    content = read_file(place_of(path))
    if content.image_id != image_id:
        raise ImageError(path, "its content has changed: ingest it again")
    return content


def _read_object(place: RemoteFolder) -> Content:
    """The same, of an object: it is what it was when its bytes began to come."""
    try:
        size, changed = place.status()
        if size > MAX_BYTES:
            raise ImageError(str(place), f"too large: the limit is {MAX_BYTES // 2**20} megabytes")
        data = place.read_bytes()
    except FileNotFoundError:
        raise ImageError(str(place), "no such object") from None
    except GalleryError as error:
        raise ImageError(str(place), str(error)) from error
    return Content(data, hashlib.sha256(data).hexdigest(), len(data), changed)


class _Reader:
    """A thread that reads one file after another, so that the caller can give up on one that hangs."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[tuple[Path, Future[Content]]] = SimpleQueue()
        self._alive_at = 0.0
        threading.Thread(target=self._run, name="cvsi-read", daemon=True).start()

    def read(self, path: Path, patience: float) -> Content:
        answer: Future[Content] = Future()
        self._note()
        self._jobs.put((path, answer))
        while not wait([answer], self._alive_at + patience - time.monotonic()).done:
            if time.monotonic() >= self._alive_at + patience:
                raise ImageError(str(path), f"no answer for {patience:g} seconds: is its drive connected?")
        return answer.result()

    def _run(self) -> None:
        while True:
            path, answer = self._jobs.get()
            try:
                content = _read(path, self._note)
            except Exception as error:
                _idle.append(self)
                answer.set_exception(error)
            else:
                _idle.append(self)
                answer.set_result(content)
                del content  # else the whole file stays in memory until the next one
            del path, answer

    def _note(self) -> None:
        self._alive_at = time.monotonic()


_idle: list[_Reader] = []
"""Readers that wait for a file. One that hangs comes back when its read ends, if ever."""


def _read(path: Path, note: Callable[[], None]) -> Content:
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        os.scandir(path).close()  # a walk hands on a folder that it cannot list: the error says why
    _check_kind(path, status)  # opening a pipe or a device may have effects, even without waiting
    opened = os.open(path, _FLAGS)
    try:
        for _ in range(2):
            before = os.fstat(opened)
            _check_kind(path, before)
            data = _whole(opened, before.st_size, note)
            after = os.fstat(opened)
            if _mark(before) == _mark(after) == (len(data), after.st_mtime_ns):
                return Content(data, hashlib.sha256(data).hexdigest(), after.st_size, mtime_ns(after))
    finally:
        os.close(opened)
    raise ImageError(str(path), "changed while it was read: ingest it again")


def _check_kind(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ImageError(str(path), "not a regular file")
    if status.st_size > MAX_BYTES:
        raise ImageError(str(path), f"too large: the limit is {MAX_BYTES // 2**20} megabytes")


def _mark(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns


def _whole(opened: int, size: int, note: Callable[[], None]) -> bytes:
    """All bytes from the beginning, but no more than one beyond `size`, which shows that the file has grown."""
    os.lseek(opened, 0, os.SEEK_SET)
    parts: list[bytes] = []
    left = size + 1
    while left > 0 and (part := os.read(opened, min(left, _CHUNK))):
        note()
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
