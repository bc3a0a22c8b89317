"""Colour: pixels with an ICC profile become sRGB, which is what models were trained on.

Takes an 8-bit PIL image (L, RGB or CMYK) and the bytes of a profile, or None; returns an RGB image. A profile that is
broken, absurd, or made for other pixels is ignored, as viewers do.
"""

from __future__ import annotations

from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageCms import ImageCmsProfile, ImageCmsTransform

MAX_PROFILE_BYTES = 8 * 2**20
"""The longest profile used; those of printers with fine tables have a few megabytes."""

_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""ICC colour space (ICC.1:2022, table 19) to the mode of its pixels."""
_CLASSES = frozenset({"scnr", "mntr", "prtr", "spac"})
"""Profiles of devices and colour spaces; profiles of other classes describe effects and names."""
_WHITES: dict[str, Any] = {"RGB": (255, 255, 255), "L": 255, "CMYK": (0, 0, 0, 0)}
_BLACKS: dict[str, Any] = {"RGB": (0, 0, 0), "L": 0, "CMYK": (255, 255, 255, 255)}
_LEAST_WHITE, _MOST_BLACK = 192, 128


def to_srgb(image: Image, profile: bytes | None) -> Image:
    """A new image in RGB: converted by the profile, or by Pillow where there is no usable profile."""
    transform = _transform(image.mode, profile) if profile and len(profile) <= MAX_PROFILE_BYTES else None
    if transform is None:
        return image.convert("RGB")
    return transform.apply(image.convert(str(transform.input_mode)))


def _transform(mode: str, data: bytes) -> ImageCmsTransform | None:
    """From the profile to sRGB, for pixels of `mode`; None where the profile cannot be used."""
    from PIL import ImageCms

    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(data))
        source = _MODES.get(profile.profile.xcolor_space.strip(), "")
        fits = mode == source or (mode, source) == ("L", "RGB")  # grey pixels are RGB ones, too
        if not fits or profile.profile.device_class not in _CLASSES:
            return None
        if source == "RGB" and (profile.profile.profile_description or "").strip().startswith("sRGB"):
            return None  # as most profiles are: applying it costs time and rounding, and changes nothing
        transform = ImageCms.ImageCmsTransform(profile, _srgb(), source, "RGB", ImageCms.Intent.PERCEPTUAL)
        return transform if _is_sane(transform, source) else None
    except Exception:  # lcms raises many kinds of error for a broken profile
        return None


def _is_sane(transform: ImageCmsTransform, source: str) -> bool:
    """Whether white stays light and black stays dark; a profile without that is damaged or hostile."""
    from PIL import Image as Pillow

    white, black = (
        transform.apply(Pillow.new(source, (1, 1), colour)).tobytes() for colour in (_WHITES[source], _BLACKS[source])
    )
    return min(white) >= _LEAST_WHITE and max(black) <= _MOST_BLACK


@cache
def _srgb() -> ImageCmsProfile:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
