"""Progress: how far an ingest is, and which of its stages the others wait for.

Takes batches as they are done; gives IngestProgress. Knows nothing about how it is shown.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from cvsi_db.ingest.read_bytes import DecodedBatch
from cvsi_db.records import IngestProgress

Stage = Literal["reading", "model", "writing"]


class Progress:
    """Counts the files of an ingest, `total` of which `done` need nothing, and the time of its stages."""

    def __init__(self, total: int, done: int) -> None:
        self._total, self._done, self._embedded, self._failed = total, done, 0, 0
        self._started = time.monotonic()
        self._seconds: dict[Stage, float] = {"reading": 0.0, "model": 0.0, "writing": 0.0}
        self._lock = threading.Lock()

    @contextmanager
    def during(self, stage: Stage, share: int = 1) -> Iterator[None]:
        """The time of the block counts for `stage`, divided by `share`: so many do the same side by side."""
        started = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._seconds[stage] += (time.monotonic() - started) / share

    def after(self, batch: DecodedBatch) -> IngestProgress:
        """Where the ingest stands now that this batch is done."""
        self._done += len(batch.files) + len(batch.failures)
        self._embedded += len(batch.pictures)
        self._failed += len(batch.failures)
        seconds = time.monotonic() - self._started
        return IngestProgress(self._done, self._total, self._embedded, self._failed, seconds, **self._seconds)
