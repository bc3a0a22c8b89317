"""Pairs of pictures: drawn once, the same for the same seed, and jittered without losing what they show."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvsi_db.scenes.edits import Edit, is_match
from cvsi_db.scenes.grammar import labels
from cvsi_db.scenes.renderer import render
from cvsi_db.scenes.scene import ATTRIBUTES, Scene
from cvsi_db.training.data import (
    DRAWN_SIZE,
    PICTURE_SIZE,
    PairSet,
    augment,
    draw_pairs,
    fixed_by,
    plain,
    sample_pair,
    shrink,
)  # fmt: skip


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_pairs(tmp_path_factory.mktemp("pairs") / "set", n=3, seed=11, workers=1)


def test_shapes_and_labels(drawn: Path) -> None:
    pairs = PairSet.open(drawn)
    assert len(pairs) == 3
    assert pairs.pictures.shape == (3, 2, PICTURE_SIZE, PICTURE_SIZE, 3)
    before, edit, after = sample_pair(random.Random("11/1"))
    assert (pairs.scene(1, 0), pairs.scene(1, 1)) == (before, after)
    assert (pairs.edit_texts[1], pairs.adds[1]) == (edit.text, edit.adds)
    assert tuple(pairs.labels[1, 1]) == labels(after)


def test_pictures_are_the_renderer_s_shrunk(drawn: Path) -> None:
    pairs = PairSet.open(drawn)
    expected = render(pairs.scene(2, 1), DRAWN_SIZE).resize((PICTURE_SIZE, PICTURE_SIZE), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(pairs.pictures[2, 1], np.asarray(expected))


def test_a_drawn_set_is_not_drawn_again(drawn: Path) -> None:
    before = (drawn / "pictures.npy").stat().st_mtime_ns
    assert draw_pairs(drawn, n=99, seed=1) == drawn
    assert (drawn / "pictures.npy").stat().st_mtime_ns == before


def test_sampled_pairs_answer_their_edits() -> None:
    for index in range(50):
        before, edit, after = sample_pair(random.Random(index))
        assert is_match(before, edit, after)


def test_fixed_by_is_true_only_of_single_values() -> None:
    after = Scene("cat", "red", headwear="cap", time="night")
    edit = Edit("x", {"headwear": frozenset({"cap", "top hat"}), "time": frozenset({"night"})}, "")
    assert [name for name, fixed in zip(ATTRIBUTES, fixed_by(edit, after), strict=True) if fixed] == ["time"]


def test_shrink_takes_the_model_s_size() -> None:
    assert shrink(Image.new("RGB", (300, 300))).size == (PICTURE_SIZE, PICTURE_SIZE)


@pytest.mark.parametrize("size", [64, 96])
def test_augment_jitters_within_range(drawn: Path, size: int) -> None:
    pictures = PairSet.open(drawn).pictures[:, 0]
    jittered = augment(pictures, size, np.random.default_rng(0))
    assert jittered.shape == (3, 3, size, size)
    assert jittered.min() >= -1
    assert jittered.max() <= 1
    assert (jittered == augment(pictures, size, np.random.default_rng(0))).all()
    assert not (jittered == augment(pictures, size, np.random.default_rng(1))).all()


def test_plain_is_minus_one_to_one() -> None:
    assert plain(np.array([[[[0, 127, 255]]]], np.uint8)).flatten().tolist() == pytest.approx([-1, -0.004, 1], abs=1e-3)
