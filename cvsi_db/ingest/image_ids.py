"""Image ids: a set of the image_ids of a gallery that takes 32 bytes for each, where Python's own takes some 250.

Takes and gives image_ids as text. An image_id is a sha256 in hex: its first 32 digits tell it from all others. One
thread may change the set while others look into it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_DIGITS = 32
_FEW = 2**16
"""How many ids may have been added, at least, before they are sorted in."""


class ImageIds(Container[str]):
    """A set of image_ids, which only tells what is in it."""

    def __init__(self, image_ids: Iterable[Any] = ()) -> None:
        """`image_ids` are Arrow arrays of them."""
        self._sorted: npt.NDArray[np.bytes_] = np.concatenate([np.empty(0, f"S{_DIGITS}"), *map(_keys, image_ids)])
        self._sorted.sort()
        self._added, self._gone = set[bytes](), set[bytes]()

    def __contains__(self, image_id: object) -> bool:
        key = _key(str(image_id))
        # What was added is looked at first: it may be sorted in meanwhile.
        return (key in self._added or self._held(key)) and key not in self._gone

    def update(self, image_ids: Iterable[str]) -> None:
        """Add these."""
        keys = {_key(image_id) for image_id in image_ids}
        self._added |= {key for key in keys if not self._held(key)}
        self._gone -= keys
        if len(self._added) > max(_FEW, len(self._sorted) // 8):
            added = np.array(sorted(self._added), self._sorted.dtype)
            self._sorted = np.sort(np.concatenate([self._sorted, added]), kind="stable")
            self._added = set()

    def difference_update(self, image_ids: Iterable[str]) -> None:
        """Take these out."""
        for key in map(_key, image_ids):
            if self._held(key):
                self._gone.add(key)
            self._added.discard(key)

    def intersection(self, image_ids: Iterable[str]) -> set[str]:
        """Those of these that are in the set."""
        return {image_id for image_id in image_ids if image_id in self}

    def _held(self, key: bytes) -> bool:
        held = self._sorted
        place = int(np.searchsorted(held, np.bytes_(key)))
        return place < len(held) and bool(held[place] == key)


def _keys(image_ids: Any) -> npt.NDArray[np.bytes_]:
    """(n,) the first digits of each; without an object of Python's for each, whose memory would not be given back."""
    first = pc.utf8_slice_codeunits(image_ids, 0, _DIGITS)
    if not len(first) or not pc.all(pc.equal(pc.binary_length(first), _DIGITS)).as_py():  # no sha256
        return np.asarray(first.to_numpy(zero_copy_only=False), f"S{_DIGITS}")
    fixed = first.cast(pa.binary()).cast(pa.binary(_DIGITS))
    return np.frombuffer(fixed.buffers()[1], f"S{_DIGITS}", len(fixed), fixed.offset * _DIGITS).copy()


def _key(image_id: str) -> bytes:
    return image_id[:_DIGITS].encode()
