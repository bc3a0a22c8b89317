"""IPTC and XMP: what people and their software wrote about an image, in its file or in a sidecar beside it.

Takes a loaded PIL image or the bytes of a sidecar; returns plain values. The blocks are untrusted: they are bounded in
size, an XML document type is refused (so no entity is ever expanded), and broken values count as absent.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from cvsi_db.ingest.dates import Moment, moment_of
from cvsi_db.records.tags import file_keyword_as_tag

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_XMP_BYTES = 2**20
"""The longest XMP block or sidecar that is read; only editing histories make them longer."""
MAX_TAGS = 64

_KEYWORDS, _DATE, _TIME = (2, 25), (2, 55), (2, 60)
"""IPTC IIM 4.2, record 2."""
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_EXIF = "{http://ns.adobe.com/exif/1.0/}"
_XMP = "{http://ns.adobe.com/xap/1.0/}"
_SUBJECT = "{http://purl.org/dc/elements/1.1/}subject"
_HIERARCHY = "{http://ns.adobe.com/lightroom/1.0/}hierarchicalSubject"
_DATES = (f"{_EXIF}DateTimeOriginal", "{http://ns.adobe.com/photoshop/1.0/}DateCreated", f"{_XMP}CreateDate")
_LENSES = ("{http://cipa.jp/exif/1.0/}LensModel", "{http://ns.adobe.com/exif/1.0/aux/}Lens")
"""XMP specification, parts 1 and 2; the most reliable first."""


@dataclass(frozen=True)
class Xmp:
    """What one XMP block says; Metadata says in what form."""

    keywords: tuple[str, ...] = ()
    moment: Moment | None = None
    rating: int | None = None
    latitude: float | None = None
    longitude: float | None = None
    lens: str | None = None


def embedded_xmp(image: Image) -> Xmp:
    """The XMP in an image's file; an empty one where there is none that can be read."""
    block = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    with suppress(ValueError):
        return read_xmp(block)
    return Xmp()


def read_xmp(block: bytes | str) -> Xmp:
    """What the block says. Raises ValueError for one that is too long, is no XML, or declares a document type."""
    if len(block) > MAX_XMP_BYTES:
        raise ValueError(f"longer than {MAX_XMP_BYTES // 2**20} megabyte")
    if isinstance(block, bytes):  # UTF-8, or UTF-16 with a byte-order mark (part 1, 7.1)
        is_utf16 = block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        block = block.decode("utf-16" if is_utf16 else "utf-8")
    text = block.strip("\0 \r\n\t\ufeff")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:  # in XML these are case-sensitive
        raise ValueError("declares a document type")
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, LookupError) as error:
        raise ValueError(f"not XML: {error}") from None
    hierarchical = (text.rpartition("|")[2] for text in _items(root, _HIERARCHY))
    lenses = (" ".join(_value(root, name).split())[:100] for name in _LENSES)
    place = sound_place(_degrees(root, "GPSLatitude", "NS"), _degrees(root, "GPSLongitude", "EW"))
    return Xmp(
        keywords=keyword_tags(_items(root, _SUBJECT), hierarchical),
        moment=next(filter(None, (moment_of(_value(root, name)) for name in _DATES)), None),
        rating=sound_rating(_value(root, f"{_XMP}Rating")),
        latitude=place[0],
        longitude=place[1],
        lens=next(filter(None, lenses), None),
    )


def keyword_tags(*keywords: Iterable[str]) -> tuple[str, ...]:
    """Keywords as tags, each once: printable, on one line, at most MAX_TAG_LENGTH characters and MAX_TAGS in number."""
    unique: dict[str, str] = {}
    for text in chain(*keywords):
        if tag := file_keyword_as_tag(text):
            unique.setdefault(tag.casefold(), tag)
    return tuple(unique.values())[:MAX_TAGS]


def sound_rating(value: Any) -> int | None:
    """1 to 5, or -1 for rejected; 0 is what programs write for an image that nobody rated."""
    try:
        rating = round(float(value))
    except (TypeError, ValueError, OverflowError, ArithmeticError):
        return None
    return rating if rating == -1 or 1 <= rating <= 5 else None


def sound_place(latitude: float | None, longitude: float | None) -> tuple[float | None, float | None]:
    """The place, or (None, None): for half of one, one off the globe, and 0/0, which devices without a fix write."""
    if latitude is None or longitude is None or not (abs(latitude) <= 90 and abs(longitude) <= 180):
        return None, None
    return (None, None) if latitude == longitude == 0 else (round(latitude, 7), round(longitude, 7))


# --- XMP --------------------------------------------------------------------------------------------------------


def _items(xmp: Element, name: str) -> Iterator[str]:
    """The items of a bag, sequence or alternative of that name."""
    return (item.text or "" for bag in xmp.iter(name) for item in bag.iter(f"{_RDF}li"))


def _value(xmp: Element, name: str) -> str:
    """The first value of that name, an attribute of a description or an element in it; else an empty text."""
    found = (each.get(name) or each.findtext(name) or "" for each in xmp.iter(f"{_RDF}Description"))
    return next(filter(None, found), "")


def _degrees(xmp: Element, name: str, halves: str) -> float | None:
    """Degrees of XMP's DDD,MM,SSk and DDD,MM.mmk, where k is one of the two halves of the globe (part 2, 1.2.7.4).

    Apple Photos and others write degrees with a fraction instead, signed, or with k in a field of its own.
    """
    number = r"\d{1,2}(?:\.\d+)?"
    found = re.fullmatch(
        rf"(-?\d{{1,3}}(?:\.\d+)?)(?:,({number})(?:,({number}))?)?([{halves}]?)",
        _value(xmp, _EXIF + name).strip(),
        re.ASCII,
    )
    half = found and (found[4] or _value(xmp, f"{_EXIF}{name}Ref").strip().upper()[:1])
    if not found or (found[2] and not half) or half not in ("", *halves):
        return None
    value = abs(float(found[1])) + float(found[2] or 0) / 60 + float(found[3] or 0) / 3600
    return -value if found[1].startswith("-") or half == halves[1] else value


# --- IPTC -------------------------------------------------------------------------------------------------------


def iptc_keywords(image: Image) -> Iterator[str]:
    """The keywords of an image's IPTC block, as they are written."""
    return _iptc(image, _KEYWORDS)


def iptc_moment(image: Image) -> Moment | None:
    """When the image was made by its IPTC block: CCYYMMDD and, where there is a time, HHMMSS±HHMM."""
    time = next(_iptc(image, _TIME), "")
    written = (moment_of(f"{date}T{time}") or moment_of(date) for date in _iptc(image, _DATE))
    return next(filter(None, written), None)


def _iptc(image: Image, field: tuple[int, int]) -> Iterator[str]:
    """The values of one field: UTF-8 if they are, else Latin-1, which any bytes are."""
    from PIL import IptcImagePlugin

    found: Any = None
    with suppress(Exception):  # a broken block of metadata, of which there are many kinds
        found = (IptcImagePlugin.getiptcinfo(image) or {}).get(field)  # type: ignore[arg-type]  # any image will do
    for value in filter(None, found if isinstance(found, list) else [found]):
        try:
            yield value.decode("utf-8")
        except UnicodeDecodeError:
            yield value.decode("latin-1")
