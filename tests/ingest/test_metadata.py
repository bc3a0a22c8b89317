"""Metadata: what is read from EXIF, IPTC and XMP, in every format that holds them, and what is not believed."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from PIL import Image

from cvsi_db.ingest.decode import read_picture
from cvsi_db.ingest.iptc_xmp import MAX_TAGS, MAX_XMP_BYTES
from cvsi_db.records import Picture
from tests.fakes import make_picture
from tests.ingest.files import WITH_EXIF, encoded, png_chunk, png_of

PARIS = {1: "N", 2: (48.0, 51.0, 30.24), 3: "E", 4: (2.0, 17.0, 40.2)}


def exif_of(tags: dict[int, Any] | None = None, details: dict[int, Any] | None = None, gps: Any = None) -> bytes:
    exif = Image.Exif()
    exif.update(tags or {})
    exif.get_ifd(0x8769).update(details or {})
    exif.get_ifd(0x8825).update(gps or {})
    return exif.tobytes()


def with_gps(gps: dict[int, Any]) -> Picture:
    return read_picture(encoded(make_picture(), "JPEG", exif=exif_of(gps=gps)))


def iptc_block(*fields: tuple[int, int, bytes]) -> bytes:
    """The APP13 segment of a JPEG that holds these IPTC fields."""
    block = b"".join(b"\x1c" + bytes([record, number]) + struct.pack(">H", len(v)) + v for record, number, v in fields)
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(block)) + block + bytes(len(block) % 2)
    segment = b"Photoshop 3.0\0" + resource
    return b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment


def with_iptc(*fields: tuple[int, int, bytes], xmp: bytes | None = None) -> Picture:
    data = encoded(make_picture(), "JPEG", **({"xmp": xmp} if xmp else {}))
    return read_picture(data[:2] + iptc_block(*fields) + data[2:])


def xmp_of(
    subjects: tuple[str, ...] = (), hierarchy: tuple[str, ...] = (), attributes: str = "", inside: str = ""
) -> bytes:
    def bag(name: str, items: tuple[str, ...]) -> str:
        listed = "".join(f"<rdf:li>{item}</rdf:li>" for item in items)
        return f"<{name}><rdf:Bag>{listed}</rdf:Bag></{name}>" if items else ""

    spaces = (
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:lr="http://ns.adobe.com/lightroom/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        'xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"'
    )
    body = bag("dc:subject", subjects) + bag("lr:hierarchicalSubject", hierarchy) + inside
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF {spaces}><rdf:Description rdf:about="" {attributes}>{body}</rdf:Description></rdf:RDF></x:xmpmeta>'
        '<?xpacket end="w"?>'
    ).encode()


def tags_of(xmp: bytes) -> tuple[str, ...]:
    return read_picture(encoded(make_picture(), "JPEG", xmp=xmp)).tags


# --- EXIF -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", WITH_EXIF)
def test_exif_of_every_format(kind: str) -> None:
    exif = exif_of({0x010F: "Acme", 0x0110: "Box 1"}, {0x9003: "2024:05:06 07:08:09"}, PARIS)
    picture = read_picture(encoded(make_picture(), kind, exif=exif))
    assert (picture.camera, picture.taken_at) == ("Acme Box 1", "2024-05-06T07:08:09")
    assert (picture.latitude, picture.longitude) == (pytest.approx(48.8584), pytest.approx(2.2945))


def test_the_digitized_time_stands_in_for_the_original_time() -> None:
    exif = exif_of({0x0132: "2025:01:01 00:00:00"}, {0x9004: "2001:02:03 04:05:06"})
    assert read_picture(encoded(make_picture(), "JPEG", exif=exif)).taken_at == "2001-02-03T04:05:06"


def test_the_edit_time_is_not_taken_at() -> None:
    exif = exif_of({0x0132: "2025:01:01 00:00:00"})
    assert read_picture(encoded(make_picture(), "JPEG", exif=exif)).taken_at is None


# --- GPS ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ns", "ew", "signs"), [("N", "E", (1, 1)), ("S", "E", (-1, 1)), ("S", "W", (-1, -1))])
def test_gps_in_every_quarter(ns: str, ew: str, signs: tuple[int, int]) -> None:
    picture = with_gps({1: ns, 2: (33.0, 51.0, 36.0), 3: ew, 4: (151.0, 12.0, 36.0)})
    assert (picture.latitude, picture.longitude) == (
        pytest.approx(signs[0] * 33.86),
        pytest.approx(signs[1] * 151.21),
    )


def test_gps_of_minutes_with_a_fraction() -> None:
    picture = with_gps({1: "n", 2: (48.0, 30.5, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)})
    assert (picture.latitude, picture.longitude) == (pytest.approx(48.508333), 0.0)


@pytest.mark.parametrize(
    "broken",
    [
        {1: "X"},
        {1: ""},
        {2: (95.0, 0.0, 0.0)},
        {2: (48.0, 75.0, 0.0)},
        {2: (48.0, 51.0)},
        {4: (180.0, 0.0, 1.0)},
        {3: "N"},
        {2: 48.5},
    ],
)
def test_gps_values_out_of_range_are_none(broken: dict[int, Any]) -> None:
    picture = with_gps(PARIS | broken)
    assert (picture.latitude, picture.longitude) == (None, None)


def test_gps_of_rationals_by_zero_is_none() -> None:
    exif = exif_of(gps=PARIS)
    seconds = exif.index(struct.pack(">II", 48, 1)) + 4
    broken = exif[:seconds] + bytes(4) + exif[seconds + 4 :]
    picture = read_picture(encoded(make_picture(), "JPEG", exif=broken))
    assert (picture.latitude, picture.longitude) == (None, None)


def test_half_a_place_is_none() -> None:
    picture = with_gps({1: "N", 2: (48.0, 51.0, 30.0)})
    assert (picture.latitude, picture.longitude) == (None, None)


# --- IPTC -----------------------------------------------------------------------------------------------------------


def test_iptc_keywords_in_utf8_and_latin1() -> None:
    assert with_iptc((2, 25, "café".encode()), (2, 25, "Straße".encode("latin-1"))).tags == ("café", "Straße")


def test_one_iptc_keyword() -> None:
    assert with_iptc((2, 5, b"a title"), (2, 25, b"holiday")).tags == ("holiday",)


def test_iptc_date() -> None:
    assert with_iptc((2, 55, b"20240506"), (2, 60, b"070809+0200")).taken_at == "2024-05-06T07:08:09"
    assert with_iptc((2, 55, b"20240506")).taken_at == "2024-05-06T00:00:00"
    assert with_iptc((2, 55, b"00000000")).taken_at is None


def test_iptc_of_a_tiff() -> None:
    field = b"\x1c\x02\x19\0\x06forest"
    assert read_picture(encoded(make_picture(), "TIFF", tiffinfo={33723: field})).tags == ("forest",)


# --- XMP ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "TIFF", "HEIF", "AVIF"])
def test_xmp_subjects_of_every_format(kind: str) -> None:
    xmp = xmp_of(("sea", "größer"))
    options = {"tiffinfo": {700: xmp}} if kind == "TIFF" else {"xmp": xmp}
    assert read_picture(encoded(make_picture(), kind, **options)).tags == ("sea", "größer")


def test_xmp_of_a_png() -> None:
    chunk = png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp_of(("sea",)))
    assert read_picture(png_of(chunk)).tags == ("sea",)


def test_xmp_hierarchies_give_their_leaves() -> None:
    assert tags_of(xmp_of(hierarchy=("Places|Europe|Paris", "Alone", "Empty|"))) == ("Paris", "Alone")


def test_keywords_of_all_sources_each_once() -> None:
    xmp = xmp_of(("Paris", "sea"), ("Places|paris", "Things|boat"))
    assert with_iptc((2, 25, b"sea"), (2, 25, b"sun"), xmp=xmp).tags == ("sea", "sun", "Paris", "boat")


def test_keywords_are_normalised_and_bounded() -> None:
    assert tags_of(xmp_of(("  two \n\t words ", "", "  ", "a\u200bb"))) == ("two words", "a b")
    assert tags_of(xmp_of(("x" * 500,))) == ("x" * 100,)
    assert tags_of(xmp_of(tuple(str(number) for number in range(500)))) == tuple(map(str, range(MAX_TAGS)))


@pytest.mark.parametrize(
    ("written", "taken_at"),
    [
        ({"attributes": 'exif:DateTimeOriginal="2024-05-06T07:08:09.123+02:00"'}, "2024-05-06T07:08:09"),
        ({"inside": "<photoshop:DateCreated>2024-05-06</photoshop:DateCreated>"}, "2024-05-06T00:00:00"),
        ({"attributes": 'xmp:CreateDate="2024-05-06T07:08Z"'}, "2024-05-06T07:08:00"),
        ({"attributes": 'exif:DateTimeOriginal="soon" xmp:CreateDate="2024-05-06"'}, "2024-05-06T00:00:00"),
        ({"attributes": 'xmp:CreateDate="2024"'}, None),
    ],
)
def test_xmp_dates(written: dict[str, str], taken_at: str | None) -> None:
    assert read_picture(encoded(make_picture(), "JPEG", xmp=xmp_of(**written))).taken_at == taken_at  # type: ignore[arg-type]


def test_exif_takes_precedence_over_xmp() -> None:
    xmp = xmp_of(attributes='exif:DateTimeOriginal="2020-01-01"')
    exif = exif_of(details={0x9003: "2024:05:06 07:08:09"})
    assert read_picture(encoded(make_picture(), "JPEG", xmp=xmp, exif=exif)).taken_at == "2024-05-06T07:08:09"


def test_utf16_xmp() -> None:
    xmp = xmp_of(("sea",)).decode().replace("\ufeff", "").encode("utf-16")
    assert read_picture(encoded(make_picture(), "WEBP", xmp=xmp)).tags == ("sea",)


@pytest.mark.parametrize(
    "xmp",
    [
        b"<broken",
        b"\xff\xfe\xff",
        b"\xc3\x28",
        b'<!DOCTYPE x [<!ENTITY a "boom">]>' + xmp_of(("&a;",)).partition(b"?>")[2],
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd">' + xmp_of(("sea",)).partition(b"?>")[2],
        '<!DOCTYPE x [<!ENTITY a "boom">]><x>&a;</x>'.encode("utf-16"),
        xmp_of(("&undefined;",)),
    ],
)
def test_xmp_that_is_broken_or_declares_anything_is_ignored(xmp: bytes) -> None:
    picture = read_picture(encoded(make_picture(), "WEBP", xmp=xmp))
    assert (picture.tags, picture.width) == ((), 64)


def test_xmp_that_is_too_long_is_ignored() -> None:
    xmp = xmp_of(("sea",), inside="<dc:title>" + "x" * MAX_XMP_BYTES + "</dc:title>")
    assert read_picture(encoded(make_picture(), "WEBP", xmp=xmp)).tags == ()


def test_deeply_nested_xmp_is_harmless() -> None:
    depth = 100_000
    xmp = b"<a>" * depth + b"</a>" * depth
    assert read_picture(encoded(make_picture(), "WEBP", xmp=xmp)).tags == ()


@pytest.mark.parametrize("orientation", [0, 9, 99, 65535])
def test_an_invalid_orientation_turns_nothing(orientation: int) -> None:
    picture = read_picture(encoded(make_picture(), "JPEG", exif=exif_of({0x0112: orientation})))
    assert (picture.width, picture.height) == (64, 48)
