"""Colour and depth: profiles to sRGB with colours that are known, and values of more than 8 bits."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from cvsi_db.ingest.colour import MAX_PROFILE_BYTES
from cvsi_db.ingest.decode import read_picture
from cvsi_db.records import Picture
from tests.ingest.files import encoded, grey_profile, icc_profile, ink_profile

RED, GREEN = (0.640, 0.330), (0.300, 0.600)
DISPLAY_P3 = icc_profile((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), 2.2)
ADOBE_RGB = icc_profile(RED, (0.210, 0.710), (0.150, 0.060), 563 / 256)
SAME_BUT_LINEAR = icc_profile(RED, GREEN, (0.150, 0.060), 1.0)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def colour_of(mode: str, colour: object, profile: bytes | None, kind: str = "PNG") -> tuple[int, ...]:
    options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    image = Image.new(mode, (16, 16), colour)  # type: ignore[arg-type]
    data = encoded(image, kind, icc_profile=profile, **options)
    return read_picture(data).image.getpixel((8, 8))  # type: ignore[return-value]


def near(found: tuple[int, ...], expected: tuple[int, ...], by: int = 3) -> bool:
    return max(abs(one - other) for one, other in zip(found, expected, strict=True)) <= by


# --- profiles -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"])
def test_a_wider_space_becomes_srgb(kind: str) -> None:
    """Greys stay, and what P3 calls a mild red is a stronger one in sRGB."""
    by = 8 if kind in ("WEBP", "HEIF", "AVIF") else 3
    assert near(colour_of("RGB", (128, 128, 128), DISPLAY_P3, kind), (128, 128, 128), by)
    assert near(colour_of("RGB", (180, 100, 90), DISPLAY_P3, kind), srgb_of((180, 100, 90), DISPLAY_P3), by)


def srgb_of(colour: tuple[int, int, int], profile: bytes) -> tuple[int, ...]:
    """What the matrices say: from the profile's own columns and gamma to sRGB (IEC 61966-2-1), by hand."""
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile
    columns = np.array([getattr(opened, f"{name}_colorant")[0] for name in ("red", "green", "blue")]).T
    gamma = 563 / 256 if profile == ADOBE_RGB else 2.2
    to_srgb = np.linalg.inv([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
    linear = (to_srgb @ columns @ (np.array(colour) / 255) ** gamma).clip(0, 1)
    encoded_values = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return tuple(int(value) for value in (encoded_values * 255).round())


def test_adobe_rgb() -> None:
    for colour in ((180, 100, 90), (100, 150, 120), (60, 60, 160)):
        assert near(colour_of("RGB", colour, ADOBE_RGB, "JPEG"), srgb_of(colour, ADOBE_RGB))
    assert not near(srgb_of((100, 150, 120), ADOBE_RGB), (100, 150, 120), 20)  # it does make a difference


def test_colours_outside_srgb_are_clipped() -> None:
    assert near(colour_of("RGB", (0, 255, 0), ADOBE_RGB), (0, 255, 0))


def test_srgb_images_are_not_converted() -> None:
    assert colour_of("RGB", (13, 77, 201), SRGB) == (13, 77, 201)


def test_linear_light() -> None:
    assert near(colour_of("RGB", (55, 55, 55), SAME_BUT_LINEAR), (128, 128, 128))  # 21.6 % of white


def test_grey_with_a_profile() -> None:
    expected = round(255 * (1.055 * ((128 / 255) ** 1.0) ** (1 / 2.4) - 0.055))
    assert near(colour_of("L", 128, grey_profile(1.0)), (expected,) * 3)
    assert near(colour_of("LA", (128, 255), grey_profile(1.0)), (expected,) * 3)
    assert near(colour_of("L", 55, SAME_BUT_LINEAR), (128,) * 3)  # grey pixels that carry a profile for RGB


def test_cmyk_with_a_profile() -> None:
    """L* 50 at full cyan, where Pillow's own formula would say (0, 255, 255)."""
    profile = ink_profile({(1, 0, 0, 0): (128, 128, 128), (1, 1, 1, 1): (0, 128, 128)})
    assert near(colour_of("CMYK", (255, 0, 0, 0), profile, "TIFF"), (119, 119, 119))
    assert near(colour_of("CMYK", (255, 0, 0, 0), profile, "JPEG"), (119, 119, 119), 6)
    assert near(colour_of("CMYK", (0, 0, 0, 0), profile, "TIFF"), (255, 255, 255))


def test_cmyk_without_a_profile() -> None:
    for kind in ("JPEG", "TIFF"):  # Pillow writes the inks of a JPEG inverted, as Adobe does
        assert near(colour_of("CMYK", (0, 255, 255, 0), None, kind), (255, 0, 0), 6)


def test_a_ycck_jpeg() -> None:
    """YCCK: the same stored values mean other inks once Adobe's marker says so (libjpeg, jdcolor.c)."""
    data = bytearray(encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=100))
    data[data.index(b"Adobe") + 11] = 2
    assert near(read_picture(bytes(data)).image.getpixel((8, 8)), (180, 0, 227), 6)  # type: ignore[arg-type]


def test_lab() -> None:
    lab, srgb = (ImageCms.ImageCmsProfile(ImageCms.createProfile(space)) for space in ("LAB", "sRGB"))
    image = ImageCms.ImageCmsTransform(srgb, lab, "RGB", "LAB").apply(Image.new("RGB", (16, 16), (180, 100, 90)))
    assert near(read_picture(encoded(image, "TIFF")).image.getpixel((8, 8)), (180, 100, 90))  # type: ignore[arg-type]


def test_transparent_pixels_are_white_under_any_profile() -> None:
    image = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    assert near(read_picture(encoded(image, icc_profile=DISPLAY_P3)).image.getpixel((3, 3)), (255,) * 3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "profile",
    [
        b"no profile at all",
        DISPLAY_P3[:200],
        grey_profile(1.0),
        ink_profile({(1, 1, 1, 1): (0, 128, 128)}),
        DISPLAY_P3[:12] + b"link" + DISPLAY_P3[16:],
        DISPLAY_P3 + bytes(MAX_PROFILE_BYTES),
    ],
    ids=["text", "cut", "grey", "ink", "link", "long"],
)
def test_an_unusable_icc_profile_is_ignored(profile: bytes) -> None:
    assert near(colour_of("RGB", (180, 100, 90), profile, "TIFF"), (180, 100, 90), 0)


def test_a_profile_that_turns_white_dark_is_ignored() -> None:
    dark = bytearray(DISPLAY_P3)
    for name in (b"rXYZ", b"gXYZ", b"bXYZ"):
        entry = DISPLAY_P3.index(name)
        start = int.from_bytes(DISPLAY_P3[entry + 4 : entry + 8], "big") + 8
        dark[start : start + 12] = bytes(12)
    assert colour_of("RGB", (180, 100, 90), bytes(dark), "TIFF") == (180, 100, 90)


# --- depth ----------------------------------------------------------------------------------------------------------


def read(values: np.ndarray, kind: str = "TIFF", **options: object) -> list[int]:
    picture: Picture = read_picture(encoded(Image.fromarray(values), kind, **options))
    return [int(value) for value in np.asarray(picture.image)[0, :, 0]]


def row(*values: float, kind: type) -> np.ndarray:
    return np.array([values], dtype=kind).repeat(3, axis=0)


def test_16_bit_values_are_scaled_by_their_range_not_their_contents() -> None:
    assert read(row(0, 1000, 2000, kind=np.uint16)) == [0, 4, 8]
    assert read(row(0, 32768, 65535, kind=np.uint16), "PNG") == [0, 128, 255]


def test_floats_from_0_to_1_are_as_they_are() -> None:
    assert read(row(0.25, 0.5, 0.75, kind=np.float32)) == [64, 128, 191]


def test_other_floats_are_stretched() -> None:
    assert read(row(-3, 0, 3, kind=np.float32)) == [0, 128, 255]
    assert read(row(np.nan, 0, 4, kind=np.float32)) == [0, 0, 255]


def test_a_constant_image_does_not_divide_by_zero() -> None:
    assert read(row(7, 7, 7, kind=np.float32)) == [0, 0, 0]


def test_16_bit_images_of_several_bands() -> None:
    ramp = np.linspace(0, 65535, 3000).astype(np.uint16).reshape(3000, 1).repeat(2000, axis=1)
    column = np.asarray(read_picture(encoded(Image.fromarray(ramp), "TIFF")).image)[:, 0, 0].astype(int)
    assert np.abs(column - np.linspace(0, 255, len(column))).max() <= 2


@pytest.mark.parametrize("big", [False, True])
def test_a_16_bit_tiff_whose_zero_is_white_is_inverted(big: bool) -> None:
    values = row(0, 32768, 65535, kind=np.uint16)
    assert read(values, tiffinfo={262: 0}, big_tiff=big) == [255, 127, 0]


def test_rgb_of_16_bits() -> None:
    """Pillow writes none; this is one pixel of (100, 50, 0) percent, by hand."""
    tags = [(256, 4, 1), (257, 4, 1), (258, 3, 3), (259, 3, 1), (262, 3, 2), (273, 4, 0), (277, 3, 3), (279, 4, 6)]
    start = 8 + 2 + 12 * len(tags) + 4
    places = {258: start, 273: start + 6}
    directory = len(tags).to_bytes(2, "little")
    for tag, kind, value in tags:
        count = 3 if tag == 258 else 1
        directory += b"".join(
            number.to_bytes(size, "little")
            for number, size in ((tag, 2), (kind, 2), (count, 4), (places.get(tag, value), 4))
        )
    data = b"II*\0\x08\0\0\0" + directory + bytes(4) + b"\x10\0" * 3 + b"\xff\xff\xff\x7f\0\0"
    assert read_picture(data).image.getpixel((0, 0)) == (255, 127, 0)


def test_the_first_page_of_a_tiff() -> None:
    pages = [Image.new("RGB", (9, 7), "red"), Image.new("RGB", (20, 20), "blue")]
    picture = read_picture(encoded(pages[0], "TIFF", more=(pages[1],)))
    assert (picture.width, picture.height, picture.image.getpixel((2, 2))) == (9, 7, (255, 0, 0))


@pytest.mark.parametrize("transparent", [False, True])
def test_palettes_of_every_depth(transparent: bool) -> None:
    for colours in (2, 4, 16, 256):
        image = Image.new("P", (8, 8), 1)
        image.putpalette([200, 0, 0, 0, 90, 0] + [0, 0, 0] * (colours - 2))
        options = {"transparency": 1} if transparent else {}
        expected = (255, 255, 255) if transparent else (0, 90, 0)
        assert read_picture(encoded(image, "PNG", **options)).image.getpixel((3, 3)) == expected
