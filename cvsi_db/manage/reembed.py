"""Reembed: another model for a gallery, in place. Its images are embedded anew beside the old tables, then switched.

Takes an open gallery and the new bundle; returns a ReembedSummary. The new tables are built in a folder of their own,
named after the new weights; the old ones are searched until the catalog names the new ones, in one transaction. A run
that is cut short is resumed by the next one with the same model. Tags and captions stay; captions are texts, and only
their vectors are the model's.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from cvsi_db.errors import GalleryError, ImageError
from cvsi_db.ingest.commit_thread import RowCommits
from cvsi_db.ingest.embed import embed_images, with_captions
from cvsi_db.ingest.pipeline import Batches, Pipeline, StageTimes
from cvsi_db.ingest.recaption import captioned_by_others, read_again
from cvsi_db.interrupt import stop_between_steps
from cvsi_db.models.protocols import Encoder
from cvsi_db.models.unit_vectors import normalise
from cvsi_db.records import CaptionRow, FloatArray, ImageRow, IngestFailure, IngestProgress
from cvsi_db.store.images import Store
from cvsi_db.store.location import Location, free_bytes, remove_tree, table_folders

if TYPE_CHECKING:
    from PIL.Image import Image

    from cvsi_db.ingest.ray_engine import Worker, Workers
    from cvsi_db.models.bundle import Bundle
    from cvsi_db.store.catalog import Catalog

_CHUNK = 500
_BATCH = 8192
_SLACK = 1.1
"""The new tables take a little more than their columns: Lance's own records, and rows that are written twice."""


@dataclass(frozen=True)
class ReembedPlan:
    """What is to be done: `embedded` of `images` are done by a run that was cut short; the new tables take some
    `bytes_needed` until the old ones are deleted, and `bytes_free` are free: None on object storage."""

    images: int
    embedded: int
    bytes_needed: int
    bytes_free: int | None


@dataclass(frozen=True)
class ReembedSummary:
    """What was done. `switched` says whether the gallery is the new model's now.

    `images` and `captions` are what the new tables hold, `embedded` the images that went through the model in this run.
    `missing` are the images that could not be read: without them the gallery was switched only if that was allowed.
    `indexes` are those that the old tables had and the new ones lack; `other_captions` the images whose captions
    neither a person nor the new bundle's captioner wrote.
    """

    switched: bool
    before: str
    after: str
    images: int = 0
    captions: int = 0
    embedded: int = 0
    missing: tuple[IngestFailure, ...] = ()
    indexes: tuple[str, ...] = ()
    other_captions: int = 0
    seconds: float = 0.0


class _Seen(NamedTuple):
    """A row with what the image tower sees of its image, or with the reason why nothing can be seen."""

    row: ImageRow
    view: Image | None
    failure: IngestFailure | None


class _Embedded(NamedTuple):
    """What comes of a batch: rows to write, with their captions; what could not be read, by image_id."""

    rows: Sequence[ImageRow]
    captions: Sequence[CaptionRow]
    missing: Mapping[str, IngestFailure]


def reembed(  # one argument per option
    folder: Location,
    store: Store,
    catalog: Catalog,
    bundle: Bundle,
    *,
    allow_missing: bool = False,
    batch_size: int | None = None,
    on_plan: Callable[[ReembedPlan], None] | None = None,
    progress: Callable[[IngestProgress], None] | None = None,
    workers: Workers | None = None,
) -> ReembedSummary:
    """Make the gallery in `folder` one of `bundle`'s; `store` must not be used after it was switched.

    `on_plan` is called before an image is read, `progress` after each batch. Images that cannot be read keep the
    gallery as it is, unless `allow_missing`: they then wait, with tags and captions, until an ingest finds their file.
    Files are read and the model runs here, or by `workers`. The caller holds the gallery's write lock. Raises
    ModelError when a model gives nothing usable, GalleryError when the disk has too little room or cannot be written.
    At Ctrl-C what is done is kept for the next run with the same
    model, then KeyboardInterrupt is raised.
    """
    started, info = time.monotonic(), catalog.gallery()
    summary = ReembedSummary(True, info.fingerprint, bundle.fingerprint)
    if bundle.fits(info.fingerprint):  # the same vectors, by another name or with another phi, captioner or preset
        catalog.describe(replace(info, bundle=bundle.source, fingerprint=bundle.fingerprint))
        return replace(summary, images=store.count(), captions=store.count(table="captions"))
    encoder = workers.encoder if workers else bundle.encoder
    target = folder / f"lance-{bundle.clip_digest}"
    for left in table_folders(folder):  # of other runs that were cut short
        if left.name not in (info.tables, target.name):
            remove_tree(left)
    new = _open(target, encoder.dim, store)
    seen = new.scan(["image_id"], "image_norm > 0", "removed")["image_id"].to_pylist()
    waiting = sorted(store.ids() - new.ids() - set(seen))
    _check_room(store, new, len(waiting), folder, on_plan)
    embedded, missing = _embed_all(waiting, store, new, encoder, batch_size, progress, workers)
    told = replace(summary, embedded=embedded, missing=tuple(missing.values()))
    if missing and not allow_missing:
        return replace(told, switched=False, seconds=time.monotonic() - started)
    _settle(store, new, missing, encoder)
    new.take_over(store, ["thumbnails"])
    indexes = tuple(f"{name}.{facts.column}" for name in ("images", "captions") for facts in store.indexes(name))
    gone = [file for file in catalog.each_file() if file.image_id in missing]
    catalog.describe(
        replace(info, bundle=bundle.source, fingerprint=bundle.fingerprint, dim=encoder.dim, tables=target.name)
    )
    catalog.record_files([replace(file, image_id=None, state="missing", error=None) for file in gone])
    remove_tree(folder / info.tables, ignore_errors=True)
    captioner = bundle.captioner
    return replace(
        told,
        images=new.count(),
        captions=new.count(table="captions"),
        indexes=indexes,
        other_captions=len(captioned_by_others(new, catalog, captioner.name)) if captioner else 0,
        seconds=time.monotonic() - started,
    )


def _open(target: Location, dim: int, like: Store) -> Store:
    """The unfinished tables in `target`; new ones where there are none, or none of the present form."""
    try:
        store = Store.create(target, dim)
        if store.dim == dim and store.columns == like.columns:
            return store
    except GalleryError:  # cut short while they were made
        pass
    remove_tree(target)
    return Store.create(target, dim)


def _check_room(
    store: Store, new: Store, waiting: int, folder: Location, on_plan: Callable[[ReembedPlan], None] | None
) -> None:
    """Tell the plan. Raises GalleryError when the disk has too little room for it."""
    images, captions = store.count() + store.count(table="removed"), store.count(table="captions")
    texts = sum(
        batch.nbytes
        for name, columns in (
            ("images", list(store.columns)),
            ("removed", list(store.columns)),
            ("captions", ["caption_id", "image_id", "text"]),
        )
        for batch in store.batches(columns, _BATCH, table=name)  # type: ignore[arg-type]
    )
    whole = _SLACK * (texts + 2 * new.dim * (2 * images + captions))
    needed = int(whole * waiting / max(store.count(), 1))
    free = free_bytes(folder)
    if on_plan is not None:
        on_plan(ReembedPlan(store.count(), store.count() - waiting, needed, free))
    if free is not None and needed > free:
        raise GalleryError(
            f"the new tables in {str(folder)!r} take some {needed / 2**20:,.0f} MB, and {free / 2**20:,.0f} MB are "
            "free: free some space; the gallery is as it was"
        )


def _embed_all(
    waiting: Sequence[str],
    store: Store,
    new: Store,
    encoder: Encoder,
    batch_size: int | None,
    progress: Callable[[IngestProgress], None] | None,
    workers: Workers | None,
) -> tuple[int, dict[str, IngestFailure]]:
    """Embed these images into `new`; returns how many it did, and those that could not be read, by image_id."""
    embedded, missing = 0, dict[str, IngestFailure]()
    done = store.count() - len(waiting)
    times = StageTimes(done + len(waiting), done)
    rows = (row for chunk in _chunks(waiting) for _, row in sorted(store.rows(chunk).items()))
    size = batch_size or (encoder.batch_size if waiting else 1)
    batches: Batches[_Embedded]
    if workers is None:
        batches = Pipeline(
            rows,
            lambda row: _see(row, encoder),
            list,
            lambda seen: _embed(seen, encoder),
            batch_size=size,
            lanes=encoder.lanes,
            size=lambda row: row.size_bytes + 4 * encoder.side**2,
            times=times,
        )
    else:
        batches = workers.map(_embed_remotely, rows, _failed, batch_size=size, times=times)
    with (
        batches as pipeline,
        RowCommits(new) as commits,
        stop_between_steps(signal.SIGINT, on_stop=lambda: pipeline.stop(at_once=True)) as stopped,
    ):
        for batch in pipeline:
            if workers is not None:
                workers.check_seen(batch.missing.values())
            commits.add(batch.rows, batch.captions)
            embedded += len(batch.rows)
            missing |= batch.missing
            if progress is not None:
                count = len(batch.rows) + len(batch.missing)
                progress(times.after(count, len(batch.rows), len(batch.missing)))
    if stopped.is_set():
        raise KeyboardInterrupt
    return embedded, missing


def _see(row: ImageRow, encoder: Encoder) -> _Seen:
    try:
        return _Seen(row, encoder.prepare(read_again(row, encoder.side).image), None)
    except ImageError as error:
        return _Seen(row, None, IngestFailure(error.path, error.reason))


def _embed(batch: Sequence[_Seen], encoder: Encoder) -> _Embedded:
    vectors = embed_images({each.row.image_id: each.view for each in batch if each.view is not None}, encoder)
    rows = [_with_vector(each.row, vectors[each.row.image_id]) for each in batch if each.view is not None]
    missing = {each.row.image_id: each.failure for each in batch if each.failure is not None}
    return _Embedded(*with_captions(rows, encoder), missing)


def _embed_remotely(worker: Worker, rows: Sequence[ImageRow]) -> _Embedded:
    seen = worker.load(lambda row: _see(row, worker.models.encoder), rows)
    with worker.lane() as models:
        return _embed(seen, models.encoder)


def _failed(rows: Sequence[ImageRow], reason: str) -> _Embedded:
    return _Embedded([], [], {row.image_id: IngestFailure(row.path, reason) for row in rows})


def _settle(store: Store, new: Store, missing: Collection[str], encoder: Encoder) -> None:
    """Give `new` the rows that the gallery has now: since some were embedded it may have been written to.

    Every row that differs in more than its vector is written again; the `missing` ones, and the removed ones that were
    never embedded, are put into `removed` without a vector.
    """
    shown = store.ids() - set(missing)
    gone = (store.ids("removed") | set(missing)) - shown
    new.delete((new.ids() | new.ids("removed")) - shown - gone)
    for chunk in _chunks(sorted(shown)):
        _carry(store.rows(chunk), new.rows(chunk) | new.rows(chunk, "removed"), new, encoder, "images")
        new.drop(chunk, "removed")
    for chunk in _chunks(sorted(gone)):
        there = new.rows(chunk, "removed") | new.rows(chunk)
        _carry(store.rows(chunk, "removed") | store.rows(chunk), there, new, encoder, "removed")
        new.drop(chunk, "images")
    new.drop(new.orphans(), "captions")


def _carry(
    rows: Mapping[str, ImageRow],
    there: Mapping[str, ImageRow],
    new: Store,
    encoder: Encoder,
    table: Literal["images", "removed"],
) -> None:
    """Write `rows` with the vectors that they have `there`, where they are not the same already."""
    changed = []
    for image_id, row in rows.items():
        row = replace(row, paths=() if table == "removed" else row.paths)
        known = there.get(image_id)
        if known is None or _told(known) != _told(row):
            vector = np.zeros(new.dim, np.float32) if known is None else known.image_vector
            norm = 0.0 if known is None else known.image_norm
            changed.append(replace(row, image_vector=vector, image_norm=norm))
    new.upsert(*with_captions(changed, encoder), table)


_NONE: FloatArray = np.zeros(0, np.float32)


def _told(row: ImageRow) -> ImageRow:
    """The row without what a model made, to compare."""
    return replace(row, image_vector=_NONE, caption_vector=_NONE, image_norm=None)


def _with_vector(row: ImageRow, embedding: FloatArray) -> ImageRow:
    return replace(row, image_vector=normalise(embedding[None], 1)[0], image_norm=float(np.linalg.norm(embedding)))


def _chunks(image_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (image_ids[start : start + _CHUNK] for start in range(0, len(image_ids), _CHUNK))
