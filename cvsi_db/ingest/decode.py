"""Decode: the bytes of a file become an upright RGB picture of bounded size. Nobody vouches for those bytes.

Takes a file (or bytes, or a PIL image); returns a Picture, or says in plain words why there is none. Safe to use from
several threads. Knows nothing about models or the gallery; pillow_guard.py holds the limits.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from cvsi_db.ingest.metadata import read_metadata
from cvsi_db.ingest.pillow_guard import (
    MAX_BYTES,
    MAX_PIXELS,
    check_size,
    in_turn,
    open_image,
    pixels_when_opened,
    plain_reasons,
)
from cvsi_db.ingest.pixels import MAX_SIDE, reduced, upright
from cvsi_db.ingest.read_bytes import printable, read_file
from cvsi_db.records import Picture

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "MAX_BYTES",
    "MAX_PIXELS",
    "MAX_SIDE",
    "decode_bytes",
    "picture_of",
    "printable",
    "read_picture",
]


def read_picture(source: bytes | Path) -> Picture:
    """The picture in an image file, or in the bytes of one. Raises ImageError."""
    if isinstance(source, bytes):
        return decode_bytes(source, hashlib.sha256(source).hexdigest(), "the given bytes")
    content = read_file(source)
    return decode_bytes(content.data, content.image_id, printable(source))


def decode_bytes(data: bytes, image_id: str, where: str, *, side: int = MAX_SIDE) -> Picture:
    """The picture in the bytes of a file; `where` names them in the ImageError raised when there is none.

    `side` is that of the square, in pixels, that models will make of it. The picture is no longer than MAX_SIDE in any
    case. A JPEG is decoded at 1/2, 1/4 or 1/8 of its size, as small as keeps its shorter side at 2 · side (or MAX_SIDE,
    if that is less): the decoder then leaves out the frequencies that the model's own reduction, by 2 or more, would
    leave out anyway. That costs a fraction of the time, and the embedding stays the same to a cosine of 0.999.
    """
    with plain_reasons(where), in_turn(pixels_when_opened(data)):
        image = open_image(data, where)
        size = image.size if image.format == "JPEG" else None
        if size:  # the draft of other formats may be a thumbnail that somebody put beside the picture
            image.draft("RGB", (min(2 * side, MAX_SIDE),) * 2)
        with in_turn(image.width * image.height):
            image.load()
            return _picture(image, image_id, size or image.size)


def picture_of(image: Image) -> Picture:
    """A PIL image as a Picture; `image_id` is the sha256 of its upright RGB pixels and size. Raises ImageError."""
    where = "the given image"
    with plain_reasons(where):
        check_size(image, where)
        image.load()
        return _picture(image, None, image.size)


def _picture(image: Image, image_id: str | None, size: tuple[int, int]) -> Picture:
    """The Picture of a loaded image that is of `size` in the file, which may be more than was decoded."""
    told = read_metadata(image)  # only now: a TIFF turns itself while it loads
    pixels = upright(reduced(image), told.orientation)
    width, height = size if told.orientation < 5 else size[::-1]
    return Picture(
        image_id=image_id or _pixels_id(pixels),
        image=pixels,
        format=(image.format or "pixels").lower(),
        width=width,
        height=height,
        taken_at=told.taken_at,
        camera=told.camera,
        latitude=told.latitude,
        longitude=told.longitude,
        tags=told.tags,
    )


def _pixels_id(image: Image) -> str:
    return hashlib.sha256(f"pixels {image.mode} {image.size} ".encode() + image.tobytes()).hexdigest()
