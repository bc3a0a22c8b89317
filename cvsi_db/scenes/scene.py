"""A scene: what one drawn picture shows, as plain values; knows nothing about drawing, words or edits.

A scene has twelve attributes and a `seed` that jitters what no attribute names (positions, shades, clouds).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

NONE = "none"
"""The value of an attribute whose thing is absent (no headwear, nothing held, no companion …)."""

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "subject": (
        "cat",
        "dog",
        "bear",
        "rabbit",
        "fox",
        "owl",
        "penguin",
        "frog",
        "robot",
        "snowman",
        "girl",
        "boy",
        "elephant",
        "pig",
    ),
    "colour": ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "white", "grey"),
    "headwear": (
        NONE,
        "top hat",
        "party hat",
        "straw hat",
        "wizard hat",
        "cowboy hat",
        "woolly hat",
        "cap",
        "crown",
    ),
    "wears": (NONE, "scarf", "bow tie", "glasses", "sunglasses", "backpack", "cape"),
    "holds": (
        NONE,
        "balloon",
        "umbrella",
        "flower",
        "book",
        "flag",
        "ball",
        "ice cream",
        "lantern",
        "guitar",
        "gift",
    ),
    "setting": (
        "beach",
        "forest",
        "city",
        "desert",
        "mountains",
        "meadow",
        "moon",
        "room",
        "harbour",
        "farm",
    ),
    "time": ("day", "sunset", "night"),
    "weather": ("clear", "rain", "snow", "fog"),
    "count": ("one", "two", "three"),
    "companion": (NONE, "bird", "butterfly", "mouse", "turtle", "duck"),
    "viewpoint": ("close-up", "full view", "from afar"),
    "style": ("cartoon", "sketch", "watercolour", "pixel art", "paper cut"),
}
"""Every attribute with the values it may take. Colour is the subject's: fur, feathers, metal, or a child's clothes."""

HATS: frozenset[str] = frozenset(ATTRIBUTES["headwear"]) - {NONE, "crown"}
"""The headwear that answers to "a hat"."""

INDOOR: frozenset[str] = frozenset({"room"})
AIRLESS: frozenset[str] = frozenset({"moon"})
"""Settings without weather of their own: there the weather is always "clear"."""


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
    seed: int = 0

    def __post_init__(self) -> None:
        for name, values in ATTRIBUTES.items():
            value = getattr(self, name)
            if value not in values:
                raise ValueError(f"scene {name} {value!r} is not one of {', '.join(values)}")
        if self.setting in INDOOR | AIRLESS and self.weather != "clear":
            raise ValueError(f"there is no weather in setting {self.setting!r}, found {self.weather!r}")

    def attributes(self) -> dict[str, str]:
        """The attributes without the seed, in the order of ATTRIBUTES."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name in ATTRIBUTES}
