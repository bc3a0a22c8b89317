"""What an ingest hands from stage to stage: files found, pictures decoded, rows written, and its summary."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cvsi_db.records.names import FloatArray

if TYPE_CHECKING:
    from PIL.Image import Image

    from cvsi_db.store.location import RemoteFolder


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that may be an image, as the scan saw it. `path` is absolute, or an address on object storage.

    `sidecars` are the XMP sidecars beside it, the first of which comes first.
    """

    path: Path | RemoteFolder
    size_bytes: int
    mtime_ns: int
    sidecars: tuple[FoundFile, ...] = ()


@dataclass(frozen=True)
class Metadata:
    """What a file, its name and its XMP sidecars say about its image; None where nothing does.

    `taken_at` is ISO 8601 by the clock of the place, without a zone; `utc_offset` that clock's offset from UTC, as
    +02:00; `date_source` what the date was read from. `latitude` and `longitude` are degrees (WGS 84), both or neither;
    `rating` is 1 to 5, or -1 for rejected; `orientation` EXIF's, 1 to 8; `tags` are the keywords.
    """

    taken_at: str | None = None
    utc_offset: str | None = None
    date_source: str | None = None
    camera: str | None = None
    lens: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    rating: int | None = None
    orientation: int | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Picture:
    """A decoded image: upright (EXIF orientation applied), RGB, alpha flattened on white.

    `image` holds the pixels, which may be fewer than the file's; `image_id` is the sha256 (hex) of the file's bytes;
    `width` and `height` are the file's, upright; `metadata` is what the file says of itself; `thumbnail` the bytes of a
    small JPEG, if one was made.
    """

    image_id: str
    image: Image = field(repr=False)
    format: str
    width: int
    height: int
    metadata: Metadata = Metadata()
    thumbnail: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class ImageRow:
    """One row of the `images` table: one distinct content, however many paths hold it.

    Vectors: `image_vector` (dim,) is the L2-normalised image embedding; `caption_vector` (dim,) the mean of the
    L2-normalised embeddings of `captions`, not normalised again. `modified_at` is ISO 8601; `tags` are the file's
    keywords and those that people added. `image_norm` is the length of the embedding that image_vector was normalised
    from, where it is known. Metadata says what the other fields are.
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
    rating: int | None = None
    lens: str | None = None
    orientation: int | None = None
    date_source: str | None = None
    utc_offset: str | None = None


@dataclass(frozen=True)
class CaptionRow:
    """One row of the `captions` table: one caption of one image. `vector` (dim,) is L2-normalised."""

    image_id: str
    ordinal: int
    text: str
    vector: FloatArray = field(repr=False)


@dataclass(frozen=True)
class IngestProgress:
    """How far an ingest is, after each batch: `done` of `total` files, of which `embedded` went through the model.

    In the `phase` captioning `done`, `total` and `failed` count the images to caption, and `embedded` is 0. Of the
    `seconds` of embedding it spent `reading` waiting for pictures, `model` in the model, `writing` waiting for the
    writer.
    """

    done: int
    total: int
    embedded: int
    failed: int
    seconds: float = field(default=0.0, compare=False)
    reading: float = field(default=0.0, compare=False)
    model: float = field(default=0.0, compare=False)
    writing: float = field(default=0.0, compare=False)
    phase: Literal["embedding", "captioning"] = "embedding"


@dataclass(frozen=True)
class IngestFailure:
    """A file or folder that could not be read, and the reason."""

    path: str
    reason: str


@dataclass(frozen=True)
class IngestSummary:
    """What an ingest did, in files. `embedded` counts the images that went through the model, `captioned` those that
    got captions; `errors` ends with the images that could not be read again for that.

    `unchanged` files were known and the same; `moved` ones have a known content under a new path whose old file is
    gone; `duplicates` have the content of another file that still exists; `skipped` counts the files in the ingested
    folders that are not taken, and the folders that are not entered: `skipped_files` has their reasons; `removed` ones
    were known under the ingested folders and no longer exist: no search finds an image without another file, until its
    content turns up again. `pruned` counts the contents, not the files, that were deleted for good. `lost` are the
    named paths where known files were and nothing is now, as where a disk is not mounted, each with its reason: nothing
    below them counts as removed.
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
    captioned: int = 0
    seconds: float = 0.0
    errors: tuple[IngestFailure, ...] = ()
    skipped_files: tuple[IngestFailure, ...] = ()
    lost: tuple[IngestFailure, ...] = ()
