"""Which scenes there are: draws balanced random scenes, changes one attribute, counts values as labels.

Takes random generators and seeds, returns scenes; knows nothing about pictures or words.
"""

from __future__ import annotations

import random
from dataclasses import replace

from cvsi_db.errors import UsageError
from cvsi_db.scenes.scene import AIRLESS, ATTRIBUTES, INDOOR, Scene

WEATHERLESS = INDOOR | AIRLESS
"""Settings in which the weather is always "clear"."""

_FIRST_SHARE = {
    "headwear": 0.35,
    "wears": 0.35,
    "holds": 0.35,
    "companion": 0.35,
    "time": 0.4,
    "weather": 0.34,
    "count": 0.5,
    "style": 0.3,
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


def sample_scene(rng: random.Random) -> Scene:
    """A random legal scene in which every value of every attribute is frequent enough to be learned."""
    values = {name: rng.choices(ATTRIBUTES[name], _SHARES[name])[0] for name in ATTRIBUTES}
    if values["setting"] in WEATHERLESS:
        values["weather"] = "clear"
    return Scene(**values, seed=rng.getrandbits(31))


def sample_scenes(n: int, seed: int) -> list[Scene]:
    """`n` random scenes; the same ones for the same seed, and the first of a longer list."""
    rng = random.Random(seed)
    return [sample_scene(rng) for _ in range(n)]


def neighbour(scene: Scene, attribute: str, rng: random.Random) -> Scene:
    """The scene with one attribute changed to another value, seed and all else kept.

    Where setting and weather exclude each other, the one not asked for gives way: a rainy forest that becomes a room
    turns clear, a room in which it shall rain turns into an open setting. Raises UsageError for an unknown attribute.
    """
    if attribute not in ATTRIBUTES:
        raise UsageError(f"attribute {attribute!r} of a scene is not one of {', '.join(ATTRIBUTES)}")
    current = getattr(scene, attribute)
    value = rng.choice([value for value in ATTRIBUTES[attribute] if value != current])
    changed = {attribute: value}
    if attribute == "setting" and value in WEATHERLESS:
        changed["weather"] = "clear"
    if attribute == "weather" and scene.setting in WEATHERLESS:
        changed["setting"] = rng.choice([place for place in ATTRIBUTES["setting"] if place not in WEATHERLESS])
    return replace(scene, **changed)  # type: ignore[arg-type]  # every attribute is a str; seed is not among them


def labels(scene: Scene) -> tuple[int, ...]:
    """The index of each attribute's value, in the order of ATTRIBUTES: twelve ints, the targets of attribute heads."""
    return tuple(index[getattr(scene, name)] for name, index in _INDEX.items())


def scene_of(label: tuple[int, ...], seed: int = 0) -> Scene:
    """The scene that has these labels: the inverse of `labels`."""
    values = zip(ATTRIBUTES.items(), label, strict=True)
    return Scene(**{name: options[index] for (name, options), index in values}, seed=seed)
