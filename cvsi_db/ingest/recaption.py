"""Recaption: captions for the images that have none, read from their files again, batch by batch.

Takes an open gallery and the models; returns a RecaptionSummary. A run that is cut short loses one batch at most:
images with captions are not read again, and what the captioner wrote is cached before the rows are written.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cvsi_db.errors import ImageError, IngestError
from cvsi_db.ingest.caption import caption, rewrite_captions
from cvsi_db.ingest.decode import read_picture
from cvsi_db.models.protocols import Captioner, Encoder
from cvsi_db.records import ImageRow, IngestFailure, Picture

if TYPE_CHECKING:
    from cvsi_db.store.catalog import Catalog
    from cvsi_db.store.images import Store


@dataclass(frozen=True)
class RecaptionProgress:
    """`done` of `total` images after a batch, of which `skipped` could not be read."""

    done: int
    total: int
    skipped: int


@dataclass(frozen=True)
class RecaptionSummary:
    """What was done, in images. The `skipped` ones, whose files are gone or changed, still have no captions."""

    captioned: int = 0
    skipped: int = 0
    seconds: float = 0.0
    errors: tuple[IngestFailure, ...] = ()


def recaption(
    *,
    store: Store,
    catalog: Catalog,
    encoder: Encoder,
    captioner: Captioner,
    batch_size: int = 32,
    given: bool = False,
    progress: Callable[[RecaptionProgress], None] | None = None,
) -> RecaptionSummary:
    """Caption every image that has no captions; `progress` is called after each batch of at most `batch_size`.

    The caller holds the gallery's write lock. With `given` the captions hold whatever captioner a later search has, as
    imported ones do. Raises ModelError when a model gives nothing usable, GalleryError when the gallery cannot be
    written; a run that raises leaves its finished batches.
    """
    if batch_size < 1:
        raise IngestError(f"cannot caption {batch_size!r} images at a time: the batch size is at least 1")
    started, waiting, total = time.monotonic(), store.uncaptioned(), RecaptionSummary()
    for start in range(0, len(waiting), batch_size):
        rows = store.rows(waiting[start : start + batch_size])
        pictures, errors = [], list[IngestFailure]()
        for row in rows.values():
            try:
                pictures.append(_read_again(row))
            except ImageError as error:
                errors.append(IngestFailure(error.path, error.reason))
        captions = caption(pictures, captioner=captioner, encoder=encoder, catalog=catalog)
        if given:  # before the rows: a run that dies here finds these captions, and writes the same
            catalog.give_captions({image_id: said.texts for image_id, said in captions.items()})
        rewrite_captions([rows[image_id] for image_id in captions], captions, store)
        total = replace(
            total,
            captioned=total.captioned + len(pictures),
            skipped=total.skipped + len(errors),
            errors=(*total.errors, *errors),
        )
        if progress is not None:
            progress(RecaptionProgress(total.captioned + total.skipped, len(waiting), total.skipped))
    return replace(total, seconds=time.monotonic() - started)


def _read_again(row: ImageRow) -> Picture:
    """The picture at the first of the row's paths that still holds it. Raises ImageError about the first path."""
    failures = []
    for path in row.paths:
        try:
            picture = read_picture(Path(path))
        except ImageError as error:
            failures.append(error)
            continue
        if picture.image_id == row.image_id:
            return picture
        failures.append(ImageError(path, "its content has changed: ingest it again"))
    raise failures[0] if failures else ImageError(row.path, "no such file")
