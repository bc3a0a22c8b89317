"""Keeps what models computed in a folder, under a key made of everything that it came from.

Takes a label, the key's parts and a function that computes the value; returns the value, read back if it is
there. Without a folder it always computes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from cvsi_db.atomic_file import replace_file
from cvsi_db.records import FloatArray


class Cache:
    """Arrays and JSON values by key in `folder`, or nothing kept when it is None; damaged files are computed again."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def array(self, label: str, parts: Iterable[str | bytes], make: Callable[[], FloatArray]) -> FloatArray:
        """The array of that key; it is one float32 array."""
        path = self._path(label, parts, "npy")
        if path is None:
            return make()
        try:
            kept: FloatArray = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            kept = make()
            with replace_file(path) as part, part.open("wb") as file:
                np.save(file, kept)
        return kept

    def value(self, label: str, parts: Iterable[str | bytes], make: Callable[[], Any]) -> Any:
        """The JSON value of that key: lists come back where tuples went in."""
        path = self._path(label, parts, "json")
        if path is None:
            return make()
        try:
            return json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            kept = make()
            with replace_file(path) as part:
                part.write_text(json.dumps(kept, ensure_ascii=False), "utf-8")
            return kept

    def _path(self, label: str, parts: Iterable[str | bytes], suffix: str) -> Path | None:
        if self._folder is None:
            return None
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder / f"{label}-{digest(parts)}.{suffix}"


def digest(parts: Iterable[str | bytes]) -> str:
    """16 hex digits that change with every part and with the bounds between parts."""
    hashed = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        hashed.update(f"{len(data)}:".encode())
        hashed.update(data)
    return hashed.hexdigest()[:16]
