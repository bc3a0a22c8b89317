"""The Encoder of photos-lite, and its phi: photographs and texts as vectors over classes, groups of them, and colours.

An image's vector: its posterior over ImageNet's classes, as a whole and by windows, to the power of POWER (which
lifts what is small in a photograph), less that of an ordinary photograph, at length 1; then how much of the posterior
each group of classes holds together, and its colours by region. A text's vector: the sum of the vectors of the words
in it, those after "without" with a minus. Both are of one kind, so an image is its own bag of words: phi needs no
training.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from cvsi_db.errors import ModelError
from cvsi_db.models.photos_lite import network
from cvsi_db.models.photos_lite.colours import colours_of
from cvsi_db.models.photos_lite.layout import CLASSES
from cvsi_db.models.photos_lite.vocabulary import Vocabulary, Word, vocabulary
from cvsi_db.records import FloatArray, PseudoText

REFERENCE = Path(__file__).parent / "reference.json"
POWER = 0.3
GROUP_WEIGHT, COLOUR_WEIGHT = 0.1, 0.04
"""What groups and colours weigh in an image's vector, beside classes at length 1."""
IN_GROUP = 0.4
"""The least weight of a class in a meaning to belong to its group."""
PSEUDO_SHARE = 1.0
"""What the image's bag of words weighs beside the words of a text."""
_MOST_LANES = 8


class PhotosLiteEncoder:
    """The towers of photos-lite on one device. Safe to use from several threads."""

    def __init__(self, device: str) -> None:
        network.load_network(device)  # raises now where the weights are missing
        self.device = device

    @property
    def dim(self) -> int:
        """Width of the vectors of images, texts and pseudo-tokens."""
        return int(vocabulary().matrix.shape[1])

    @property
    def side(self) -> int:
        """The shorter side, in pixels, at which an image is seen."""
        return network.SIDE

    @property
    def batch_size(self) -> int:
        """How many images to encode at once."""
        return 16

    @property
    def lanes(self) -> int:
        """How many batches to encode side by side."""
        return min(torch.get_num_threads(), _MOST_LANES) if self.device == "cpu" else 1

    def prepare(self, picture: Image.Image) -> Image.Image:
        """The picture resized as the network sees it; `encode_images` gives the same for both, to the bit."""
        return network.prepare(picture)

    def encode_images(self, pictures: Sequence[Image.Image]) -> FloatArray:
        """(n, dim) un-normalised embeddings of RGB pictures, in order, one by one: they differ in shape."""
        rows = [image_vector(network.prepare(picture), self.device) for picture in pictures]
        return np.stack(rows) if rows else np.empty((0, self.dim), np.float32)

    def encode_texts(self, texts: Sequence[str | PseudoText]) -> FloatArray:
        """(n, dim) un-normalised embeddings, in order; a text without a word that can be seen is near no image.

        Raises ModelError for a pseudo-token of another width.
        """
        known, rows = vocabulary(), np.zeros((len(texts), self.dim), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in known.read(text.text if isinstance(text, PseudoText) else text):
                if word.meaning >= 0:
                    row += word.sign * known.matrix[word.meaning]
            if isinstance(text, PseudoText):
                if text.word.shape != row.shape:
                    raise ModelError(f"the pseudo-token has shape {text.word.shape}, not {row.shape}: use its own phi")
                row += PSEUDO_SHARE * text.word
            if np.linalg.norm(row) < 1e-4:
                row[:] = 0
                row[-1] = 1
        return rows

    def read(self, text: str) -> tuple[Word, ...]:
        """What the words of a text are read as; see Encoder."""
        return vocabulary().read(text)


class PhotosLitePhi:
    """phi without training: the vector of an image, at length 1, is its own word."""

    def __call__(self, embeddings: FloatArray) -> FloatArray:
        """(n, dim) word embeddings from (n, dim) image embeddings."""
        return np.asarray(embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True), dtype=np.float32)


def image_vector(picture: Image.Image, device: str) -> FloatArray:
    """(dim,) the embedding of a prepared picture."""
    whole, windows = network.look(picture, device)
    classes, groups = lifted(whole, windows)
    reference = _reference()
    classes = classes - reference["classes"]
    parts = (
        classes / np.linalg.norm(classes),
        GROUP_WEIGHT * (groups - reference["groups"]),
        COLOUR_WEIGHT * (colours_of(picture) - reference["colours"]) / reference["colour_deviations"],
        np.zeros(1),
    )
    return np.concatenate(parts).astype(np.float32)


def lifted(whole: FloatArray, windows: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What a posterior (1000,) and those of windows (n, 1000) say of classes (1000,) and of groups (groups,)."""
    members = _members(vocabulary())
    in_groups = (whole @ members) ** POWER + ((windows @ members) ** POWER).max(0)
    return whole**POWER + (windows**POWER).max(0), in_groups


@cache
def _members_of(groups: tuple[tuple[tuple[int, float], ...], ...]) -> FloatArray:
    members = np.zeros((CLASSES, len(groups)), np.float32)
    for column, classes in zip(members.T, groups, strict=True):
        for place, share in classes:
            column[place] = share if share >= IN_GROUP else 0.0
    return members


def _members(known: Vocabulary) -> FloatArray:
    """(1000, groups) how far each class belongs to each group."""
    return _members_of(tuple(known.classes[group] for group in known.groups))


@cache
def _reference() -> dict[str, FloatArray]:
    """What an ordinary photograph has: means, and the deviations of the colours."""
    return {name: np.array(values, np.float32) for name, values in json.loads(REFERENCE.read_text("utf-8")).items()}
