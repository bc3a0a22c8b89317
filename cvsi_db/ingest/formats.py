"""Formats: which kinds of image file are read, and how their first bytes tell them from everything else.

Takes the first bytes of a file; returns the name of its format, which is Pillow's, or None. A file's suffix does not
matter: anybody can type one.
"""

from __future__ import annotations

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF")
"""The formats that may be decoded. PNG holds APNG, HEIF holds HEIC, TIFF holds BigTIFF."""

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff"}
    | {".heic", ".heics", ".heif", ".heifs", ".hif", ".avif", ".avifs"}
)
"""The usual suffixes of image files, in lower case."""

RAW_SUFFIXES = frozenset(
    {".3fr", ".arw", ".cr2", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc", ".mef", ".mos", ".nef", ".nrw", ".pef"}
    | {".sr2", ".srf", ".srw"}
)
"""Suffixes of cameras' raw files, which begin as a TIFF does, but hold only a thumbnail that could be decoded."""

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
)
_BMP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
"""The sizes that a header after `BM` may have; the two letters alone also begin many texts."""
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})
"""ISO/IEC 23008-12, annex B; `mif1` and `msf1` alone do not name the coding: AVIF may begin with them too."""


def sniff(head: bytes) -> str | None:
    """The format, one of FORMATS, of a file that begins with `head` (its first HEAD_BYTES bytes, or all it has).

    None for what is not an image, or one of another format. A file with a format may still be damaged.
    """
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    return _media_format(head[:HEAD_BYTES]) if head[4:8] == b"ftyp" else None


def _media_format(head: bytes) -> str | None:
    """AVIF or HEIF by the brands of an ISO media file (ISO/IEC 14496-12, 4.3); None for a film."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))}
    if not brands.isdisjoint(_AVIF_BRANDS):
        return "AVIF"
    return None if brands.isdisjoint(_HEIF_BRANDS) else "HEIF"
