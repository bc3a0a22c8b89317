"""The gallery side of Scenes-CIR: every scene drawn, embedded and captioned, as an ingest would do it.

Takes scenes and models, returns arrays; what a cache has is not computed again. Scenes are drawn in worker processes.
"""

from __future__ import annotations

import io
import multiprocessing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from cvsi_db.evaluation.cache import Cache
from cvsi_db.evaluation.encoding import EMBEDDED_AT_ONCE, Models, StageProgress, caption_means
from cvsi_db.models.unit_vectors import normalise
from cvsi_db.records import FloatArray
from cvsi_db.scenes import scene
from cvsi_db.scenes.scene import Scene

SIZE = 128
"""Pixels on a side of each picture."""

CAPTIONED_AT_ONCE = 100
WORKERS = 2
FEW = 300
"""Up to this many scenes are drawn in this process: starting the workers takes longer."""


@dataclass(frozen=True)
class Features:
    """The gallery as the models see it.

    `embeddings` (images, dim) are the un-normalised image embeddings, `captions` the texts of each image, and
    `caption_means` (images, dim) the caption column: the mean of the normalised embeddings of its captions, not
    normalised again.
    """

    embeddings: FloatArray = field(repr=False)
    captions: tuple[tuple[str, ...], ...] = field(repr=False)
    caption_means: FloatArray = field(repr=False)

    def column(self, gamma: float) -> FloatArray:
        """(images, dim) what queries are scored against: (1-γ)·image + γ·captions."""
        images = normalise(self.embeddings, len(self.embeddings))
        return np.asarray((1 - gamma) * images + gamma * self.caption_means, dtype=np.float32)


def compute_features(
    scenes: Sequence[Scene],
    models: Models,
    cache: Cache,
    on_progress: StageProgress,
    captioned: Sequence[int] | None = None,
) -> Features:
    """Draws, embeds and captions the scenes, then embeds the captions.

    With `captioned` only the scenes of those indices get captions, which is enough for references where γ is 0.
    """
    pictures = Pictures(scenes, on_progress)
    shown = (_renderer_source(), repr(scenes))
    places = range(len(scenes)) if captioned is None else sorted(set(captioned))

    def embed() -> FloatArray:
        chunks = pictures.chunks("embedding", EMBEDDED_AT_ONCE)
        return np.concatenate([models.encoder.encode_images(chunk) for _, chunk in chunks])

    def caption() -> list[tuple[str, ...]]:
        written: list[tuple[str, ...]] = [()] * len(scenes)
        if models.captioner is None:
            return written
        seen = pictures if captioned is None else Pictures([scenes[place] for place in places], on_progress)
        for start, chunk in seen.chunks("captioning", CAPTIONED_AT_ONCE):
            these = places[start : start + len(chunk)]
            captions = models.captioner.caption(chunk, [f"scenes-cir/{place}" for place in these])
            for place, of in zip(these, captions, strict=True):
                written[place] = of
        return written

    embeddings = cache.array("images", (models.fingerprint, *shown), embed)
    captioner = models.captioner.name if models.captioner else "none"
    key = (captioner, *shown) if captioned is None else (captioner, *shown, repr(places))
    captions = cache.value("captions", key, caption)
    means = caption_means(captions, models, cache, on_progress)
    return Features(embeddings, tuple(map(tuple, captions)), means)


@cache
def _renderer_source() -> str:
    """The source of what draws: pictures by an older version must not come back from a cache."""
    folder = Path(scene.__file__).parent
    files = [folder / "renderer.py", *sorted((folder / "drawing").rglob("*.py"))]
    return "".join(file.read_text("utf-8") for file in files)


class Pictures:
    """The pictures of scenes, drawn when first asked for and held as PNG files: pixels would take five times that."""

    def __init__(self, scenes: Sequence[Scene], on_progress: StageProgress) -> None:
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
        for file in _draw_all(self._scenes):
            files.append(file)
            if len(files) % 100 == 0:
                self._on_progress("drawing", len(files), len(self._scenes))
        return files


def _draw_all(scenes: Sequence[Scene]) -> Iterator[bytes]:
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
