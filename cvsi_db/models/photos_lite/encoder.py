"""The Encoder of photos-lite, and its phi: photographs and texts as vectors over classes, groups of them, and colours.

An image's vector: its posterior over ImageNet's classes, as a whole and by windows, to the power of POWER (which
lifts what is small in a photograph), less that of an ordinary photograph, at length 1; then how much of the posterior
each group of classes holds together, and its colours by region. A text's vector: the sum of the vectors of the words
in it, those after "without" with a minus. Both are of one kind, so an image is its own bag of words: phi needs no
training.
"""

from __future__ import annotations

import hashlib
import json
import threading
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
from cvsi_db.models.photos_lite.vocabulary import Word, vocabulary
from cvsi_db.records import FloatArray, PseudoText

REFERENCE = Path(__file__).parent / "reference.json"
POWER = 0.3
GROUP_WEIGHT, COLOUR_WEIGHT = 0.1, 0.04
"""What groups and colours weigh in an image's vector, beside classes at length 1."""
IN_GROUP = 0.4
"""The least weight of a class in a meaning to belong to its group."""
PSEUDO_SHARE = 0.5
"""What an image's bag of words weighs beside the words of a text, both at length 1."""
NOTHING = 1e-4
"""A shorter sum of words says nothing."""
KEPT = 4096
"""Vectors of images that are kept: 18 MB."""
_MOST_LANES = 8
_kept: dict[bytes, FloatArray] = {}
_keeping = threading.Lock()


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
        rows = np.zeros((len(texts), self.dim), np.float32)
        for row, text in zip(rows, texts, strict=True):
            bag = text.word if isinstance(text, PseudoText) else None
            words = vocabulary().read(text.text if isinstance(text, PseudoText) else text)
            for word in words:
                if word.meaning >= 0:
                    row += word.sign * vocabulary().matrix[word.meaning]
            length = float(np.linalg.norm(row))
            if bag is not None:
                if bag.shape != row.shape:
                    raise ModelError(f"the pseudo-token has shape {bag.shape}, not {row.shape}: use its own phi")
                row /= max(length, 1.0)  # words of little weight leave more to the image
                row += PSEUDO_SHARE * _elsewhere(bag, words)
            elif length < NOTHING:
                row[:] = 0
                row[-1] = 1
        return rows

    def word_warnings(self, text: str) -> tuple[str, ...]:
        """A line for each word of a text that is not taken as it stands; see Encoder."""
        lines = []
        words = vocabulary().read(text)
        for word in words:
            if word.status == "near":
                lines.append(f"{NAME} does not know «{word.text}»: it looks for «{word.name}»")
        for status, problem in (("unknown", "does not know"), ("unseen", "cannot see")):
            if lost := [f"«{word.text}»" for word in words if word.status == status]:
                lines.append(
                    f"{NAME} {problem} {', '.join(lost)}: {'it does' if len(lost) == 1 else 'they do'} not count"
                )
        if not any(word.meaning >= 0 for word in words):
            lines.append(f"{NAME} can see none of the words of {text!r}: name things or places")
        return tuple(lines)

    def word_readings(self, text: str) -> tuple[str, ...]:
        """What each word of a text is read as, a line each; see Encoder."""
        return tuple(_reading(word) for word in vocabulary().read(text))


NAME = "photos-lite"
FEW = 5
"""How many of a word's classes are shown."""


def _reading(word: Word) -> str:
    if word.meaning < 0:
        return f"{word.text}: {'cannot be seen' if word.status == 'unseen' else 'not known'}"
    shown = vocabulary().looks_for(word.meaning)
    looks = ", ".join(shown[:FEW]) + (f" and {len(shown) - FEW} more" if len(shown) > FEW else "")
    against = "not " if word.sign < 0 else ""
    also = f" (not known itself, but «{word.name}» is)" if word.status == "near" else ""
    return f"{against}{word.text}{also}: {looks}"


class PhotosLitePhi:
    """phi without training: the vector of an image, at length 1, is its own word."""

    def __call__(self, embeddings: FloatArray) -> FloatArray:
        """(n, dim) word embeddings from (n, dim) image embeddings."""
        return np.asarray(embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True), dtype=np.float32)


def _elsewhere(bag: FloatArray, words: Sequence[Word]) -> FloatArray:
    """An image's bag of words (dim,) without the place that it shows, if the words of an edit name a place."""
    kinds = vocabulary().kinds
    if not any(word.sign > 0 and word.meaning >= 0 and kinds[word.meaning] == "place" for word in words):
        return bag
    places = directions("place")
    own = np.maximum(places @ bag, 0) @ places
    own /= max(float(np.linalg.norm(own)), NOTHING)
    left = bag - max(float(own @ bag), 0.0) * own
    return np.asarray(left / max(float(np.linalg.norm(left)), NOTHING), dtype=np.float32)


@cache
def directions(kind: str) -> FloatArray:
    """(n, dim) unit vectors of the meanings of a kind that are clear enough to be named in a caption."""
    rows = vocabulary().matrix[list(vocabulary().clear(kind))]
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def image_vector(picture: Image.Image, device: str) -> FloatArray:
    """(dim,) the embedding of a prepared picture; of the last KEPT it is known, for the captioner sees them again."""
    key = hashlib.blake2b(
        picture.tobytes(), salt=device.encode()[:16], person=repr(picture.size).encode()[:16]
    ).digest()
    vector = _kept.get(key)
    if vector is None:
        vector = _image_vector(picture, device)
        with _keeping:
            if len(_kept) >= KEPT:
                del _kept[next(iter(_kept))]
            _kept[key] = vector
    return vector


def _image_vector(picture: Image.Image, device: str) -> FloatArray:
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
    members = _members()
    in_groups = (whole @ members) ** POWER + ((windows @ members) ** POWER).max(0)
    return whole**POWER + (windows**POWER).max(0), in_groups


@cache
def _members() -> FloatArray:
    """(1000, groups) how far each class belongs to each group."""
    known = vocabulary()
    members = np.zeros((CLASSES, len(known.groups)), np.float32)
    for column, group in zip(members.T, known.groups, strict=True):
        for place, share in known.places[group]:
            if isinstance(place, int) and share >= IN_GROUP:
                column[place] = share
    return members


@cache
def _reference() -> dict[str, FloatArray]:
    """What an ordinary photograph has: means, and the deviations of the colours."""
    return {name: np.array(values, np.float32) for name, values in json.loads(REFERENCE.read_text("utf-8")).items()}
