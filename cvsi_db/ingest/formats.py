"""Formats: which kinds of image file are read, and how their first bytes tell them from everything else.

Takes the first bytes of a file, and its name; returns the name of its format, or None. A file's suffix does not matter,
for anybody can type one, but where a camera's raw file begins as a TIFF does.
"""

from __future__ import annotations

import mimetypes
import os
from functools import cache
from importlib.util import find_spec

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF", "JPEG2000", "JXL", "RAW")
"""The formats that may be decoded, by Pillow's names. PNG holds APNG, HEIF holds HEIC, TIFF holds BigTIFF; RAW are the
files of cameras' sensors."""
_EXTRAS = {"JXL": ("JPEG XL image", "pillow_jxl", "jxl"), "RAW": ("RAW photo", "rawpy", "raw")}
"""The formats whose library is optional: what to call them, its module, and the extra that brings it."""

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff"}
    | {".heic", ".heics", ".heif", ".heifs", ".hif", ".avif", ".avifs", ".jp2", ".j2k", ".jpf", ".jpx", ".jxl"}
)
"""The usual suffixes of image files, in lower case, without those of raw files."""

RAW_SUFFIXES = frozenset(
    {".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc", ".mef", ".mos", ".mrw"}
    | {".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"}
)
"""Suffixes of cameras' raw files, in lower case; most begin as a TIFF does, and hold a preview."""

HEAD_BYTES = 128
"""How many bytes of a file `sniff` needs: enough for the brands of an ISO media file, the longest header."""

_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0\x08\0\0\0", "TIFF"),
    (b"MM\0+\0\x08\0\0", "TIFF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51\0", "JPEG2000"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JXL"),
    (b"\xff\x0a", "JXL"),
    (b"FUJIFILMCCD-RAW", "RAW"),
    (b"IIRO\x08\0", "RAW"),
    (b"IIRS\x08\0", "RAW"),
    (b"MMOR\0\0", "RAW"),
    (b"IIU\0", "RAW"),
    (b"FOVb", "RAW"),
    (b"\0MRM", "RAW"),
    (b"II\x1a\0\0\0HEAPCCDR", "RAW"),
)
_BMP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
"""The sizes that a header after `BM` may have; the two letters alone also begin many texts."""
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})
"""ISO/IEC 23008-12, annex B; `mif1` and `msf1` alone do not name the coding: AVIF may begin with them too."""


def sniff(head: bytes, name: str = "") -> str | None:
    """The format, one of FORMATS, of a file of that name that begins with `head` (its first HEAD_BYTES bytes, or all).

    None for what is not an image, or one of another format. A file with a format may still be damaged.
    """
    found = next((name for magic, name in _MAGIC if head.startswith(magic)), None)
    if found == "TIFF" and os.path.splitext(name)[1].lower() in RAW_SUFFIXES:
        return "RAW"
    if found:
        return found
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    return _media_format(head[:HEAD_BYTES]) if head[4:8] == b"ftyp" else None


@cache
def unreadable(kind: str) -> str | None:
    """Why files of a format, or of its suffix, cannot be read here, and the remedy; None where they can."""
    what, module, extra = _EXTRAS.get(kind.removeprefix(".").upper(), ("", "", ""))
    return f"{what}: install 'cvsi-db[{extra}]' to read it" if module and find_spec(module) is None else None


def kind_of(name: str) -> str:
    """What a file that is no image seems to be, by its name."""
    if os.path.splitext(name)[1].lower() in RAW_SUFFIXES:
        return "not an image, though its name says otherwise"
    if name.lower().endswith(".tar"):
        return "a tar archive: name it by itself to take in what it holds"
    kind = mimetypes.guess_type(name)[0] or ""
    if kind.startswith("image/"):
        return f"an image of a format that is not read ({kind}): convert it"
    return f"not an image ({kind})" if kind else "not an image"


def _media_format(head: bytes) -> str | None:
    """AVIF, HEIF or Canon's RAW by the brands of an ISO media file (ISO/IEC 14496-12, 4.3); None for a film."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))}
    if not brands.isdisjoint(_AVIF_BRANDS):
        return "AVIF"
    if head[8:12] == b"crx ":
        return "RAW"
    return None if brands.isdisjoint(_HEIF_BRANDS) else "HEIF"
