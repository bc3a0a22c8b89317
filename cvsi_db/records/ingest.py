"""What an ingest hands from stage to stage: files found, pictures decoded, rows written, and its summary.

Knows nothing about how a stage works, nor about the tables that rows lie in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cvsi_db.records.names import FloatArray

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that may be a picture, as the scan saw it. `path` is absolute."""

    path: Path
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True)
class Picture:
    """A decoded picture: upright (EXIF orientation applied), RGB, alpha flattened on white.

    `image_id` is the sha256 (hex) of the file's bytes; `width` and `height` are those of the upright picture;
    `latitude` and `longitude` where it was taken, in degrees (WGS 84); `tags` the keywords that the file holds.
    """

    image_id: str
    image: Image = field(repr=False)
    format: str
    width: int
    height: int
    taken_at: str | None = None
    camera: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImageRow:
    """One row of the `images` table: one distinct content, however many paths hold it.

    Vectors: `image_vector` (dim,) is the L2-normalised image embedding; `caption_vector` (dim,) the mean of the
    L2-normalised embeddings of `captions`, not normalised again. `modified_at` and `taken_at` are ISO 8601 or None;
    `latitude` and `longitude` are degrees (WGS 84) or None; `tags` the file's keywords and what a person added.
    `image_norm` is the length of the embedding whose direction is the image_vector, where it is known.
    """

    image_id: str
    path: str
    paths: tuple[str, ...]
    folder: str
    name: str
    format: str
    width: int
    height: int
    size_bytes: int
    modified_at: str
    taken_at: str | None
    camera: str | None
    captions: tuple[str, ...]
    tags: tuple[str, ...]
    image_vector: FloatArray = field(repr=False)
    caption_vector: FloatArray = field(repr=False)
    latitude: float | None = None
    longitude: float | None = None
    image_norm: float | None = None


@dataclass(frozen=True)
class CaptionRow:
    """One row of the `captions` table: one caption of one image. `vector` (dim,) is L2-normalised."""

    image_id: str
    ordinal: int
    text: str
    vector: FloatArray = field(repr=False)


@dataclass(frozen=True)
class IngestProgress:
    """Where an ingest stands, after each batch. `done` of `total` files; `embedded` pictures met the model.

    `seconds` have gone by, of which it waited `reading` for pictures, `model` in the models, `writing` for the writer.
    """

    done: int
    total: int
    embedded: int
    failed: int
    seconds: float = field(default=0.0, compare=False)
    reading: float = field(default=0.0, compare=False)
    model: float = field(default=0.0, compare=False)
    writing: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class IngestFailure:
    """One file or folder that could not be read: which, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class IngestSummary:
    """What an ingest did, in files. `embedded` counts the pictures the model saw (the rest cost no forward).

    `unchanged` files were known and the same; `moved` ones have known content under a new path whose old file is
    gone; `duplicates` have the content of another file that is still there; `skipped` ones lie in the ingested
    folders and are no pictures; `removed` were known under the ingested folders and are no longer there: no search
    finds what has no other file left, until its content turns up again. `pruned` counts the contents, not the files,
    that were forgotten for good. `lost` are the named folders of known files that are gone or hold no picture any
    more, as an unmounted disk does, each with its reason: nothing below them was taken for removed.
    """

    new: int = 0
    unchanged: int = 0
    moved: int = 0
    duplicates: int = 0
    failed: int = 0
    skipped: int = 0
    removed: int = 0
    pruned: int = 0
    embedded: int = 0
    seconds: float = 0.0
    errors: tuple[IngestFailure, ...] = ()
    lost: tuple[IngestFailure, ...] = ()
