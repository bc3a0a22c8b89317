"""A handful of pairs, drawn or made up, and a tokenizer, for every test of training."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from cvsi_db.scenes.grammar import labels

pytest.importorskip("cvsi_db.scenes.renderer", exc_type=Exception)  # drawing needs the scenes extra

from cvsi_db.training.data import PairSet, fixed_by, sample_pair
from cvsi_db.training.vocabulary import scene_sentences, train_tokenizer


@pytest.fixture(scope="session")
def pairs() -> PairSet:
    """Sixteen pairs whose pictures are flat grey: for whatever does not look at them."""
    drawn = [sample_pair(random.Random(index)) for index in range(16)]
    return PairSet(
        pictures=np.full((16, 2, 96, 96, 3), 128, np.uint8),
        labels=np.array([[labels(before), labels(after)] for before, _, after in drawn], np.int8),
        seeds=np.array([[before.seed, after.seed] for before, _, after in drawn]),
        fixed=np.array([fixed_by(edit, after) for _, edit, after in drawn]),
        edit_texts=tuple(edit.text for _, edit, _ in drawn),
        adds=tuple(edit.adds for _, edit, _ in drawn),
    )


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    return train_tokenizer(scene_sentences(300, seed=0), size=900)
