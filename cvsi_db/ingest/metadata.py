"""Metadata: when, where and with what an image was taken, which way is up, its rating and its keywords.

Takes a PIL image, and what lies beside its file: XMP sidecars and its name; returns a Metadata, in which broken values
count as absent. docs/files.md has the order in which the sources count.
"""

from __future__ import annotations

import codecs
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cvsi_db.ingest.dates import Moment, moment_in_name, moment_of
from cvsi_db.ingest.iptc_xmp import (
    Xmp,
    embedded_xmp,
    iptc_keywords,
    iptc_moment,
    keyword_tags,
    sound_place,
    sound_rating,
)
from cvsi_db.records import Metadata

if TYPE_CHECKING:
    from PIL.Image import Exif, Image

_ORIENTATION, _MAKE, _MODEL, _CHANGED_AT, _RATING = 0x0112, 0x010F, 0x0110, 0x0132, 0x4746
_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_TAKEN_AT, _DIGITIZED_AT, _LENS_MAKE, _LENS_MODEL = 0x9003, 0x9004, 0xA433, 0xA434
_FRACTION, _OFFSET = {_CHANGED_AT: 0x9290, _TAKEN_AT: 0x9291, _DIGITIZED_AT: 0x9292}, {
    _CHANGED_AT: 0x9010, _TAKEN_AT: 0x9011, _DIGITIZED_AT: 0x9012
}  # fmt: skip
"""The tags beside a time with its fraction of a second and its offset from UTC (EXIF 2.32, 4.6.5)."""
_LATITUDE, _LONGITUDE = (1, 2), (3, 4)
"""GPS tags of the reference (which half of the globe) and of degrees, minutes and seconds (EXIF 2.32, 4.6.6)."""
_NO_MOMENT = "2002-12-08T12:00:00"
"""What Android phones of some years wrote where they had no date."""
CHANGED = "exif:DateTime"
"""The source of a date that an editor may have written: what an XMP sidecar says comes before it."""


def read_metadata(image: Image) -> Metadata:
    """What the image's EXIF, IPTC and XMP say; the image must be loaded, since some formats hold it at their end."""
    from PIL.Image import Exif

    try:
        exif = image.getexif()
    except Exception:  # broken metadata is common, and no reason to refuse the image
        exif = Exif()
    return metadata_of(exif, image)


def orientation_before_loading(image: Image) -> int | None:
    """The orientation of an image that turns itself while it loads, as a TIFF and a HEIC do; None for other formats."""
    try:
        written = image.info.get("original_orientation") or (
            image.format == "TIFF" and image.getexif().get(_ORIENTATION)
        )
    except Exception:  # as above
        return None
    return written if isinstance(written, int) and written in range(1, 9) else None


def metadata_of(exif: Exif, image: Image) -> Metadata:
    """What these EXIF tags, and the IPTC and XMP of an image, say."""
    turned = image.format == "JXL" and not getattr(image, "jpeg", False)  # by its codestream, whatever its EXIF says
    orientation = None if turned else _value(exif, _ORIENTATION)
    details, xmp = _directory(exif, _EXIF_IFD), embedded_xmp(image)
    dates = {
        "exif:DateTimeOriginal": _moment(details, details, _TAKEN_AT),
        "exif:DateTimeDigitized": _moment(details, details, _DIGITIZED_AT),
        "xmp": xmp.moment,
        "iptc": iptc_moment(image),
        CHANGED: _moment(exif, details, _CHANGED_AT),
    }
    source = next((name for name, moment in dates.items() if moment), None)
    moment = dates[source] if source else None
    latitude, longitude = _place(_directory(exif, _GPS_IFD))
    if latitude is None:
        latitude, longitude = xmp.latitude, xmp.longitude
    return Metadata(
        orientation=orientation if isinstance(orientation, int) and orientation in range(1, 9) else None,
        taken_at=moment.taken_at if moment else None,
        utc_offset=moment.utc_offset if moment else None,
        date_source=source,
        camera=_device(_value(exif, _MAKE), _value(exif, _MODEL)),
        lens=_device(_value(details, _LENS_MAKE), _value(details, _LENS_MODEL)) or xmp.lens,
        latitude=latitude,
        longitude=longitude,
        rating=xmp.rating or sound_rating(_value(exif, _RATING)),
        tags=keyword_tags(iptc_keywords(image), xmp.keywords),
    )


def with_surroundings(metadata: Metadata, name: str, sidecars: Sequence[Xmp]) -> Metadata:
    """The metadata of a file of this name with these sidecars, the first of which comes first.

    A sidecar's rating replaces the file's, for it is the newer; its date, place and lens fill what is missing, and its
    keywords are added. The name's date is the last resort.
    """
    for xmp in sidecars:
        if xmp.moment and metadata.date_source in (None, CHANGED):
            metadata = _taken(metadata, xmp.moment, "sidecar")
        if metadata.latitude is None:
            metadata = replace(metadata, latitude=xmp.latitude, longitude=xmp.longitude)
        metadata = replace(metadata, lens=metadata.lens or xmp.lens, tags=keyword_tags(metadata.tags, xmp.keywords))
    ratings = (xmp.rating for xmp in sidecars if xmp.rating)
    metadata = replace(metadata, rating=next(ratings, metadata.rating))
    named = None if metadata.date_source else moment_in_name(name)
    return _taken(metadata, named, "name") if named else metadata


def _taken(metadata: Metadata, moment: Moment, source: str) -> Metadata:
    return replace(metadata, taken_at=moment.taken_at, utc_offset=moment.utc_offset, date_source=source)


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


def _moment(tags: Any, details: Mapping[int, Any], tag: int) -> Moment | None:
    beside = (_text(_value(details, beside[tag])) for beside in (_FRACTION, _OFFSET))
    moment = moment_of(_text(_value(tags, tag)), *beside)
    return None if moment and moment.taken_at == _NO_MOMENT else moment


def _device(make: Any, model: Any) -> str | None:
    """Make and model of a camera or a lens; the make once, though many models begin with it."""
    maker, name = _text(make), _text(model)
    full = name if name.lower().startswith(maker.lower()) else f"{maker} {name}"
    return full[:100].strip() or None


def _place(gps: Mapping[int, Any]) -> tuple[float | None, float | None]:
    """Latitude and longitude in degrees, north and east positive; (None, None) unless both are valid."""
    return sound_place(_degrees(gps, _LATITUDE, "NS"), _degrees(gps, _LONGITUDE, "EW"))


def _degrees(gps: Mapping[int, Any], tags: tuple[int, int], halves: str) -> float | None:
    half, parts = _text(_value(gps, tags[0])).upper()[:1], _value(gps, tags[1])
    try:
        degrees, minutes, seconds = (float(part) for part in parts)
    except (TypeError, ValueError, ArithmeticError):
        return None
    value = degrees + minutes / 60 + seconds / 3600
    valid = min(degrees, minutes, seconds) >= 0 and max(minutes, seconds) <= 60
    if half not in tuple(halves) or not math.isfinite(value) or not valid:
        return None
    return -value if half == halves[1] else value


def _text(value: Any) -> str:
    """A text on one line, in whatever encoding: UTF-8, UTF-16, else Latin-1, up to its first NUL.

    EXIF's texts are ASCII by its specification, and Pillow hands on their bytes as Latin-1.
    """
    text = value if isinstance(value, str) else ""
    with suppress(UnicodeEncodeError):  # else something read it that knew the encoding
        text = _decoded(
            value.encode("latin-1") if isinstance(value, str) else value if isinstance(value, bytes) else b""
        )
    return " ".join("".join(char if char.isprintable() else " " for char in text.partition("\0")[0]).split())


def _decoded(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    for encoding, zeros, letters in (("utf-16-le", data[1::2], data[::2]), ("utf-16-be", data[::2], data[1::2])):
        if len(data) > 3 and not any(zeros) and all(letters[: len(letters) - 2]):
            return data.decode(encoding, "replace")
    data = data.lstrip(b"\0")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")
