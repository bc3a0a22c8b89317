"""What runs in other processes than the test's: fake models, which may kill their worker, and an ingest that dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from cvsi_db.errors import ModelError
from cvsi_db.ingest import commit_thread, ingest
from cvsi_db.ingest.ray_engine import RayEngine, Workers
from cvsi_db.records import FloatArray, IngestProgress
from cvsi_db.store.folder import open_gallery_folder
from tests.fakes import DIM, FakeCaptioner, FakeEncoder, FakeModels, colour_name


@dataclass(frozen=True)
class Fate:
    """What befalls workers: `colour` kills the one that sees it, with a `mark` only once; it `refuses` to load.

    They get `environ` in their environment.
    """

    colour: str = ""
    mark: Path | None = None
    refuses: str = ""
    dies_loading: bool = False
    dim: int = DIM
    environ: Mapping[str, str] = field(default_factory=dict)


class Mortal(FakeEncoder):
    """An encoder with a fate."""

    batch_size = 4

    def __init__(self, fate: Fate) -> None:
        super().__init__(fate.dim)
        self.fate = fate

    def encode_images(self, pictures: Sequence[Image.Image]) -> FloatArray:
        if self.fate.colour in map(colour_name, pictures) and self._is_due():
            os.kill(os.getpid(), signal.SIGKILL)
        return super().encode_images(pictures)

    def _is_due(self) -> bool:
        if self.fate.mark is None:
            return True
        try:
            self.fate.mark.touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


def make(fate: Fate, device: str) -> Any:
    """The models of a worker."""
    os.environ.update(fate.environ)
    if fate.refuses:
        raise ModelError(fate.refuses)
    if fate.dies_loading:
        os.kill(os.getpid(), signal.SIGKILL)
    return FakeModels(encoder=Mortal(fate))


def ingest_and_die(gallery: Path, photos: Path, address: str, batches: int) -> None:
    """Ingest by workers of the cluster there; the process dies once so many batches have been handed to the writer, and
    some are written."""
    commit_thread.COMMIT_S = 0
    left = [batches]

    def count(_now: IngestProgress) -> None:
        left[0] -= 1
        if left[0] <= 0 and catalog.source_files():
            os.kill(os.getpid(), signal.SIGKILL)

    store, catalog = open_gallery_folder(gallery)
    with Workers(RayEngine(address, workers=2), partial(make, Fate())) as workers:
        models = {"encoder": workers.encoder, "captioner": FakeCaptioner(), "workers": workers}
        ingest([photos], store=store, catalog=catalog, progress=count, **models)
