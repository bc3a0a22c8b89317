"""Galleries of synthetic rows on disk, written through the store and kept between runs outside the repository.

Takes a folder, a number of rows and a width; gives the open store, or its vectors in memory.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path

from benchmarks.vectors import CHUNK, chunks
from cvsi_db.records import FloatArray, ImageRow
from cvsi_db.store.images import Store

VERSION = 1  # counts the kinds of rows: raise it when chunks() or _row() change


def default_folder() -> Path:
    """Where galleries are kept by default: the platform's cache folder."""
    return user_cache_path("cvsi-db") / "benchmarks"


def gallery_folder(folder: Path, rows: int, dim: int) -> Path:
    """The folder of one such gallery's tables."""
    return folder / f"v{VERSION}-{rows}x{dim}"


def open_gallery(folder: Path, rows: int, dim: int) -> Store:
    """The gallery of `rows` synthetic rows in `folder`, made now if it is not there; half-made ones go on growing.

    It has the indexes that `cvsi-db optimize` gives a gallery of its size.
    """
    store = Store.create(gallery_folder(folder, rows, dim), dim)
    done = store.count()
    if done != rows:
        for number, (images, captions) in enumerate(chunks(rows, dim)):
            start = number * CHUNK
            if start >= done:
                store.update([_row(start + i, image, captions[i]) for i, image in enumerate(images)])
                print(f"writing {start + len(images):,} of {rows:,} rows", file=sys.stderr)
    store.optimize()
    return store


def both_columns(rows: int, dim: int) -> FloatArray:
    """(rows, 2·dim): each row's image vector, then its caption vector, rounded as the store rounds them."""
    both = np.empty((rows, 2 * dim), np.float32)
    for number, pair in enumerate(chunks(rows, dim)):
        start = number * CHUNK
        both[start : start + len(pair[0])] = np.hstack(pair).astype(np.float16)
    return both


def image_id(number: int) -> str:
    """The image_id of a row: as wide as a sha256, ascending."""
    return f"{number:064x}"


def _row(number: int, image_vector: FloatArray, caption_vector: FloatArray) -> ImageRow:
    """A row whose folder, width and times let filters of any selectivity be made."""
    name = f"{number:07}.jpg"
    path = f"/photos/{number % 100:02}/{name}"
    return ImageRow(
        image_id=image_id(number),
        path=path,
        paths=(path,),
        folder=f"/photos/{number % 100:02}",
        name=name,
        format="JPEG",
        width=number % 4_000,
        height=3_000,
        size_bytes=2_000_000 + number,
        modified_at=f"2024-{1 + number % 12:02}-{1 + number % 28:02}T12:00:00+00:00",
        taken_at=f"{2000 + number % 25}-06-01T08:30:00" if number % 10 else None,
        camera=None,
        captions=("a picture",),
        tags=(),
        image_vector=image_vector,
        caption_vector=caption_vector,
    )
