"""Decoding: what becomes of every kind of picture, and of everything that is none."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cvsi_db.errors import ImageError
from cvsi_db.ingest.decode import MAX_BYTES, MAX_SIDE, picture_of, printable, read_picture
from tests.fakes import COLOURS, make_picture, picture_bytes, save_picture


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A tiny PNG that claims any size: the start of a decompression bomb."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 100_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    """The colours near the upper left, upper right, lower left and lower right corner."""
    right, bottom = image.width - 3, image.height - 3
    return [image.getpixel(place) for place in ((2, 2), (right, 2), (2, bottom), (right, bottom))]  # type: ignore[misc]


def reason(source: bytes | Path) -> str:
    with pytest.raises(ImageError) as error:
        read_picture(source)
    return error.value.reason


# --- what is a picture ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_every_format(kind: str) -> None:
    data = picture_bytes("blue", (60, 40), kind=kind)
    picture = read_picture(data)
    assert (picture.format, picture.width, picture.height) == (kind.lower(), 60, 40)
    assert picture.image_id == hashlib.sha256(data).hexdigest()
    assert (picture.image.mode, picture.image.size) == ("RGB", (60, 40))
    assert np.abs(np.subtract(picture.image.getpixel((30, 20)), COLOURS["blue"])).max() <= 4
    assert (picture.metadata.taken_at, picture.metadata.camera) == (None, None)


def test_reading_a_path_and_its_bytes_gives_the_same_picture(tmp_path: Path) -> None:
    path = save_picture(tmp_path / "x.png", "green")
    assert read_picture(path).image_id == read_picture(path.read_bytes()).image_id


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", [1, 2, 3, 4, 5, 6, 7, 8])
def test_every_orientation_comes_out_upright(orientation: int, kind: str) -> None:
    upright = Image.new("RGB", (40, 24), (200, 200, 200))
    for place, colour in zip([(0, 0), (28, 0), (0, 12), (28, 12)], ["red", "green", "blue", "black"], strict=True):
        upright.paste(COLOURS[colour], (*place, place[0] + 12, place[1] + 12))
    # What a camera stores: the inverse of what the tag says has to be done.
    stored = {
        1: upright,
        2: upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: upright.transpose(Image.Transpose.ROTATE_180),
        4: upright.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: upright.transpose(Image.Transpose.TRANSPOSE),
        6: upright.transpose(Image.Transpose.ROTATE_90),
        7: upright.transpose(Image.Transpose.TRANSVERSE),
        8: upright.transpose(Image.Transpose.ROTATE_270),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {} if kind == "TIFF" else {"quality": 95}
    picture = read_picture(encoded(stored, kind, exif=exif, **options))
    assert (picture.width, picture.height) == picture.image.size == (40, 24)
    expected = [COLOURS[colour] for colour in ("red", "green", "blue", "black")]
    assert np.abs(np.subtract(corners(picture.image), expected)).max() < 40


def test_a_large_photograph_on_its_side_keeps_its_size_and_is_reduced() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = read_picture(encoded(make_picture("red", (3000, 1200)), "JPEG", exif=exif))
    assert (picture.width, picture.height) == (1200, 3000)
    assert max(picture.image.size) <= MAX_SIDE
    assert picture.image.height / picture.image.width == pytest.approx(2.5, rel=0.01)


@pytest.mark.parametrize(("size", "reduced"), [((2048, 1024), (1024, 512)), ((5000, 1), (1024, 1)), ((9, 7), (9, 7))])
def test_large_images_are_reduced_to_max_side(size: tuple[int, int], reduced: tuple[int, int]) -> None:
    picture = read_picture(picture_bytes("red", size))
    assert ((picture.width, picture.height), picture.image.size) == (size, reduced)


def test_alpha_is_flattened_on_white() -> None:
    image = Image.new("RGBA", (10, 10), (255, 0, 0, 0))
    image.paste((255, 0, 0, 128), (0, 0, 5, 10))
    image.paste((255, 0, 0, 255), (0, 0, 2, 10))
    flat = read_picture(encoded(image)).image
    assert [flat.getpixel((x, 5)) for x in (0, 3, 8)] == [(255, 0, 0), (255, 127, 127), (255, 255, 255)]


def test_large_alpha_too() -> None:
    flat = read_picture(encoded(Image.new("RGBA", (2000, 10), (0, 0, 0, 0)))).image
    assert (flat.size, flat.getpixel((500, 2))) == ((1024, 5), (255, 255, 255))


@pytest.mark.parametrize("width", [10, 2000])
def test_a_transparent_colour_is_flattened_on_white(width: int) -> None:
    flat = read_picture(encoded(Image.new("RGB", (width, 10), (1, 2, 3)), transparency=(1, 2, 3))).image
    assert flat.getpixel((0, 0)) == (255, 255, 255)


def test_palette_with_a_transparent_entry() -> None:
    image = Image.new("P", (10, 10), 0)
    image.putpalette([9, 9, 9, 220, 30, 30])
    image.paste(1, (0, 0, 5, 10))
    flat = read_picture(encoded(image, "GIF", transparency=0)).image
    assert [flat.getpixel((x, 5)) for x in (1, 8)] == [(220, 30, 30), (255, 255, 255)]


def test_grey_of_16_bits_keeps_its_range() -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(1, 256).repeat(4, axis=0)
    values = np.asarray(read_picture(encoded(Image.fromarray(ramp))).image)[0, :, 0]
    assert np.abs(values.astype(int) - np.arange(256)).max() <= 1


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_other_grey_is_stretched(kind: type) -> None:
    values = np.array([[-1000, 0, 1000]], dtype=kind).repeat(3, axis=0)
    pixels = np.asarray(read_picture(encoded(Image.fromarray(values), "TIFF")).image)[0, :, 0]
    assert list(pixels) == [0, 128, 255]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK"])
def test_other_modes_become_rgb(mode: str) -> None:
    image = Image.new("L", (8, 8), 255).convert(mode)
    assert read_picture(encoded(image, "TIFF")).image.getpixel((4, 4)) == (255, 255, 255)


def test_an_animation_is_decoded_as_its_first_frame() -> None:
    frames = [make_picture("red"), make_picture("blue")]
    for kind in ("GIF", "WEBP", "PNG"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        assert np.abs(np.subtract(read_picture(data).image.getpixel((9, 9)), COLOURS["red"])).max() < 8  # type: ignore[arg-type]


# --- metadata -------------------------------------------------------------------------------------------------------


def with_exif(make: str | None, model: str | None, taken_at: str | None) -> bytes:
    exif = Image.Exif()
    exif.update({tag: text for tag, text in ((0x010F, make), (0x0110, model)) if text is not None})
    if taken_at is not None:
        exif.get_ifd(0x8769)[0x9003] = taken_at
    return encoded(make_picture(), "JPEG", exif=exif)


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("Canon", "Canon EOS 5D", "Canon EOS 5D"),
        ("NIKON", "D90", "NIKON D90"),
        ("Acme\0\0", "  Box  1 ", "Acme Box 1"),
        (None, "Box", "Box"),
        ("Acme", None, "Acme"),
        (None, None, None),
    ],
)
def test_camera(make: str | None, model: str | None, camera: str | None) -> None:
    assert read_picture(with_exif(make, model, None)).metadata.camera == camera


@pytest.mark.parametrize(
    ("written", "taken_at"),
    [("2024:05:06 07:08:09", "2024-05-06T07:08:09"), ("0000:00:00 00:00:00", None), ("yesterday", None), (None, None)],
)
def test_taken_at(written: str | None, taken_at: str | None) -> None:
    assert read_picture(with_exif(None, None, written)).metadata.taken_at == taken_at


def test_broken_metadata_leaves_the_picture_readable() -> None:
    picture = read_picture(encoded(make_picture(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff garbage"))
    assert (picture.width, picture.metadata.taken_at, picture.metadata.camera) == (64, None, None)


# --- what is none ---------------------------------------------------------------------------------------------------


def test_a_decompression_bomb_is_refused_by_its_header() -> None:
    assert reason(png_header(30_000, 30_000)) == "too large: 900 megapixels, the limit is 178 (--max-pixels raises it)"


def test_just_too_many_pixels() -> None:
    assert reason(png_header(178_001, 1_000)) == "too large: 178 megapixels, the limit is 178 (--max-pixels raises it)"


def test_a_header_larger_than_the_data_is_an_error() -> None:
    assert reason(png_header(3000, 3000)) == "truncated"


def test_too_many_bytes(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)  # sparse: takes no room
    assert reason(path) == "too large: the limit is 256 megabytes"


@pytest.mark.parametrize("data", [b"no image at all", b"\x89PNG\r\n\x1a\n", b"<svg/>", b"%!PS-Adobe-3.0 EPSF-3.0\n"])
def test_not_an_image(data: bytes) -> None:
    assert reason(data) == "not an image"


def test_an_image_of_another_format_is_refused() -> None:
    assert reason(picture_bytes(kind="PPM")) == "not an image"


def test_empty() -> None:
    assert reason(b"") == "empty file"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
def test_truncated(kind: str) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (90, 90, 3), dtype=np.uint8))
    data = encoded(noise, kind)
    found = reason(data[: len(data) // 2])
    assert found == "truncated" or found.startswith(("damaged", "not an image"))
    if kind in ("JPEG", "PNG", "BMP"):
        assert found == "truncated"


def test_paths_that_are_not_files_are_errors(tmp_path: Path) -> None:
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "dangling.jpg").symlink_to("nowhere")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    assert reason(tmp_path / "folder.jpg") == "not a regular file"
    assert reason(tmp_path / "dangling.jpg") == "no such file"
    assert reason(tmp_path / "a\0b.jpg") == "its name holds a NUL"
    assert "symbolic links" in reason(tmp_path / "loop.jpg")
    assert reason(tmp_path / "pipe.jpg") == "not a regular file"


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_permission_denied(tmp_path: Path) -> None:
    path = save_picture(tmp_path / "x.png")
    path.chmod(0)
    assert reason(path) == "permission denied"


def test_a_name_that_is_not_utf_8_is_an_error(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
    assert printable(path) == f"{tmp_path}/caf\\xe9.png"
    assert reason(path) == "its name is not UTF-8: rename it"


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"]),
    at=st.floats(0, 1),
    junk=st.binary(min_size=1, max_size=12),
    cut=st.floats(0, 1),
)
def test_garbage_bytes_give_a_picture_or_an_image_error(kind: str, at: float, junk: bytes, cut: float) -> None:
    data = bytearray(picture_bytes("red", (16, 16), "blue", kind=kind))
    start = int(at * len(data))
    data[start : start + len(junk)] = junk
    with suppress(ImageError):
        assert read_picture(bytes(data[: 1 + int(cut * len(data))])).image.mode == "RGB"


# --- PIL images -----------------------------------------------------------------------------------------------------


def test_a_pil_image_has_an_id_of_its_pixels() -> None:
    first, again, other = (picture_of(make_picture(colour)) for colour in ("red", "red", "blue"))
    assert first.image_id == again.image_id != other.image_id
    assert (first.format, first.width, first.height, len(first.image_id)) == ("pixels", 64, 48, 64)
    assert picture_of(make_picture("red", (48, 64))).image_id != first.image_id


def test_a_given_pil_image_is_not_changed() -> None:
    image = Image.new("RGBA", (2000, 100), (0, 0, 0, 0))
    assert picture_of(image).image.size == (1024, 51)
    assert (image.size, image.mode) == ((2000, 100), "RGBA")


def test_an_image_without_pixels() -> None:
    with pytest.raises(ImageError, match="no pixels"):
        picture_of(Image.new("RGB", (0, 5)))
