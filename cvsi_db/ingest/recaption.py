"""Recaption: captions for images that have none, read from their files again; the second half of an ingest.

Takes an open gallery and the models; returns a RecaptionSummary. Files are read and decoded ahead of the captioner. A
run that is cut short loses some seconds' work: images with captions are not read again, and what the captioner wrote is
cached before the rows are written.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from cvsi_db.errors import ImageError, IngestError
from cvsi_db.ingest.caption import AT_ONCE, caption
from cvsi_db.ingest.commit_thread import RowCommits
from cvsi_db.ingest.decode import decode_bytes
from cvsi_db.ingest.embed import with_captions
from cvsi_db.ingest.pipeline import Pipeline, StageTimes
from cvsi_db.ingest.pixels import MAX_SIDE
from cvsi_db.ingest.read_bytes import read_image
from cvsi_db.interrupt import stop_between_steps
from cvsi_db.models.protocols import Captioner, Encoder
from cvsi_db.records import CaptionRow, ImageRow, IngestFailure, Picture
from cvsi_db.store.catalog import GIVEN

if TYPE_CHECKING:
    from cvsi_db.store.catalog import Catalog
    from cvsi_db.store.images import Store

CAPTIONER_SIDE = 384
"""The side, in pixels, of what captioners see of a picture: BLIP's, the largest we know."""

_CHUNK, _BATCH = 500, 8192
_PIXELS = 4 * MAX_SIDE**2


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


class _Waiting(NamedTuple):
    """An image to caption: with the captions that are cached, else with its picture or why there is none."""

    row: ImageRow
    cached: tuple[str, ...] | None
    picture: Picture | None = None
    failure: IngestFailure | None = None


def recaption(
    *,
    store: Store,
    catalog: Catalog,
    encoder: Encoder,
    captioner: Captioner | None,
    image_ids: Sequence[str] | None = None,
    batch_size: int | None = None,
    given: bool = False,
    progress: Callable[[RecaptionProgress], None] | None = None,
) -> RecaptionSummary:
    """Caption the named images, by default all without captions; `progress` is called after each batch.

    Without a captioner, those that have captions in the catalog from an import or a repair get these.

    A batch has at most `batch_size` images, by default as many as the encoder takes at once, but no more than AT_ONCE.
    The caller holds the gallery's write lock. With `given` the captions hold whatever captioner a later search has, as
    imported ones do. Raises ModelError when a model gives nothing usable, GalleryError when the gallery cannot be
    written; a run that raises leaves its finished batches. At Ctrl-C what is finished is written, then
    KeyboardInterrupt is raised.
    """
    if batch_size is not None and batch_size < 1:
        raise IngestError(f"cannot caption {batch_size!r} images at a time: the batch size is at least 1")
    waiting = store.uncaptioned() if image_ids is None else image_ids
    name = GIVEN if captioner is None else captioner.name
    if captioner is None:
        known = catalog.captions(waiting, name)
        waiting = [image_id for image_id in waiting if image_id in known]
    total, started = RecaptionSummary(), time.monotonic()

    def describe(batch: Sequence[_Waiting]) -> tuple[list[ImageRow], list[CaptionRow], list[IngestFailure]]:
        texts = {each.row.image_id: each.cached for each in batch if each.cached is not None}
        if captioner is not None:
            texts |= caption([each.picture for each in batch if each.picture is not None], captioner, catalog)
        if given:  # before the rows: a run that dies here finds these captions, and writes the same
            catalog.give_captions(texts)
        rows = [replace(each.row, captions=texts[each.row.image_id]) for each in batch if each.row.image_id in texts]
        return *with_captions(rows, encoder), [each.failure for each in batch if each.failure is not None]

    with (
        Pipeline(
            _rows(waiting, name, store, catalog),
            _load,
            list,
            describe,
            batch_size=batch_size or min(encoder.batch_size, AT_ONCE),
            lanes=encoder.lanes,
            size=lambda each: 0 if each.cached else each.row.size_bytes + _PIXELS,
            times=StageTimes(len(waiting), 0),
        ) as pipeline,
        RowCommits(store) as commits,
        stop_between_steps(signal.SIGINT, on_stop=lambda: pipeline.stop(at_once=True)) as stopped,
    ):
        for rows, captions, failures in pipeline:
            commits.add(rows, captions)
            total = replace(
                total,
                captioned=total.captioned + len(rows),
                skipped=total.skipped + len(failures),
                errors=(*total.errors, *failures),
            )
            if progress is not None:
                progress(RecaptionProgress(total.captioned + total.skipped, len(waiting), total.skipped))
    if stopped.is_set():
        raise KeyboardInterrupt
    return replace(total, seconds=time.monotonic() - started)


def captioned_by_others(store: Store, catalog: Catalog, captioner: str) -> list[str]:
    """The image_ids of images whose captions neither a person gave nor `captioner` wrote, ascending."""
    found = list[str]()
    for batch in store.batches(["image_id", "captions"], _BATCH):
        rows = {row["image_id"]: tuple(row["captions"]) for row in batch.to_pylist() if row["captions"]}
        own = catalog.captions(rows, captioner)
        found += [image_id for image_id, texts in rows.items() if own.get(image_id) != texts]
    return sorted(found)


def read_again(row: ImageRow, side: int) -> Picture:
    """The picture at the first of the row's paths that still holds it, decoded for a model that sees `side` pixels.

    Raises ImageError about the first path.
    """
    failures = []
    for path in row.paths:
        try:
            return decode_bytes(read_image(path, row.image_id).data, row.image_id, path, side=side)
        except ImageError as error:
            failures.append(error)
    raise failures[0] if failures else ImageError(row.path, "no such file")


def _rows(image_ids: Sequence[str], captioner: str, store: Store, catalog: Catalog) -> Iterator[_Waiting]:
    for start in range(0, len(image_ids), _CHUNK):
        rows = store.rows(image_ids[start : start + _CHUNK])
        cached = catalog.captions(rows, captioner)
        yield from (_Waiting(row, cached.get(image_id)) for image_id, row in sorted(rows.items()))


def _load(waiting: _Waiting) -> _Waiting:
    if waiting.cached is not None:
        return waiting
    try:
        return waiting._replace(picture=read_again(waiting.row, CAPTIONER_SIDE))
    except ImageError as error:
        return waiting._replace(failure=IngestFailure(error.path, error.reason))
