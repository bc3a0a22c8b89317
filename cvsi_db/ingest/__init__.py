"""Ingest: scan → read → decode → prepare → embed → caption → write, in batches that overlap.

Takes paths, an open gallery and the models; returns an IngestSummary. The models wait for nothing: pictures are read
and decoded ahead of them (pipeline.py), and written behind them (writing.py). Some seconds' work is what is lost when
an ingest is cut short: whatever was written stays, and the next ingest does the rest. Knows nothing about how any stage
works.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cvsi_db.errors import IngestError
from cvsi_db.ingest.caption import caption, no_captions
from cvsi_db.ingest.commit_thread import Described, Writing, plus
from cvsi_db.ingest.embed import embed
from cvsi_db.ingest.interrupt import stopping
from cvsi_db.ingest.pipeline import Pipeline
from cvsi_db.ingest.progress import Progress
from cvsi_db.ingest.read_bytes import DecodedBatch, printable
from cvsi_db.ingest.scan import Scan, scan
from cvsi_db.manage.tags import tidy_tags
from cvsi_db.models.protocols import Captioner, Encoder
from cvsi_db.records import IngestProgress, IngestSummary

if TYPE_CHECKING:
    from cvsi_db.ingest.write import Writer
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
    """Take in files and folders; `progress` is called after each batch of at most `batch_size` files.

    Without a batch size the encoder's own is taken. Without a captioner new pictures have no captions, until
    ingest.recaption writes them. Every image that is met gets the `tags`; with `prune` those whose files are gone are
    forgotten for good. The caller holds the gallery's write lock. Files that cannot be read are counted and listed, in
    the order of the scan. Raises IngestError for a path that does not exist or holds no picture, UsageError for an
    unusable tag, ModelError when a model gives nothing usable, GalleryError when the gallery cannot be written; an
    ingest that raises leaves its finished batches. So does Ctrl-C: the batches in work are finished and written, then
    KeyboardInterrupt is raised; the second one interrupts at once.
    """
    from cvsi_db.ingest.write import Writer

    if batch_size is not None and batch_size < 1:
        raise IngestError(f"cannot ingest {batch_size!r} files at a time: the batch size is at least 1")
    started = time.monotonic()
    writer = Writer(store, catalog, tags=tidy_tags(tags))
    found = scan(paths, writer.files, writer.known)
    run = catalog.start_run([printable(path.absolute()) for path in paths])
    written = _take_in(found, writer, catalog, encoder, captioner, batch_size or encoder.batch_size, progress)
    total = plus(written, writer.finish(found, prune=prune))
    total = replace(total, seconds=time.monotonic() - started)
    catalog.finish_run(run, total)
    return total


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


def _take_in(
    found: Scan,
    writer: Writer,
    catalog: Catalog,
    encoder: Encoder,
    captioner: Captioner | None,
    batch_size: int,
    progress: Callable[[IngestProgress], None] | None,
) -> IngestSummary:
    """Everything that has to be read; returns what was written."""
    stand = Progress(found.total, len(found.unchanged))

    def describe(batch: DecodedBatch) -> Described:
        vectors = embed(batch.views, encoder)
        if captioner is None:
            return batch, vectors, no_captions(vectors)
        return batch, vectors, caption(batch.pictures, captioner=captioner, encoder=encoder, catalog=catalog)

    whole, known = captioner is not None, writer.known
    pipeline = Pipeline(found.pending, known, encoder, describe, batch_size=batch_size, whole=whole, progress=stand)
    with pipeline, stopping(pipeline.stop), Writing(writer.write) as writing:
        for described in pipeline:
            with stand.during("writing"):
                writing.add(described)
            if progress is not None:
                progress(stand.after(described[0]))
    return writing.total
