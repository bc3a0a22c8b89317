"""The gallery side of a benchmark: every image's embedding, its captions and their mean, as an ingest makes them.

Takes scenes and models, returns arrays; what a cache has is not computed again. Knows nothing about queries or metrics.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from cvsi_db.evaluation.cache import Cache
from cvsi_db.evaluation.drawing import Pictures
from cvsi_db.evaluation.progress import Progress
from cvsi_db.models.bundle import Bundle
from cvsi_db.models.protocols import Captioner, Encoder, Phi, Rewriter
from cvsi_db.models.unit_vectors import normalise
from cvsi_db.records import FloatArray, PseudoText
from cvsi_db.scenes import scene
from cvsi_db.scenes.scene import Scene

EMBEDDED_AT_ONCE, CAPTIONED_AT_ONCE, TEXTS_AT_ONCE = 250, 100, 500


@dataclass(frozen=True)
class Models:
    """What an evaluation runs. `fingerprint` identifies the encoder's weights; phi may be missing."""

    encoder: Encoder
    fingerprint: str
    captioner: Captioner
    rewriter: Rewriter
    phi: Phi | None = None


def models_of(bundle: Bundle, rewriter: Rewriter) -> Models:
    """A bundle's models, loaded. Raises ModelError when the weights cannot be had."""
    return Models(bundle.encoder, bundle.fingerprint, bundle.captioner, rewriter, bundle.phi)


@dataclass(frozen=True)
class Features:
    """The gallery as the models see it.

    `embeddings` (images, dim) are the un-normalised image embeddings, `captions` the texts of each image, and `told`
    (images, dim) the caption column: the mean of the normalised embeddings of its captions, not normalised again.
    """

    embeddings: FloatArray = field(repr=False)
    captions: tuple[tuple[str, ...], ...] = field(repr=False)
    told: FloatArray = field(repr=False)

    def column(self, gamma: float) -> FloatArray:
        """(images, dim) what queries are scored against: (1-γ)·image + γ·captions."""
        images = normalise(self.embeddings, len(self.embeddings))
        return np.asarray((1 - gamma) * images + gamma * self.told, dtype=np.float32)


def compute_features(scenes: Sequence[Scene], models: Models, cache: Cache, on_progress: Progress) -> Features:
    """Draws, embeds and captions the scenes, then embeds the captions."""
    pictures = Pictures(scenes, on_progress)
    shown = (_hand(), repr(scenes))
    embeddings = cache.array("images", (models.fingerprint, *shown), lambda: _embed(pictures, models.encoder))
    captions = cache.value("captions", (models.captioner.name, *shown), lambda: _caption(pictures, models.captioner))
    told = caption_means(captions, models, cache, on_progress)
    return Features(embeddings, tuple(map(tuple, captions)), told)


def caption_means(captions: Sequence[Sequence[str]], models: Models, cache: Cache, on_progress: Progress) -> FloatArray:
    """(n, dim) the mean of the normalised embeddings of each entry's captions, not normalised again."""
    ends = list(itertools.accumulate(map(len, captions)))
    texts = [text for entry in captions for text in entry]

    def make() -> FloatArray:
        rows = _unit_rows(texts, models.encoder, on_progress)
        return np.stack([part.mean(axis=0) for part in np.split(rows, ends[:-1])])

    return cache.array("texts", (models.fingerprint, str(ends), *texts), make)


def embed_texts(texts: Sequence[str | PseudoText], models: Models, cache: Cache, on_progress: Progress) -> FloatArray:
    """(n, dim) normalised embeddings of texts and sentences with a pseudo-token."""

    def make() -> FloatArray:
        return _unit_rows(texts, models.encoder, on_progress)

    return cache.array("texts", (models.fingerprint, *itertools.chain.from_iterable(map(_content, texts))), make)


def _content(text: str | PseudoText) -> tuple[str | bytes, ...]:
    return (text,) if isinstance(text, str) else (text.text, text.word.tobytes())


def _embed(pictures: Pictures, encoder: Encoder) -> FloatArray:
    return np.concatenate([encoder.encode_images(chunk) for _, chunk in pictures.chunks("embedding", EMBEDDED_AT_ONCE)])


def _caption(pictures: Pictures, captioner: Captioner) -> list[tuple[str, ...]]:
    told: list[tuple[str, ...]] = []
    for start, chunk in pictures.chunks("captioning", CAPTIONED_AT_ONCE):
        told += captioner.caption(chunk, [f"scenes-cir/{start + offset}" for offset in range(len(chunk))])
    return told


def _unit_rows(texts: Sequence[str | PseudoText], encoder: Encoder, on_progress: Progress) -> FloatArray:
    """(n, dim) normalised embeddings, made some hundred texts at a time; texts of one length waste no padding."""
    order = sorted(range(len(texts)), key=lambda row: len(_words_of(texts[row])))
    rows = np.empty((len(texts), encoder.dim), np.float32)
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        chunk = order[start : start + TEXTS_AT_ONCE]
        rows[chunk] = encoder.encode_texts([texts[row] for row in chunk])
        on_progress("embedding texts", start + len(chunk), len(texts))
    return normalise(rows, len(texts))


def _words_of(text: str | PseudoText) -> str:
    return text if isinstance(text, str) else text.text


@cache
def _hand() -> str:
    """The source of what draws: pictures by an older hand must not come back from a cache."""
    folder = Path(scene.__file__).parent
    files = [folder / "renderer.py", *sorted((folder / "drawing").rglob("*.py"))]
    return "".join(file.read_text("utf-8") for file in files)
