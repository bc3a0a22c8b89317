"""Embed: pictures and captions become L2-normalised vectors.

Takes Pictures or texts and an Encoder; returns float32 vectors, each still beside the image_id it belongs to. Knows
nothing about files, captioners or the gallery.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cvsi_db.errors import ModelError
from cvsi_db.models.protocols import Encoder
from cvsi_db.records import FloatArray, Picture


def embed(pictures: Sequence[Picture], encoder: Encoder) -> dict[str, FloatArray]:
    """The image vector (dim,) of each picture, by image_id; one forward, none when there are no pictures.

    Raises ModelError for an embedding that is zero or not finite, or the wrong number of them.
    """
    if not pictures:
        return {}
    vectors = normalise(encoder.encode_images([picture.image for picture in pictures]), len(pictures))
    return {picture.image_id: vector for picture, vector in zip(pictures, vectors, strict=True)}


def embed_texts(texts: Sequence[str], encoder: Encoder) -> FloatArray:
    """(n, dim) vectors of the texts, in order; one forward, n at least 1. Raises ModelError as `embed` does."""
    return normalise(encoder.encode_texts(texts), len(texts))


def normalise(embeddings: FloatArray, count: int) -> FloatArray:
    """`count` embeddings (count, dim), each divided by its L2 norm. Raises ModelError when one has no direction."""
    if embeddings.ndim != 2 or len(embeddings) != count:
        raise ModelError(f"the encoder gave embeddings of shape {embeddings.shape} for {count} inputs")
    norms = np.linalg.norm(embeddings.astype(np.float32), axis=1, keepdims=True)
    if not (np.isfinite(norms).all() and norms.all()):
        raise ModelError(
            "the encoder gave an embedding that is zero or not finite: its weights or its device are at fault"
        )
    return np.asarray(embeddings / norms, dtype=np.float32)
