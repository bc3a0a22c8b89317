"""Photo-sized JPEGs: 12 megapixels of detail at every scale, as many files as wanted of a few distinct pictures.

Takes a folder and a number; a comment in each makes the files of distinct content.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (4000, 3000)
DISTINCT = 4
QUALITY = 88

_WAVES = {8: 60, 32: 40, 128: 25, 512: 12, 1500: 5}
"""How many cells of noise lie side by side, and how strong they are: less, the finer, as in photographs."""


def make_photos(folder: Path, count: int) -> list[bytes]:
    """Write `count` JPEGs of some 2 megabytes each; returns the distinct ones."""
    folder.mkdir()
    photos = [photo(seed) for seed in range(min(DISTINCT, count))]
    for number in range(count):
        (folder / f"{number:05}.jpg").write_bytes(commented(photos[number % len(photos)], f"picture {number}"))
    return photos


def photo(seed: int, size: tuple[int, int] = SIZE) -> bytes:
    """A JPEG of `size` in pixels, of noise that falls with its frequency."""
    rng = np.random.default_rng(seed)
    pixels = np.full((size[1], size[0], 3), 128, np.float32)
    for cells, strength in _WAVES.items():
        noise = rng.normal(128, strength, (max(2, cells * size[1] // size[0]), cells, 3)).clip(0, 255)
        layer = Image.fromarray(noise.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
        pixels += np.asarray(layer, np.float32) - 128
    buffer = BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def commented(jpeg: bytes, comment: str) -> bytes:
    """The same picture with a comment segment, which follows the two bytes that begin a JPEG (ITU-T T.81, B.2.4.5)."""
    text = comment.encode()
    return jpeg[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + jpeg[2:]
