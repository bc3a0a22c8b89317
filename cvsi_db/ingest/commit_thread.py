"""Commit thread: batches are written in a thread of their own, several per commit, since a commit costs more than rows.

Takes batches with their vectors, and the function that writes them; returns the sum of what it returns.
What waits here, some seconds' work, is what an ingest loses when it is killed. RowCommits does the same, without a
thread, for whole rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import fields, replace
from typing import TYPE_CHECKING, NamedTuple, Self

from PIL import Image

from cvsi_db.errors import CvsiError
from cvsi_db.ingest.read_bytes import DecodedBatch, ReadFile
from cvsi_db.records import CaptionRow, FloatArray, ImageRow, IngestSummary

if TYPE_CHECKING:
    from cvsi_db.store.images import Store

COMMIT_S = 2.0
"""A commit is due after this many seconds."""
COMMIT_FILES = 1024
"""A commit is due after this many files, if they come sooner."""


class EmbeddedBatch(NamedTuple):
    """A batch with the embeddings (dim,) of its images, by image_id."""

    batch: DecodedBatch
    vectors: Mapping[str, FloatArray]


Write = Callable[[DecodedBatch, Mapping[str, FloatArray]], IngestSummary]


class CommitThread:
    """Writes what is added, in order. A context manager: at its end everything is written, also after an error.

    `total` is the sum of what has been written. An error of the writing is raised by a later `add`, or at the end, and
    nothing is written after it.
    """

    def __init__(self, write: Write) -> None:
        self.total = IngestSummary()
        self._write = write
        self._thread = ThreadPoolExecutor(1, "cvsi-write")
        self._running: Future[IngestSummary] | None = None
        self._pending = _Pending()

    def add(self, embedded: EmbeddedBatch) -> None:
        """Write a batch, sooner or later; waits only when far more is pending than one commit should write."""
        self._pending.add(embedded)
        is_idle = self._running is None or self._running.done()
        if self._pending.is_due and (is_idle or self._pending.files >= 2 * COMMIT_FILES):
            self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        with self._thread, suppress(CvsiError) if kind else nullcontext():  # the first error is the one to report
            self._begin()
            self._finish()

    def _begin(self) -> None:
        """Hand what is pending to the thread, once it has finished the commit before."""
        self._finish()
        pending, self._pending = self._pending, _Pending()
        if pending.files:
            self._running = self._thread.submit(self._write, *pending.merged())

    def _finish(self) -> None:
        running, self._running = self._running, None
        try:
            self.total = add_summaries(self.total, running.result()) if running else self.total
        except BaseException:
            self._pending = _Pending()
            raise


class _Pending:
    """Batches that will be written in one commit."""

    def __init__(self) -> None:
        self.files = 0
        self._since = time.monotonic()
        self._batches: list[EmbeddedBatch] = []

    @property
    def is_due(self) -> bool:
        """Whether it is large or old enough."""
        return self.files >= COMMIT_FILES or time.monotonic() - self._since >= COMMIT_S

    def add(self, embedded: EmbeddedBatch) -> None:
        batch = without_pixels(embedded.batch)
        self._batches.append(embedded._replace(batch=batch))
        self.files += len(batch.files) + len(batch.failures)

    def merged(self) -> EmbeddedBatch:
        """All of them as one."""
        vectors: dict[str, FloatArray] = {}
        for embedded in self._batches:
            vectors.update(embedded.vectors)
        files = tuple(file for embedded in self._batches for file in embedded.batch.files)
        failures = tuple(failed for embedded in self._batches for failed in embedded.batch.failures)
        return EmbeddedBatch(DecodedBatch(files, failures), vectors)


class RowCommits:
    """Upserts rows with their captions, several batches per commit. A context manager: at its end all are written."""

    def __init__(self, store: Store) -> None:
        self._store, self._since = store, time.monotonic()
        self._rows: list[ImageRow] = []
        self._captions: list[CaptionRow] = []

    def add(self, rows: Sequence[ImageRow], captions: Sequence[CaptionRow]) -> None:
        """Write these rows, sooner or later."""
        self._rows += rows
        self._captions += captions
        if len(self._rows) >= COMMIT_FILES or time.monotonic() - self._since >= COMMIT_S:
            self._write()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._write()

    def _write(self) -> None:
        self._store.upsert(self._rows, self._captions)
        self._rows, self._captions, self._since = [], [], time.monotonic()


def add_summaries(one: IngestSummary, other: IngestSummary) -> IngestSummary:
    """The sum of two summaries: numbers are added, lists joined."""
    names = [each.name for each in fields(IngestSummary)]
    return IngestSummary(**{name: getattr(one, name) + getattr(other, name) for name in names})


def without_pixels(batch: DecodedBatch) -> DecodedBatch:
    """The batch as the writer needs it: the pixels of all pending pictures would fill the memory."""

    def without(read: ReadFile) -> ReadFile:
        if read.picture is None:
            return read
        return replace(read, picture=replace(read.picture, image=Image.new("RGB", (1, 1))))

    return replace(batch, files=tuple(map(without, batch.files)))
