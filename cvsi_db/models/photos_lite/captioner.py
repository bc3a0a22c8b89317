"""The Captioner of photos-lite: one plain caption of an image, "a dog and a sofa in a living room"."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL.Image import Image

from cvsi_db.models.photos_lite import network
from cvsi_db.models.photos_lite.encoder import directions, image_vector
from cvsi_db.models.photos_lite.vocabulary import vocabulary
from cvsi_db.models.rewriters.offline import words as w
from cvsi_db.models.rewriters.offline.captions import article
from cvsi_db.records import FloatArray

MOST_THINGS = 2
LEAST_THING, LEAST_PLACE = 0.35, 0.25
"""The least cosine with an image's vector at which a thing or a place is named."""
MASS = w.words_of("snow water grass fruit bread food ice hay music sand fire art money soap laundry jewelry oranges")


class PhotosLiteCaptioner:
    """Names the clearest things and the clearest place; always the same for the same image."""

    name = "photos-lite:1"

    def __init__(self, device: str) -> None:
        self._device = device

    def caption(self, pictures: Sequence[Image], seeds: Sequence[str]) -> list[tuple[str, ...]]:
        """One caption of each picture, in order; see Captioner.caption. Nothing is drawn, so seeds do not matter."""
        del seeds
        return [(caption_of(image_vector(network.prepare(picture), self._device)),) for picture in pictures]


def caption_of(vector: FloatArray) -> str:
    """What the vector (dim,) of an image answers to, in words."""
    names, answers = _names("thing"), directions("thing") @ (vector / np.linalg.norm(vector))
    best = [place for place in np.argsort(-answers)[:MOST_THINGS] if answers[place] >= LEAST_THING]
    things = [_with_article(names[place]) for place in best]
    answers = directions("place") @ (vector / np.linalg.norm(vector))
    place = _names("place")[int(answers.argmax())] if answers.max() >= LEAST_PLACE else ""
    where = f"{'on' if place in w.ON_PLACES else 'in'} {_with_article(place)}" if place else ""
    if things:
        return " ".join(part for part in (" and ".join(things), where) if part)
    return _with_article(place) if place else "a photo"


def _with_article(name: str) -> str:
    return name if name in MASS else f"{article(name)} {name}"


def _names(kind: str) -> list[str]:
    return [vocabulary().names[at] for at in vocabulary().clear(kind)]
