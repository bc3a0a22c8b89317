"""Scenes are legal, balanced, reproducible; neighbours differ where asked; labels read back."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvsi_db.errors import UsageError
from cvsi_db.scenes.grammar import WEATHERLESS, labels, neighbour, sample_scene, sample_scenes, scene_of
from cvsi_db.scenes.scene import ATTRIBUTES, Scene

seeds = st.integers(0, 2**31)


def differing(first: Scene, second: Scene) -> set[str]:
    return {name for name in ATTRIBUTES if getattr(first, name) != getattr(second, name)}


def test_same_seed_same_scenes_and_a_longer_list_begins_alike() -> None:
    assert sample_scenes(5, seed=3) == sample_scenes(9, seed=3)[:5]
    assert sample_scenes(5, seed=3) != sample_scenes(5, seed=4)


def test_every_value_is_drawn_often_enough_to_be_learned() -> None:
    scenes = sample_scenes(6000, seed=0)
    for name, values in ATTRIBUTES.items():
        seen = Counter(getattr(scene, name) for scene in scenes)
        assert set(seen) == set(values)
        assert min(seen.values()) / len(scenes) > 0.5 / len(values), name
    nothing = sum(scene.headwear == "none" for scene in scenes) / len(scenes)
    assert nothing == pytest.approx(0.35, abs=0.03)


@given(seeds)
def test_labels_round_trip(seed: int) -> None:
    scene = sample_scene(random.Random(seed))
    label = labels(scene)
    assert all(0 <= index < len(values) for index, values in zip(label, ATTRIBUTES.values(), strict=True))
    assert scene_of(label, scene.seed) == scene


@given(seeds, st.sampled_from(list(ATTRIBUTES)))
def test_neighbour_changes_one_attribute_and_what_it_excludes(seed: int, attribute: str) -> None:
    rng = random.Random(seed)
    scene = sample_scene(rng)
    other = neighbour(scene, attribute, rng)
    changed = differing(scene, other)
    assert attribute in changed
    assert other.seed == scene.seed
    assert changed == {attribute} or changed == {"setting", "weather"}


def test_a_rainy_forest_turns_clear_as_a_room_and_rain_leads_out_of_a_room() -> None:
    rainy, room = Scene("cat", "red", setting="forest", weather="rain"), Scene("cat", "red", setting="room")
    moved = {neighbour(rainy, "setting", random.Random(seed)) for seed in range(60)}
    assert {scene.weather for scene in moved if scene.setting in WEATHERLESS} == {"clear"}
    assert {scene.weather for scene in moved if scene.setting not in WEATHERLESS} == {"rain"}
    wet = neighbour(room, "weather", random.Random(0))
    assert wet.weather != "clear"
    assert wet.setting not in WEATHERLESS


def test_an_unknown_attribute_is_named() -> None:
    with pytest.raises(UsageError, match="'mood'"):
        neighbour(Scene("cat", "red"), "mood", random.Random(0))
