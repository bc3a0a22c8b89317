"""An ingest that is killed at a chosen moment: `python -m tests.ingest.killed GALLERY PHOTOS METHOD NUMBER`.

The process sends itself SIGKILL right after the NUMBER-th call of METHOD, a method of the store, the catalog or the
encoder; with METHOD `sleep` it sleeps in the encoder, after a line on stdout, until someone else kills it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from cvsi_db.ingest import ingest
from cvsi_db.storage import open_gallery_folder
from tests.fakes import CutShort, FakeCaptioner, FakeEncoder


def die() -> None:
    """As if someone had pulled the plug."""
    os.kill(os.getpid(), signal.SIGKILL)


class Sleepy(FakeEncoder):
    """Falls asleep over the second batch."""

    def encode_images(self, pictures: Any) -> Any:
        if self.image_batches:
            print("asleep", flush=True)
            time.sleep(600)
        return super().encode_images(pictures)


def main(gallery: str, photos: str, method: str, number: str) -> None:
    store, catalog = open_gallery_folder(Path(gallery))
    encoder = Sleepy() if method == "sleep" else FakeEncoder()
    parts: list[Any] = [CutShort(part, method, int(number), die) for part in (store, catalog, encoder)]
    ingest([Path(photos)], store=parts[0], catalog=parts[1], encoder=parts[2], captioner=FakeCaptioner(), batch_size=2)


if __name__ == "__main__":
    main(*sys.argv[1:])
