"""Raw: the preview in a camera's raw file, read by LibRaw (the extra `raw`).

Takes the bytes of a file; returns a PIL image of its preview, or of the sensor's data at half its size where there is
none that is large enough, with the raw file's metadata and size.
"""

from __future__ import annotations

from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

from cvsi_db.errors import ImageError

if TYPE_CHECKING:
    from PIL.Image import Image

LEAST_SIDE = 400
"""The longer side, in pixels, of a preview that is large enough: files hold thumbnails of 160 × 120 too."""
SIZE = "raw_size"
"""The key in an image's info under which the size of the raw image stands, upright or not as the preview is."""

_ORIENTATION, _EXIF_IFD, _TAKEN_AT = 0x0112, 0x8769, 0x9003
_TURNED = {3: 3, 5: 8, 6: 6}
"""EXIF's orientation by LibRaw's `flip`."""


def open_raw(data: bytes, where: str, side: int, max_pixels: int) -> Image:
    """The image, loaded; a JPEG preview is decoded at the smallest fraction of its size that has `side` pixels a side.

    Raises ImageError for a raw file that LibRaw does not know or that is too large, and what Pillow raises for a
    damaged preview.
    """
    import rawpy
    from PIL import Image as Pillow

    try:
        with rawpy.imread(BytesIO(data)) as raw:
            width, height, flip = raw.sizes.width, raw.sizes.height, raw.sizes.flip
            if raw.sizes.raw_width * raw.sizes.raw_height > max_pixels:
                raise Pillow.DecompressionBombError(f"{raw.sizes.raw_width * raw.sizes.raw_height} pixels")
            try:
                thumb = raw.extract_thumb()
            except rawpy.LibRawError:
                thumb = None
            taken_at: datetime | None = raw.other.timestamp
            image = _preview(thumb, side)
            developed = image is None or max(image.size) < min(LEAST_SIDE, width, height)
            if developed:
                image = Pillow.fromarray(raw.postprocess(half_size=True, use_camera_wb=True, output_bps=8))
    except rawpy.LibRawFileUnsupportedError:
        raise ImageError(where, "a raw file of a kind that LibRaw does not know") from None
    except rawpy.LibRawError as error:
        raise ImageError(where, f"damaged ({error.args[0].decode('ascii', 'replace')})") from None
    assert image is not None
    if head := _tiff(data):
        image.info["exif"] = head
    exif = image.getexif()
    if not head:  # the file keeps its metadata elsewhere, and the preview may have none
        exif.setdefault(_ORIENTATION, _TURNED.get(flip, 1))
        if taken_at and taken_at.year > 1970 and _TAKEN_AT not in exif.get_ifd(_EXIF_IFD):
            exif.get_ifd(_EXIF_IFD)[_TAKEN_AT] = taken_at.strftime("%Y:%m:%d %H:%M:%S")
    image.info["original_orientation"] = exif.get(_ORIENTATION)
    if developed or (image.width > image.height) != (width > height):  # it is upright already
        exif[_ORIENTATION] = 1
    is_turned = (image.width > image.height) != (width > height)
    image.info[SIZE] = (height, width) if is_turned else (width, height)
    return image


def _preview(thumb: Any, side: int) -> Image | None:
    """The preview as an image of its own, so that what its JPEG says of itself is not taken for the raw file's."""
    from PIL import Image as Pillow

    if thumb is None:
        return None
    if isinstance(thumb.data, bytes):
        preview = Pillow.open(BytesIO(thumb.data), formats=("JPEG",))
        preview.draft("RGB", (side, side))
        return preview.copy()
    return Pillow.fromarray(thumb.data)


def _tiff(data: bytes) -> bytes | None:
    """The file as the TIFF whose directories hold its EXIF, also where a maker begins it with letters of its own."""
    orders = {b"II": b"II*\0", b"MM": b"MM\0*"}
    is_tiff = data[2:4] in (b"*\0", b"\0*", b"RO", b"RS", b"OR", b"U\0")
    return orders[data[:2]] + data[4:] if is_tiff and data[:2] in orders else None
