"""Decode: the bytes of a file become an upright RGB picture of bounded size. Nobody vouches for those bytes.

Takes files (or bytes, or a PIL image); returns Pictures, or says in plain words why there is none. Knows nothing about
models or the gallery. Hard limits hold before anything is decoded: bytes, pixels (from the header), and formats.
"""

from __future__ import annotations

import hashlib
import re
import stat
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvsi_db.errors import ImageError
from cvsi_db.records import FoundFile, Picture

if TYPE_CHECKING:
    from PIL.Image import Exif, Image

MAX_BYTES = 256 * 2**20
MAX_PIXELS = 178_000_000
"""Just under the number at which Pillow itself refuses."""
MAX_SIDE = 1024
"""Pictures are reduced to this longest side, in pixels, so that a batch of photographs fits in memory."""
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")

_ORIENTATION, _MAKE, _MODEL = 0x0112, 0x010F, 0x0110
_EXIF_IFD, _TAKEN_AT = 0x8769, 0x9003
_UPRIGHT = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
"""EXIF orientation to PIL.Image.Transpose: what undoes it (EXIF 2.32, 4.6.4 A)."""


@dataclass(frozen=True)
class ReadFile:
    """A file that was read: its content's id, and the picture unless that content needs no decoding."""

    file: FoundFile
    image_id: str
    picture: Picture | None


@dataclass(frozen=True)
class FailedFile:
    """A file that could not be read, and why."""

    file: FoundFile
    reason: str


@dataclass(frozen=True)
class DecodedBatch:
    """A batch after reading: every file is in exactly one of the two, in the batch's order."""

    files: tuple[ReadFile, ...]
    failures: tuple[FailedFile, ...]

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The contents that are new to the gallery, each once."""
        return tuple(read.picture for read in self.files if read.picture is not None)


def decode(batch: Sequence[FoundFile], known: Collection[str]) -> DecodedBatch:
    """Read every file of the batch once, and decode each content that is not in `known` (image_ids) once."""
    files: list[ReadFile] = []
    failures: list[FailedFile] = []
    seen = set(known)
    for file in batch:
        try:
            data = _read(file.path)
            image_id = hashlib.sha256(data).hexdigest()
            picture = None if image_id in seen else _decode(data, image_id, printable(file.path))
        except ImageError as error:
            failures.append(FailedFile(file, error.reason))
        else:
            seen.add(image_id)
            files.append(ReadFile(file, image_id, picture))
    return DecodedBatch(tuple(files), tuple(failures))


def read_picture(source: bytes | Path) -> Picture:
    """The picture in an image file, or in the bytes of one. Raises ImageError."""
    data = source if isinstance(source, bytes) else _read(source)
    where = "the given bytes" if isinstance(source, bytes) else printable(source)
    return _decode(data, hashlib.sha256(data).hexdigest(), where)


def picture_of(image: Image) -> Picture:
    """A PIL image as a Picture; `image_id` is the sha256 of its upright RGB pixels and size. Raises ImageError."""
    where = "the given image"
    return _guarded(where, lambda: _picture(image, None, where))


def printable(path: Path) -> str:
    """The path as text that can be printed and stored, even when its bytes are not UTF-8."""
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _read(path: Path) -> bytes:
    where = printable(path)
    if where != str(path):
        raise ImageError(where, "its name is not UTF-8: rename it")
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait forever
            raise ImageError(where, "not a file")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ImageError(where, "no such file") from None
    except PermissionError:
        raise ImageError(where, "permission denied") from None
    except ValueError:
        raise ImageError(where, "no path holds a NUL") from None
    except OSError as error:
        raise ImageError(where, error.strerror or str(error)) from None
    return data


def _decode(data: bytes, image_id: str, where: str) -> Picture:
    from PIL import Image

    if not data:
        raise ImageError(where, "empty file")
    if len(data) > MAX_BYTES:
        raise ImageError(where, f"too large: the limit is {MAX_BYTES // 2**20} megabytes")
    return _guarded(where, lambda: _picture(Image.open(BytesIO(data), formats=FORMATS), image_id, where))


def _guarded(where: str, make: Callable[[], Picture]) -> Picture:
    """Whatever Pillow's decoders raise (much, when fed with garbage) as one ImageError."""
    from PIL import Image, UnidentifiedImageError

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\b")  # ours are the limits, and a reason says more
        try:
            return make()
        except ImageError:
            raise
        except UnidentifiedImageError:
            raise ImageError(where, "not an image") from None
        except Image.DecompressionBombError as error:
            pixels = re.search(r"\d+", str(error))
            raise _too_large(where, int(pixels[0]) if pixels else None) from None
        except Exception as error:
            damage = "truncated" if "truncated" in str(error).lower() else f"damaged ({' '.join(str(error).split())})"
            raise ImageError(where, damage) from None


def _too_large(where: str, pixels: int | None) -> ImageError:
    size = f"{round(pixels / 1e6)} megapixels" if pixels else "too many pixels"
    return ImageError(where, f"too large: {size}, the limit is {MAX_PIXELS // 10**6}")


def _picture(image: Image, image_id: str | None, where: str) -> Picture:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise _too_large(where, width * height)
    if width * height == 0:
        raise ImageError(where, "no pixels")
    kind = (image.format or "pixels").lower()
    image.draft("RGB", (MAX_SIDE, MAX_SIDE))  # a JPEG is never unpacked at full size
    image.load()
    exif = _exif(image)  # only now: a TIFF turns itself while it loads
    orientation = exif.get(_ORIENTATION)
    upright = _upright(_reduced(image), orientation)
    return Picture(
        image_id=image_id or _pixels_id(upright),
        image=upright,
        format=kind,
        width=height if orientation in (5, 6, 7, 8) else width,
        height=width if orientation in (5, 6, 7, 8) else height,
        taken_at=_taken_at(exif),
        camera=_camera(exif),
    )


def _pixels_id(image: Image) -> str:
    return hashlib.sha256(f"pixels {image.mode} {image.size} ".encode() + image.tobytes()).hexdigest()


def _upright(image: Image, orientation: Any) -> Image:
    from PIL.Image import Transpose

    return image.transpose(Transpose(_UPRIGHT[orientation])) if orientation in _UPRIGHT else image


def _reduced(image: Image) -> Image:
    """The image in RGB, no longer than MAX_SIDE; a new image, free of the file's metadata."""
    from PIL import Image as Pillow

    if image.mode in ("L", "RGB", "RGBA"):  # shrinking first spares the memory of converting the whole
        image = _shrunk(image)
    image = _shrunk(_flat(image))
    return Pillow.frombytes(image.mode, image.size, image.tobytes())


def _shrunk(image: Image) -> Image:
    from PIL import Image as Pillow

    if max(image.size) <= MAX_SIDE:
        return image
    scale = MAX_SIDE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    smaller = image.resize(size, Pillow.Resampling.BICUBIC, reducing_gap=3.0)
    smaller.info = dict(image.info)  # it may name a transparent colour
    return smaller


def _flat(image: Image) -> Image:
    """The image in RGB, what is transparent on white."""
    from PIL import Image as Pillow

    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _grey(image).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    layers = image.convert("RGBA")
    return Pillow.alpha_composite(Pillow.new("RGBA", layers.size, "white"), layers).convert("RGB")


def _grey(image: Image) -> Image:
    """Grey of 16 bits or more as 8 bits: 16-bit values by their range, others stretched over their own."""
    import numpy as np
    from PIL import Image as Pillow

    values = np.nan_to_num(np.asarray(image, dtype=np.float32), posinf=0, neginf=0)
    low, high = (0.0, 65535.0) if image.mode.startswith("I;16") else (float(values.min()), float(values.max()))
    scaled = (values - low) / max(high - low, 1e-12) * 255
    return Pillow.fromarray(scaled.round().clip(0, 255).astype(np.uint8))


def _exif(image: Image) -> Exif:
    from PIL.Image import Exif

    try:
        return image.getexif()
    except Exception:  # broken metadata is common, and the picture is still a picture
        return Exif()


def _taken_at(exif: Exif) -> str | None:
    details: Mapping[int, Any] = {}
    with suppress(Exception):  # as above
        details = exif.get_ifd(_EXIF_IFD)
    try:
        return datetime.strptime(_text(details.get(_TAKEN_AT)), "%Y:%m:%d %H:%M:%S").isoformat()
    except ValueError:
        return None


def _camera(exif: Exif) -> str | None:
    """Make and model; the make once, though many models begin with it."""
    make, model = _text(exif.get(_MAKE)), _text(exif.get(_MODEL))
    name = model if model.lower().startswith(make.lower()) else f"{make} {model}"
    return name[:100].strip() or None


def _text(value: Any) -> str:
    text = value.decode("ascii", "ignore") if isinstance(value, bytes) else value if isinstance(value, str) else ""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
