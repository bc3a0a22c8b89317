"""Ingest: scan → decode → embed → caption → write, batch by batch.

Takes paths, an open gallery and the models; returns an IngestSummary. A batch is what is lost when an ingest is cut
short: whatever was written stays, and the next ingest does the rest. Knows nothing about how any stage works.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cvsi_db.errors import IngestError
from cvsi_db.ingest.caption import caption, no_captions
from cvsi_db.ingest.decode import decode, printable
from cvsi_db.ingest.embed import embed
from cvsi_db.ingest.scan import Scan, scan
from cvsi_db.models.protocols import Captioner, Encoder
from cvsi_db.records import FoundFile, IngestProgress, IngestSummary

if TYPE_CHECKING:
    from cvsi_db.catalog import Catalog
    from cvsi_db.ingest.write import Writer
    from cvsi_db.store import Store

__all__ = ["ingest"]


def ingest(
    paths: Sequence[Path],
    *,
    store: Store,
    catalog: Catalog,
    encoder: Encoder,
    captioner: Captioner | None,
    batch_size: int = 32,
    progress: Callable[[IngestProgress], None] | None = None,
) -> IngestSummary:
    """Take in files and folders; `progress` is called after each batch of at most `batch_size` files.

    Without a captioner new pictures have no captions, until ingest.recaption writes them.
    The caller holds the gallery's write lock. Files that cannot be read are counted and listed, in the order of the
    scan. Raises IngestError for a path that does not exist or holds no picture, ModelError when a model gives nothing
    usable, GalleryError when the gallery cannot be written; an ingest that raises leaves its finished batches.
    """
    from cvsi_db.ingest.write import Writer

    if batch_size < 1:
        raise IngestError(f"cannot ingest {batch_size!r} files at a time: the batch size is at least 1")
    started = time.monotonic()
    writer = Writer(store, catalog)
    found = scan(paths, writer.files, writer.known)
    run = catalog.start_run([printable(path.absolute()) for path in paths])
    total = IngestSummary(unchanged=len(found.unchanged))
    for batch in _batches(found.pending, batch_size):
        total = _plus(total, _take_in(batch, writer, catalog, encoder, captioner))
        if progress is not None:
            progress(_progress(found, total))
    total = replace(total, removed=writer.mark_missing(found.gone), seconds=time.monotonic() - started)
    catalog.finish_run(run, total)
    return total


def _take_in(
    batch: Sequence[FoundFile], writer: Writer, catalog: Catalog, encoder: Encoder, captioner: Captioner | None
) -> IngestSummary:
    decoded = decode(batch, writer.known)
    vectors = embed(decoded.pictures, encoder)
    if captioner is None:
        return writer.write(decoded, vectors, no_captions(vectors))
    captions = caption(decoded.pictures, captioner=captioner, encoder=encoder, catalog=catalog)
    return writer.write(decoded, vectors, captions)


def _batches(files: Sequence[FoundFile], size: int) -> Iterator[Sequence[FoundFile]]:
    return (files[start : start + size] for start in range(0, len(files), size))


def _plus(total: IngestSummary, part: IngestSummary) -> IngestSummary:
    """The sum of two summaries, but for what only the whole ingest has: `removed` and `seconds`."""
    return replace(
        total,
        new=total.new + part.new,
        unchanged=total.unchanged + part.unchanged,
        moved=total.moved + part.moved,
        duplicates=total.duplicates + part.duplicates,
        failed=total.failed + part.failed,
        embedded=total.embedded + part.embedded,
        errors=total.errors + part.errors,
    )


def _progress(found: Scan, total: IngestSummary) -> IngestProgress:
    done = total.new + total.unchanged + total.moved + total.duplicates + total.failed
    return IngestProgress(done=done, total=found.total, embedded=total.embedded, failed=total.failed)
