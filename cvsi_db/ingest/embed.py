"""Embed: pictures become embeddings, captions L2-normalised vectors.

Takes views of pictures, or texts, and an Encoder; returns float32 vectors, each still beside the image_id it belongs
to. Knows nothing about files, captioners or the gallery.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cvsi_db.models.protocols import Encoder
from cvsi_db.models.unit_vectors import normalise
from cvsi_db.records import FloatArray

if TYPE_CHECKING:
    from PIL.Image import Image


def embed(views: Mapping[str, Image], encoder: Encoder) -> dict[str, FloatArray]:
    """The embedding (dim,) of each picture, not normalised, by image_id; one forward, none without pictures.

    `views` are the pictures, by image_id, as they are or as the encoder prepared them. Raises ModelError for an
    embedding that is zero or not finite, or the wrong number of them.
    """
    if not views:
        return {}
    embeddings = encoder.encode_images(list(views.values()))
    normalise(embeddings, len(views))  # what cannot be is told here, rather than when it is written
    return dict(zip(views, embeddings, strict=True))


def embed_texts(texts: Sequence[str], encoder: Encoder) -> FloatArray:
    """(n, dim) vectors of the texts, in order; one forward, n at least 1. Raises ModelError as `embed` does."""
    return normalise(encoder.encode_texts(texts), len(texts))
