"""Colour: pixels with an ICC profile become sRGB, which is what models were trained on.

Takes an 8-bit PIL image (L, RGB or CMYK) and the bytes of a profile, or None; returns an RGB image. A profile that is
broken, absurd, or made for other pixels is ignored, as viewers do. Knows nothing about files.
"""

from __future__ import annotations

from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageCms import ImageCmsProfile, ImageCmsTransform

MAX_PROFILE_BYTES = 8 * 2**20
"""Profiles of printers with fine tables have a few megabytes; what is longer is no profile."""

_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""ICC colour space (ICC.1:2022, table 19) to the mode of its pixels."""
_CLASSES = frozenset({"scnr", "mntr", "prtr", "spac"})
"""Profiles of devices and colour spaces; the other classes describe effects and names."""
_WHITES: dict[str, Any] = {"RGB": (255, 255, 255), "L": 255, "CMYK": (0, 0, 0, 0)}
_BLACKS: dict[str, Any] = {"RGB": (0, 0, 0), "L": 0, "CMYK": (255, 255, 255, 255)}
_LEAST_WHITE, _MOST_BLACK = 192, 128


def to_srgb(image: Image, profile: bytes | None) -> Image:
    """A new image in RGB: by the profile, or as Pillow converts where there is none that can be meant."""
    transform = _transform(image.mode, profile) if profile and len(profile) <= MAX_PROFILE_BYTES else None
    if transform is None:
        return image.convert("RGB")
    return transform.apply(image.convert(str(transform.input_mode)))


def _transform(mode: str, data: bytes) -> ImageCmsTransform | None:
    """From the profile to sRGB, for pixels of `mode`; None where the profile is not to be used."""
    from PIL import ImageCms

    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(data))
        source = _MODES.get(profile.profile.xcolor_space.strip(), "")
        if not _fits(mode, source) or profile.profile.device_class not in _CLASSES or _is_srgb(profile, source):
            return None
        transform = ImageCms.ImageCmsTransform(profile, _srgb(), source, "RGB", ImageCms.Intent.PERCEPTUAL)
        return transform if _is_sane(transform, source) else None
    except Exception:  # lcms finds many ways to say that a profile is broken
        return None


def _fits(mode: str, source: str) -> bool:
    """Whether pixels of `mode` are described by a profile for `source`; grey pixels are RGB ones, too."""
    return mode == source or (mode, source) == ("L", "RGB")


def _is_srgb(profile: ImageCmsProfile, source: str) -> bool:
    """Most profiles are sRGB's own: to apply one would cost time and round colours to no end."""
    return source == "RGB" and (profile.profile.profile_description or "").strip().startswith("sRGB")


def _is_sane(transform: ImageCmsTransform, source: str) -> bool:
    """White stays light and black dark; a profile of which that is not true came by accident, or by malice."""
    from PIL import Image as Pillow

    white, black = (
        transform.apply(Pillow.new(source, (1, 1), colour)).getpixel((0, 0))
        for colour in (_WHITES[source], _BLACKS[source])
    )
    return min(_channels(white)) >= _LEAST_WHITE and max(_channels(black)) <= _MOST_BLACK


def _channels(pixel: Any) -> tuple[int, ...]:
    return tuple(pixel) if isinstance(pixel, tuple) else (pixel,)


@cache
def _srgb() -> ImageCmsProfile:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
