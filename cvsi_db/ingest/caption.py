"""Caption: what is to be seen in each picture, in words and as vectors.

Takes Pictures, a Captioner, an Encoder and the catalog's cache; returns each picture's captions with their vectors.
Knows nothing about files, nor about tables beyond what a row of captions is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from cvsi_db.errors import ModelError
from cvsi_db.ingest.embed import embed_texts
from cvsi_db.models.protocols import Captioner, Encoder
from cvsi_db.records import CaptionRow, FloatArray, ImageRow, Picture

if TYPE_CHECKING:
    from cvsi_db.store.catalog import Catalog
    from cvsi_db.store.images import Store


AT_ONCE = 32
"""A captioner takes so many pictures at a time: each brings several captions, and a large one has no room for more."""


@dataclass(frozen=True)
class Captions:
    """The captions of one picture and their L2-normalised vectors (n, dim); none where it was not captioned."""

    texts: tuple[str, ...]
    vectors: FloatArray = field(repr=False)

    @property
    def mean(self) -> FloatArray:
        """(dim,) mean of the vectors, not normalised again: it is the shorter, the less the captions agree.

        Without captions it is zero, which adds nothing to any score.
        """
        return np.asarray(self.vectors.sum(axis=0) / max(len(self.texts), 1), dtype=np.float32)

    def rows(self, image_id: str) -> list[CaptionRow]:
        """The rows of the captions table."""
        pairs = zip(self.texts, self.vectors, strict=True)
        return [CaptionRow(image_id, ordinal, text, vector) for ordinal, (text, vector) in enumerate(pairs)]


def caption(
    pictures: Sequence[Picture], *, captioner: Captioner, encoder: Encoder, catalog: Catalog
) -> dict[str, Captions]:
    """The captions of each picture, by image_id, embedded in one forward; those in the cache are not written again.

    Raises ModelError when the captioner leaves a picture without a caption.
    """
    if not pictures:
        return {}
    return embed_captions(_texts(pictures, captioner, catalog), encoder)


def embed_captions(texts: Mapping[str, Sequence[str]], encoder: Encoder) -> dict[str, Captions]:
    """The texts of each image, at least one, with their vectors; one forward. Raises ModelError as `embed` does."""
    if not texts:
        return {}
    vectors = embed_texts(list(chain.from_iterable(texts.values())), encoder)
    ends = np.cumsum([len(captions) for captions in texts.values()])
    parts = np.split(vectors, ends[:-1])
    return {image_id: Captions(tuple(texts[image_id]), part) for image_id, part in zip(texts, parts, strict=True)}


def no_captions(vectors: Mapping[str, FloatArray]) -> dict[str, Captions]:
    """No captions for each picture, by image_id; `vectors` are the image vectors (dim,)."""
    return {image_id: Captions((), np.zeros((0, len(vector)), np.float32)) for image_id, vector in vectors.items()}


def rewrite_captions(rows: Iterable[ImageRow], captions: Mapping[str, Captions], store: Store) -> None:
    """Write rows again with these captions in place of theirs, both tables; raises what the store raises."""
    changed = [
        replace(row, captions=captions[row.image_id].texts, caption_vector=captions[row.image_id].mean) for row in rows
    ]
    store.upsert(changed, [text for row in changed for text in captions[row.image_id].rows(row.image_id)])


def _texts(pictures: Sequence[Picture], captioner: Captioner, catalog: Catalog) -> dict[str, tuple[str, ...]]:
    ids = [picture.image_id for picture in pictures]
    kept = catalog.captions(ids, captioner.name)
    waiting = [picture for picture in pictures if picture.image_id not in kept]
    for start in range(0, len(waiting), AT_ONCE):
        fresh = _write_captions(waiting[start : start + AT_ONCE], captioner)
        catalog.keep_captions(captioner.name, fresh)
        kept |= fresh
    return {image_id: kept[image_id] for image_id in ids}


def _write_captions(pictures: Sequence[Picture], captioner: Captioner) -> dict[str, tuple[str, ...]]:
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
