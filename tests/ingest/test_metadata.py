"""Metadata: what is read from EXIF, IPTC and XMP, in every format that holds them, and what is not believed."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from cvsi_db.ingest.dates import Moment, moment_in_name, moment_of
from cvsi_db.ingest.decode import metadata_in, read_picture
from cvsi_db.ingest.iptc_xmp import MAX_TAGS, MAX_XMP_BYTES, Xmp, read_xmp
from cvsi_db.ingest.metadata import with_surroundings
from cvsi_db.records import Metadata, Picture
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
    return read_picture(encoded(make_picture(), "JPEG", xmp=xmp)).metadata.tags


# --- EXIF -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", WITH_EXIF)
def test_exif_of_every_format(kind: str) -> None:
    exif = exif_of({0x010F: "Acme", 0x0110: "Box 1"}, {0x9003: "2024:05:06 07:08:09"}, PARIS)
    picture = read_picture(encoded(make_picture(), kind, exif=exif))
    assert (picture.metadata.camera, picture.metadata.taken_at) == ("Acme Box 1", "2024-05-06T07:08:09")
    assert (picture.metadata.latitude, picture.metadata.longitude) == (pytest.approx(48.8584), pytest.approx(2.2945))


def test_the_digitized_time_stands_in_for_the_original_time() -> None:
    exif = exif_of({0x0132: "2025:01:01 00:00:00"}, {0x9004: "2001:02:03 04:05:06"})
    assert read_picture(encoded(make_picture(), "JPEG", exif=exif)).metadata.taken_at == "2001-02-03T04:05:06"


def date_of(**options: Any) -> tuple[str | None, str | None, str | None]:
    """The date of a JPEG that is encoded with these options, its source and its offset."""
    metadata = read_picture(encoded(make_picture(), "JPEG", **options)).metadata
    return metadata.taken_at, metadata.date_source, metadata.utc_offset


def test_the_time_of_the_last_change_is_the_last_that_exif_offers() -> None:
    tags, xmp = {0x0132: "2025:01:01 00:00:00"}, xmp_of(attributes='xmp:CreateDate="2020-01-01"')
    assert date_of(exif=exif_of(tags)) == ("2025-01-01T00:00:00", "exif:DateTime", None)
    assert date_of(exif=exif_of(tags), xmp=xmp) == ("2020-01-01T00:00:00", "xmp", None)
    both = exif_of(tags, {0x9004: "2001:02:03 04:05:06"})
    assert date_of(exif=both, xmp=xmp) == ("2001-02-03T04:05:06", "exif:DateTimeDigitized", None)


def test_the_date_that_phones_write_for_none_is_none() -> None:
    none = "2002:12:08 12:00:00"
    changed = {0x0132: "2013:07:12 16:54:27"}
    assert date_of(exif=exif_of(changed, {0x9003: none, 0x9004: none}))[0] == "2013-07-12T16:54:27"
    assert date_of(exif=exif_of({}, {0x9003: "2002:12:08 12:00:01", 0x9004: none}))[0] == "2002-12-08T12:00:01"


def test_fractions_and_offsets_of_exif_times() -> None:
    details = {0x9003: "2024:05:06 07:08:09", 0x9291: "25 ", 0x9011: "+02:00", 0x9012: "-07:00"}
    assert date_of(exif=exif_of(details=details)) == ("2024-05-06T07:08:09.250000", "exif:DateTimeOriginal", "+02:00")
    changed = exif_of({0x0132: "2024:05:06 07:08:09"}, {0x9290: "5", 0x9010: "Z", 0x9003: "0000:00:00 00:00:00"})
    assert date_of(exif=changed) == ("2024-05-06T07:08:09.500000", "exif:DateTime", "+00:00")


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2024:10:31 12:00:01", ("2024-10-31T12:00:01", None)),
        ("2024-10-31T12:00:01.5+01:00", ("2024-10-31T12:00:01.500000", "+01:00")),
        ("2024/10/31 12:00", ("2024-10-31T12:00:00", None)),
        ("2024.10.31", ("2024-10-31T00:00:00", None)),
        ("2024:1:5 7:08:09", ("2024-01-05T07:08:09", None)),
        ("20241031", ("2024-10-31T00:00:00", None)),
        ("20241031T120001+0930", ("2024-10-31T12:00:01", "+09:30")),
        ("2016:12:31 23:59:60", ("2016-12-31T23:59:59", None)),
        ("2024-10-31T12:00Z", ("2024-10-31T12:00:00", "+00:00")),
        ("2024-10-31 12:00:00 +99:00", ("2024-10-31T12:00:00", None)),
        ("2024-10-31+02:00", ("2024-10-31T00:00:00", None)),
        ("0000:00:00 00:00:00", None),
        ("    :  :     :  :  ", None),
        ("2024:02:30 00:00:00", None),
        ("2024:10:31 24:00:00", None),
        ("2024:10:31 12:00:61", None),
        ("1023:10:31 12:00:00", None),
        ("2024", None),
        ("2024-10", None),
        ("2024103", None),
        ("31/10/2024", None),
        ("tomorrow", None),
        ("", None),
    ],
)
def test_dates_in_every_spelling(written: str, moment: tuple[str, str | None] | None) -> None:
    assert moment_of(written) == moment


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("IMG_20241031_120001.jpg", ("2024-10-31T12:00:01", None)),
        ("20241031_120001.jpg", ("2024-10-31T12:00:01", None)),
        ("IMG20241031120001.jpg", ("2024-10-31T12:00:01", None)),
        ("PXL_20241031_120001123.MP.jpg", ("2024-10-31T12:00:01.123000", "+00:00")),
        ("IMG-20241031-WA0001.jpg", ("2024-10-31T00:00:00", None)),
        ("2024-10-31 12.00.01.jpg", ("2024-10-31T12:00:01", None)),
        ("2024-10-31-12-00-01.png", ("2024-10-31T12:00:01", None)),
        ("Screenshot_20241031-120001_Maps.png", ("2024-10-31T12:00:01", None)),
        ("Screenshot 2024-10-31 at 1.02.03\u202fPM.png", ("2024-10-31T13:02:03", None)),
        ("Screen Shot 2024-10-31 at 12.02.03 AM.png", ("2024-10-31T00:02:03", None)),
        ("Screenshot 2024-10-31 120001.png", ("2024-10-31T12:00:01", None)),
        ("WhatsApp Image 2024-10-31 at 12.00.01.jpeg", ("2024-10-31T12:00:01", None)),
        ("signal-2024-10-31-12-00-01-123.jpg", ("2024-10-31T12:00:01", None)),
        ("photo_2024-10-31_12-00-01 (2).jpg", ("2024-10-31T12:00:01", None)),
        ("WIN_20241031_12_00_01_Pro.jpg", ("2024-10-31T12:00:01", None)),
        ("2024-10-31-001.jpg", ("2024-10-31T00:00:00", None)),
        ("2024-10-31 250001.jpg", ("2024-10-31T00:00:00", None)),
        ("20241331.jpg", None),
        ("000000201012.jpg", None),
        ("IMG_1234.jpg", None),
        ("123420241031.jpg", None),
        ("202410311.jpg", None),
        ("1920x1080.png", None),
        ("30241031.jpg", None),
    ],
)
def test_dates_in_names(name: str, moment: tuple[str, str | None] | None) -> None:
    assert moment_in_name(name) == moment


# --- what lies beside a file ----------------------------------------------------------------------------------------


def test_a_sidecar_replaces_the_rating_and_fills_in_the_rest() -> None:
    here = Metadata(taken_at="2020-01-01T00:00:00", date_source="exif:DateTime", camera="Box", rating=2, tags=("a",))
    first = Xmp(("b", "A"), Moment("2019-01-01T00:00:00", "+01:00"), 5, 48.5, 2.5, "A lens")
    second = Xmp(("c",), Moment("2018-01-01T00:00:00"), 1, 1.0, 1.0, "Another")
    full = with_surroundings(here, "IMG_20210101_000000.jpg", [first, second])
    assert full == Metadata(
        "2019-01-01T00:00:00", "+01:00", "sidecar", "Box", "A lens", 48.5, 2.5, 5, None, ("a", "b", "c")
    )
    sure = replace(here, date_source="exif:DateTimeOriginal", latitude=0.5, longitude=0.5, lens="Its own")
    kept = with_surroundings(sure, "x.jpg", [first])
    assert (kept.taken_at, kept.date_source) == ("2020-01-01T00:00:00", "exif:DateTimeOriginal")
    assert (kept.latitude, kept.lens, kept.rating) == (0.5, "Its own", 5)


def test_the_name_is_the_last_resort() -> None:
    assert with_surroundings(Metadata(), "IMG_20210101_000000.jpg", []).date_source == "name"
    known = Metadata(taken_at="2020-01-01T00:00:00", date_source="exif:DateTime")
    assert with_surroundings(known, "IMG_20210101_000000.jpg", []) == known
    assert with_surroundings(Metadata(), "x.jpg", [Xmp()]) == Metadata()


def test_a_sidecar_of_elements() -> None:
    inside = (
        "<xmp:Rating>4</xmp:Rating><exif:GPSLatitude>33,51.6S</exif:GPSLatitude>"
        "<exif:GPSLongitude>151,12,36E</exif:GPSLongitude><exif:DateTimeOriginal>2024-05-06</exif:DateTimeOriginal>"
    )
    said = read_xmp(b'<?xml version="1.0" encoding="UTF-8"?>\n' + xmp_of(("sea",), inside=inside))
    assert said == Xmp(("sea",), Moment("2024-05-06T00:00:00"), 4, -33.86, 151.21)


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (b"<broken", "not XML"),
        (b'<!DOCTYPE x [<!ENTITY a "boom">]><x>&a;</x>', "declares a document type"),
        (b" " * (MAX_XMP_BYTES + 1), "longer than 1 megabyte"),
        (b"\xff\xfe\xff", "utf-16"),
    ],
)
def test_a_sidecar_that_cannot_be_read_says_why(block: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_xmp(block)


@pytest.mark.parametrize(
    ("written", "rating"),
    [("5", 5), ("3.0", 3), ("-1", -1), ("0", None), ("6", None), ("many", None), ("nan", None), ("1e999", None)],
)
def test_ratings(written: str, rating: int | None) -> None:
    assert read_xmp(xmp_of(attributes=f'xmp:Rating="{written}"')).rating == rating


def test_a_rating_in_exif() -> None:
    assert read_picture(encoded(make_picture(), "JPEG", exif=exif_of({0x4746: 3}))).metadata.rating == 3
    xmp = xmp_of(attributes='xmp:Rating="4"')
    assert read_picture(encoded(make_picture(), "JPEG", exif=exif_of({0x4746: 3}), xmp=xmp)).metadata.rating == 4


# --- camera and lens ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "camera"),
    [
        ("Caméra".encode(), "Caméra"),
        ("Caméra".encode("latin-1"), "Caméra"),
        ("Caméra".encode("utf-16"), "Caméra"),
        ("Caméra".encode("utf-16-le"), "Caméra"),
        ("Caméra".encode("utf-16-be"), "Caméra"),
        ("写真機".encode(), "写真機"),
        ("写真機".encode("utf-16"), "写真機"),
        (b"\xef\xbb\xbfBox", "Box"),
        (b"Box\0\0\0junk", "Box"),
        (b"\0\0", None),
        (b"Two\nlines\x07", "Two lines"),
    ],
)
def test_a_camera_in_every_encoding(written: bytes, camera: str | None) -> None:
    placeholder = b"~" * max(len(written), 5)
    exif = exif_of({0x0110: placeholder.decode()}).replace(placeholder, written.ljust(len(placeholder), b"\0"))
    assert read_picture(encoded(make_picture(), "JPEG", exif=exif)).metadata.camera == camera


def test_the_lens_of_exif_and_of_xmp() -> None:
    details = {0xA433: "Acme", 0xA434: "Acme 50mm f/1.8"}
    assert (
        read_picture(encoded(make_picture(), "JPEG", exif=exif_of(details=details))).metadata.lens == "Acme 50mm f/1.8"
    )
    xmp = xmp_of(attributes='xmlns:aux="http://ns.adobe.com/exif/1.0/aux/" aux:Lens="85.0 mm f/1.4"')
    assert read_picture(encoded(make_picture(), "JPEG", xmp=xmp)).metadata.lens == "85.0 mm f/1.4"


# --- GPS ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ns", "ew", "signs"), [("N", "E", (1, 1)), ("S", "E", (-1, 1)), ("S", "W", (-1, -1))])
def test_gps_in_every_quarter(ns: str, ew: str, signs: tuple[int, int]) -> None:
    picture = with_gps({1: ns, 2: (33.0, 51.0, 36.0), 3: ew, 4: (151.0, 12.0, 36.0)})
    assert (picture.metadata.latitude, picture.metadata.longitude) == (
        pytest.approx(signs[0] * 33.86),
        pytest.approx(signs[1] * 151.21),
    )


def test_gps_of_minutes_with_a_fraction() -> None:
    picture = with_gps({1: "n", 2: (48.0, 30.5, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)})
    assert (picture.metadata.latitude, picture.metadata.longitude) == (pytest.approx(48.508333), 0.0)


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
    assert (picture.metadata.latitude, picture.metadata.longitude) == (None, None)


def test_gps_of_rationals_by_zero_is_none() -> None:
    exif = exif_of(gps=PARIS)
    seconds = exif.index(struct.pack(">II", 48, 1)) + 4
    broken = exif[:seconds] + bytes(4) + exif[seconds + 4 :]
    picture = read_picture(encoded(make_picture(), "JPEG", exif=broken))
    assert (picture.metadata.latitude, picture.metadata.longitude) == (None, None)


def test_0_0_is_no_place_but_its_neighbours_are() -> None:
    nowhere = {1: "N", 2: (0.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)}
    assert with_gps(nowhere).metadata.latitude is None
    assert with_gps(nowhere | {4: (0.0, 0.0, 1.0)}).metadata.longitude == 0.0002778
    xmp = xmp_of(attributes='exif:GPSLatitude="48,51,30N" exif:GPSLongitude="2,17.5E"')
    metadata = read_picture(encoded(make_picture(), "JPEG", exif=exif_of(gps=nowhere), xmp=xmp)).metadata
    assert (metadata.latitude, metadata.longitude) == (pytest.approx(48.858333), pytest.approx(2.291667))


@pytest.mark.parametrize(
    ("latitude", "longitude", "place"),
    [
        (("60.5", "N"), ("68.25", "W"), (60.5, -68.25)),  # as Apple Photos writes them
        (("38.025312", "S"), ("145.28905", "E"), (-38.025312, 145.28905)),
        (("-38.025312", None), ("145.28905", None), (-38.025312, 145.28905)),
        (("33,51.6S", "S"), ("151,12,36E", None), (-33.86, 151.21)),
        (("33,51.6", "S"), ("151,12,36", "E"), (-33.86, 151.21)),
        (("33,51.6", None), ("151,12,36", None), (None, None)),
        (("60.5", "X"), ("68.25", "W"), (None, None)),
        (("95.5", "N"), ("68.25", "W"), (None, None)),
    ],
)
def test_places_of_xmp_in_every_spelling(
    latitude: tuple[str, str | None], longitude: tuple[str, str | None], place: tuple[float | None, float | None]
) -> None:
    inside = ""
    for name, (written, half) in {"GPSLatitude": latitude, "GPSLongitude": longitude}.items():
        inside += f"<exif:{name}>{written}</exif:{name}>"
        inside += f"<exif:{name}Ref>{half}</exif:{name}Ref>" if half else ""
    said = read_xmp(xmp_of(inside=inside))
    assert (said.latitude, said.longitude) == place


def test_half_a_place_is_none() -> None:
    picture = with_gps({1: "N", 2: (48.0, 51.0, 30.0)})
    assert (picture.metadata.latitude, picture.metadata.longitude) == (None, None)


# --- IPTC -----------------------------------------------------------------------------------------------------------


def test_iptc_keywords_in_utf8_and_latin1() -> None:
    assert with_iptc((2, 25, "café".encode()), (2, 25, "Straße".encode("latin-1"))).metadata.tags == ("café", "Straße")


def test_one_iptc_keyword() -> None:
    assert with_iptc((2, 5, b"a title"), (2, 25, b"holiday")).metadata.tags == ("holiday",)


def test_iptc_date() -> None:
    assert with_iptc((2, 55, b"20240506"), (2, 60, b"070809+0200")).metadata.taken_at == "2024-05-06T07:08:09"
    assert with_iptc((2, 55, b"20240506")).metadata.taken_at == "2024-05-06T00:00:00"
    assert with_iptc((2, 55, b"00000000")).metadata.taken_at is None


def test_iptc_of_a_tiff() -> None:
    field = b"\x1c\x02\x19\0\x06forest"
    assert read_picture(encoded(make_picture(), "TIFF", tiffinfo={33723: field})).metadata.tags == ("forest",)


# --- XMP ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "TIFF", "HEIF", "AVIF"])
def test_xmp_subjects_of_every_format(kind: str) -> None:
    xmp = xmp_of(("sea", "größer"))
    options = {"tiffinfo": {700: xmp}} if kind == "TIFF" else {"xmp": xmp}
    assert read_picture(encoded(make_picture(), kind, **options)).metadata.tags == ("sea", "größer")


def test_xmp_of_a_png() -> None:
    chunk = png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp_of(("sea",)))
    assert read_picture(png_of(chunk)).metadata.tags == ("sea",)


def test_xmp_hierarchies_give_their_leaves() -> None:
    assert tags_of(xmp_of(hierarchy=("Places|Europe|Paris", "Alone", "Empty|"))) == ("Paris", "Alone")


def test_keywords_of_all_sources_each_once() -> None:
    xmp = xmp_of(("Paris", "sea"), ("Places|paris", "Things|boat"))
    assert with_iptc((2, 25, b"sea"), (2, 25, b"sun"), xmp=xmp).metadata.tags == ("sea", "sun", "Paris", "boat")


def test_keywords_are_normalised_and_bounded() -> None:
    assert tags_of(xmp_of(("  two \n\t words ", "", "  ", "a\u200bb"))) == ("two words", "a b")
    assert tags_of(xmp_of(("x" * 500,))) == ("x" * 100,)
    assert tags_of(xmp_of(tuple(str(number) for number in range(500)))) == tuple(map(str, range(MAX_TAGS)))


@pytest.mark.parametrize(
    ("written", "taken_at"),
    [
        ({"attributes": 'exif:DateTimeOriginal="2024-05-06T07:08:09.123+02:00"'}, "2024-05-06T07:08:09.123000"),
        ({"inside": "<photoshop:DateCreated>2024-05-06</photoshop:DateCreated>"}, "2024-05-06T00:00:00"),
        ({"attributes": 'xmp:CreateDate="2024-05-06T07:08Z"'}, "2024-05-06T07:08:00"),
        ({"attributes": 'exif:DateTimeOriginal="soon" xmp:CreateDate="2024-05-06"'}, "2024-05-06T00:00:00"),
        ({"attributes": 'xmp:CreateDate="2024"'}, None),
    ],
)
def test_xmp_dates(written: dict[str, str], taken_at: str | None) -> None:
    assert read_picture(encoded(make_picture(), "JPEG", xmp=xmp_of(**written))).metadata.taken_at == taken_at  # type: ignore[arg-type]


def test_exif_takes_precedence_over_xmp() -> None:
    xmp = xmp_of(attributes='exif:DateTimeOriginal="2020-01-01"')
    exif = exif_of(details={0x9003: "2024:05:06 07:08:09"})
    assert read_picture(encoded(make_picture(), "JPEG", xmp=xmp, exif=exif)).metadata.taken_at == "2024-05-06T07:08:09"


def test_utf16_xmp() -> None:
    xmp = xmp_of(("sea",)).decode().replace("\ufeff", "").encode("utf-16")
    assert read_picture(encoded(make_picture(), "WEBP", xmp=xmp)).metadata.tags == ("sea",)


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
    assert (picture.metadata.tags, picture.width) == ((), 64)


def test_xmp_that_is_too_long_is_ignored() -> None:
    xmp = xmp_of(("sea",), inside="<dc:title>" + "x" * MAX_XMP_BYTES + "</dc:title>")
    assert read_picture(encoded(make_picture(), "WEBP", xmp=xmp)).metadata.tags == ()


def test_deeply_nested_xmp_is_harmless() -> None:
    depth = 100_000
    xmp = b"<a>" * depth + b"</a>" * depth
    assert read_picture(encoded(make_picture(), "WEBP", xmp=xmp)).metadata.tags == ()


@pytest.mark.parametrize("orientation", [0, 9, 99, 65535])
def test_an_invalid_orientation_turns_nothing(orientation: int) -> None:
    picture = read_picture(encoded(make_picture(), "JPEG", exif=exif_of({0x0112: orientation})))
    assert (picture.width, picture.height, picture.metadata.orientation) == (64, 48, None)


@pytest.mark.parametrize("kind", WITH_EXIF)
def test_the_orientation_of_every_format(kind: str) -> None:
    data = encoded(make_picture(), kind, exif=exif_of({0x0112: 6}))
    picture = read_picture(data)
    assert (picture.width, picture.height, picture.metadata.orientation) == (48, 64, 6)
    assert metadata_in(data, "x").orientation == 6
