"""Image row: the row of a new content, and a row with other paths or more tags.

Takes a picture with its vector, or a row with its paths; returns rows. Looks at files only to see which
still exist.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from unicodedata import normalize

import numpy as np

from cvsi_db.ingest.scan import is_gone
from cvsi_db.ingest.walk import seen
from cvsi_db.models.unit_vectors import normalise
from cvsi_db.records import FloatArray, FoundFile, ImageRow, Metadata, Picture

_METADATA = tuple(field.name for field in fields(Metadata) if field.name != "tags")


def new_row(file: FoundFile, picture: Picture, embedding: FloatArray) -> ImageRow:
    """The row of a content seen for the first time; it has no path and no captions yet.

    `embedding` (dim,) is not normalised.
    """
    row = ImageRow(
        image_id=picture.image_id,
        path="",
        paths=(),
        folder="",
        name="",
        format=picture.format,
        width=picture.width,
        height=picture.height,
        size_bytes=file.size_bytes,
        modified_at=_moment(file.mtime_ns),
        taken_at=None,
        camera=None,
        captions=(),
        tags=picture.metadata.tags,
        image_vector=normalise(embedding[None], 1)[0],
        caption_vector=np.zeros_like(embedding),
        image_norm=float(np.linalg.norm(embedding)),
    )
    return with_metadata(row, picture.metadata)


def placed(row: ImageRow, paths: tuple[str, ...]) -> ImageRow:
    """The row with these paths, at least one; the first that still exists is the primary one."""
    primary = next((path for path in paths if len(paths) == 1 or not is_gone(path)), paths[0])
    if (primary, paths) == (row.path, row.paths):
        return row
    where = Path(primary)
    _, size, changed, _ = seen(primary)
    modified_at = row.modified_at if size < 0 else _moment(changed)
    return replace(row, path=primary, paths=paths, folder=where.parent.name, name=where.name, modified_at=modified_at)


def with_metadata(row: ImageRow, metadata: Metadata) -> ImageRow:
    """The row with this metadata in place of its own, but for the tags."""
    columns = {name: getattr(metadata, name) for name in _METADATA}
    return row if columns == {name: getattr(row, name) for name in _METADATA} else replace(row, **columns)


def with_tags(row: ImageRow, tags: Iterable[str], without: Collection[str] = ()) -> ImageRow:
    """The row with these tags added, each once, and others removed."""
    wanted = tuple(dict.fromkeys((*(tag for tag in row.tags if tag not in without), *tags)))
    return row if wanted == row.tags else replace(row, tags=wanted)


def is_respelt(old: str, new: str) -> bool:
    """Whether both name one file, on a file system that takes some letters for the same: the file was renamed."""
    folded, other = (normalize("NFC", path).casefold() for path in (old, new))
    if folded != other:
        return False
    try:
        status = os.lstat(old)
        return status.st_nlink == 1 and os.path.samestat(status, os.lstat(new))
    except OSError:
        return False


def _moment(mtime_ns: int) -> str:
    return datetime.fromtimestamp(max(mtime_ns, 0) // 1000 / 1e6, UTC).isoformat()
