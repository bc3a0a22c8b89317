"""Pillow guard: untrusted bytes become a PIL image, or an ImageError with one plain reason.

Takes the bytes of a file. Hard limits hold before anything is decoded: formats (by content), bytes, pixels and the
passes over them (from the header). Safe to use from several threads.
"""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING

from cvsi_db.errors import ImageError, UsageError
from cvsi_db.ingest.formats import HEAD_BYTES, sniff, unreadable
from cvsi_db.ingest.pixels import MAX_SIDE
from cvsi_db.ingest.raw import open_raw

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_BYTES = 256 * 2**20
MAX_PIXELS = 178_000_000
"""Just under the number at which Pillow itself raises. `allow_pixels` allows more."""
MAX_WORK = 4_000_000_000
"""Pixels times scans of a progressive JPEG: a scan of a few bytes may pass over all pixels."""

_GIANT = 40_000_000
_ONE_GIANT_AT_A_TIME = threading.RLock()
"""Images of more pixels than _GIANT are decoded in turn, since each may need more than a gigabyte."""
_LIBRARIES = r"(PIL|pillow_heif|pillow_jxl)\b"
_allowed = {"pixels": MAX_PIXELS}


def allow_pixels(pixels: int) -> None:
    """Let images of up to so many pixels be read, in this whole process; Pillow's own limit is lifted as far.

    An image takes some 10 bytes of memory per pixel while it is decoded. Raises UsageError for less than one.
    """
    from PIL import Image as Pillow

    if pixels < 1:
        raise UsageError(f"cannot limit images to {pixels!r} pixels: give 1 or more")
    _allowed["pixels"] = pixels
    Pillow.MAX_IMAGE_PIXELS = max(Pillow.MAX_IMAGE_PIXELS or 0, pixels)


def allowed_pixels() -> int:
    """The most pixels that an image may have, in this process."""
    return _allowed["pixels"]


def open_image(data: bytes, where: str, side: int = MAX_SIDE) -> Image:
    """The image in the bytes of a file, not decoded yet, with the name in FORMATS of its format as `format`.

    `where` names the file, whose suffix tells a raw file from a TIFF. Of a raw file the image is its preview, decoded
    so that it has at least `side` pixels a side. Raises ImageError where there is none, one that needs an extra, or one
    beyond the limits; Pillow's own errors for what is damaged, which `image_errors` turns into an ImageError.
    """
    from PIL import Image as Pillow

    if not data:
        raise ImageError(where, "empty file")
    if len(data) > MAX_BYTES:
        raise ImageError(where, f"too large: the limit is {MAX_BYTES // 2**20} megabytes")
    kind = sniff(data[:HEAD_BYTES], where)
    if kind is None:
        raise ImageError(where, "not an image")
    if reason := unreadable(kind):
        raise ImageError(where, reason)
    if (pixels := pixels_when_opened(data)) > _allowed["pixels"]:
        raise _too_large(where, pixels)
    if kind == "RAW":
        image = open_raw(data, where, side, _allowed["pixels"])
        image.format = kind
        return image
    if kind in ("HEIF", "JXL"):
        _register(kind)
    image = Pillow.open(BytesIO(data), formats=(kind,))
    image.format = kind  # Pillow says MPO for a JPEG of several images
    check_size(image, where)
    # FF DA begins a scan of a JPEG, and occurs nowhere in one.
    if image.info.get("progressive") and data.count(b"\xff\xda") * image.width * image.height > MAX_WORK:
        raise ImageError(where, "damaged (too many scans for its size)")
    return image


def check_size(image: Image, where: str) -> None:
    """Raise ImageError for more pixels than are allowed, and for none."""
    pixels = image.width * image.height
    if pixels > _allowed["pixels"]:
        raise _too_large(where, pixels)
    if pixels == 0:
        raise ImageError(where, "no pixels")


def in_turn(pixels: int) -> AbstractContextManager[object]:
    """A block in which that many pixels may be decoded: at once, or, if they are many, after other giants."""
    return _ONE_GIANT_AT_A_TIME if pixels > _GIANT else nullcontext()


def pixels_when_opened(data: bytes) -> int:
    """How many pixels a WebP or JPEG XL takes memory for when it is opened; 0 for other formats, which wait for `load`.

    A WebP says it in its first chunk (RFC 9649, 2.5 to 2.7): VP8X, VP8L, or VP8 with a space.
    """
    kind = sniff(data[:HEAD_BYTES])
    if kind == "JXL":
        return _jxl_pixels(data)
    if kind != "WEBP":
        return 0
    if data[12:16] == b"VP8X":
        return (int.from_bytes(data[24:27], "little") + 1) * (int.from_bytes(data[27:30], "little") + 1)
    if data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return ((bits & 0x3FFF) + 1) * ((bits >> 14 & 0x3FFF) + 1)
    return (int.from_bytes(data[26:28], "little") & 0x3FFF) * (int.from_bytes(data[28:30], "little") & 0x3FFF)


@contextmanager
def image_errors(where: str) -> Iterator[None]:
    """Whatever Pillow's decoders raise in the block, which for garbage may be any error, becomes one ImageError."""
    from PIL import Image, UnidentifiedImageError

    _silence_libraries()
    try:
        yield
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError(where, "not an image") from None
    except Image.DecompressionBombError as error:
        pixels = re.search(r"\d+", str(error))
        raise _too_large(where, int(pixels[0]) if pixels else None) from None
    except MemoryError:
        raise ImageError(where, "too large: not enough memory") from None
    except Exception as error:
        damage = "truncated" if "truncated" in str(error).lower() else f"damaged ({_one_line(error)})"
        raise ImageError(where, damage) from None


def _too_large(where: str, pixels: int | None) -> ImageError:
    size = f"{_millions(pixels)} megapixels" if pixels else "too many pixels"
    limit = f"the limit is {_millions(_allowed['pixels'])} (--max-pixels raises it)"
    return ImageError(where, f"too large: {size}, {limit}")


def _millions(pixels: int) -> str:
    return f"{pixels / 1e6:.0f}" if pixels >= 10_000_000 else f"{pixels / 1e6:.3g}"


def _one_line(error: Exception) -> str:
    text = "".join(char if char.isprintable() else " " for char in str(error))
    return " ".join(text.split())[:200] or type(error).__name__


def _silence_libraries() -> None:
    """Silence Pillow's warnings in this process: the limits here replace them.

    Once and for good: putting the filters back, as warnings.catch_warnings does, would undo what other threads do to
    them meanwhile.
    """
    silenced = ("ignore", None, Warning, re.compile(_LIBRARIES), 0)
    if silenced not in warnings.filters:
        warnings.filterwarnings("ignore", module=_LIBRARIES)


@cache
def _register(kind: str) -> None:
    """Teach Pillow JPEG XL, or HEIC without the thumbnails, depth maps and other images beside the main one."""
    if kind == "JXL":
        import pillow_jxl  # noqa: F401  # it registers itself

        return
    from pi_heif import register_heif_opener

    register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)


def _jxl_pixels(data: bytes) -> int:
    """Width times height from the SizeHeader of a JPEG XL codestream (ISO/IEC 18181-1, annex D); 0 where there is none.

    In a container the codestream is in the first jxlc or jxlp box (ISO/IEC 18181-2); the latter has 4 bytes before it.
    """
    start = 0
    while not data.startswith(b"\xff\x0a", start):
        length, kind = int.from_bytes(data[start : start + 4], "big"), data[start + 4 : start + 8]
        header = 8 if length != 1 else 16
        if kind in (b"jxlc", b"jxlp"):
            start += header + 4 * (kind == b"jxlp")
            break
        length = int.from_bytes(data[start + 8 : start + 16], "big") if length == 1 else length
        if length < header or start + length >= len(data):
            return 0
        start += length
    bits = int.from_bytes(data[start + 2 : start + 14], "little")

    def take(count: int) -> int:
        nonlocal bits
        value, bits = bits & ((1 << count) - 1), bits >> count
        return value

    def side(small: int) -> int:
        return 8 * (take(5) + 1) if small else take((9, 13, 18, 30)[take(2)]) + 1

    small = take(1)
    height = side(small)
    ratio = take(3)
    width = height * (0, 1, 12 / 10, 4 / 3, 3 / 2, 16 / 9, 5 / 4, 2)[ratio] if ratio else side(small)
    return int(width) * height
