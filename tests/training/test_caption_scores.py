from __future__ import annotations

import random

from cvsi_db.scenes.captions import caption
from cvsi_db.scenes.grammar import sample_scenes
from cvsi_db.scenes.scene import ATTRIBUTES, Scene
from cvsi_db.training.caption_scores import read_caption, score_captions, true_share

CAT = Scene("cat", "red", headwear="top hat", setting="beach", time="night", viewpoint="from afar", style="sketch")


def test_a_caption_is_read_by_the_lexicon() -> None:
    assert read_caption("a sketch of a red cat in a top hat on the beach at night, in the distance") == {
        "subject": "cat", "colour": "red", "headwear": "top hat", "setting": "beach", "time": "night",
        "viewpoint": "from afar", "style": "sketch", "count": "one",
    }  # fmt: skip
    assert read_caption("a pair of grey foxes, wearing beanies, under the moon, with a small bird next to them") == {
        "subject": "fox", "colour": "grey", "headwear": "woolly hat", "time": "night", "companion": "bird",
        "count": "two",
    }  # fmt: skip


def test_another_subject_is_read_apart_from_the_main_one() -> None:
    pair = "a striped red cat in a cap jumping by a tent, with a bird on its head"
    told = f"{pair} and, to its left, a bigger blue dog holding a ball"
    assert read_caption(told) == {
        "subject": "cat", "count": "one", "colour": "red", "headwear": "cap", "pattern": "striped", "pose": "jumping",
        "prop": "tent", "companion": "bird", "companion_place": "on top", "relation": "left", "other": "dog",
        "other_colour": "blue", "other_holds": "ball", "other_size": "bigger",
    }  # fmt: skip
    assert read_caption("a sad girl in winter. behind her is a boy in green clothes with a crown") == {
        "subject": "girl", "count": "one", "expression": "sad", "season": "winter", "relation": "behind",
        "other": "boy", "other_colour": "green", "other_headwear": "crown",
    }  # fmt: skip


def test_true_captions_score_right_in_everything() -> None:
    rng = random.Random(3)
    scenes = sample_scenes(200, 17)
    told = [[caption(scene, rng).text for _ in range(5)] for scene in scenes]
    assert true_share(told, scenes) == 1.0
    scores = score_captions(told, scenes)
    assert {name: value.right for name, value in scores.items()} == dict.fromkeys(ATTRIBUTES, 1.0)
    assert scores["subject"].stated == scores["count"].stated == 1.0
    assert 0.55 < scores["setting"].stated < 0.7
    assert 0.3 < scores["relation"].stated < 0.6


def test_wrong_and_missing_statements_lower_their_scores() -> None:
    told = [["a red cat in a top hat", "a blue cat in a cap", "a cat", "three cats"]]
    scores = score_captions(told, [CAT])
    assert (scores["colour"].stated, scores["colour"].right, scores["colour"].covered) == (0.5, 0.5, 1.0)
    assert (scores["headwear"].stated, scores["headwear"].right) == (0.5, 0.5)
    assert (scores["count"].right, scores["setting"].covered) == (0.75, 0.0)
    assert true_share(told, [CAT]) == 0.5


def test_a_thing_that_is_not_there_counts_as_wrong() -> None:
    assert score_captions([["a cat holding a ball"]], [CAT])["holds"].right == 0.0
