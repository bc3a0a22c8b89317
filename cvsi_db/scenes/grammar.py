"""Which scenes there are: draws random ones in balance, keeps some combinations back, changes attributes, gives labels.

Takes random generators and seeds, returns scenes.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace

from cvsi_db.errors import UsageError
from cvsi_db.scenes.scene import ATTRIBUTES, DETAILS, NONE, PLAIN_ATTRIBUTES, WEATHERLESS, Scene, fault, settled

__all__ = [
    "WEATHERLESS",
    "is_held_out",
    "labels",
    "neighbour",
    "sample_plain_scene",
    "sample_scene",
    "sample_scenes",
    "scene_of",
]

_FIRST_SHARE = {
    "headwear": 0.35,
    "wears": 0.35,
    "holds": 0.35,
    "companion": 0.35,
    "time": 0.4,
    "weather": 0.34,
    "count": 0.5,
    "style": 0.3,
    "pattern": 0.4,
    "pose": 0.4,
    "expression": 0.4,
    "season": 0.4,
    "prop": 0.4,
    "other": 0.45,
    "other_headwear": 0.4,
    "other_holds": 0.4,
    "other_size": 0.4,
}
_FULL_VIEW_SHARE = 0.5

_INDEX = {name: {value: index for index, value in enumerate(values)} for name, values in ATTRIBUTES.items()}


def _shares(name: str) -> tuple[float, ...]:
    """How often each value of an attribute is drawn: the plain value more often, the others alike."""
    values = ATTRIBUTES[name]
    plain = values.index("full view") if name == "viewpoint" else 0
    share = _FULL_VIEW_SHARE if name == "viewpoint" else _FIRST_SHARE.get(name, 1 / len(values))
    rest = (1 - share) / (len(values) - 1)
    return tuple(share if index == plain else rest for index in range(len(values)))


_SHARES = {name: _shares(name) for name in ATTRIBUTES}

HELD_OUT_KINDS: frozenset[tuple[str, str]] = frozenset({
    ("cat", "purple"), ("dog", "green"), ("bear", "pink"), ("rabbit", "orange"), ("fox", "grey"), ("owl", "yellow"),
    ("penguin", "brown"), ("frog", "white"), ("robot", "blue"), ("snowman", "red"), ("girl", "brown"), ("boy", "grey"),
    ("elephant", "orange"), ("pig", "purple"),
})  # fmt: skip
"""Kinds of subjects in colours that no training shows, though it shows each kind and each colour."""

HELD_OUT_OUTFITS: frozenset[tuple[str, str]] = frozenset({
    ("top hat", "lantern"), ("party hat", "guitar"), ("straw hat", "book"), ("wizard hat", "ball"),
    ("cowboy hat", "flower"), ("woolly hat", "ice cream"), ("cap", "flag"), ("crown", "umbrella"),
})  # fmt: skip
"""Headwear with things held that no training shows together on one subject."""

HELD_OUT_HOURS: frozenset[tuple[str, str]] = frozenset({("desert", "sunset"), ("harbour", "night"), ("farm", "sunset")})
"""Settings at times of day that no training shows."""


def is_held_out(scene: Scene) -> bool:
    """Whether the scene shows a combination that is kept from all training."""
    return bool(
        (scene.subject, scene.colour) in HELD_OUT_KINDS
        or (scene.other, scene.other_colour) in HELD_OUT_KINDS
        or (scene.headwear, scene.holds) in HELD_OUT_OUTFITS
        or (scene.other_headwear, scene.other_holds) in HELD_OUT_OUTFITS
        or (scene.setting, scene.time) in HELD_OUT_HOURS
    )


def _draw(rng: random.Random, names: Mapping[str, object]) -> dict[str, str]:
    return {name: rng.choices(ATTRIBUTES[name], _SHARES[name])[0] for name in names}


def sample_plain_scene(rng: random.Random) -> Scene:
    """A random legal scene of one kind of subject without fine detail."""
    values = _draw(rng, PLAIN_ATTRIBUTES)
    if values["setting"] in WEATHERLESS:
        values["weather"] = "clear"
    return Scene(**values, seed=rng.getrandbits(31))


def sample_scene(rng: random.Random, *, held_out: bool = False) -> Scene:
    """A random legal scene in which every value of every attribute is frequent enough to be learned.

    Never one that `is_held_out`; with `held_out`, always one.
    """
    while True:
        values = _draw(rng, ATTRIBUTES)
        if values["other"] in (values["subject"], NONE):
            values["other"] = NONE
        else:
            values["count"] = "one"
        scene = Scene(**settled(values), seed=rng.getrandbits(31))
        if is_held_out(scene) == held_out:
            return scene


def sample_scenes(n: int, seed: int) -> list[Scene]:
    """`n` random scenes; the same ones for the same seed, and the first of a longer list."""
    rng = random.Random(seed)
    return [sample_scene(rng) for _ in range(n)]


def neighbour(scene: Scene, attribute: str, rng: random.Random) -> Scene:
    """The scene with one attribute changed to another value, seed and all else kept.

    What the new value excludes gives way: a rainy forest that becomes a room turns clear, a room in which it shall
    rain turns into an open setting, a second subject leaves when there shall be three of the first, and a detail of
    something absent brings it in. Raises UsageError for an unknown attribute.
    """
    if attribute not in ATTRIBUTES:
        raise UsageError(f"attribute {attribute!r} of a scene is not one of {', '.join(ATTRIBUTES)}")
    values = scene.attributes()
    _make_room(values, attribute, rng)
    while True:
        changed = values | {
            attribute: rng.choice([value for value in ATTRIBUTES[attribute] if value != values[attribute]])
        }
        if attribute == "count":
            changed["other"] = NONE if changed["count"] != "one" else changed["other"]
        if attribute == "other" and values["other"] == NONE:
            changed |= {name: rng.choice(ATTRIBUTES[name]) for name in DETAILS if name.startswith("other_")}
        changed = settled(changed)
        if not fault(changed) and changed[attribute] != values[attribute]:
            return replace(scene, **changed)  # type: ignore[arg-type]  # every attribute is a str; seed is not among them


def _make_room(values: dict[str, str], attribute: str, rng: random.Random) -> None:
    """Changes what would keep the attribute from changing: a setting without weather, a crowd without room."""
    if attribute in ("weather", "season") and values["setting"] in WEATHERLESS:
        values["setting"] = rng.choice([place for place in ATTRIBUTES["setting"] if place not in WEATHERLESS])
    if attribute == "season" and values["weather"] == "snow":
        values["weather"] = "clear"
    if attribute == "companion_place" and values["companion"] == NONE:
        values["companion"] = rng.choice(ATTRIBUTES["companion"][1:])
    if attribute == "other" or (attribute in DETAILS and attribute.startswith(("other_", "relation"))):
        values["count"] = "one"
    if attribute.startswith(("other_", "relation")) and values["other"] == NONE:
        values["other"] = rng.choice([kind for kind in ATTRIBUTES["other"][1:] if kind != values["subject"]])


def labels(scene: Scene) -> tuple[int, ...]:
    """The index of each attribute's value, in the order of ATTRIBUTES: the targets of attribute heads."""
    return tuple(index[getattr(scene, name)] for name, index in _INDEX.items())


def scene_of(label: tuple[int, ...], seed: int = 0) -> Scene:
    """The scene that has these labels: the inverse of `labels`."""
    values = zip(ATTRIBUTES.items(), label, strict=True)
    return Scene(**{name: options[index] for (name, options), index in values}, seed=seed)
