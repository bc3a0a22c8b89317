"""The images of a gallery as bytes: thumbnails, originals, and uploads that stand for references.

Takes image_ids; reads only files that the gallery names for them, and hands out only what has that sha256: a file that
was swapped, by a link or otherwise, is refused. Images are decoded by the limits of an ingest. All that is kept is
bounded. Safe to use from several threads.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING, Any, BinaryIO, Generic, NamedTuple, TypeVar

from cvsi_db.errors import CvsiError, ImageError
from cvsi_db.ingest.decode import decode_bytes
from cvsi_db.ingest.read_bytes import place_of, read_image
from cvsi_db.records import Picture, StoredImage
from cvsi_db.store.location import RemoteFolder

if TYPE_CHECKING:
    from PIL.Image import Image

    from cvsi_db.gallery import Gallery

CHUNK = 2**18
"""The bytes of an original that are read at a time."""

_READ_ONLY = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)

MEDIA_TYPES = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "bmp": "image/bmp",
    "tiff": "image/tiff",
    "heif": "image/heic",
    "avif": "image/avif",
    "jpeg2000": "image/jp2",
    "jxl": "image/jxl",
}
"""By the name of a format in the gallery; any other is application/octet-stream."""

V = TypeVar("V")


class NotFoundError(CvsiError):
    """No image of the gallery, no upload and no result of that name. `field` names the part of the request."""

    field: str | None = None


class GoneError(CvsiError):
    """An image of the gallery whose files are gone, changed, or cannot be read any more."""


class Kept(Generic[V]):
    """The values used last, as long as their sizes add up to at most `bound`."""

    def __init__(self, bound: int) -> None:
        self._bound, self._size, self._lock = bound, 0, Lock()
        self._values: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()

    def get(self, key: Hashable) -> V | None:
        """The value, if it is still kept."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def put(self, key: Hashable, value: V, size: int) -> None:
        """Keep the value, in place of those used least lately."""
        with self._lock:
            self._size += size - self._values.pop(key, (None, 0))[1]
            self._values[key] = (value, size)
            while self._size > self._bound and self._values:
                self._size -= self._values.popitem(last=False)[1][1]


@dataclass(frozen=True)
class Original:
    """A file of the gallery, open, whose content is the image's; whoever has it closes it."""

    file: BinaryIO = field(repr=False)
    size: int
    name: str
    media_type: str

    def chunks(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` up to `end`; closes the file."""
        with self.file as file:
            file.seek(start)
            while start < end and (chunk := file.read(min(CHUNK, end - start))):
                start += len(chunk)
                yield chunk


class Thumbnail(NamedTuple):
    """A picture's file; one that is not `final` is smaller than was asked for, as no file of the image can be read."""

    data: bytes
    final: bool


class Media:
    """The images of one gallery and the uploads of its users.

    `thumbnail_bytes` and `upload_bytes` bound what is kept of each.
    """

    def __init__(self, gallery: Gallery, thumbnail_bytes: int = 2**27, upload_bytes: int = 2**28) -> None:
        self._gallery = gallery
        self._thumbnails: Kept[bytes] = Kept(thumbnail_bytes)
        self._uploads: Kept[Picture] = Kept(upload_bytes)
        self._rows: tuple[int, Kept[dict[str, Any]]] = (-1, Kept(0))
        self._seen: Kept[bool] = Kept(10_000)

    def row(self, image_id: str) -> dict[str, Any] | None:
        """An image of the gallery: its columns, or None."""
        version = self._gallery.version
        if self._rows[0] != version:  # the gallery has been written to
            self._rows = (version, Kept(10_000))
        kept = self._rows[1]
        row = kept.get(image_id)
        if row is None and _is_id(image_id):
            row = next(iter(self._gallery.images(f"image_id = '{image_id}'", limit=1)), None)
            if row is not None:
                kept.put(image_id, row, 1)
        return row

    def reference(self, name: str, field: str) -> StoredImage | Picture:
        """The image that a request names: by its image_id, an upload's too, or by its path in the gallery.

        Raises NotFoundError, with the request's `field`; nothing but the gallery is read.
        """
        if _is_id(name):
            if row := self.row(name):
                return StoredImage(name, row["path"])
            if upload := self._uploads.get(name):
                return upload
            problem = f"{field}: no image {name!r} in the gallery, and no upload that is still held: upload it again"
        else:
            quoted = "'" + name.replace("'", "''") + "'"
            at_path = f"path = {quoted} OR array_has(paths, {quoted})"
            found = self._gallery.images(at_path, limit=1, columns=["image_id", "path"]) if "\0" not in name else []
            if found:
                return StoredImage(found[0]["image_id"], found[0]["path"])
            problem = (
                f"{field}: no image of the gallery is at {name[:200]!r}: give its path there, an image_id, or upload it"
            )
        error = NotFoundError(problem)
        error.field = field
        raise error

    def take_upload(self, data: bytes) -> Picture:
        """An uploaded image, decoded, and kept under its image_id for later requests. Raises ImageError."""
        image_id = hashlib.sha256(data).hexdigest()
        picture = self._uploads.get(image_id) or decode_bytes(data, image_id, "the uploaded image")
        self._uploads.put(image_id, picture, 3 * picture.image.width * picture.image.height)
        return picture

    def thumbnail(self, image_id: str, size: int, form: str) -> Thumbnail:
        """The picture as WebP or JPEG, its longest side at most `size`. Raises NotFoundError and GoneError.

        It is made of the thumbnail that the gallery keeps where that is large enough, and where no file can be read.
        """
        row, key = self.row(image_id), (image_id, size, form)
        upload = self._uploads.get(image_id)
        if row is None and upload is None:
            raise NotFoundError(f"no image {image_id[:64]!r} in the gallery")
        if (kept := self._thumbnails.get(key)) is not None:
            return Thumbnail(kept, final=True)
        picture, final = (upload.image, True) if upload else self._picture(row or {}, size)
        small = picture.convert("RGB")
        small.thumbnail((size, size))
        buffer = BytesIO()
        small.save(buffer, form.upper(), quality=80, **({"method": 2} if form == "webp" else {}))
        made = buffer.getvalue()
        if final:
            self._thumbnails.put(key, made, len(made))
        return Thumbnail(made, final)

    def _picture(self, row: dict[str, Any], size: int) -> tuple[Image, bool]:
        """The picture of an image, and whether it is large enough: a file that is back may hold a larger one."""
        from PIL import Image

        image_id = row["image_id"]
        kept = self._gallery.thumbnails([image_id]).get(image_id)
        small = Image.open(BytesIO(kept)) if kept else None
        if small is not None and max(small.size) >= min(size, max(row["width"], row["height"])):
            return small, True
        try:
            return _first(_paths(row), lambda path: _decoded(path, image_id, size)).image, True
        except GoneError:
            if small is None:
                raise
            return small, False

    def original(self, image_id: str) -> Original:
        """The file that holds the image, open. Raises NotFoundError and GoneError."""
        row = self.row(image_id)
        if row is None:
            raise NotFoundError(f"no image {image_id[:64]!r} in the gallery")
        file, size, name = _first(_paths(row), lambda path: self._opened(path, image_id))
        return Original(file, size, name, MEDIA_TYPES.get(row["format"], "application/octet-stream"))

    def _opened(self, path: str, image_id: str) -> tuple[BinaryIO, int, str]:
        """A file that has the image's content: it is hashed once, and again when it has changed."""
        if isinstance(place_of(path), RemoteFolder):
            content = read_image(path, image_id)
            return BytesIO(content.data), content.size_bytes, path.rpartition("/")[2]
        try:
            file = os.fdopen(os.open(path, _READ_ONLY), "rb")
        except OSError as error:
            raise ImageError(path, error.strerror or str(error)) from None
        try:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise ImageError(path, "not a file any more")
            seen = (image_id, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
            if not self._seen.get(seen):
                if hashlib.file_digest(file, "sha256").hexdigest() != image_id:
                    raise ImageError(path, "its content has changed: ingest it again")
                self._seen.put(seen, True, 1)
        except BaseException:
            file.close()
            raise
        return file, found.st_size, os.path.basename(path)


def _is_id(name: str) -> bool:
    return len(name) == 64 and set(name) <= set("0123456789abcdef")


def _paths(row: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys([row["path"], *row["paths"]]))


def _first(paths: list[str], read: Callable[[str], V]) -> V:
    """What `read` makes of the first of the files that it can read. Raises GoneError with the first one's reason."""
    reasons = []
    for path in paths:
        try:
            return read(path)
        except ImageError as error:
            reasons.append(str(error))
    raise GoneError(reasons[0])


def _decoded(path: str, image_id: str, size: int) -> Picture:
    return decode_bytes(read_image(path, image_id).data, image_id, path, side=-(-size // 2))
