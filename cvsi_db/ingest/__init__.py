"""Ingest: scan → load → embed → caption → write, in batches that overlap.

Takes paths, an open gallery and the models; returns an IngestSummary. Images are read and decoded ahead of the models
(pipeline.py) and written behind them (commit_thread.py). An ingest that is cut short loses some seconds' work: what was
written stays, and the next ingest does the rest.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cvsi_db.errors import IngestError
from cvsi_db.ingest.caption import caption
from cvsi_db.ingest.commit_thread import CommitThread, EmbeddedBatch, add_summaries
from cvsi_db.ingest.embed import embed_images, no_captions
from cvsi_db.ingest.pipeline import Pipeline, StageTimes
from cvsi_db.ingest.read_bytes import DecodedBatch, printable
from cvsi_db.ingest.scan import scan
from cvsi_db.interrupt import stop_between_steps
from cvsi_db.models.protocols import Captioner, Encoder
from cvsi_db.records import IngestProgress, IngestSummary
from cvsi_db.records.tags import normalise_tags

if TYPE_CHECKING:
    from cvsi_db.store.catalog import Catalog
    from cvsi_db.store.images import Store

__all__ = ["dry_run", "ingest"]


def ingest(
    paths: Sequence[Path],
    *,
    store: Store,
    catalog: Catalog,
    encoder: Encoder,
    captioner: Captioner | None,
    batch_size: int | None = None,
    progress: Callable[[IngestProgress], None] | None = None,
    prune: bool = False,
    tags: Sequence[str] = (),
) -> IngestSummary:
    """Ingest files and folders; `progress` is called after each batch of at most `batch_size` files.

    Without a batch size the encoder's own is used. Without a captioner new images have no captions until
    ingest.recaption writes them. Every file found gives its image the `tags`; with `prune` images whose files are gone
    are deleted for good. The caller holds the gallery's write lock. Files that cannot be read are counted and listed,
    in the order of the scan. Raises IngestError for a path that does not exist or holds no image, UsageError for an
    unusable tag, ModelError when a model returns nothing usable, GalleryError when the gallery cannot be written; an
    ingest that raises keeps its finished batches. At the first Ctrl-C the batches in work are finished and written,
    then KeyboardInterrupt is raised; the second one interrupts at once.
    """
    from cvsi_db.ingest.write import Writer

    if batch_size is not None and batch_size < 1:
        raise IngestError(f"cannot ingest {batch_size!r} files at a time: the batch size is at least 1")
    started = time.monotonic()
    writer = Writer(store, catalog, tags=normalise_tags(tags))
    found = scan(paths, writer.files, writer.known)
    run = catalog.start_run([printable(path.absolute()) for path in paths])
    times = StageTimes(found.total, len(found.unchanged))

    def describe(batch: DecodedBatch) -> EmbeddedBatch:
        vectors = embed_images(batch.views, encoder)
        if captioner is None:
            return EmbeddedBatch(batch, vectors, no_captions(vectors))
        captions = caption(batch.pictures, captioner=captioner, encoder=encoder, catalog=catalog)
        return EmbeddedBatch(batch, vectors, captions)

    with Pipeline(
        found.pending,
        writer.known,
        encoder,
        describe,
        batch_size=batch_size or encoder.batch_size,
        keep_pixels=captioner is not None,
        times=times,
    ) as pipeline:
        with (
            stop_between_steps(signal.SIGINT, on_stop=pipeline.stop) as stopped,
            CommitThread(writer.write) as commits,
        ):
            for embedded in pipeline:
                with times.during("writing"):
                    commits.add(embedded)
                if progress is not None:
                    progress(times.after(embedded.batch))
        if stopped.is_set():
            raise KeyboardInterrupt
    summary = add_summaries(commits.total, writer.finish(found, prune=prune))
    summary = replace(summary, seconds=time.monotonic() - started)
    catalog.finish_run(run, summary)
    return summary


def dry_run(paths: Sequence[Path], store: Store | None = None, catalog: Catalog | None = None) -> IngestSummary:
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
        skipped=found.skipped,
        removed=sum(file.state != "missing" for file in found.gone),
        seconds=time.monotonic() - started,
        lost=found.lost,
    )
