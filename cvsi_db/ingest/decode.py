"""Decode: the untrusted bytes of a file become an upright RGB picture of bounded size.

Takes a file, bytes or a PIL image; returns a Picture, or raises ImageError with the reason. Safe to use from several
threads. The limits are in pillow_guard.py.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cvsi_db.ingest.metadata import orientation_before_loading, read_metadata
from cvsi_db.ingest.pillow_guard import (
    MAX_BYTES,
    MAX_PIXELS,
    check_size,
    image_errors,
    in_turn,
    open_image,
    pixels_when_opened,
)
from cvsi_db.ingest.pixels import MAX_SIDE, reduced, upright
from cvsi_db.ingest.raw import SIZE
from cvsi_db.ingest.read_bytes import printable, read_file
from cvsi_db.records import Metadata, Picture
from cvsi_db.store.location import RemoteFolder

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


def read_picture(source: bytes | Path | RemoteFolder) -> Picture:
    """The picture in an image file, or in the bytes of one. Raises ImageError."""
    if isinstance(source, bytes):
        return decode_bytes(source, hashlib.sha256(source).hexdigest(), "the given bytes")
    content = read_file(source)
    return decode_bytes(content.data, content.image_id, printable(source))


def decode_bytes(data: bytes, image_id: str, where: str, *, side: int = MAX_SIDE) -> Picture:
    """The picture in the bytes of a file; `where` names them in the ImageError raised when there is none.

    `side` is the side, in pixels, of the square that models make of it. No side of the picture exceeds MAX_SIDE. A JPEG
    is decoded at 1/2, 1/4 or 1/8 of its size, the smallest whose shorter side is at least 2 · side (or MAX_SIDE, if
    that is less): the decoder then skips frequencies that the model's own reduction would remove anyway. That takes
    a fraction of the time, and the embedding stays the same to a cosine of 0.999.
    """
    with image_errors(where), in_turn(pixels_when_opened(data)):
        image = open_image(data, where, min(2 * side, MAX_SIDE))
        size = image.size if image.format == "JPEG" else image.info.get(SIZE)
        if image.format == "JPEG":  # the draft of other formats may be a thumbnail stored beside the picture
            image.draft("RGB", (min(2 * side, MAX_SIDE),) * 2)
        orientation = orientation_before_loading(image)
        with in_turn(image.width * image.height):
            image.load()
            return _picture(image, image_id, size or image.size, orientation)


def metadata_in(data: bytes, where: str) -> Metadata:
    """What the bytes of an image file say of it; most formats are not decoded for that. Raises ImageError."""
    with image_errors(where), in_turn(pixels_when_opened(data)):
        image = open_image(data, where)
        metadata, orientation = read_metadata(image), orientation_before_loading(image)
        return replace(metadata, orientation=orientation or metadata.orientation)


def picture_of(image: Image) -> Picture:
    """A PIL image as a Picture; `image_id` is the sha256 of its upright RGB pixels and size. Raises ImageError."""
    where = "the given image"
    with image_errors(where):
        check_size(image, where)
        image.load()
        return _picture(image, None, image.size)


def _picture(image: Image, image_id: str | None, size: tuple[int, int], orientation: int | None = None) -> Picture:
    """The Picture of a loaded image that is of `size` in the file, which may be more than was decoded.

    `orientation` is what the file says where Pillow turns the image itself.
    """
    metadata = read_metadata(image)  # only now: a TIFF turns itself while it loads
    turned = metadata.orientation or 1
    pixels = upright(reduced(image), turned)
    width, height = size if turned < 5 else size[::-1]
    if image_id is None:
        image_id = hashlib.sha256(f"pixels {pixels.mode} {pixels.size} ".encode() + pixels.tobytes()).hexdigest()
    return Picture(
        image_id=image_id,
        image=pixels,
        format=(image.format or "pixels").lower(),
        width=width,
        height=height,
        metadata=replace(metadata, orientation=orientation or metadata.orientation),
    )
