"""Pipeline: items are loaded, and the models run on them, in threads ahead of the writer.

Takes the items (files, rows), how one is loaded and what the models do with a batch; returns the batches in the order
of the items, as if one thread had done one step after the other. On a CPU several lanes of the models run side by side,
where one alone would leave cores idle.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import Generic, Literal, Self, TypeVar

from cvsi_db.ingest.prefetch import Prefetch
from cvsi_db.models.device import cores_shared
from cvsi_db.records import IngestProgress

ROOM = 256 * 2**20
"""How many bytes of files and pictures may wait for the models."""
AHEAD = 4
"""How many batches may wait, if they are no more than that."""
DECODERS = min(os.cpu_count() or 1, 16)
"""How many files are decoded at once."""

READERS = 4
"""Threads beside the decoders, so that a slow drive is asked for several files at once."""

T = TypeVar("T")
L = TypeVar("L")
B = TypeVar("B")
R = TypeVar("R")
Stage = Literal["reading", "model", "writing"]


class StageTimes:
    """Counts the files of an ingest, `total` of which `done` need nothing, and the time of its stages."""

    def __init__(self, total: int, done: int) -> None:
        self._total, self._done, self._embedded, self._failed = total, done, 0, 0
        self._started = time.monotonic()
        self._seconds: dict[Stage, float] = {"reading": 0.0, "model": 0.0, "writing": 0.0}
        self._lock = threading.Lock()

    @contextmanager
    def during(self, stage: Stage, lanes: int = 1) -> Iterator[None]:
        """Add the time of the block to `stage`, divided by the number of `lanes` that do the same side by side."""
        started = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._seconds[stage] += (time.monotonic() - started) / lanes

    def after(self, done: int, embedded: int, failed: int) -> IngestProgress:
        """Where the ingest is now that so many files more are done."""
        self._done += done
        self._embedded += embedded
        self._failed += failed
        seconds = time.monotonic() - self._started
        stages = (self._seconds["reading"], self._seconds["model"], self._seconds["writing"])
        return IngestProgress(self._done, self._total, self._embedded, self._failed, seconds, *stages)


class Batches(Iterator[R]):
    """What comes of the batches of a run, in order, wherever they are worked on. A context manager."""

    def __next__(self) -> R:
        raise NotImplementedError

    def stop(self, *, at_once: bool = False) -> None:
        """Begin nothing more: the results end with what is begun, or with what is done. Returns at once."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self.stop(at_once=True)


class Pipeline(Batches[R], Generic[T, L, B, R]):
    """What `model` returns for the batches of an ingest, `batch_size` items each. Its threads end with the block.

    `load` is called for each item, from several threads; `gather` makes a batch of what it returns, in the order of the
    items, one batch at a time. `lanes` batches are in `model` at once. `size` is how many bytes an item takes while it
    waits for the models. An error of any stage is raised in place of its batch.
    """

    def __init__(
        self,
        items: Iterable[T],
        load: Callable[[T], L],
        gather: Callable[[list[L]], B],
        model: Callable[[B], R],
        *,
        batch_size: int,
        lanes: int,
        size: Callable[[T], int],
        times: StageTimes,
    ) -> None:
        self._gather, self._model, self._lanes = gather, model, lanes
        self._batch_size, self._times = batch_size, times
        self._threads = ExitStack()
        begin = self._threads.enter_context(cores_shared(lanes))
        self._loaded: Prefetch[T, L] = Prefetch(
            load,
            items,
            threads=DECODERS + READERS,
            room=ROOM,
            weigh=lambda item: max(size(item), ROOM // (AHEAD * batch_size)),
        )
        self._done = Prefetch(self._run_model, self._batches(), threads=lanes, room=lanes, begin=begin)

    def __next__(self) -> R:
        return next(self._done)

    def stop(self, *, at_once: bool = False) -> None:
        """Load nothing more: the batches end with the items that are ready, or with those done. Returns at once."""
        self._loaded.stop()
        if at_once:
            self._done.stop()

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        with self._threads:
            self._done.stop()
            self._loaded.stop()
            if kind is not KeyboardInterrupt:  # after Ctrl-C nobody wants to wait for a model
                self._loaded.close()
                self._done.close()

    def _batches(self) -> Iterator[B]:
        while True:
            with self._times.during("reading"):
                batch = list(islice(self._loaded, self._batch_size))
            if not batch:
                return
            yield self._gather(batch)

    def _run_model(self, batch: B) -> R:
        with self._times.during("model", self._lanes):
            return self._model(batch)
