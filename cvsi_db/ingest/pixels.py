"""Pixels: a picture of any mode becomes 8-bit sRGB of bounded size, on white where it was transparent.

Takes a loaded PIL image; returns a new RGB image. Values of more than 8 bits are scaled down, never clipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from cvsi_db.ingest.colour import to_srgb

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_SIDE = 1024
"""Pictures are reduced to this longest side, in pixels, so that a batch of photographs fits in memory."""

_UPRIGHT = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
"""EXIF orientation to PIL.Image.Transpose: what undoes it (EXIF 2.32, 4.6.4 A)."""
_RESIZABLE = frozenset({"L", "LA", "RGB", "RGBA", "CMYK"})
_BAND = 2**22
"""How many values of a deep picture are scaled at a time; numpy needs a few times 16 MiB for them."""
_BITS_PER_SAMPLE, _PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0


def reduced(image: Image) -> Image:
    """The image in sRGB, no longer than MAX_SIDE: a new image, free of the file's metadata."""
    small = to_srgb(_flat(_shrunk(_resizable(image))), image.info.get("icc_profile"))
    small.info = {}
    return small


def upright(image: Image, orientation: Any) -> Image:
    """The image the right way up; an `orientation` that is not one of EXIF's is ignored."""
    from PIL.Image import Transpose

    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(Transpose(turn))


def _resizable(image: Image) -> Image:
    """The image in a mode of 8 bits that can be resampled; transparency becomes an alpha channel."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _grey(image)
    if image.mode not in ("LA", "RGBA") and image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode == "LAB":
        return _from_lab(image)
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in _RESIZABLE else image.convert("RGB")


def _shrunk(image: Image) -> Image:
    from PIL import Image as Pillow

    if max(image.size) <= MAX_SIDE:
        return image
    scale = MAX_SIDE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Pillow.Resampling.BICUBIC, reducing_gap=3.0)


def _flat(image: Image) -> Image:
    """The image without an alpha channel; transparent parts are white."""
    from PIL import Image as Pillow

    if image.mode not in ("LA", "RGBA"):
        return image
    layers = image.convert("RGBA")
    return Pillow.alpha_composite(Pillow.new("RGBA", layers.size, "white"), layers).convert(image.mode[:-1])


def _from_lab(image: Image) -> Image:
    """CIE L*a*b*, which Pillow converts by profiles only."""
    from PIL import ImageCms

    lab, srgb = (ImageCms.ImageCmsProfile(ImageCms.createProfile(space)) for space in ("LAB", "sRGB"))
    return ImageCms.ImageCmsTransform(lab, srgb, "LAB", "RGB").apply(image)


# --- more than 8 bits -------------------------------------------------------------------------------------------


def _grey(image: Image) -> Image:
    """Grey of more than 8 bits as 8 bits, band by band: see `_range_of` for what becomes black and white."""
    from PIL import Image as Pillow

    low, high = _range_of(image)
    scaled = Pillow.new("L", image.size)
    for top, values in _bands(image):
        band = (values - low) / max(high - low, 1e-12) * 255
        scaled.paste(Pillow.fromarray(band.round().clip(0, 255).astype(np.uint8)), (0, top))
    # In such a TIFF 0 is white (TIFF 6.0, PhotometricInterpretation); Pillow handles that for 8 bits only.
    is_negative = _tag(image, _PHOTOMETRIC, None) == _WHITE_IS_ZERO
    return Pillow.eval(scaled, lambda value: 255 - value) if is_negative else scaled


def _range_of(image: Image) -> tuple[float, float]:
    """The values of black and white: unsigned integers by their bits, floats from 0 to 1 as they are.

    Other floats, signed and long integers have no range of their own: their least and greatest value are taken.
    """
    if image.mode.startswith("I;16"):
        bits = _tag(image, _BITS_PER_SAMPLE, 16)
        return 0.0, float(2 ** (bits if bits in range(9, 16) else 16) - 1)
    ends = [(float(values.min()), float(values.max())) for _, values in _bands(image)]
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    return (0.0, 1.0) if image.mode == "F" and low >= 0 and high <= 1 else (low, high)


def _bands(image: Image) -> Iterator[tuple[int, Any]]:
    """Top row and values (rows, width) float64 of each band; NaN and infinities are 0."""
    rows = max(1, _BAND // image.width)
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height)))
        yield top, np.nan_to_num(np.asarray(band, dtype=np.float64), posinf=0, neginf=0)


def _tag(image: Image, tag: int, default: Any) -> Any:
    """A TIFF tag's value, or the first of its values."""
    value = getattr(image, "tag_v2", {}).get(tag, default)
    return value[0] if isinstance(value, tuple) and value else value
