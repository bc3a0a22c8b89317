"""Scenes are legal, balanced, reproducible; neighbours differ where asked; labels read back."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvsi_db.errors import UsageError
from cvsi_db.scenes.grammar import (
    HELD_OUT_KINDS,
    HELD_OUT_OUTFITS,
    WEATHERLESS,
    is_held_out,
    labels,
    neighbour,
    sample_plain_scene,
    sample_scene,
    sample_scenes,
    scene_of,
)
from cvsi_db.scenes.scene import ATTRIBUTES, DEPENDENTS, DETAILS, Scene, applies

seeds = st.integers(0, 2**31)


OTHERS = {name for name, thing in DEPENDENTS.items() if thing == "other"}
GIVES_WAY = {
    "setting": {"weather", "season"},
    "weather": {"setting", "season"},
    "season": {"setting", "weather"},
    "companion": {"companion_place"},
    "companion_place": {"companion"},
    "count": {"other", *OTHERS},
    "other": {"count", *OTHERS},
    **{name: {"count", "other"} for name in OTHERS},
}
"""What may change along with an attribute."""


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
        assert min(seen.values()) / len(scenes) > 0.2 / len(values), name
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
    assert changed <= {attribute} | GIVES_WAY.get(attribute, set())


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


def test_held_out_combinations_are_never_drawn_unless_asked_for() -> None:
    rng = random.Random(1)
    seen = [sample_scene(rng) for _ in range(2000)]
    assert not any(is_held_out(scene) for scene in seen)
    assert not {(scene.subject, scene.colour) for scene in seen} & HELD_OUT_KINDS
    assert not {(scene.other_headwear, scene.other_holds) for scene in seen} & HELD_OUT_OUTFITS
    assert all(is_held_out(sample_scene(rng, held_out=True)) for _ in range(100))


@pytest.mark.parametrize(
    ("scene", "held_out"),
    [
        (Scene("cat", "purple"), True),
        (Scene("cat", "red"), False),
        (Scene("cat", "red", other="owl", other_colour="yellow"), True),
        (Scene("cat", "red", headwear="crown", holds="umbrella"), True),
        (Scene("cat", "red", setting="desert", time="sunset"), True),
        (Scene("cat", "red", setting="desert", time="night"), False),
    ],
)
def test_what_is_held_out(scene: Scene, held_out: bool) -> None:
    assert is_held_out(scene) == held_out


def test_plain_scenes_have_no_detail() -> None:
    rng = random.Random(4)
    for scene in (sample_plain_scene(rng) for _ in range(200)):
        assert all(getattr(scene, name) == DETAILS[name][0] for name in DETAILS)


@given(seeds)
def test_what_belongs_to_nothing_keeps_its_first_value(seed: int) -> None:
    scene = sample_scene(random.Random(seed))
    idle = [name for name in ATTRIBUTES if not applies(scene.attributes(), name)]
    assert all(getattr(scene, name) == ATTRIBUTES[name][0] for name in idle)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"pose": "flying"}, "pose 'flying' is not one of"),
        ({"companion_place": "right"}, "belongs to nothing"),
        ({"other_holds": "ball"}, "belongs to nothing"),
        ({"weather": "snow", "season": "autumn"}, "belongs to nothing"),
        ({"other": "dog", "count": "two"}, "beside one"),
        ({"other": "cat"}, "of another kind"),
    ],
)
def test_scenes_that_cannot_be_are_refused(values: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Scene("cat", "red", **values)
