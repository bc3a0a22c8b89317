"""Formats: what a file is, by its first bytes."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from cvsi_db.ingest.formats import FORMATS, HEAD_BYTES, RAW_SUFFIXES, SUFFIXES, sniff
from tests.fakes import make_picture
from tests.ingest.files import KINDS, encoded


@pytest.mark.parametrize("kind", KINDS)
def test_sniff_names_every_format(kind: str) -> None:
    assert sniff(encoded(make_picture(), kind)[:HEAD_BYTES]) == kind
    assert kind in FORMATS


def test_an_apng_is_a_png() -> None:
    frames = [make_picture("red"), make_picture("blue")]
    assert sniff(encoded(frames[0], "PNG", save_all=True, append_images=frames[1:])) == "PNG"


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_kind_of_tiff(order: str, big: bool) -> None:
    head = {
        ("<", False): b"II*\0\x08\0\0\0",
        (">", False): b"MM\0*\0\0\0\x08",
        ("<", True): b"II+\0\x08\0\0\0" + bytes(8),
        (">", True): b"MM\0+\0\x08\0\0" + bytes(8),
    }[order, big]
    assert sniff(head) == "TIFF"
    buffer = io.BytesIO()
    make_picture().save(buffer, "TIFF", big_tiff=big)
    assert sniff(buffer.getvalue()) == "TIFF"


def media(major: bytes, *brands: bytes) -> bytes:
    return (16 + 4 * len(brands)).to_bytes(4, "big") + b"ftyp" + major + bytes(4) + b"".join(brands)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (media(b"heic", b"mif1", b"heic"), "HEIF"),
        (media(b"heix"), "HEIF"),
        (media(b"mif1", b"mif1", b"heic"), "HEIF"),
        (media(b"msf1", b"hevc"), "HEIF"),
        (media(b"mif1", b"mif1", b"avif"), "AVIF"),
        (media(b"avis", b"msf1"), "AVIF"),
        (media(b"isom", b"mp42"), None),
        (media(b"qt  "), None),
        (media(b"isom") + b"heic", None),  # beyond the box that says the brands
        (b"\0\0\0\1ftypheic", "HEIF"),
        (media(b"crx ", b"isom"), "RAW"),
    ],
)
def test_media_files_by_their_brands(head: bytes, kind: str | None) -> None:
    assert sniff(head) == kind


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"B",
        b"BM",
        b"BMW is a maker of cars and motorcycles",
        b"GIF88a",
        b"RIFF\0\0\0\0WAVEfmt ",
        b"\xff\xd8",
        b"MM",
        b"%PDF-1.7",
        b"P6 4 4 255 ",
        b"8BPS\0\1",
        b"IIRX\x08\0\0\0",
    ],
)
def test_files_that_are_not_images_are_errors(head: bytes) -> None:
    assert sniff(head) is None


def test_sniff_accepts_a_head_of_any_length() -> None:
    for kind in KINDS:
        data = encoded(make_picture(), kind)
        assert {sniff(data[:length]) for length in range(HEAD_BYTES)} <= {None, kind}


def test_suffixes_are_lower_case_and_not_raw() -> None:
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in SUFFIXES | RAW_SUFFIXES)
    assert not SUFFIXES & RAW_SUFFIXES
    known = {suffix for suffix, kind in Image.registered_extensions().items() if kind in ("JPEG", "WEBP", "AVIF")}
    assert known <= SUFFIXES
