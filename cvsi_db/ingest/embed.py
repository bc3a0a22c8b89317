"""Embed: images become embeddings, captions L2-normalised vectors, each beside the image_id it belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from cvsi_db.models.protocols import Encoder
from cvsi_db.models.unit_vectors import normalise
from cvsi_db.records import CaptionRow, FloatArray

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Captions:
    """The captions of one image, at least one, and their L2-normalised vectors (n, dim)."""

    texts: tuple[str, ...]
    vectors: FloatArray = field(repr=False)

    @property
    def mean(self) -> FloatArray:
        """(dim,) mean of the vectors, not normalised again: the less the captions agree, the shorter it is."""
        return np.asarray(self.vectors.mean(axis=0), dtype=np.float32)

    def rows(self, image_id: str) -> list[CaptionRow]:
        """The rows of the captions table."""
        pairs = zip(self.texts, self.vectors, strict=True)
        return [CaptionRow(image_id, ordinal, text, vector) for ordinal, (text, vector) in enumerate(pairs)]


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


def embed_captions(texts: Mapping[str, Sequence[str]], encoder: Encoder) -> dict[str, Captions]:
    """The captions of each image, at least one, with their vectors; one forward. Raises as `embed_images` does."""
    if not texts:
        return {}
    flat = list(chain.from_iterable(texts.values()))
    vectors = normalise(encoder.encode_texts(flat), len(flat))
    ends = np.cumsum([len(captions) for captions in texts.values()])
    parts = np.split(vectors, ends[:-1])
    return {image_id: Captions(tuple(texts[image_id]), part) for image_id, part in zip(texts, parts, strict=True)}
