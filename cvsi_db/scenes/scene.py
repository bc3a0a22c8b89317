"""A scene: what one drawn picture shows, as plain values.

A scene has one to three subjects: a main one in the middle (or two or three of its kind), perhaps another one beside
or behind it, perhaps a small companion. Its attributes say who they are, what they wear and do, how they stand to each
other, where and when; a `seed` jitters what no attribute names (positions, shades, clouds).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

NONE = "none"
"""The value of an attribute whose thing is absent (no headwear, nothing held, no companion …)."""

_SUBJECTS = (
    "cat", "dog", "bear", "rabbit", "fox", "owl", "penguin", "frog", "robot", "snowman", "girl", "boy", "elephant",
    "pig",
)  # fmt: skip
_COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "white", "grey")
_HEADWEAR = (
    NONE, "top hat", "party hat", "straw hat", "wizard hat", "cowboy hat", "woolly hat", "cap", "crown",
)  # fmt: skip
_HOLDS = (
    NONE, "balloon", "umbrella", "flower", "book", "flag", "ball", "ice cream", "lantern", "guitar", "gift",
)  # fmt: skip

PLAIN_ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "subject": _SUBJECTS,
    "colour": _COLOURS,
    "headwear": _HEADWEAR,
    "wears": (NONE, "scarf", "bow tie", "glasses", "sunglasses", "backpack", "cape"),
    "holds": _HOLDS,
    "setting": ("beach", "forest", "city", "desert", "mountains", "meadow", "moon", "room", "harbour", "farm"),
    "time": ("day", "sunset", "night"),
    "weather": ("clear", "rain", "snow", "fog"),
    "count": ("one", "two", "three"),
    "companion": (NONE, "bird", "butterfly", "mouse", "turtle", "duck"),
    "viewpoint": ("close-up", "full view", "from afar"),
    "style": ("cartoon", "sketch", "watercolour", "pixel art", "paper cut"),
}
"""What captions mostly speak of. Colour is the subject's: fur, feathers, metal, or a child's clothes."""

DETAILS: dict[str, tuple[str, ...]] = {
    "pattern": ("plain", "striped", "spotted", "checked"),
    "pose": ("standing", "sitting", "jumping", "waving"),
    "expression": ("smiling", "sad", "surprised", "asleep"),
    "season": ("summer", "autumn", "winter", "spring"),
    "prop": (NONE, "bench", "tent", "campfire", "signpost", "barrel", "bicycle"),
    "companion_place": ("left", "right", "on top"),
    "other": (NONE, *_SUBJECTS),
    "other_colour": _COLOURS,
    "other_headwear": _HEADWEAR,
    "other_holds": _HOLDS,
    "relation": ("left", "right", "behind"),
    "other_size": ("same", "smaller", "bigger"),
}
"""Fine detail and further subjects; the first value is the plain one.

Pattern, pose and expression are the main subject's. `companion_place` and `relation` say where the companion and the
other subject are, seen from the main one and by the viewer; `other_size` is relative to the main one.
"""

ATTRIBUTES: dict[str, tuple[str, ...]] = PLAIN_ATTRIBUTES | DETAILS
"""Every attribute with the values it may take."""

DEPENDENTS: dict[str, str] = {
    "companion_place": "companion",
    **dict.fromkeys(("other_colour", "other_headwear", "other_holds", "relation", "other_size"), "other"),
}
"""Attributes that mean something only when the thing they belong to is there; otherwise they keep their first value."""

HATS: frozenset[str] = frozenset(ATTRIBUTES["headwear"]) - {NONE, "crown"}
"""The headwear that answers to "a hat"."""

INDOOR: frozenset[str] = frozenset({"room"})
AIRLESS: frozenset[str] = frozenset({"moon"})
WEATHERLESS: frozenset[str] = INDOOR | AIRLESS
"""Settings without weather and season of their own: there the weather is always "clear"."""


def applies(values: Mapping[str, str], name: str) -> bool:
    """Whether an attribute means something among these values: a companion's place does only if there is one."""
    if name in DEPENDENTS:
        return values[DEPENDENTS[name]] != NONE
    if name == "season":
        return values["setting"] not in WEATHERLESS and values["weather"] != "snow"
    return values["setting"] not in WEATHERLESS if name == "weather" else True


def fault(values: Mapping[str, str]) -> str:
    """Why no scene has these values, or "": unknown ones, details of what is absent, another subject in a crowd."""
    for name, known in ATTRIBUTES.items():
        if values[name] not in known:
            return f"scene {name} {values[name]!r} is not one of {', '.join(known)}"
    if values["setting"] in WEATHERLESS and values["weather"] != "clear":
        return f"there is no weather in setting {values['setting']!r}, found {values['weather']!r}"
    for name in ("season", *DEPENDENTS):
        if not applies(values, name) and values[name] != ATTRIBUTES[name][0]:
            return f"scene {name} {values[name]!r} belongs to nothing that is there"
    if values["other"] != NONE and values["count"] != "one":
        return f"another subject stands beside one, not beside {values['count']}"
    if values["other"] == values["subject"]:
        return f"the other subject is of another kind, found two of {values['subject']!r}"
    return ""


def settled(values: Mapping[str, str]) -> dict[str, str]:
    """The values with the weather of a setting without any, and details of what is absent, put back to their first."""
    result = dict(values)
    for name in ("weather", "season", *DEPENDENTS):
        if not applies(result, name):
            result[name] = ATTRIBUTES[name][0]
    return result


@dataclass(frozen=True)
class Scene:
    """What one picture shows. Every field but `seed` is one of ATTRIBUTES; `seed` jitters the rest."""

    subject: str
    colour: str
    headwear: str = NONE
    wears: str = NONE
    holds: str = NONE
    setting: str = "meadow"
    time: str = "day"
    weather: str = "clear"
    count: str = "one"
    companion: str = NONE
    viewpoint: str = "full view"
    style: str = "cartoon"
    pattern: str = "plain"
    pose: str = "standing"
    expression: str = "smiling"
    season: str = "summer"
    prop: str = NONE
    companion_place: str = "left"
    other: str = NONE
    other_colour: str = "red"
    other_headwear: str = NONE
    other_holds: str = NONE
    relation: str = "left"
    other_size: str = "same"
    seed: int = 0

    def __post_init__(self) -> None:
        if wrong := fault(self.attributes()):
            raise ValueError(wrong)

    def attributes(self) -> dict[str, str]:
        """The attributes without the seed, in the order of ATTRIBUTES."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name in ATTRIBUTES}
