"""Draws scenes in bulk, in worker processes: scenes in, pictures out, in order; knows nothing about models."""

from __future__ import annotations

import io
import multiprocessing
from collections.abc import Iterator, Sequence
from functools import cached_property

from PIL import Image

from cvsi_db.evaluation.progress import Progress
from cvsi_db.scenes.scene import Scene

SIZE = 128
"""Pixels on a side of each picture."""

WORKERS = 2
FEW = 300
"""Up to so many scenes are drawn here: starting the workers takes longer."""


class Pictures:
    """The pictures of scenes, drawn when first asked for and held as PNG files: pixels would take five times that."""

    def __init__(self, scenes: Sequence[Scene], on_progress: Progress) -> None:
        self._scenes = scenes
        self._on_progress = on_progress

    def chunks(self, stage: str, size: int) -> Iterator[tuple[int, list[Image.Image]]]:
        """All pictures in order, `size` at a time, each chunk with its first index; reports progress of the stage."""
        for start in range(0, len(self._files), size):
            files = self._files[start : start + size]
            yield start, [Image.open(io.BytesIO(file)) for file in files]
            self._on_progress(stage, start + len(files), len(self._files))

    @cached_property
    def _files(self) -> list[bytes]:
        files: list[bytes] = []
        for file in _drawn(self._scenes):
            files.append(file)
            if len(files) % 100 == 0:
                self._on_progress("drawing", len(files), len(self._scenes))
        return files


def _drawn(scenes: Sequence[Scene]) -> Iterator[bytes]:
    if len(scenes) <= FEW:
        yield from map(draw, scenes)
        return
    # Spawned, not forked: a forked child of a process that runs torch's threads may hang.
    with multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
        yield from pool.imap(draw, scenes, chunksize=50)


def draw(scene: Scene) -> bytes:
    """The scene's picture as a PNG file."""
    from cvsi_db.scenes.renderer import render

    buffer = io.BytesIO()
    render(scene, SIZE).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
