"""Caption: what is to be seen in each picture, in words and as vectors.

Takes Pictures, a Captioner, an Encoder and the catalog's cache; returns each picture's captions with their vectors.
Knows nothing about files or tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from cvsi_db.errors import ModelError
from cvsi_db.ingest.embed import embed_texts
from cvsi_db.models.protocols import Captioner, Encoder
from cvsi_db.records import FloatArray, Picture

if TYPE_CHECKING:
    from cvsi_db.catalog import Catalog


@dataclass(frozen=True)
class Captions:
    """The captions of one picture, at least one, and their L2-normalised vectors (n, dim)."""

    texts: tuple[str, ...]
    vectors: FloatArray = field(repr=False)

    @property
    def mean(self) -> FloatArray:
        """(dim,) mean of the vectors, not normalised again: it is the shorter, the less the captions agree."""
        return np.asarray(self.vectors.mean(axis=0), dtype=np.float32)


def caption(
    pictures: Sequence[Picture], *, captioner: Captioner, encoder: Encoder, catalog: Catalog
) -> dict[str, Captions]:
    """The captions of each picture, by image_id, embedded in one forward; those in the cache are not written again.

    Raises ModelError when the captioner leaves a picture without a caption.
    """
    if not pictures:
        return {}
    texts = _texts(pictures, captioner, catalog)
    vectors = embed_texts(list(chain.from_iterable(texts.values())), encoder)
    ends = np.cumsum([len(captions) for captions in texts.values()])
    parts = np.split(vectors, ends[:-1])
    return {image_id: Captions(texts[image_id], part) for image_id, part in zip(texts, parts, strict=True)}


def _texts(pictures: Sequence[Picture], captioner: Captioner, catalog: Catalog) -> dict[str, tuple[str, ...]]:
    ids = [picture.image_id for picture in pictures]
    kept = catalog.captions(ids, captioner.name)
    fresh = _write_captions([picture for picture in pictures if picture.image_id not in kept], captioner)
    catalog.keep_captions(captioner.name, fresh)
    both = kept | fresh
    return {image_id: both[image_id] for image_id in ids}


def _write_captions(pictures: Sequence[Picture], captioner: Captioner) -> dict[str, tuple[str, ...]]:
    if not pictures:
        return {}
    ids = [picture.image_id for picture in pictures]
    answers = captioner.caption([picture.image for picture in pictures], ids)
    if len(answers) != len(ids):
        raise ModelError(f"the captioner {captioner.name!r} captioned {len(answers)} of {len(ids)} pictures")
    captions = {image_id: _spoken(answer) for image_id, answer in zip(ids, answers, strict=True)}
    silent = [image_id for image_id, texts in captions.items() if not texts]
    if silent:
        raise ModelError(f"the captioner {captioner.name!r} said nothing about image {silent[0]!r}: try another one")
    return captions


def _spoken(answer: Sequence[str]) -> tuple[str, ...]:
    return tuple(text.strip() for text in answer if text.strip())
