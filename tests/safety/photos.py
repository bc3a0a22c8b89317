"""A folder of tiny pictures that people change: new, changed, moved, swapped, copied, deleted and returned files."""

from __future__ import annotations

import hashlib
import io
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 8
_FOLDERS = ("", "trip", "trip/sea", "home")
_BAD = b"no picture"


def tiny_picture(number: int) -> bytes:
    """A PNG of random pixels, another one for each number."""
    pixels = np.random.default_rng(number).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


class Photos:
    """The pictures in `folder`; what is deleted lies beside it, and may return. Each change is drawn by `seed`."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self._aside = folder, folder.with_name(f"{folder.name}-aside")
        self._random = random.Random(seed)
        self._drawn = seed * 1_000_000
        for name in _FOLDERS:
            (folder / name).mkdir(parents=True, exist_ok=True)
        self._aside.mkdir(exist_ok=True)

    def add(self, count: int) -> None:
        """Add `count` new images."""
        for _ in range(count):
            self._place().write_bytes(self._picture())

    def change(self, count: int) -> None:
        """Make `count` random changes, one after the other."""
        changes: list[Callable[[], object]] = [
            lambda: self.add(1), self._rewrite, self._move, self._swap,
            self._copy, self._delete, self._return, self._spoil,
        ]  # fmt: skip
        for _ in range(count):
            self._random.choice(changes)()

    def contents(self) -> dict[str, set[str]]:
        """The paths of every image, by the sha256 of its bytes."""
        found: dict[str, set[str]] = {}
        for path in self._files():
            data = path.read_bytes()
            if not data.startswith(_BAD):
                found.setdefault(hashlib.sha256(data).hexdigest(), set()).add(str(path))
        return found

    def _files(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*.png") if path.is_file())

    def _pictures(self, count: int) -> list[Path]:
        """`count` of the images, or as many as there are."""
        pictures = [path for path in self._files() if not path.name.startswith("bad")]
        return self._random.sample(pictures, min(count, len(pictures)))

    def _place(self, name: str = "") -> Path:
        self._drawn += 1
        return self.folder / self._random.choice(_FOLDERS) / f"{name}{self._drawn}.png"

    def _picture(self) -> bytes:
        self._drawn += 1
        return tiny_picture(self._drawn)

    # --- changes ------------------------------------------------------------------------------------------------

    def _rewrite(self) -> None:
        for path in self._pictures(1):
            path.write_bytes(self._picture())

    def _move(self) -> None:
        for path in self._pictures(1):
            path.rename(self._place())

    def _swap(self) -> None:
        if len(pair := self._pictures(2)) == 2:
            between = pair[0].with_suffix(".part")
            pair[0].rename(between)
            pair[1].rename(pair[0])
            between.rename(pair[1])

    def _copy(self) -> None:
        for path in self._pictures(1):
            shutil.copy(path, self._place())

    def _delete(self) -> None:
        for path in self._pictures(1):
            path.rename(self._aside / path.name)

    def _return(self) -> None:
        if away := sorted(self._aside.iterdir()):
            self._random.choice(away).rename(self._place())

    def _spoil(self) -> None:
        self._place("bad").write_bytes(_BAD)
