"""Edits mean what they say: applied they match, unapplied they do not, and their texts read back."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvsi_db.errors import UsageError
from cvsi_db.scenes.edits import Edit, apply_edit, edits, find_edit, is_match, matching, sample_edit
from cvsi_db.scenes.grammar import sample_scene, sample_scenes
from cvsi_db.scenes.scene import HATS, Scene

CAT = Scene("cat", "red", setting="beach")
DRESSED = Scene("cat", "red", "cap", "scarf", "ball", setting="forest", weather="rain", companion="duck")
seeds = st.integers(0, 2**31)


@pytest.mark.parametrize("scene", [CAT, DRESSED, *sample_scenes(4, seed=5)])
def test_every_edit_applied_matches_and_the_scene_itself_does_not(scene: Scene) -> None:
    rng = random.Random(0)
    listed = list(edits(scene))
    assert len(listed) > 1000
    assert len({edit.text for edit in listed}) == len(listed)
    for edit in listed:
        assert is_match(scene, edit, apply_edit(scene, edit, rng)), edit
        assert not is_match(scene, edit, scene), edit


@pytest.mark.parametrize("scene", [CAT, DRESSED, *sample_scenes(2, seed=6)])
def test_every_text_is_found_again_with_one_meaning(scene: Scene) -> None:
    for edit in edits(scene):
        assert find_edit(scene, edit.text).changes == edit.changes, edit
        assert "{" not in edit.text


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_sampled_edits_apply_and_read_back_compound_ones_too(seed: int) -> None:
    rng = random.Random(seed)
    scene = sample_scene(rng)
    for compound in (0.0, 1.0):
        edit = sample_edit(scene, rng, compound)
        assert find_edit(scene, edit.text) == edit
        assert is_match(scene, edit, apply_edit(scene, edit, rng))
        assert not is_match(scene, edit, scene)


def test_samples_are_reproducible_and_balanced_over_attributes() -> None:
    scenes = sample_scenes(3000, seed=2)
    drawn = [sample_edit(scene, random.Random(scene.seed)) for scene in scenes]
    assert drawn == [sample_edit(scene, random.Random(scene.seed)) for scene in scenes]
    changed = Counter(name for edit in drawn for name in edit.changes)
    assert len(changed) == 12
    assert min(changed.values()) / len(drawn) > 0.03
    compound = sum(len(edit.changes) > 1 for edit in drawn) / len(drawn)
    assert compound == pytest.approx(0.2, abs=0.05)


@pytest.mark.parametrize(
    ("scene", "text", "changes", "adds"),
    [
        (CAT, "with a hat", {"headwear": HATS}, "a hat"),
        (CAT, "With a top hat!", {"headwear": {"top hat"}}, "a top hat"),
        (CAT, "put a crown on it", {"headwear": {"crown"}}, "a crown"),
        (CAT, "give it a balloon", {"holds": {"balloon"}}, "a balloon"),
        (CAT, "same but at night", {"time": {"night"}}, ""),
        (CAT, "make it blue", {"colour": {"blue"}}, ""),
        (CAT, "in the desert instead", {"setting": {"desert"}}, ""),
        (CAT, "three of them instead of one", {"count": {"three"}}, ""),
        (CAT, "seen from far away", {"viewpoint": {"from afar"}}, ""),
        (CAT, "Close up", {"viewpoint": {"close-up"}}, ""),
        (CAT, "drawn as a pencil sketch", {"style": {"sketch"}}, ""),
        (CAT, "replace the cat with a dog", {"subject": {"dog"}}, "a dog"),
        (CAT, "now it is raining", {"weather": {"rain"}}, ""),
        (CAT, "with a hat and at night", {"headwear": HATS, "time": {"night"}}, "a hat"),
        (CAT, "in blue, holding a balloon", {"colour": {"blue"}, "holds": {"balloon"}}, "a balloon"),
        (CAT, "with a hat and a scarf", {"headwear": HATS, "wears": {"scarf"}}, "a hat and a scarf"),
        (DRESSED, "without the hat", {"headwear": {"none"}}, ""),
        (DRESSED, "swap the scarf for a bow tie", {"wears": {"bow tie"}}, "a bow tie"),
        (DRESSED, "change the cap to a crown", {"headwear": {"crown"}}, "a crown"),
        (DRESSED, "instead of a ball it holds a flag", {"holds": {"flag"}}, "a flag"),
        (DRESSED, "no duck", {"companion": {"none"}}, ""),
        (DRESSED, "with a different hat", {"headwear": HATS - {"cap"}}, "a hat"),
        (DRESSED, "stop the rain", {"weather": {"clear"}}, ""),
        (DRESSED, "in a room", {"setting": {"room"}, "weather": {"clear"}}, ""),
    ],
)
def test_what_people_type(scene: Scene, text: str, changes: dict[str, set[str]], adds: str) -> None:
    found = find_edit(scene, text)
    assert found == Edit(text, {name: frozenset(values) for name, values in changes.items()}, adds)


@pytest.mark.parametrize(
    "text", ["without the hat", "in red", "take off the scarf", "with a spaceship", "", "on the beach"]
)
def test_texts_without_sense_for_the_scene_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="means nothing"):
        find_edit(CAT, text)


def test_indoors_knows_no_weather() -> None:
    room = Scene("cat", "red", setting="room")
    assert not any("weather" in edit.changes for edit in edits(room))
    with pytest.raises(UsageError):
        find_edit(CAT, "in a room and in the rain")


def test_matching_keeps_everything_else() -> None:
    right = Scene("cat", "red", "straw hat", setting="beach", seed=9)
    wrong = [
        CAT,
        Scene("cat", "red", "crown", setting="beach"),
        Scene("dog", "red", "straw hat", setting="beach"),
        Scene("cat", "red", "straw hat", setting="beach", holds="ball"),
    ]
    assert matching(CAT, "with a hat", [*wrong, right]) == [right]
