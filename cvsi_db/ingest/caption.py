"""Caption: what each picture shows, in words and as vectors.

Takes Pictures, a Captioner, an Encoder and the catalog's cache; returns each image's Captions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from cvsi_db.errors import ModelError
from cvsi_db.ingest.embed import Captions, embed_captions
from cvsi_db.models.protocols import Captioner, Encoder
from cvsi_db.records import ImageRow, Picture

if TYPE_CHECKING:
    from cvsi_db.store.catalog import Catalog
    from cvsi_db.store.images import Store

AT_ONCE = 32
"""Pictures per call of the captioner: each brings several captions, and a large captioner has no room for more."""


def caption(
    pictures: Sequence[Picture], *, captioner: Captioner, encoder: Encoder, catalog: Catalog
) -> dict[str, Captions]:
    """The captions of each picture, by image_id, embedded in one forward; cached captions are used as they are.

    Raises ModelError when the captioner leaves a picture without a caption.
    """
    ids = [picture.image_id for picture in pictures]
    cached = catalog.captions(ids, captioner.name) if ids else {}
    waiting = [picture for picture in pictures if picture.image_id not in cached]
    for start in range(0, len(waiting), AT_ONCE):
        fresh = _write_captions(waiting[start : start + AT_ONCE], captioner)
        catalog.keep_captions(captioner.name, fresh)
        cached |= fresh
    return embed_captions({image_id: cached[image_id] for image_id in ids}, encoder)


def _write_captions(pictures: Sequence[Picture], captioner: Captioner) -> dict[str, tuple[str, ...]]:
    ids = [picture.image_id for picture in pictures]
    answers = captioner.caption([picture.image for picture in pictures], ids)
    if len(answers) != len(ids):
        raise ModelError(f"the captioner {captioner.name!r} captioned {len(answers)} of {len(ids)} images")
    captions = {
        image_id: tuple(text.strip() for text in answer if text.strip())
        for image_id, answer in zip(ids, answers, strict=True)
    }
    silent = [image_id for image_id, texts in captions.items() if not texts]
    if silent:
        raise ModelError(
            f"the captioner {captioner.name!r} wrote no caption for image {silent[0]!r}: use another captioner"
        )
    return captions


def rewrite_captions(rows: Iterable[ImageRow], captions: Mapping[str, Captions], store: Store) -> None:
    """Replace the captions of these rows, in both tables; raises what the store raises."""
    changed = [
        replace(row, captions=captions[row.image_id].texts, caption_vector=captions[row.image_id].mean) for row in rows
    ]
    store.upsert(changed, [text for row in changed for text in captions[row.image_id].rows(row.image_id)])
