"""An ingest that was asked for over HTTP: a process of its own, so that searches go on as before.

Takes the gallery's folder and model, and what to take in; tells how far it is.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from cvsi_db.store.location import Location

_NOTHING: dict[str, Any] = {
    "job": None, "state": "none", "phase": None, "done": 0, "total": 0, "summary": None, "error": None
}  # fmt: skip


class IngestJob:
    """The last ingest, at most one at a time."""

    def __init__(self, folder: Location, device: str) -> None:
        self._folder, self._device = folder, device
        self._state, self._jobs, self._lock = dict(_NOTHING), 0, Lock()
        self._process: Any = None

    @property
    def state(self) -> dict[str, Any]:
        """What it is doing or has done: see IngestDocument."""
        return dict(self._state)

    def start(self, paths: Sequence[Path], tags: Sequence[str], caption: bool) -> bool:
        """Start it; False while another one runs."""
        with self._lock:
            if self._state["state"] == "running":
                return False
            self._jobs += 1
            self._state = {**_NOTHING, "job": f"j{self._jobs}", "state": "running"}
        spawn = multiprocessing.get_context("spawn")
        here, there = spawn.Pipe(duplex=False)
        asked = (self._folder, self._device, list(paths), list(tags), caption, there)
        self._process = spawn.Process(target=_ingest, args=asked, name="cvsi-db-ingest", daemon=True)
        self._process.start()
        there.close()  # so that its end is noticed
        Thread(target=self._follow, args=(here,), name="cvsi-db-ingest", daemon=True).start()
        return True

    def close(self) -> None:
        """End it between two batches; what is done stays, and the next ingest goes on."""
        if self._process is not None and self._process.is_alive():
            self._process.terminate()
            self._process.join(10)

    def _follow(self, progress: Connection) -> None:
        told: dict[str, Any] = {}
        try:
            while True:
                told = progress.recv()
                self._state = {**self._state, **told}
        except (EOFError, OSError):
            if self._state["state"] == "running":
                self._state = {**self._state, "state": "failed", "error": "the ingest ended early: start it again"}


def _ingest(folder: Location, device: str, paths: list[Path], tags: list[str], caption: bool, told: Connection) -> None:
    """In the process: ingest, and tell of it."""
    from cvsi_db.errors import CvsiError
    from cvsi_db.gallery import Gallery
    from cvsi_db.records import IngestProgress

    def progress(now: IngestProgress) -> None:
        told.send({"phase": now.phase, "done": now.done, "total": now.total})

    try:
        with Gallery.open(folder, device=device) as gallery:
            summary = gallery.ingest(*paths, tags=tags, caption=caption, on_progress=progress)
        told.send({"state": "done", "summary": asdict(summary)})
    except CvsiError as error:
        told.send({"state": "failed", "error": str(error)})
