"""IPTC and XMP: an image's keywords, and the date that people or their software wrote down.

Takes a loaded PIL image; returns plain texts. The blocks are untrusted: they are bounded in size, an XML document type
is refused (so no entity is ever expanded), and broken values count as absent.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from cvsi_db.records.tags import file_keyword_as_tag

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_XMP_BYTES = 2**20
"""The longest XMP block that is read; only editing histories make them longer."""
MAX_TAGS = 64

_KEYWORDS, _DATE, _TIME = (2, 25), (2, 55), (2, 60)
"""IPTC IIM 4.2, record 2."""
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_SUBJECT = "{http://purl.org/dc/elements/1.1/}subject"
_HIERARCHY = "{http://ns.adobe.com/lightroom/1.0/}hierarchicalSubject"
_DATES = (
    "{http://ns.adobe.com/exif/1.0/}DateTimeOriginal",
    "{http://ns.adobe.com/photoshop/1.0/}DateCreated",
    "{http://ns.adobe.com/xap/1.0/}CreateDate",
)
"""XMP specification, parts 1 and 2; the most reliable first."""


def keywords(image: Image) -> tuple[str, ...]:
    """IPTC's keywords, XMP's dc:subject, and the last part of each lr:hierarchicalSubject, each once.

    On one line, printable, at most MAX_TAG_LENGTH characters each and MAX_TAGS in number.
    """
    xmp = _xmp(image)
    hierarchical = (text.rpartition("|")[2] for text in _items(xmp, _HIERARCHY))
    unique: dict[str, str] = {}
    for text in chain(_iptc(image, _KEYWORDS), _items(xmp, _SUBJECT), hierarchical):
        if tag := file_keyword_as_tag(text):
            unique.setdefault(tag.casefold(), tag)
    return tuple(unique.values())[:MAX_TAGS]


def date_created(image: Image) -> str | None:
    """When the image was taken by XMP, else by IPTC: ISO 8601 in local time without a zone, or None."""
    written = chain(_xmp_dates(_xmp(image)), _iptc_dates(image))
    return next(filter(None, map(_moment, written)), None)


def _moment(text: str) -> str | None:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return moment.replace(tzinfo=None, microsecond=0).isoformat()


# --- XMP --------------------------------------------------------------------------------------------------------


def _xmp(image: Image) -> Element:
    """The root of the XMP block; an empty element where there is no readable one."""
    block = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    if len(block) <= MAX_XMP_BYTES:
        with suppress(ElementTree.ParseError, ValueError, LookupError):
            if isinstance(block, bytes):  # UTF-8, or UTF-16 with a byte-order mark (part 1, 7.1)
                is_utf16 = block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
                block = block.decode("utf-16" if is_utf16 else "utf-8")
            text = block.strip("\0 \r\n\t\ufeff")
            if "<!DOCTYPE" not in text and "<!ENTITY" not in text:  # in XML these are case-sensitive
                return ElementTree.fromstring(text)
    return Element("none")


def _items(xmp: Element, name: str) -> Iterator[str]:
    """The items of a bag, sequence or alternative of that name."""
    return (item.text or "" for bag in xmp.iter(name) for item in bag.iter(f"{_RDF}li"))


def _xmp_dates(xmp: Element) -> Iterator[str]:
    """The values of _DATES, each an attribute of a description or an element in it."""
    descriptions = list(xmp.iter(f"{_RDF}Description"))
    for name in _DATES:
        for description in descriptions:
            yield description.get(name) or description.findtext(name) or ""


# --- IPTC -------------------------------------------------------------------------------------------------------


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


def _iptc_dates(image: Image) -> Iterator[str]:
    """CCYYMMDD and, where there is a time, HHMMSS."""
    time = next(_iptc(image, _TIME), "")[:6]
    for date in _iptc(image, _DATE):
        yield f"{date}T{time}" if time else date
