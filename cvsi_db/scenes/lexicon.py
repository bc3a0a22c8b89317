"""The words of the scenes: how English names each value of each attribute.

Plain tables and a few small word-form functions. The first word of every tuple is the plain one.
"""

from __future__ import annotations

from functools import cache

from cvsi_db.scenes.scene import ATTRIBUTES

PEOPLE: frozenset[str] = frozenset({"girl", "boy"})
"""Subjects whose colour is that of their clothes."""

NOUNS: dict[str, dict[str, tuple[str, ...]]] = {
    "headwear": {
        "top hat": ("top hat",),
        "party hat": ("party hat", "birthday hat"),
        "straw hat": ("straw hat",),
        "wizard hat": ("wizard hat", "wizard's hat"),
        "cowboy hat": ("cowboy hat", "stetson"),
        "woolly hat": ("woolly hat", "knitted hat", "beanie"),
        "cap": ("cap", "baseball cap"),
        "crown": ("crown", "golden crown"),
    },
    "wears": {
        "scarf": ("scarf",),
        "bow tie": ("bow tie",),
        "glasses": ("glasses", "spectacles"),
        "sunglasses": ("sunglasses", "shades"),
        "backpack": ("backpack", "rucksack"),
        "cape": ("cape", "cloak"),
    },
    "holds": {
        "balloon": ("balloon",),
        "umbrella": ("umbrella",),
        "flower": ("flower",),
        "book": ("book",),
        "flag": ("flag",),
        "ball": ("ball",),
        "ice cream": ("ice cream", "ice cream cone"),
        "lantern": ("lantern",),
        "guitar": ("guitar",),
        "gift": ("gift", "present"),
    },
    "companion": {
        "bird": ("bird", "small bird", "little bird"),
        "butterfly": ("butterfly",),
        "mouse": ("mouse", "small mouse", "little mouse"),
        "turtle": ("turtle", "small turtle", "little tortoise"),
        "duck": ("duck", "small duck", "little duckling"),
    },
}
"""Things, without article, that an attribute may add to a scene."""

PROPS: dict[str, tuple[str, ...]] = {
    "bench": ("bench", "park bench", "wooden bench"),
    "tent": ("tent", "camping tent"),
    "campfire": ("campfire", "fire"),
    "signpost": ("signpost", "sign", "wooden sign"),
    "barrel": ("barrel", "wooden barrel"),
    "bicycle": ("bicycle", "bike"),
}
"""Things that stand about, without article."""

PATTERNS: dict[str, tuple[str, ...]] = {
    "plain": ("plain", "unpatterned"),
    "striped": ("striped", "stripy", "stripey"),
    "spotted": ("spotted", "dotted", "spotty"),
    "checked": ("checked", "checkered", "chequered"),
}
"""Patterns as adjectives: of fur, feathers and metal, of a person's clothes."""
PATTERN_TAILS: dict[str, tuple[str, ...]] = {
    "plain": ("without a pattern", "with no pattern"),
    "striped": ("with stripes", "with a striped pattern"),
    "spotted": ("with spots", "with dots", "with a spotted pattern"),
    "checked": ("with a checked pattern", "with checks", "with a check pattern"),
}

POSES: dict[str, tuple[str, ...]] = {
    "standing": ("standing", "standing up", "standing upright"),
    "sitting": ("sitting", "sitting down", "seated"),
    "jumping": ("jumping", "leaping", "in mid-air", "jumping up"),
    "waving": ("waving", "with an arm raised", "waving hello", "with a raised arm"),
}
POSE_VERBS: dict[str, str] = {"standing": "stand", "sitting": "sit", "jumping": "jump", "waving": "wave"}

EXPRESSIONS: dict[str, tuple[str, ...]] = {
    "smiling": ("smiling", "looking happy", "with a smile", "looking cheerful"),
    "sad": ("looking sad", "frowning", "with a sad face", "looking unhappy"),
    "surprised": ("looking surprised", "looking astonished", "with an open mouth", "astonished"),
    "asleep": ("asleep", "sleeping", "with closed eyes", "fast asleep"),
}
EXPRESSION_ADJECTIVES: dict[str, tuple[str, ...]] = {
    "smiling": ("happy", "smiling", "cheerful"),
    "sad": ("sad", "unhappy"),
    "surprised": ("surprised", "astonished"),
    "asleep": ("sleeping",),
}

SEASONS: dict[str, tuple[str, ...]] = {
    "summer": ("in summer", "in summertime", "in the summer"),
    "autumn": ("in autumn", "in fall", "in the autumn"),
    "winter": ("in winter", "in wintertime", "in the winter"),
    "spring": ("in spring", "in springtime", "in the spring"),
}

SIZES: dict[str, tuple[str, ...]] = {
    "same": ("of the same size", "of equal size"),
    "smaller": ("smaller", "small", "little"),
    "bigger": ("bigger", "larger", "big"),
}
"""How big the other subject is beside the main one: "of the same size" follows its noun, the others precede it."""

SIDES: dict[str, tuple[str, ...]] = {
    "left": ("to {their} left", "on {their} left", "on the left", "to the left of {them}", "left of {them}"),
    "right": ("to {their} right", "on {their} right", "on the right", "to the right of {them}", "right of {them}"),
    "behind": ("behind {them}", "just behind {them}", "in back of {them}"),
    "on top": ("on {their} head", "on top of {them}", "on top of {their} head"),
}
"""Where a companion or another subject is seen from the main one, {them}: values of companion_place and relation."""

COLOURS: dict[str, tuple[str, ...]] = {
    colour: ("grey", "gray") if colour == "grey" else (colour,) for colour in ATTRIBUTES["colour"]
}

PLACES: dict[str, tuple[str, ...]] = {
    "beach": ("on the beach", "on a beach", "by the sea", "at the seaside", "at the beach"),
    "forest": ("in the forest", "in a forest", "in the woods", "among the trees of a forest"),
    "city": ("in the city", "in a city", "in town", "in a city street"),
    "desert": ("in the desert", "in a desert", "out in the desert"),
    "mountains": ("in the mountains", "up in the mountains", "in front of mountains", "among the mountains"),
    "meadow": ("in a meadow", "in the meadow", "on a meadow", "in a grassy meadow"),
    "moon": ("on the moon", "on the surface of the moon", "on the lunar surface"),
    "room": ("in a room", "in the room", "indoors", "inside a room"),
    "harbour": ("in the harbour", "at the harbour", "in a harbor", "at the harbor", "at the port"),
    "farm": ("on the farm", "on a farm", "at a farm", "in the farmyard"),
}

DESTINATIONS: dict[str, tuple[str, ...]] = {
    "beach": ("to the beach", "to the seaside"),
    "forest": ("to the forest", "into the woods"),
    "city": ("to the city", "into town"),
    "desert": ("to the desert", "into the desert"),
    "mountains": ("to the mountains", "into the mountains"),
    "meadow": ("to a meadow", "to the meadow"),
    "moon": ("to the moon",),
    "room": ("into a room", "indoors"),
    "harbour": ("to the harbour", "to the harbor"),
    "farm": ("to the farm", "to a farm"),
}

BACKGROUNDS: dict[str, tuple[str, ...]] = {
    "beach": ("a beach", "the seaside"),
    "forest": ("a forest", "the woods"),
    "city": ("a city", "the city"),
    "desert": ("a desert", "the desert"),
    "mountains": ("mountains", "the mountains"),
    "meadow": ("a meadow", "the meadow"),
    "moon": ("the moon",),
    "room": ("a room",),
    "harbour": ("a harbour", "the harbor"),
    "farm": ("a farm", "the farm"),
}

TIMES: dict[str, tuple[str, ...]] = {
    "day": ("by day", "during the day", "in daylight", "in the daytime"),
    "sunset": ("at sunset", "at dusk", "in the evening", "as the sun goes down"),
    "night": ("at night", "in the dark", "after dark", "by night"),
}
MOONLIGHT = ("under the moon", "by moonlight")
"""More ways to say "at night", for settings that are neither indoors nor the moon itself."""

WEATHERS: dict[str, tuple[str, ...]] = {
    "clear": ("in fine weather", "in clear weather"),
    "rain": ("in the rain", "while it rains", "in rainy weather"),
    "snow": ("in the snow", "while it snows", "in falling snow"),
    "fog": ("in the fog", "in thick fog", "in the mist"),
}
WEATHER_CLAUSES: dict[str, tuple[str, ...]] = {
    "clear": ("the weather is fine", "the sky is clear"),
    "rain": ("it is raining", "it rains", "rain is falling"),
    "snow": ("it is snowing", "it snows", "snow is falling"),
    "fog": ("it is foggy", "it is misty", "there is fog"),
}

VIEWS: dict[str, tuple[str, ...]] = {
    "close-up": ("seen up close", "in close-up", "up close"),
    "full view": ("seen in full", "in full view"),
    "from afar": ("seen from afar", "in the distance", "seen from far away", "far away"),
}
VIEW_LEADS: dict[str, tuple[str, ...]] = {
    "close-up": ("a close-up of", "close-up of", "a close view of"),
    "full view": ("a full view of",),
    "from afar": ("a distant view of", "a view from afar of"),
}

STYLES: dict[str, tuple[str, ...]] = {
    "cartoon": ("drawn as a cartoon", "as a cartoon", "in cartoon style"),
    "sketch": ("drawn in pencil", "as a pencil sketch", "as a sketch"),
    "watercolour": ("painted in watercolour", "in watercolor", "as a watercolour"),
    "pixel art": ("as pixel art", "in pixel art", "drawn in pixels"),
    "paper cut": ("cut out of paper", "as a paper cut", "in paper-cut style"),
}
STYLE_LEADS: dict[str, tuple[str, ...]] = {
    "cartoon": ("a cartoon of", "a cartoon drawing of", "cartoon of"),
    "sketch": ("a pencil drawing of", "a sketch of", "a pencil sketch of"),
    "watercolour": ("a watercolour of", "a watercolor painting of", "a watercolour painting of"),
    "pixel art": ("pixel art of", "a pixel art picture of", "a piece of pixel art showing"),
    "paper cut": ("a paper cut of", "a paper-cut picture of", "a paper collage of"),
}

_PLURALS = {"mouse": "mice", "scarf": "scarves", "snowman": "snowmen", "butterfly": "butterflies", "fox": "foxes"}
_ALWAYS_PLURAL = frozenset({"glasses", "sunglasses", "spectacles", "shades"})


@cache
def with_article(noun: str) -> str:
    """`noun` with "a" or "an"; things that come in pairs, such as glasses, take none."""
    if noun.split()[-1] in _ALWAYS_PLURAL:
        return noun
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


@cache
def plural(noun: str) -> str:
    """The plural of a noun of this lexicon: its last word changes."""
    *before, last = noun.split()
    if last not in _ALWAYS_PLURAL:
        last = _PLURALS.get(last, f"{last}s")
    return " ".join([*before, last])


def pronoun(subject: str, many: bool) -> str:
    """The object pronoun: it, her, him or them."""
    if many:
        return "them"
    return {"girl": "her", "boy": "him"}.get(subject, "it")


def possessive(subject: str, many: bool) -> str:
    """The possessive: its, her, his or their."""
    if many:
        return "their"
    return {"girl": "her", "boy": "his"}.get(subject, "its")


def night_words(setting: str) -> tuple[str, ...]:
    """How to say "at night" in a setting: no moonlight in a room, none on the moon."""
    return TIMES["night"] if setting in {"room", "moon"} else TIMES["night"] + MOONLIGHT
