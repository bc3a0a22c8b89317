"""Embed: images become embeddings, captions L2-normalised vectors, each beside the image_id it belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from cvsi_db.models.protocols import Encoder
from cvsi_db.models.unit_vectors import normalise
from cvsi_db.records import CaptionRow, FloatArray, ImageRow

if TYPE_CHECKING:
    from PIL.Image import Image


def embed_images(views: Mapping[str, Image], encoder: Encoder) -> dict[str, FloatArray]:
    """The embedding (dim,) of each image, not normalised, by image_id; one forward, none without images.

    `views` are the pictures by image_id, as they are or as the encoder prepared them. Raises ModelError for an
    embedding that is zero or not finite, or the wrong number of them.
    """
    if not views:
        return {}
    embeddings = encoder.encode_images(list(views.values()))
    normalise(embeddings, len(views))  # raises here, before anything is written, for what cannot be normalised
    return dict(zip(views, embeddings, strict=True))


def with_captions(rows: Sequence[ImageRow], encoder: Encoder) -> tuple[list[ImageRow], list[CaptionRow]]:
    """The rows with the vector of their captions, and the rows of the captions table; one forward.

    That vector is the mean of the captions' L2-normalised vectors, not normalised again: the less the captions agree,
    the shorter it is. Without captions it is zero. Raises as `embed_images` does.
    """
    texts = [text for row in rows for text in row.captions]
    vectors = normalise(encoder.encode_texts(texts), len(texts)) if texts else np.zeros((0, encoder.dim), np.float32)
    changed, captions, end = [], list[CaptionRow](), 0
    for row in rows:
        own = vectors[end : end + len(row.captions)]
        end += len(row.captions)
        mean = np.asarray(own.sum(axis=0) / max(len(own), 1), dtype=np.float32)
        changed.append(replace(row, caption_vector=mean))
        said = enumerate(zip(row.captions, own, strict=True))
        captions += [CaptionRow(row.image_id, ordinal, text, vector) for ordinal, (text, vector) in said]
    return changed, captions
