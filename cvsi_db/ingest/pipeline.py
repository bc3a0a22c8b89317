"""Pipeline: files are loaded, and the models run on them, in threads ahead of the writer.

Takes files and what the models do with a batch; returns the batches in the order of the files, as if one thread had
done one step after the other. On a CPU several lanes of the models run side by side, where one alone would leave cores
idle.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import Literal, Self, TypeVar

from cvsi_db.ingest.load import Loader
from cvsi_db.ingest.pixels import MAX_SIDE
from cvsi_db.ingest.prefetch import Prefetch
from cvsi_db.ingest.read_bytes import DecodedBatch, FailedFile, ReadFile
from cvsi_db.models.device import cores_shared
from cvsi_db.models.protocols import Encoder
from cvsi_db.records import FoundFile, IngestProgress

ROOM = 256 * 2**20
"""How many bytes of files and pictures may wait for the models."""
AHEAD = 4
"""How many batches may wait, if they are no more than that."""
CAPTIONER_SIDE = 384
"""The side, in pixels, of what captioners see of a picture: BLIP's, the largest we know."""

_MOST_DECODERS = 16
_READERS = 4
"""Threads beside the decoders, so that a slow drive is asked for several files at once."""

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

    def after(self, batch: DecodedBatch) -> IngestProgress:
        """Where the ingest is now that this batch is done."""
        self._done += len(batch.files) + len(batch.failures)
        self._embedded += len(batch.pictures)
        self._failed += len(batch.failures)
        seconds = time.monotonic() - self._started
        return IngestProgress(self._done, self._total, self._embedded, self._failed, seconds, **self._seconds)


class Pipeline(Iterator[R]):
    """What `model` returns for the batches of an ingest, `batch_size` files each. Its threads end with the block.

    `known` are the contents that need no model. With `keep_pixels` pictures keep their pixels beside the encoder's view
    of them, for a captioner. An error of any stage is raised in place of its batch.
    """

    def __init__(
        self,
        files: Sequence[FoundFile],
        known: Collection[str],
        encoder: Encoder,
        model: Callable[[DecodedBatch], R],
        *,
        batch_size: int,
        keep_pixels: bool,
        times: StageTimes,
    ) -> None:
        self._model, self._lanes = model, encoder.lanes
        self._batch_size, self._times = batch_size, times
        side = max(encoder.side, CAPTIONER_SIDE) if keep_pixels else encoder.side
        pixels = 4 * (MAX_SIDE if keep_pixels else encoder.side) ** 2
        cores = min(os.cpu_count() or 1, _MOST_DECODERS)
        self._loader = Loader(known, encoder, side=side, keep_pixels=keep_pixels, cores=cores)
        self._threads = ExitStack()
        begin = self._threads.enter_context(cores_shared(encoder.lanes))
        self._loaded: Prefetch[FoundFile, ReadFile | FailedFile] = Prefetch(
            self._loader.load,
            files,
            threads=cores + _READERS,
            room=ROOM,
            weigh=lambda file: max(file.size_bytes + pixels, ROOM // (AHEAD * batch_size)),
        )
        self._done = Prefetch(self._run_model, self._batches(), threads=self._lanes, room=self._lanes, begin=begin)

    def __next__(self) -> R:
        return next(self._done)

    def stop(self) -> None:
        """Load no further file: the batches end with the files that are ready. Returns at once."""
        self._loaded.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        with self._threads:
            self._done.stop()
            self._loaded.stop()
            if kind is not KeyboardInterrupt:  # after Ctrl-C nobody wants to wait for a model
                self._loaded.close()
                self._done.close()

    def _batches(self) -> Iterator[DecodedBatch]:
        files = map(self._loader.first_only, self._loaded)
        while True:
            with self._times.during("reading"):
                batch = list(islice(files, self._batch_size))
            if not batch:
                return
            yield DecodedBatch(
                tuple(file for file in batch if isinstance(file, ReadFile)),
                tuple(file for file in batch if isinstance(file, FailedFile)),
            )

    def _run_model(self, batch: DecodedBatch) -> R:
        with self._times.during("model", self._lanes):
            return self._model(batch)
