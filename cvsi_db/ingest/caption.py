"""Caption: what each picture shows, in words.

Takes Pictures, a Captioner and what keeps its captions; returns each image's captions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cvsi_db.errors import ModelError
from cvsi_db.models.protocols import Captioner
from cvsi_db.records import Picture

Captions = dict[str, tuple[str, ...]]
"""The captions of images, by image_id."""

AT_ONCE = 32
"""Pictures per call of the captioner: each brings several captions, and a large captioner has no room for more."""


def caption(pictures: Sequence[Picture], captioner: Captioner, keep: Callable[[Captions], None]) -> Captions:
    """The captions of each picture, by image_id, written by the captioner; `keep` is called with some at a time.

    Raises ModelError when the captioner leaves a picture without a caption.
    """
    captions: Captions = {}
    for start in range(0, len(pictures), AT_ONCE):
        fresh = _write_captions(pictures[start : start + AT_ONCE], captioner)
        keep(fresh)
        captions |= fresh
    return captions


def _write_captions(pictures: Sequence[Picture], captioner: Captioner) -> Captions:
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
