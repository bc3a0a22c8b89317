"""Ingest: scan → load → embed → write, in batches that overlap; then captions for the images that have none.

Takes paths, an open gallery and the models; returns an IngestSummary. Images are read and decoded ahead of the models
(pipeline.py) and written behind them (commit_thread.py). Captioning takes many times as long as embedding, so it comes
last (recaption.py) and reads the images again: until then every image can be searched already. An ingest that is cut
short loses some seconds' work: what was written stays, and the next ingest does the rest.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from cvsi_db.errors import IngestError
from cvsi_db.ingest.commit_thread import CommitThread, EmbeddedBatch, add_summaries
from cvsi_db.ingest.embed import embed_images
from cvsi_db.ingest.load import Loader
from cvsi_db.ingest.pipeline import DECODERS, Batches, Pipeline, StageTimes
from cvsi_db.ingest.read_bytes import printable
from cvsi_db.ingest.recaption import RecaptionProgress, recaption
from cvsi_db.ingest.scan import scan
from cvsi_db.interrupt import stop_between_steps
from cvsi_db.models.protocols import Captioner, Encoder
from cvsi_db.records import IngestFailure, IngestProgress, IngestSummary
from cvsi_db.records.tags import normalise_tags

if TYPE_CHECKING:
    from cvsi_db.ingest.ray_engine import Workers
    from cvsi_db.store.catalog import Catalog
    from cvsi_db.store.images import Store
    from cvsi_db.store.location import Location

__all__ = ["dry_run", "ingest"]


def ingest(  # noqa: PLR0913  # one argument per option of an ingest
    paths: Sequence[Location],
    *,
    store: Store,
    catalog: Catalog,
    encoder: Encoder,
    captioner: Captioner | None,
    batch_size: int | None = None,
    progress: Callable[[IngestProgress], None] | None = None,
    on_searchable: Callable[[IngestSummary, int], None] | None = None,
    prune: bool = False,
    tags: Sequence[str] = (),
    metadata: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    thumbnails: bool = True,
    workers: Workers | None = None,
) -> IngestSummary:
    """Ingest files and folders: embed and write all, then caption those among them that have no captions.

    `progress` is called after each batch of at most `batch_size` files, by default as many as suit the encoder;
    `on_searchable`, when all are written, with the summary so far and the number of images to caption. Without a
    captioner that is the end. New images get `thumbnails`. Every file found gives its image the `tags`, and what
    `metadata` says of its path in Metadata's fields; with `prune` images whose files are gone are deleted for good.
    Files are read and models run here, or by `workers`; the result is the same. The caller holds the gallery's write
    lock. Files that cannot be read are counted and listed, in the order of the scan. Raises IngestError for a path that
    does not exist or holds no image, UsageError for an unusable tag, ModelError when a model returns nothing usable,
    GalleryError when the gallery cannot be written; an ingest that raises keeps its finished batches. At the first
    Ctrl-C the batches in work are finished and written, then KeyboardInterrupt is raised; the second one interrupts at
    once, and so does the first while captions are written.
    """
    from cvsi_db.ingest.write import Writer

    if batch_size is not None and batch_size < 1:
        raise IngestError(f"cannot ingest {batch_size!r} files at a time: the batch size is at least 1")
    started = time.monotonic()
    writer = Writer(store, catalog, tags=normalise_tags(tags))
    found = scan(paths, writer.files, writer.known)
    run = catalog.start_run([printable(path.absolute()) for path in paths])
    times = StageTimes(found.total, len(found.unchanged))

    batches: Batches[EmbeddedBatch]
    if workers is None:
        loader = Loader(writer.known, encoder, cores=DECODERS, thumbnails=thumbnails, given=metadata)
        batches = Pipeline(
            found.pending,
            loader.load,
            loader.gather,
            lambda batch: EmbeddedBatch(batch, embed_images(batch.views, encoder)),
            batch_size=batch_size or encoder.batch_size,
            lanes=encoder.lanes,
            size=lambda file: file.size_bytes + 4 * encoder.side**2,
            times=times,
        )
    else:
        batches = workers.embed(
            found.pending,
            known=writer.known,
            thumbnails=thumbnails,
            given=metadata,
            batch_size=batch_size,
            times=times,
        )
    with batches as pipeline:
        with (
            stop_between_steps(signal.SIGINT, on_stop=pipeline.stop) as stopped,
            CommitThread(writer.write) as commits,
        ):
            for embedded in pipeline:
                with times.during("writing"):
                    commits.add(embedded)
                if progress is not None:
                    batch = embedded.batch
                    files = len(batch.files) + len(batch.failures)
                    progress(times.after(files, len(batch.pictures), len(batch.failures)))
        if stopped.is_set():
            raise KeyboardInterrupt
    summary = add_summaries(commits.total, writer.finish(found, prune=prune))
    summary = replace(summary, seconds=time.monotonic() - started)
    waiting = [] if captioner is None else store.uncaptioned(found.paths)
    if on_searchable is not None:
        on_searchable(summary, len(waiting))
    if captioner is not None and waiting:

        def told(now: RecaptionProgress) -> None:
            if progress is not None:
                seconds = time.monotonic() - started - summary.seconds
                progress(IngestProgress(now.done, now.total, 0, now.skipped, seconds, phase="captioning"))

        written = recaption(
            store=store,
            catalog=catalog,
            encoder=encoder,
            captioner=captioner,
            image_ids=waiting,
            progress=told,
            workers=workers,
        )
        summary = replace(
            summary,
            captioned=written.captioned,
            errors=(*summary.errors, *written.errors),
            seconds=time.monotonic() - started,
        )
    catalog.finish_run(run, summary)
    return summary


def dry_run(paths: Sequence[Location], store: Store | None = None, catalog: Catalog | None = None) -> IngestSummary:
    """What an ingest would do, as far as names, sizes and times tell: nothing is read, and nothing written.

    `new` counts the files that would be read: some may turn out to be moved, or copies. Without a gallery all are.
    Raises IngestError as `ingest` does.
    """
    started = time.monotonic()
    known = store.ids() | store.ids("removed") if store else set()
    found = scan(paths, catalog.source_files() if catalog else {}, known)
    return IngestSummary(
        new=len(found.pending),
        unchanged=len(found.unchanged),
        skipped=len(found.skipped),
        skipped_files=tuple(IngestFailure(file.path, file.error or "") for file in found.skipped),
        removed=sum(file.state != "missing" for file in found.gone),
        seconds=time.monotonic() - started,
        lost=found.lost,
    )
