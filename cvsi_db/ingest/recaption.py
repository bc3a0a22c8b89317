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
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from cvsi_db.errors import ImageError, IngestError
from cvsi_db.ingest.caption import AT_ONCE, Captions, caption
from cvsi_db.ingest.commit_thread import RowCommits
from cvsi_db.ingest.decode import decode_bytes
from cvsi_db.ingest.embed import with_captions
from cvsi_db.ingest.pipeline import Batches, Pipeline, StageTimes
from cvsi_db.ingest.pixels import MAX_SIDE
from cvsi_db.ingest.read_bytes import read_image
from cvsi_db.interrupt import stop_between_steps
from cvsi_db.models.protocols import Captioner, Encoder
from cvsi_db.records import CaptionRow, ImageRow, IngestFailure, Picture

if TYPE_CHECKING:
    from cvsi_db.ingest.ray_engine import Worker, Workers
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


class _Described(NamedTuple):
    """What comes of a batch: rows to write, with their captions; images that could not be read; captions to keep."""

    rows: Sequence[ImageRow]
    captions: Sequence[CaptionRow]
    failures: Sequence[IngestFailure]
    fresh: Captions


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
    workers: Workers | None = None,
) -> RecaptionSummary:
    """Caption the named images, by default all without captions; `progress` is called after each batch.

    Without a captioner, those that have captions in the catalog from an import or a repair get these.

    A batch has at most `batch_size` images, by default as many as the encoder takes at once, but no more than AT_ONCE.
    Files are read and models run here, or by `workers`. The caller holds the gallery's write lock. With `given` the
    captions hold whatever captioner a later search has, as imported ones do. Raises ModelError when a model gives
    nothing usable, GalleryError when the gallery cannot be written; a run that raises leaves its finished batches. At
    Ctrl-C what is finished is written, then KeyboardInterrupt is raised.
    """
    from cvsi_db.store.catalog import GIVEN  # late: workers import this module, and no database

    if batch_size is not None and batch_size < 1:
        raise IngestError(f"cannot caption {batch_size!r} images at a time: the batch size is at least 1")
    waiting = store.uncaptioned() if image_ids is None else image_ids
    name = GIVEN if captioner is None else captioner.name
    if captioner is None:
        known = catalog.captions(waiting, name)
        waiting = [image_id for image_id in waiting if image_id in known]
    total, started = RecaptionSummary(), time.monotonic()
    if not waiting:
        return total
    keep, size = partial(catalog.keep_captions, name), batch_size or min(encoder.batch_size, AT_ONCE)
    rows, times = _rows(waiting, name, store, catalog), StageTimes(len(waiting), 0)
    batches: Batches[_Described]
    if workers is None:
        batches = Pipeline(
            rows,
            _load,
            list,
            lambda batch: _describe(batch, encoder, captioner, keep),
            batch_size=size,
            lanes=encoder.lanes,
            size=lambda each: 0 if each.cached else each.row.size_bytes + _PIXELS,
            times=times,
        )
    else:
        batches = workers.map(_describe_remotely, rows, _failed, batch_size=size, times=times)
    with (
        batches as pipeline,
        RowCommits(store) as commits,
        stop_between_steps(signal.SIGINT, on_stop=lambda: pipeline.stop(at_once=True)) as stopped,
    ):
        for done in pipeline:
            if workers is not None:
                workers.check_seen(done.failures)
            # Before the rows: a run that dies here finds these captions, and writes the same.
            if done.fresh:
                keep(done.fresh)
            if given:
                catalog.give_captions({row.image_id: row.captions for row in done.rows})
            commits.add(done.rows, done.captions)
            total = replace(
                total,
                captioned=total.captioned + len(done.rows),
                skipped=total.skipped + len(done.failures),
                errors=(*total.errors, *done.failures),
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


def _describe(
    batch: Sequence[_Waiting], encoder: Encoder, captioner: Captioner | None, keep: Callable[[Captions], None]
) -> _Described:
    """What comes of a batch of loaded images; `keep` is called with what the captioner writes, some at a time."""
    texts = {each.row.image_id: each.cached for each in batch if each.cached is not None}
    if captioner is not None:
        texts |= caption([each.picture for each in batch if each.picture is not None], captioner, keep)
    rows = [replace(each.row, captions=texts[each.row.image_id]) for each in batch if each.row.image_id in texts]
    failures = [each.failure for each in batch if each.failure is not None]
    return _Described(*with_captions(rows, encoder), failures, {})


def _describe_remotely(worker: Worker, batch: Sequence[_Waiting]) -> _Described:
    fresh: Captions = {}
    loaded = worker.load(_load, batch)
    with worker.lane() as models:
        return _describe(loaded, models.encoder, models.captioner, fresh.update)._replace(fresh=fresh)


def _failed(batch: Sequence[_Waiting], reason: str) -> _Described:
    return _Described([], [], [IngestFailure(each.row.path, reason) for each in batch], {})
