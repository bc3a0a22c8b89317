"""Embed: pictures and captions become L2-normalised vectors.

Takes Pictures or texts and an Encoder; returns float32 vectors, each still beside the image_id it belongs to. Knows
nothing about files, captioners or the gallery.
"""

from __future__ import annotations

from collections.abc import Sequence

from cvsi_db.models.protocols import Encoder
from cvsi_db.records import FloatArray, Picture
from cvsi_db.vectors import normalise


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
