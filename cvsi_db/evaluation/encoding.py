"""The models of an evaluation, and the text embeddings they make; what a cache has is not computed again."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cvsi_db.evaluation.cache import Cache
from cvsi_db.models.bundle import Bundle
from cvsi_db.models.protocols import Captioner, Encoder, Phi, Rewriter
from cvsi_db.models.unit_vectors import normalise
from cvsi_db.records import FloatArray, PseudoText

StageProgress = Callable[[str, int, int], None]
"""Called after each batch with the stage, how many are done, and of how many."""

EMBEDDED_AT_ONCE, TEXTS_AT_ONCE = 250, 500


@dataclass(frozen=True)
class Models:
    """What an evaluation runs. `fingerprint` identifies the encoder's weights; captioner and phi may be missing.

    `instruction` is what a composer is told with image and text together: it is no part of the fingerprint.
    """

    encoder: Encoder
    fingerprint: str
    captioner: Captioner | None
    rewriter: Rewriter
    phi: Phi | None = None
    instruction: str | None = None


def models_of(bundle: Bundle, rewriter: Rewriter) -> Models:
    """A bundle's models, encoder and phi loaded. Raises ModelError when the weights cannot be had or do not fit."""
    instruction = bundle.spec.instruction
    return Models(bundle.encoder, bundle.fingerprint, bundle.captioner, rewriter, bundle.phi, instruction)


def unit_text_vectors(
    texts: Sequence[str | PseudoText], models: Models, cache: Cache, on_progress: StageProgress
) -> FloatArray:
    """(n, dim) normalised embeddings of texts and sentences with a pseudo-token."""
    key: list[str | bytes] = [models.fingerprint]
    for text in texts:
        key += [text] if isinstance(text, str) else [text.text, text.word.tobytes()]
    return cache.array("texts", key, lambda: _embed(texts, models.encoder, on_progress))


def raw_text_vectors(texts: Sequence[str], models: Models, cache: Cache, on_progress: StageProgress) -> FloatArray:
    """(n, dim) embeddings of texts as the text tower gives them, un-normalised."""
    return cache.array(
        "raw-texts", (models.fingerprint, *texts), lambda: _embed_raw(texts, models.encoder, on_progress)
    )


def caption_means(
    captions: Sequence[Sequence[str]], models: Models, cache: Cache, on_progress: StageProgress
) -> FloatArray:
    """(n, dim) the mean of the normalised embeddings of each entry's captions, not normalised again; 0 without any."""
    ends = list(itertools.accumulate(map(len, captions)))
    texts = [text for entry in captions for text in entry]

    def make() -> FloatArray:
        parts = np.split(_embed(texts, models.encoder, on_progress), ends[:-1])
        nowhere = np.zeros(models.encoder.dim, np.float32)
        return np.stack([part.mean(axis=0) if len(part) else nowhere for part in parts])

    return cache.array("texts", (models.fingerprint, str(ends), *texts), make)


def _embed(texts: Sequence[str | PseudoText], encoder: Encoder, on_progress: StageProgress) -> FloatArray:
    """(n, dim) normalised embeddings."""
    rows = _embed_raw(texts, encoder, on_progress)
    return normalise(rows, len(texts)) if texts else rows


def _embed_raw(texts: Sequence[str | PseudoText], encoder: Encoder, on_progress: StageProgress) -> FloatArray:
    """(n, dim) embeddings, made some hundred texts at a time; texts of one length waste no padding."""
    order = sorted(range(len(texts)), key=lambda row: len(_words(texts[row])))
    rows = np.empty((len(texts), encoder.dim), np.float32)
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        chunk = order[start : start + TEXTS_AT_ONCE]
        rows[chunk] = encoder.encode_texts([texts[row] for row in chunk])
        on_progress("embedding texts", start + len(chunk), len(texts))
    return rows


def _words(text: str | PseudoText) -> str:
    return text if isinstance(text, str) else text.text
