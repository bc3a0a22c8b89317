"""Pipeline: files become pictures, and pictures what models say of them, in threads ahead of whoever writes them.

Takes files and what the models do with a batch; gives the batches in the order of the files, as if one thread had done
one step after the other. The models have lanes: side by side on a CPU, where one alone would let cores wait. Knows
nothing about the gallery but which contents need no model.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from typing import Self, TypeVar

from cvsi_db.ingest.decode import MAX_SIDE
from cvsi_db.ingest.load import Taking
from cvsi_db.ingest.prefetch import Ahead
from cvsi_db.ingest.progress import Progress
from cvsi_db.ingest.read_bytes import DecodedBatch, FailedFile, ReadFile
from cvsi_db.models.device import cores_shared
from cvsi_db.models.protocols import Encoder
from cvsi_db.records import FoundFile

ROOM = 256 * 2**20
"""How many bytes of files and pictures may lie ready for the models."""
AHEAD = 4
"""How many batches may lie ready, if they are no more than that."""
CAPTIONER_SIDE = 384
"""What captioners see of a picture: BLIP, the largest we know, takes a square of so many pixels."""

_MOST_DECODERS = 16
_READERS = 4
"""Threads beside the decoders, so that a slow drive is asked for several files at once."""


R = TypeVar("R")


class Pipeline(Iterator[R]):
    """What `model` gives for the batches of an ingest, `batch_size` files each. Its threads end with the block.

    `known` are the contents that need no model. With `whole` pictures keep their pixels beside the encoder's view of
    them, for a captioner. Errors of any stage are raised where their batch would be given.
    """

    def __init__(
        self,
        files: Sequence[FoundFile],
        known: Collection[str],
        encoder: Encoder,
        model: Callable[[DecodedBatch], R],
        *,
        batch_size: int,
        whole: bool,
        progress: Progress,
    ) -> None:
        self._model, self._lanes = model, encoder.lanes
        self._batch_size, self._progress = batch_size, progress
        side = max(encoder.side, CAPTIONER_SIDE) if whole else encoder.side
        pixels = 4 * (MAX_SIDE if whole else encoder.side) ** 2
        cores = min(os.cpu_count() or 1, _MOST_DECODERS)
        self._taking = Taking(known, encoder, side=side, whole=whole, cores=cores)
        self._threads = ExitStack()
        begin = self._threads.enter_context(cores_shared(encoder.lanes))
        self._taken: Ahead[FoundFile, ReadFile | FailedFile] = Ahead(
            self._taking.take,
            files,
            threads=cores + _READERS,
            room=ROOM,
            weigh=lambda file: max(file.size_bytes + pixels, ROOM // (AHEAD * batch_size)),
        )
        self._done = Ahead(self._in_lane, self._batches(), threads=self._lanes, room=self._lanes, begin=begin)

    def __next__(self) -> R:
        return next(self._done)

    def stop(self) -> None:
        """Take no further file: the batches end with the files that are ready. Returns at once."""
        self._taken.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        with self._threads:
            self._done.stop()
            self._taken.stop()
            if kind is not KeyboardInterrupt:  # whoever presses Ctrl-C does not want to wait for a model
                self._taken.close()
                self._done.close()

    def _batches(self) -> Iterator[DecodedBatch]:
        files = map(self._taking.give, self._taken)
        while True:
            with self._progress.during("reading"):
                batch = list(islice(files, self._batch_size))
            if not batch:
                return
            yield DecodedBatch(
                tuple(file for file in batch if isinstance(file, ReadFile)),
                tuple(file for file in batch if isinstance(file, FailedFile)),
            )

    def _in_lane(self, batch: DecodedBatch) -> R:
        with self._progress.during("model", self._lanes):
            return self._model(batch)
