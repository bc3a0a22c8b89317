"""Image files for the tests of decoding: every format, photo-like pixels, and blocks of metadata made by hand."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache

import numpy as np
from PIL import Image
from pillow_heif import register_heif_opener

KINDS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF")
"""Every format that is read, by Pillow's name."""
WITH_EXIF = ("JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF")


def encoded(image: Image.Image, kind: str = "PNG", more: tuple[Image.Image, ...] = (), **options: object) -> bytes:
    """The image as the bytes of a file, with `more` frames or pages after it."""
    if kind == "HEIF":
        _teach_heif()
    buffer = io.BytesIO()
    if more:
        options |= {"save_all": True, "append_images": [frame.copy() for frame in more]}
    image.copy().save(buffer, kind, **options)  # a copy, as Pillow leaves its settings on what it saves
    return buffer.getvalue()


@cache
def _teach_heif() -> None:
    """Teach Pillow to write HEIC, without changing how it reads it."""
    reader = Image.OPEN.get("HEIF")
    register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
    if reader is not None:
        Image.OPEN["HEIF"] = reader


def photograph(width: int, height: int, seed: int = 0) -> Image.Image:
    """Colours at eight scales, as 1/f as those of photographs, with a little of a sensor's noise."""
    random, quarter = np.random.default_rng(seed), (max(width // 4, 1), max(height // 4, 1))
    values = np.zeros((*quarter[::-1], 3), np.float32)
    for octave in range(1, 9):  # no scale is finer than a quarter of the size shows
        grid = random.integers(0, 256, (3 * 2**octave // 4 + 1, 2**octave, 3), dtype=np.uint8)
        layer = Image.fromarray(grid).resize(quarter, Image.Resampling.BICUBIC)
        values += np.asarray(layer, np.float32) / 1.5**octave
    values = (values - values.min()) / np.ptp(values) * 215 + 20  # room for the noise
    smooth = Image.fromarray(values.astype(np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    noise = np.resize(random.normal(0, 4, 1_000_003).clip(-12, 12).astype(np.int8), (height, width, 3))
    return Image.fromarray(np.asarray(smooth) + noise.astype(np.uint8))  # modulo 256, so that it subtracts as well


def png_chunk(name: bytes, data: bytes) -> bytes:
    """One chunk of a PNG, with its checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of(*chunks: bytes, size: tuple[int, int] = (4, 4)) -> bytes:
    """A black PNG of 8-bit RGB with these chunks between its header and its pixels."""
    header = struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes((3 * size[0] + 1) * size[1]))
    parts = (png_chunk(b"IHDR", header), *chunks, png_chunk(b"IDAT", pixels), png_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def icc_profile(red: tuple[float, float], green: tuple[float, float], blue: tuple[float, float], gamma: float) -> bytes:
    """A matrix profile for a display with these primaries (x, y), a white of D65, and a plain gamma.

    The matrix is that of the primaries, adapted from D65 to the D50 of profiles by Bradford's method (ICC.1:2022, E).
    """
    d65, d50 = np.array([0.95047, 1.0, 1.08883]), np.array([0.9642, 1.0, 0.8249])
    primaries = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in (red, green, blue)]).T
    to_xyz = primaries * np.linalg.solve(primaries, d65)
    cone = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    adapted = np.linalg.inv(cone) @ np.diag((cone @ d50) / (cone @ d65)) @ cone @ to_xyz
    tags = {name: _xyz(column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), adapted.T, strict=True)}
    return _profile(b"RGB ", tags | {name: _gamma(gamma) for name in (b"rTRC", b"gTRC", b"bTRC")})


def grey_profile(gamma: float) -> bytes:
    """A profile for grey pixels of this gamma."""
    return _profile(b"GRAY", {b"kTRC": _gamma(gamma)})


def ink_profile(corners: dict[tuple[int, int, int, int], tuple[int, int, int]]) -> bytes:
    """A CMYK profile: L*, a* and b* in 0 to 255 at corners of the cube of inks (0 or 1), white at all others."""
    grid = np.full((2, 2, 2, 2, 3), (255, 128, 128), dtype=np.uint8)
    for inks, colour in corners.items():
        grid[inks] = colour
    ramp = bytes(range(256))
    identity = struct.pack(">9i", *(65536 if index % 4 == 0 else 0 for index in range(9)))
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity + ramp * 4 + grid.tobytes() + ramp * 3
    return _profile(b"CMYK", {b"A2B0": table}, kind=b"prtr", between=b"Lab ")


def _profile(space: bytes, tags: dict[bytes, bytes], kind: bytes = b"mntr", between: bytes = b"XYZ ") -> bytes:
    described = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"made\0" + bytes(78)
    body, table = b"", b""
    entries = {b"desc": described, b"wtpt": _xyz((0.9642, 1.0, 0.8249)), **tags}
    start = 128 + 4 + 12 * len(entries)
    for name, data in entries.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = struct.pack(">I4sI4s4s4s12x4s", start + len(body), b"lcms", 0x02400000, kind, space, between, b"acsp")
    illuminant = struct.pack(">28x3i", 63190, 65536, 54061)
    return (header + illuminant).ljust(128, b"\0") + struct.pack(">I", len(entries)) + table + body


def _xyz(values: object) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(float(value) * 65536) for value in values))  # type: ignore[attr-defined]


def _gamma(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


@cache
def photo_jpeg(width: int = 4032, height: int = 3024) -> bytes:
    """A JPEG of twelve megapixels, as a phone takes it."""
    return encoded(photograph(width, height), "JPEG", quality=88)


def dng(
    preview: bytes | None,
    size: tuple[int, int] = (512, 384),
    orientation: int = 1,
    taken_at: str = "2024:05:06 07:08:09",
) -> bytes:
    """A raw file of `size`: a DNG of 16-bit Bayer data that get brighter to the right, with a JPEG preview or none."""
    width, height = size
    ramp = np.linspace(1000, 60000, width).astype("<u2")
    sensor = np.tile(ramp, (height, 1)).tobytes()
    ones = struct.pack("<18i", *(1 if index in (0, 8, 16) else index % 2 for index in range(18)))
    sensor_tags = {
        254: (4, struct.pack("<I", 0)), 256: (4, struct.pack("<I", width)), 257: (4, struct.pack("<I", height)),
        258: (3, struct.pack("<H", 16)), 259: (3, struct.pack("<H", 1)), 262: (3, struct.pack("<H", 32803)),
        273: (4, sensor), 277: (3, struct.pack("<H", 1)), 278: (4, struct.pack("<I", height)),
        279: (4, struct.pack("<I", len(sensor))), 33421: (3, struct.pack("<2H", 2, 2)), 33422: (1, bytes([0, 1, 1, 2])),
    }  # fmt: skip
    main_tags = {
        271: (2, b"Acme\0"), 272: (2, b"Sensor 1\0"), 274: (3, struct.pack("<H", orientation)), 330: (4, sensor_tags),
        34665: (4, {0x9003: (2, taken_at.encode() + b"\0")}), 50706: (1, bytes([1, 4, 0, 0])),
        50708: (2, b"Acme Sensor 1\0"), 50721: (10, ones), 50728: (5, struct.pack("<6I", 1, 1, 1, 1, 1, 1)),
        50778: (3, struct.pack("<H", 21)),
    }  # fmt: skip
    if preview is not None:
        wide, high = Image.open(io.BytesIO(preview)).size
        main_tags |= {
            254: (4, struct.pack("<I", 1)), 256: (4, struct.pack("<I", wide)), 257: (4, struct.pack("<I", high)),
            258: (3, struct.pack("<3H", 8, 8, 8)), 259: (3, struct.pack("<H", 7)), 262: (3, struct.pack("<H", 6)),
            273: (4, preview), 277: (3, struct.pack("<H", 3)), 278: (4, struct.pack("<I", high)),
            279: (4, struct.pack("<I", len(preview))),
        }  # fmt: skip
    body = bytearray(b"II*\0\x08\0\0\0")
    _directory(body, main_tags)
    return bytes(body)


_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 10: 8}


def _directory(body: bytearray, tags: dict[int, tuple[int, object]]) -> int:
    """Append a TIFF directory with its values and those below it; returns where it is. Tag 273 is given its bytes."""
    start = len(body)
    body += bytes(2 + 12 * len(tags) + 4)
    entries = struct.pack("<H", len(tags))
    for tag, (kind, value) in sorted(tags.items()):
        if isinstance(value, dict):
            value = struct.pack("<I", _directory(body, value))
        elif tag == 273:
            body += value  # type: ignore[operator]
            value = struct.pack("<I", len(body) - len(value))  # type: ignore[arg-type]
        count = len(value) // _TYPE_BYTES[kind]  # type: ignore[arg-type]
        if len(value) > 4:  # type: ignore[arg-type]
            body += bytes(len(body) % 2) + value  # type: ignore[operator]
            value = struct.pack("<I", len(body) - len(value))  # type: ignore[arg-type]
        entries += struct.pack("<HHI", tag, kind, count) + value.ljust(4, b"\0")  # type: ignore[attr-defined]
    body[start : start + len(entries)] = entries
    return start
