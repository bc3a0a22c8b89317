"""Metadata: when, where and with what an image was taken, which way is up, and its keywords.

Takes a loaded PIL image; returns a Metadata, in which broken values count as absent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cvsi_db.ingest.iptc_xmp import date_created, keywords

if TYPE_CHECKING:
    from PIL.Image import Exif, Image

_ORIENTATION, _MAKE, _MODEL = 0x0112, 0x010F, 0x0110
_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_TAKEN_AT, _DIGITIZED_AT = 0x9003, 0x9004
_LATITUDE, _LONGITUDE = (1, 2), (3, 4)
"""GPS tags of the reference (which half of the globe) and of degrees, minutes and seconds (EXIF 2.32, 4.6.6)."""


@dataclass(frozen=True)
class Metadata:
    """What a file says about its image. `orientation` is EXIF's, 1 to 8; 1 where nothing is to be turned.

    `taken_at` is ISO 8601 by the camera's clock, without a zone; `latitude` and `longitude` are degrees (WGS 84), both
    or neither. `tags` are the file's keywords.
    """

    orientation: int
    taken_at: str | None
    camera: str | None
    latitude: float | None
    longitude: float | None
    tags: tuple[str, ...]


def read_metadata(image: Image) -> Metadata:
    """What the image's EXIF, IPTC and XMP say; the image must be loaded, since some formats hold it at their end."""
    from PIL.Image import Exif

    try:
        exif = image.getexif()
    except Exception:  # broken metadata is common, and no reason to refuse the image
        exif = Exif()
    orientation = _value(exif, _ORIENTATION)
    latitude, longitude = _place(_directory(exif, _GPS_IFD))
    return Metadata(
        orientation=orientation if isinstance(orientation, int) and orientation in range(1, 9) else 1,
        taken_at=_taken_at(_directory(exif, _EXIF_IFD)) or date_created(image),
        camera=_camera(exif),
        latitude=latitude,
        longitude=longitude,
        tags=keywords(image),
    )


def _directory(exif: Exif, tag: int) -> Mapping[int, Any]:
    try:
        return exif.get_ifd(tag)
    except Exception:  # as above
        return {}


def _value(tags: Any, tag: int) -> Any:
    """A tag's value, which Pillow parses only now."""
    try:
        return tags.get(tag)
    except Exception:  # as above
        return None


def _taken_at(details: Mapping[int, Any]) -> str | None:
    """When the shutter opened, else when the film was scanned; the time of the last edit does not count."""
    for tag in (_TAKEN_AT, _DIGITIZED_AT):
        try:
            return datetime.strptime(_text(_value(details, tag)), "%Y:%m:%d %H:%M:%S").isoformat()
        except ValueError:
            continue
    return None


def _camera(exif: Exif) -> str | None:
    """Make and model; the make once, though many models begin with it."""
    make, model = _text(_value(exif, _MAKE)), _text(_value(exif, _MODEL))
    name = model if model.lower().startswith(make.lower()) else f"{make} {model}"
    return name[:100].strip() or None


def _place(gps: Mapping[int, Any]) -> tuple[float | None, float | None]:
    """Latitude and longitude in degrees, north and east positive; (None, None) unless both are valid."""
    latitude = _degrees(gps, _LATITUDE, "NS", 90.0)
    longitude = _degrees(gps, _LONGITUDE, "EW", 180.0)
    return (None, None) if latitude is None or longitude is None else (latitude, longitude)


def _degrees(gps: Mapping[int, Any], tags: tuple[int, int], halves: str, limit: float) -> float | None:
    half, parts = _text(_value(gps, tags[0])).upper()[:1], _value(gps, tags[1])
    try:
        degrees, minutes, seconds = (float(part) for part in parts)
    except (TypeError, ValueError, ArithmeticError):
        return None
    value = degrees + minutes / 60 + seconds / 3600
    valid = min(degrees, minutes, seconds) >= 0 and max(minutes, seconds) <= 60 and value <= limit
    if half not in tuple(halves) or not math.isfinite(value) or not valid:
        return None
    return round(-value if half == halves[1] else value, 7)


def _text(value: Any) -> str:
    text = value.decode("ascii", "ignore") if isinstance(value, bytes) else value if isinstance(value, str) else ""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
