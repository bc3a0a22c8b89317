"""An ingest that is killed at a chosen moment; `ingest_and_die` is what a process of its own does.

It sends itself SIGKILL right after the `number`-th call of `method`, a method of the store, the catalog or the
encoder, or a step inside of the store: `merge TABLE` (of some rows) or `delete TABLE` is one commit to one Lance table.
With the method `sleep` it sleeps in the encoder, after it has set `asleep`, until someone else kills it. It prunes.
"""

from __future__ import annotations

import os
import signal
import time
from importlib import import_module
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import cvsi_db.store.images
from cvsi_db.ingest import commit_thread, ingest
from cvsi_db.store.folder import open_gallery_folder
from tests.fakes import CutShort, FakeCaptioner, FakeEncoder


def die() -> None:
    """As if someone had pulled the plug."""
    os.kill(os.getpid(), signal.SIGKILL)


class Sleepy(FakeEncoder):
    """Falls asleep over the second batch."""

    def __init__(self, asleep: Event) -> None:
        super().__init__()
        self.asleep = asleep

    def encode_images(self, pictures: Any) -> Any:
        if self.image_batches:
            self.asleep.set()
            time.sleep(600)
        return super().encode_images(pictures)


def cut_inside(store: Any, step: str, table: str, number: int) -> None:
    """Die after the `number`-th commit of that kind to that table."""
    if step == "delete":
        store._tables[table] = CutShort(store._tables[table], "delete", number, die)
        setattr(store, f"_{table}", store._tables[table])
        return
    merge, left = cvsi_db.store.images.merge, [number]

    def counted(into: Any, rows: Any, *args: Any, **options: Any) -> None:
        merge(into, rows, *args, **options)
        left[0] -= into.name == table and len(rows) > 0
        if not left[0]:
            die()

    cvsi_db.store.images.merge = counted


def ingest_and_die(gallery: Path, photos: Path, method: str, number: int, asleep: Event) -> None:
    commit_thread.COMMIT_S = 0  # as many commits as there can be
    import_module("cvsi_db.ingest.recaption").AT_ONCE = 2
    store, catalog = open_gallery_folder(gallery)
    encoder = Sleepy(asleep) if method == "sleep" else FakeEncoder()
    step, _, table = method.partition(" ")
    if table:
        cut_inside(store, step, table, number)
    parts: list[Any] = [CutShort(part, method, number, die) for part in (store, catalog, encoder)]
    models = {"encoder": parts[2], "captioner": FakeCaptioner()}
    ingest([photos], store=parts[0], catalog=parts[1], batch_size=2, prune=True, **models)
