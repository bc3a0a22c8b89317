"""Writing: batches are written in a thread of their own, several in one go, because a commit costs more than its rows.

Takes batches with their vectors and captions, and the function that writes them; gives the sum of what it returns. What
an ingest loses when it is killed is what waits here, some seconds' work. Knows nothing about tables.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import fields, replace
from typing import Self

from PIL import Image

from cvsi_db.errors import CvsiError
from cvsi_db.ingest.caption import Captions
from cvsi_db.ingest.read_bytes import DecodedBatch, ReadFile
from cvsi_db.records import FloatArray, IngestSummary

Write = Callable[[DecodedBatch, Mapping[str, FloatArray], Mapping[str, Captions]], IngestSummary]
Described = tuple[DecodedBatch, Mapping[str, FloatArray], Mapping[str, Captions]]
"""A batch with the vectors (dim,) and the captions of its pictures, by image_id."""

COMMIT_S = 2.0
"""How many seconds' work is written in one go."""
COMMIT_FILES = 1024
"""How many files are, if they are there sooner."""


class Writing:
    """Writes what is added, in order. A context manager: at its end everything is written, also after an error.

    `total` is the sum of what was written until then. An error of the writing is raised by a later `add`, or at the
    end, and nothing is written after it.
    """

    def __init__(self, write: Write) -> None:
        self.total = IngestSummary()
        self._write = write
        self._thread = ThreadPoolExecutor(1, "cvsi-write")
        self._running: Future[IngestSummary] | None = None
        self._group = _Group()

    def add(self, described: Described) -> None:
        """Write a batch, sooner or later; waits only when far more is to be written than should be."""
        self._group.add(*described)
        is_idle = self._running is None or self._running.done()
        if self._group.is_due and (is_idle or self._group.files >= 2 * COMMIT_FILES):
            self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        with self._thread, suppress(CvsiError) if kind else nullcontext():  # what went wrong first is what is told
            self._begin()
            self._finish()

    def _begin(self) -> None:
        """Hand the group to the thread, once it is through with the one before."""
        self._finish()
        group, self._group = self._group, _Group()
        if group.files:
            self._running = self._thread.submit(self._write, group.batch, group.vectors, group.captions)

    def _finish(self) -> None:
        running, self._running = self._running, None
        try:
            self.total = plus(self.total, running.result()) if running else self.total
        except BaseException:
            self._group = _Group()
            raise


class _Group:
    """Batches that will be written as one."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._batches: list[DecodedBatch] = []
        self.vectors: dict[str, FloatArray] = {}
        self.captions: dict[str, Captions] = {}
        self.files = 0

    @property
    def is_due(self) -> bool:
        """Whether it is large or old enough."""
        return self.files >= COMMIT_FILES or time.monotonic() - self._since >= COMMIT_S

    @property
    def batch(self) -> DecodedBatch:
        """All of them as one."""
        return DecodedBatch(
            tuple(file for batch in self._batches for file in batch.files),
            tuple(failed for batch in self._batches for failed in batch.failures),
        )

    def add(self, batch: DecodedBatch, vectors: Mapping[str, FloatArray], captions: Mapping[str, Captions]) -> None:
        self._batches.append(replace(batch, files=tuple(map(_without_pixels, batch.files))))
        self.vectors.update(vectors)
        self.captions.update(captions)
        self.files += len(batch.files) + len(batch.failures)


def plus(one: IngestSummary, other: IngestSummary) -> IngestSummary:
    """The sum of two summaries: numbers are added, lists go one after the other."""
    names = [each.name for each in fields(IngestSummary)]
    return IngestSummary(**{name: getattr(one, name) + getattr(other, name) for name in names})


def _without_pixels(read: ReadFile) -> ReadFile:
    """The file as the writer needs it: what pictures look like would fill the memory while they wait."""
    if read.picture is None:
        return read
    return replace(read, picture=replace(read.picture, image=Image.new("RGB", (1, 1))), view=None)
