"""Batches of pictures and sentences from a `PairSet`: fresh captions and composed sentences, with what they state.

Takes pairs, a tokenizer and generators, returns tensors.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from cvsi_db.scenes.captions import caption
from cvsi_db.scenes.scene import ATTRIBUTES
from cvsi_db.training.data import PairSet, augment
from cvsi_db.training.towers import tokenize


@dataclass(frozen=True)
class PictureBatch:
    """B pairs: first all A's, then all B's. `pictures` (2B, 3, size, size) · `labels` (2B, attributes)."""

    pictures: torch.Tensor
    labels: torch.Tensor


@dataclass(frozen=True)
class Batch(PictureBatch):
    """The same with sentences, so that row i + B is the hard negative of row i.

    `captions` (2B, length) token ids · `stated` (2B, attributes) what each caption states · `composed` (B, length)
    token ids of sentences that lead from A to B · `composed_stated` (B, attributes) the attributes of B they settle.
    """

    captions: torch.Tensor
    stated: torch.Tensor
    composed: torch.Tensor
    composed_stated: torch.Tensor


def batches(
    pairs: PairSet,
    tokenizer: Any,
    size: int,
    *,
    seed: int,
    steps: range,
    pairs_each: int = 64,
    large_from: int = 0,
    small: int = 64,
    sentences_from: int = 0,
) -> Iterator[PictureBatch]:
    """The batches of these steps, the same for the same seed; before step `large_from` pictures are `small` pixels.

    From step `sentences_from` on they are `Batch`es, with sentences.

    Every epoch is a new order of all pairs, less the few that do not fill a batch.
    """
    per_epoch = len(pairs) // pairs_each
    for step in steps:
        epoch, place = divmod(step, per_epoch)
        order = np.random.default_rng((seed, epoch)).permutation(len(pairs))
        rows = np.sort(order[place * pairs_each : (place + 1) * pairs_each])
        pictures = picture_batch(pairs, rows, small if step < large_from else size, seed=seed, step=step)
        yield (
            pictures if step < sentences_from else add_sentences(pictures, pairs, rows, tokenizer, seed=seed, step=step)
        )


def picture_batch(pairs: PairSet, rows: npt.NDArray[np.int64], size: int, *, seed: int, step: int) -> PictureBatch:
    """The pictures of these rows, with jitter drawn for this step."""
    pictures = np.concatenate([pairs.pictures[rows, 0], pairs.pictures[rows, 1]])
    label = np.concatenate([pairs.labels[rows, 0], pairs.labels[rows, 1]])
    jittered = augment(pictures, size, np.random.default_rng((seed, step)))
    return PictureBatch(jittered, torch.from_numpy(label.astype(np.int64)))


def add_sentences(
    batch: PictureBatch, pairs: PairSet, rows: npt.NDArray[np.int64], tokenizer: Any, *, seed: int, step: int
) -> Batch:
    """The batch of these rows with captions and composed sentences drawn for this step."""
    rng = random.Random(f"{seed}/{step}")
    captions = [caption(pairs.scene(int(row), side), rng) for side in (0, 1) for row in rows]
    composed, settled = zip(*(composed_sentence(pairs, int(row), rng) for row in rows), strict=True)
    return Batch(
        pictures=batch.pictures,
        labels=batch.labels,
        captions=tokenize(tokenizer, [sentence.text for sentence in captions]),
        stated=torch.tensor([states_mask(sentence.states) for sentence in captions]),
        composed=tokenize(tokenizer, list(composed)),
        composed_stated=torch.tensor(settled),
    )


def composed_sentence(pairs: PairSet, row: int, rng: random.Random) -> tuple[str, list[bool]]:
    """A sentence that describes A, then edits it, and which attributes of B follow from it.

    An attribute follows when the edit fixes it, or when the caption of A states it and the edit leaves it alone.
    """
    subject = caption(pairs.scene(row, 0), rng)
    kept = pairs.labels[row, 0] == pairs.labels[row, 1]
    settled = (np.array(states_mask(subject.states)) & kept) | pairs.fixed[row]
    return join_edit(subject.text, pairs.edit_texts[row], pairs.adds[row], rng), settled.tolist()


def join_edit(subject: str, edit_text: str, adds: str, rng: random.Random) -> str:
    """One of the wordings in which a query may put a subject and its edit: mostly the pseudo-token branch's own."""
    subject, edit_text = subject.rstrip("."), edit_text.rstrip(".")
    shape = rng.random()
    if shape < 0.25:
        return f"{subject} {edit_text}"
    if shape < 0.5 or not adds:
        return f"a photo of {subject} that {edit_text}."
    return f"a photo of {subject} that {edit_text}. and the photo should have {adds}."


def states_mask(states: frozenset[str]) -> list[bool]:
    """`states` as booleans in the order of ATTRIBUTES."""
    return [name in states for name in ATTRIBUTES]
