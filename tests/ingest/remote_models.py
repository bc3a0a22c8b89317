"""Models for workers of another process: fakes, of which the encoder may kill its process. `make` is what they call."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from cvsi_db.errors import ModelError
from cvsi_db.records import FloatArray
from tests.fakes import FakeEncoder, FakeModels, colour_name


@dataclass(frozen=True)
class Fate:
    """What befalls workers: `colour` kills the one that sees it, if a `mark` is given only once; `refuses` to load."""

    colour: str = ""
    mark: Path | None = None
    refuses: str = ""
    dies_loading: bool = False


class Mortal(FakeEncoder):
    """An encoder with a fate."""

    batch_size = 4

    def __init__(self, fate: Fate) -> None:
        super().__init__()
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
    if fate.refuses:
        raise ModelError(fate.refuses)
    if fate.dies_loading:
        os.kill(os.getpid(), signal.SIGKILL)
    return FakeModels(encoder=Mortal(fate))
