"""Batches: what a sentence states, which attributes a composed sentence settles, the order of steps."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from cvsi_db.scenes.scene import ATTRIBUTES
from cvsi_db.training.batches import Batch, batches, composed_sentence, join_edit, states_mask
from cvsi_db.training.data import PairSet


def test_batch_shapes(pairs: PairSet, tokenizer: Any) -> None:
    batch = next(batches(pairs, tokenizer, 64, seed=0, steps=range(1), pairs_each=4))
    assert isinstance(batch, Batch)
    rows = np.sort(np.random.default_rng((0, 0)).permutation(len(pairs))[:4])
    assert batch.pictures.shape == (8, 3, 64, 64)
    assert batch.labels.shape == batch.stated.shape == (8, len(ATTRIBUTES))
    assert len(batch.captions) == 8
    assert len(batch.composed) == len(batch.composed_stated) == 4
    assert batch.labels[1].tolist() == pairs.labels[rows[1], 0].tolist()
    assert batch.labels[5].tolist() == pairs.labels[rows[1], 1].tolist()


def test_the_first_steps_see_pictures_alone(pairs: PairSet, tokenizer: Any) -> None:
    alone, told = batches(pairs, tokenizer, 32, seed=0, steps=range(2), pairs_each=4, sentences_from=1)
    assert not isinstance(alone, Batch)
    assert isinstance(told, Batch)
    assert alone.pictures.shape == told.pictures.shape


def test_steps_repeat_and_epochs_cover_every_pair(pairs: PairSet, tokenizer: Any) -> None:
    epoch = list(batches(pairs, tokenizer, 32, seed=3, steps=range(4), pairs_each=4, large_from=2, small=16))
    again = list(batches(pairs, tokenizer, 32, seed=3, steps=range(3, 4), pairs_each=4))
    assert isinstance(again[0], Batch)
    assert isinstance(epoch[3], Batch)
    assert again[0].captions.equal(epoch[3].captions)
    assert [batch.pictures.shape[-1] for batch in epoch] == [16, 16, 32, 32]
    seen = sorted(row for batch in epoch for row in batch.labels[:4].tolist())
    assert seen == sorted(pairs.labels[:, 0].tolist())


def test_settled_attributes_are_what_edit_and_caption_say(pairs: PairSet) -> None:
    for row in range(len(pairs)):
        text, settled = composed_sentence(pairs, row, random.Random(row))
        changed = pairs.labels[row, 0] != pairs.labels[row, 1]
        for index, known in enumerate(settled):
            if changed[index]:
                assert known == pairs.fixed[row, index]  # a change is known only when the edit leaves one value
        assert pairs.edit_texts[row].rstrip(".") in text


def test_join_edit_words_a_query_in_three_ways() -> None:
    rng = random.Random(0)
    sentences = {join_edit("a cat.", "with a hat", "a hat", rng) for _ in range(50)}
    assert sentences == {
        "a cat with a hat",
        "a photo of a cat that with a hat.",
        "a photo of a cat that with a hat. and the photo should have a hat.",
    }
    assert all("should have" not in join_edit("a cat", "at night", "", rng) for _ in range(50))


def test_states_mask_follows_the_attributes() -> None:
    mask = states_mask(frozenset({"colour", "style"}))
    assert [name for name, stated in zip(ATTRIBUTES, mask, strict=True) if stated] == ["colour", "style"]
