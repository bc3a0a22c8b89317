"""Duplicates: the images of a gallery that have several files or links, and those that look alike to its model.

Takes the store; returns groups. Nothing is missed (near_pairs.py), and memory stays bounded: the embeddings are in a
temporary file, and only blocks of them and the images' names in memory.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cvsi_db.errors import QueryError
from cvsi_db.manage.near_pairs import find_near_pairs
from cvsi_db.records import FloatArray

if TYPE_CHECKING:
    from cvsi_db.store.images import Store

BLOCK = 4096
"""Rows that are read at a time."""

_COLUMNS = ("image_id", "path", "paths", "width", "height", "size_bytes")


@dataclass(frozen=True)
class Link:
    """A further path of a file, which deleting the file takes with it or leaves dangling: its kind is "symbolic link"
    (of the file or of a folder above) or "hard link", and `of` the file's other path."""

    path: str
    kind: str
    of: str


@dataclass(frozen=True)
class SameContent:
    """An image under several paths: `paths` are files of their own, the primary one first, `links` lead to those."""

    image_id: str
    paths: tuple[str, ...]
    links: tuple[Link, ...] = ()


@dataclass(frozen=True)
class Lookalike:
    """An image of a group; `similarity` is the cosine to the image of the group that is nearest to it."""

    image_id: str
    path: str
    width: int
    height: int
    size_bytes: int
    similarity: float


@dataclass(frozen=True)
class Duplicates:
    """What was found among `images`: `exact`, images with several files, and `linked`, those of which one file has
    several paths, in the order of paths; `near`, groups of two or more with the largest image first, in the order of
    its path."""

    threshold: float
    images: int
    exact: tuple[SameContent, ...]
    linked: tuple[SameContent, ...]
    near: tuple[tuple[Lookalike, ...], ...]
    seconds: float


def find_duplicates(
    store: Store, threshold: float, on_progress: Callable[[int, int], None] | None = None
) -> Duplicates:
    """The images with several files, and the groups of images that are joined by cosines of at least `threshold`.

    `on_progress` is called with the comparisons done and their total. Raises QueryError for a threshold that is not
    above 0 and at most 1.
    """
    if not 0 < threshold <= 1:
        raise QueryError(f"the threshold is {threshold!r}: give a cosine above 0 and at most 1")
    started = time.monotonic()
    with TemporaryFile() as scratch:
        images = _unload(store, scratch)
        shape = (len(images), store.dim)
        vectors = np.memmap(scratch, np.float16, "r", shape=shape) if len(images) else np.zeros(shape, np.float16)
        groups, nearest = _compare(vectors, threshold, on_progress)
    near = [_lookalikes(images, members, nearest) for members in groups.members()]
    same = _same_contents(images)
    return Duplicates(
        threshold=threshold,
        images=len(images),
        exact=tuple(each for each in same if len(each.paths) > 1),
        linked=tuple(each for each in same if len(each.paths) == 1),
        near=tuple(sorted(near, key=lambda group: group[0].path)),
        seconds=time.monotonic() - started,
    )


class Groups:
    """The numbers 0 to `size` - 1 in disjoint groups, at first each alone: union-find (Galler and Fischer, 1964)."""

    def __init__(self, size: int) -> None:
        self._parents = np.arange(size)

    def join(self, items: npt.NDArray[np.int64]) -> None:
        """Make one group of all that these numbers are in."""
        roots = self.roots(items)
        self._parents[roots] = roots.min()

    def roots(self, items: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The smallest number of each one's group."""
        found = self._parents[items]
        while not np.array_equal(above := self._parents[found], found):
            found = above
        self._parents[items] = found
        return found

    def members(self) -> Iterator[npt.NDArray[np.int64]]:
        """The groups of two or more."""
        roots = self.roots(np.arange(len(self._parents)))
        order = np.argsort(roots, kind="stable")
        starts = np.flatnonzero(np.diff(roots[order], prepend=-1))
        yield from (group for group in np.split(order, starts[1:]) if len(group) > 1)


def _unload(store: Store, scratch: IO[bytes]) -> pa.Table:
    """Write every embedding to the file, as float16, row by row; returns the other columns."""
    parts = []
    for batch in store.batches([*_COLUMNS, "image_vector"], BLOCK):
        scratch.write(batch["image_vector"].flatten().to_numpy(zero_copy_only=False).tobytes())
        parts.append(batch.select(list(_COLUMNS)))
    scratch.flush()
    return pa.Table.from_batches(parts) if parts else pa.table({name: pa.array([]) for name in _COLUMNS})


def _compare(
    vectors: npt.NDArray[np.float16], threshold: float, on_progress: Callable[[int, int], None] | None
) -> tuple[Groups, FloatArray]:
    """Groups of the rows, and for each row the greatest cosine that was at least the threshold (else 0)."""
    groups, nearest = Groups(len(vectors)), np.zeros(len(vectors), np.float32)

    def found(rows: npt.NDArray[np.int64], others: npt.NDArray[np.int64], cosines: FloatArray) -> None:
        nearest[rows] = np.maximum(nearest[rows], cosines.max(axis=1))
        nearest[others] = np.maximum(nearest[others], cosines.max(axis=0))
        for row, near in zip(rows, cosines > 0, strict=True):
            if near.any():
                groups.join(np.append(others[near], row))

    find_near_pairs(vectors, threshold, found, on_progress)
    return groups, nearest


def _same_contents(images: pa.Table) -> tuple[SameContent, ...]:
    several = (
        _told_apart(image_id, sorted(paths, key=lambda path: (path != primary, path)))
        for batch in images.to_batches()
        for image_id, primary, paths in zip(*(batch[name].to_pylist() for name in _COLUMNS[:3]), strict=True)
        if len(paths) > 1
    )
    return tuple(sorted(several, key=lambda same: same.paths))


def _told_apart(image_id: str, paths: Sequence[str]) -> SameContent:
    """The paths as files and links: of the paths of one file the first that is no symbolic link is the file's."""
    files: dict[object, list[str]] = {}
    for path in paths:
        try:
            status = os.stat(path)
            files.setdefault((status.st_dev, status.st_ino), []).append(path)
        except OSError:  # gone, or on a disk that is not there: nothing tells that it is a link
            files[path] = [path]
    own, links = [], []
    for names in files.values():
        real = {name: os.path.realpath(name) for name in names} if len(names) > 1 else {}
        first = next((name for name in names if real.get(name) == os.path.abspath(name)), names[0])
        own.append(first)
        for name in names:
            if name != first:
                links.append(Link(name, "symbolic link" if real[name] == real[first] else "hard link", first))
    return SameContent(image_id, tuple(own), tuple(links))


def _lookalikes(images: pa.Table, members: npt.NDArray[np.int64], nearest: FloatArray) -> tuple[Lookalike, ...]:
    rows: list[dict[str, Any]] = images.drop_columns("paths").take(pa.array(members)).to_pylist()
    group = [
        Lookalike(**row, similarity=min(float(cosine), 1.0)) for row, cosine in zip(rows, nearest[members], strict=True)
    ]
    return tuple(sorted(group, key=lambda one: (-one.width * one.height, -one.size_bytes, one.path)))
