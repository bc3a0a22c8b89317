"""Mutated image files, and what becomes of them: a program that a test runs apart, to measure time and memory.

    python -m tests.ingest.fuzzing COUNT SEED

Decodes COUNT files made by bit flips, truncations, junk, moved pieces and lies in headers from sound files of every
format; writes one JSON object: reasons with their counts, the longest time in seconds, the growth of peak memory in
megabytes, and each failure that is not an ImageError.
"""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from cvsi_db.errors import ImageError
from cvsi_db.ingest.decode import decode_bytes
from tests.ingest.files import encoded, grey_profile, icc_profile, photograph

_P3 = icc_profile((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), 2.2)
_LIES = (0, 1, 127, 255, 4000, 13_000, 30_000, 65_535, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
Mutation = Callable[[bytearray, np.random.Generator], bytearray]


def seeds() -> list[bytes]:
    """Small sound files: every format, in most of the ways that its pixels may be stored, with all metadata."""
    photo, other = photograph(48, 32), photograph(48, 32, 1)
    exif = Image.Exif()
    exif.update({0x0112: 6, 0x010F: "Maker", 0x0110: "Model"})
    exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 30.0), 3: "E", 4: (2.0, 17.0, 40.0)})
    told: dict[str, Any] = {"exif": exif.tobytes(), "icc_profile": _P3}
    deep = Image.fromarray(np.asarray(photo.convert("L"), np.uint16) * 257)
    return [
        encoded(photo, "JPEG", **told),
        encoded(photo, "JPEG", progressive=True),
        encoded(photo.convert("CMYK"), "JPEG"),
        encoded(photo.convert("L"), "JPEG", icc_profile=grey_profile(1.8)),
        encoded(photo, "MPO", more=(other,)),
        encoded(photo, "PNG", **told),
        encoded(photo.quantize(16), "PNG", transparency=0),
        encoded(photo.convert("1"), "PNG"),
        encoded(deep, "PNG"),
        encoded(photo, "PNG", more=(other,)),
        encoded(photo, "WEBP", **told),
        encoded(photo, "WEBP", lossless=True),
        encoded(photo, "WEBP", more=(other,)),
        encoded(photo, "GIF", more=(other,)),
        encoded(photo, "BMP"),
        encoded(photo.quantize(16), "BMP"),
        encoded(photo, "TIFF", **told),
        *(encoded(photo, "TIFF", compression=kind) for kind in ("tiff_lzw", "jpeg", "tiff_adobe_deflate", "packbits")),
        encoded(photo.convert("1"), "TIFF", compression="group4"),
        encoded(photo, "TIFF", more=(other,)),
        encoded(deep, "TIFF"),
        encoded(photo.convert("CMYK"), "TIFF", big_tiff=True),
        encoded(Image.fromarray(np.asarray(photo.convert("L"), np.float32)), "TIFF"),
        encoded(photo, "HEIF", **told),
        encoded(photo, "AVIF", **told),
        encoded(photo, "AVIF", more=(other,)),
    ]


def mutated(data: bytes, random: np.random.Generator) -> bytes:
    """The file after one to four mutations."""
    changed = bytearray(data)
    for _ in range(random.integers(1, 5)):
        changed = _MUTATIONS[random.integers(len(_MUTATIONS))](changed, random) or bytearray(b"\0")
    return bytes(changed)


def _flip(data: bytearray, random: np.random.Generator) -> bytearray:
    for _ in range(random.integers(1, 17)):
        data[random.integers(len(data))] ^= 1 << int(random.integers(8))
    return data


def _cut(data: bytearray, random: np.random.Generator) -> bytearray:
    return data[: random.integers(len(data) + 1)]


def _junk(data: bytearray, random: np.random.Generator) -> bytearray:
    at, length = random.integers(len(data)), random.integers(1, 33)
    data[at : at + length] = random.bytes(int(length))
    return data


def _move(data: bytearray, random: np.random.Generator) -> bytearray:
    """A piece once more, somewhere else."""
    start, to = random.integers(len(data), size=2)
    data[to:to] = data[start : start + random.integers(1, 257)]
    return data


def _lie(data: bytearray, random: np.random.Generator) -> bytearray:
    """A number that was not meant, among the first bytes or anywhere, in either byte order."""
    at = int(random.integers(min(len(data), 256 if random.integers(4) else len(data))))
    width = int(random.choice([2, 4]))
    lie = int(random.choice(_LIES)) % 256**width
    data[at : at + width] = lie.to_bytes(width, "little" if random.integers(2) else "big")
    return data


_MUTATIONS: tuple[Mutation, ...] = (_flip, _cut, _junk, _move, _lie, _lie)


def _outcome(data: bytes) -> str:
    try:
        picture = decode_bytes(data, hashlib.sha256(data).hexdigest(), "it", side=96)
    except ImageError as error:
        return error.reason
    sound = picture.image.mode == "RGB" and max(picture.image.size) <= 1024 and picture.image.getpixel((0, 0))
    return "a picture" if sound else "an unsound picture"


def main(count: int, seed: int) -> dict[str, object]:
    """Decode `count` mutated files and say what became of them."""
    random, sound = np.random.default_rng(seed), seeds()
    for data in sound:
        decode_bytes(data, "", "a sound file")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    reasons, strange, longest = Counter[str](), [], 0.0
    for number in range(count):
        data = mutated(sound[number % len(sound)], random)
        started = time.perf_counter()
        try:
            reasons[_outcome(data)] += 1
        except BaseException as error:
            strange.append(f"{number}: {type(error).__name__}: {error}")
        longest = max(longest, time.perf_counter() - started)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"reasons": dict(reasons.most_common()), "longest": longest, "grown": grown / 1024, "strange": strange}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]))))
