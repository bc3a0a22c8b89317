"""The worded pieces of a caption: who, with which looks, beside whom, where and when.

Takes a scene, a random generator and the names of the attributes to state, returns `Parts`.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from cvsi_db.scenes.lexicon import (
    COLOURS,
    EXPRESSION_ADJECTIVES,
    EXPRESSIONS,
    NOUNS,
    PATTERN_TAILS,
    PATTERNS,
    PEOPLE,
    PLACES,
    POSES,
    PROPS,
    SEASONS,
    SIDES,
    SIZES,
    STYLE_LEADS,
    STYLES,
    TIMES,
    VIEW_LEADS,
    VIEWS,
    WEATHERS,
    night_words,
    plural,
    possessive,
    pronoun,
    with_article,
)
from cvsi_db.scenes.scene import NONE, Scene

_ABSENT = {
    "headwear": ("without a hat", "bare-headed", "with no hat", "hatless"),
    "wears": ("without accessories", "with no accessories"),
    "holds": ("empty-handed", "with empty hands", "holding nothing"),
    "companion": ("with no small companion", "without a small companion"),
    "other": ("with no other characters", "without other characters"),
}
_ALONE = ("alone", "all alone", "on {their} own")
_HOLDING = {"book": ("reading",), "guitar": ("playing",), "ice cream": ("eating",)}
_NUMBERS = {
    "one": ("one", "a single"),
    "two": ("two", "two", "two", "a pair of", "2"),
    "three": ("three", "three", "three", "a group of three", "3"),
}
_CLOTHED = ("in {} clothes", "dressed in {} clothes")
_DRESSED = ("in {}", "in {} clothes", "dressed in {}")
_PICTURES = ("a picture of", "an image of", "a photo of", "an illustration of", "picture of")
_AT_PROP = ("next to {it}", "in front of {it}", "by {it}", "beside {it}", "near {it}", "with {it} in the background")
_BEFORE_PROP = ("with {it} behind {them}",)
_NO_PROP = ("with nothing in the background", "with an empty background")
_WITH = ("with {it}", "together with {it}", "and {it}", "accompanied by {it}")
_BESIDE = (
    "with {it} next to {them}",
    "beside {it}",
    "next to {it}",
    "together with {it}",
    "with {it} beside {them}",
    "and {it}",
)
_AT_SIDE = ("with {it} {side}", "with {it} {side}", "and {it} {side}", "and, {side}, {it}")
_CLAUSES = ("there is also {it}", "{it} is there too")
_SIDE_CLAUSES = ("{side} is {it}", "{side} is {it}", "{side} there is {it}", "{it} is {side}")


@dataclass(frozen=True)
class Guest:
    """The companion or the other subject, to be named after the main one."""

    it: str
    looks: str
    side: str
    links: tuple[str, ...]
    them: str

    def phrase(self, rng: random.Random) -> str:
        """To follow the main subject: "with a blue dog to its left, holding a ball"."""
        early = "," not in self.looks and rng.random() < 0.5
        it, looks = (words(self.it, self.looks), "") if early else (self.it, self.looks)
        form = rng.choice(_AT_SIDE if self.side else self.links)
        return words(form.format(it=it, side=self.side, them=self.them), looks)

    def clause(self, rng: random.Random) -> str:
        """A sentence of its own: "to its left is a blue dog holding a ball"."""
        form = rng.choice(_SIDE_CLAUSES if self.side else _CLAUSES)
        return form.format(it=words(self.it, self.looks), side=self.side, them=self.them)


@dataclass
class Parts:
    """The worded pieces of one caption, each stating some attributes; empty ones state nothing."""

    scene: Scene
    rng: random.Random
    who: str = ""
    pose: str = ""
    looks: list[str] = field(default_factory=list)
    guests: list[Guest] = field(default_factory=list)
    place: str = ""
    prop: str = ""
    time: str = ""
    weather: str = ""
    season: str = ""
    lead: str = ""
    tail: str = ""

    @property
    def many(self) -> bool:
        """Whether there are two or three of the main subject."""
        return self.scene.count != "one"

    def posed_looks(self) -> list[str]:
        """What it does, wears and holds, the pose first or last."""
        if not self.pose:
            return self.looks
        return [self.pose, *self.looks] if self.rng.random() < 0.5 else [*self.looks, self.pose]

    def described(self) -> str:
        """The subject with its pose and looks: "a red cat wearing a cap and holding a ball"."""
        return words(self.who, joined(self.posed_looks()))

    def company(self) -> str:
        """Companion and other subject: "with a bird on its head and a blue dog behind it"."""
        phrases = [guest.phrase(self.rng) for guest in self.guests]
        if len(phrases) == 2 and not phrases[1].startswith("and"):
            phrases[1] = f"and {phrases[1].removeprefix('with ')}"
        return " ".join(phrases)

    def company_apart(self) -> tuple[str, list[str]]:
        """The company, its last guest as a clause of its own: "with a bird on its head", ["behind it is a dog"]."""
        first = words(*(guest.phrase(self.rng) for guest in self.guests[:-1]))
        return first, [guest.clause(self.rng) for guest in self.guests[-1:]]

    def surroundings(self) -> tuple[str, ...]:
        """Place, prop, time, weather and season, each apart."""
        return self.place, self.prop, self.time, self.weather, self.season

    def where(self, *, prop: bool = True, weather: bool = True) -> str:
        """Place, prop, time, weather and season, mostly in this order."""
        pieces = [self.place, self.prop if prop else "", self.time, self.weather if weather else "", self.season]
        if self.rng.random() < 0.25:
            self.rng.shuffle(pieces)
        return words(*pieces)


def words(*pieces: str) -> str:
    """The pieces that say something, in one line."""
    return " ".join(piece for piece in pieces if piece)


def joined(looks: list[str]) -> str:
    """Phrases of one form share an "and", others take a comma: "in a cap, holding a ball"."""
    alike = all(look.split(maxsplit=1)[0].endswith("ing") for look in looks)
    return (" and " if alike else ", ").join(looks)


def worded(scene: Scene, rng: random.Random, stated: frozenset[str]) -> Parts:
    """The pieces that together say exactly what is to be stated, in words drawn at random."""
    parts = Parts(scene, rng)
    mood = "expression" in stated and rng.random() < 0.4
    parts.who = _who(scene, rng, stated, mood)
    parts.looks = _looks(rng, {name: getattr(scene, name) for name in _WORN_OR_HELD if name in stated}, parts.many)
    if "expression" in stated and not mood:
        parts.looks.insert(0, rng.choice(EXPRESSIONS[scene.expression]))
    parts.looks += _loneliness(scene, rng, stated)
    if "pose" in stated:
        parts.pose = rng.choice(POSES[scene.pose])
    if "companion" in stated and scene.companion != NONE:
        parts.guests.append(_companion(scene, rng, "companion_place" in stated))
    if "other" in stated and scene.other != NONE:
        parts.guests.append(_other(scene, rng, stated))
    _surround(parts, stated)
    parts.lead, parts.tail = _lead_and_tail(scene, rng, stated)
    return parts


# --- the main subject -------------------------------------------------------------------------------------------

_WORN_OR_HELD = ("headwear", "wears", "holds")


def _who(scene: Scene, rng: random.Random, stated: frozenset[str], mood: bool) -> str:
    """The noun phrase: "a happy red cat with stripes", "two girls in blue"; an undescribed one is a plain noun."""
    adjectives = [rng.choice(EXPRESSION_ADJECTIVES[scene.expression])] if mood else []
    looks = [rng.choice(COLOURS[scene.colour])] if "colour" in stated else []
    tail = ""
    if "pattern" in stated:
        if rng.random() < 0.65 or (scene.subject in PEOPLE and not looks):
            looks.insert(0, rng.choice(PATTERNS[scene.pattern]))
        else:
            tail = rng.choice(PATTERN_TAILS[scene.pattern])
    return words(_named(rng, scene.subject, scene.count, adjectives, looks), tail)


def _named(rng: random.Random, kind: str, count: str, adjectives: list[str], looks: list[str]) -> str:
    """A kind with its number, adjectives and the looks of its coat; people wear these as clothes."""
    noun = kind if count == "one" else plural(kind)
    before = adjectives if kind in PEOPLE else [*adjectives, *looks]
    noun = words(*before, noun)
    noun = with_article(noun) if count == "one" and rng.random() < 0.95 else f"{rng.choice(_NUMBERS[count])} {noun}"
    if looks and kind in PEOPLE:
        plain = len(looks) == 1 and looks[0] in _COLOUR_WORDS
        return f"{noun} {rng.choice(_DRESSED if plain else _CLOTHED).format(' '.join(looks))}"
    return noun


_COLOUR_WORDS = frozenset(word for wordings in COLOURS.values() for word in wordings)


def _looks(rng: random.Random, things: Mapping[str, str], many: bool = False) -> list[str]:
    """What one wears and holds as phrases to follow the noun: "in a cap and a scarf", "holding a ball"."""
    looks = []
    worn = [(name, value) for name, value in things.items() if value != NONE and name != "holds"]
    if worn:
        if len(worn) == 2 and rng.random() < 0.3:
            worn.reverse()
        looks.append(_attached(rng, worn, rng.choice(("wearing", "wearing", "in", "with")), many))
    held = things.get("holds", NONE)
    if held != NONE:
        verbs = ("holding", "holding", "carrying", "with", *_HOLDING.get(held, ()))
        looks.append(_attached(rng, [("holds", held)], rng.choice(verbs), many))
    return looks + [rng.choice(_ABSENT[name]) for name, value in things.items() if value == NONE]


def _attached(rng: random.Random, things: list[tuple[str, str]], verb: str, many: bool) -> str:
    each = many and rng.random() < 0.45
    nouns = [rng.choice(NOUNS[name][value]) for name, value in things]
    listed = " and ".join(map(plural, nouns) if many and not each else map(with_article, nouns))
    return f"each {verb} {listed}" if each else f"{verb} {listed}"


def _loneliness(scene: Scene, rng: random.Random, stated: frozenset[str]) -> list[str]:
    """What says that a companion, another subject or both are absent."""
    absent = [name for name in ("companion", "other") if name in stated and getattr(scene, name) == NONE]
    if len(absent) == 2:
        return [rng.choice(_ALONE).format(their=possessive(scene.subject, scene.count != "one"))]
    return [rng.choice(_ABSENT[name]) for name in absent]


# --- whom it is with --------------------------------------------------------------------------------------------


def _companion(scene: Scene, rng: random.Random, placed: bool) -> Guest:
    it = with_article(rng.choice(NOUNS["companion"][scene.companion]))
    links = _WITH if scene.companion_place == "on top" else _BESIDE
    return Guest(it, "", _side(scene, rng, scene.companion_place) if placed else "", links, _them(scene))


def _other(scene: Scene, rng: random.Random, stated: frozenset[str]) -> Guest:
    size = rng.choice(SIZES[scene.other_size]) if "other_size" in stated else ""
    colour = [rng.choice(COLOURS[scene.other_colour])] if "other_colour" in stated else []
    before = [size] if size and scene.other_size != "same" else []
    it = words(_named(rng, scene.other, "one", before, colour), "" if before else size)
    things = {name: getattr(scene, f"other_{name}") for name in ("headwear", "holds") if f"other_{name}" in stated}
    side = _side(scene, rng, scene.relation) if "relation" in stated else ""
    return Guest(it, joined(_looks(rng, things)), side, _WITH if scene.relation == "behind" else _BESIDE, _them(scene))


def _them(scene: Scene) -> str:
    return pronoun(scene.subject, scene.count != "one")


def _side(scene: Scene, rng: random.Random, side: str) -> str:
    return rng.choice(SIDES[side]).format(them=_them(scene), their=possessive(scene.subject, scene.count != "one"))


# --- where, when and how drawn ----------------------------------------------------------------------------------


def _surround(parts: Parts, stated: frozenset[str]) -> None:
    scene, rng = parts.scene, parts.rng
    if "setting" in stated:
        parts.place = rng.choice(PLACES[scene.setting])
    if "prop" in stated:
        parts.prop = _prop(scene, rng)
    if "time" in stated:
        parts.time = rng.choice(night_words(scene.setting) if scene.time == "night" else TIMES[scene.time])
    if "weather" in stated:
        parts.weather = rng.choice(WEATHERS[scene.weather])
    if "season" in stated:
        parts.season = rng.choice(SEASONS[scene.season])


def _prop(scene: Scene, rng: random.Random) -> str:
    if scene.prop == NONE:
        return rng.choice(_NO_PROP)
    forms = _AT_PROP + _BEFORE_PROP if scene.other == NONE else _AT_PROP
    return rng.choice(forms).format(it=with_article(rng.choice(PROPS[scene.prop])), them=_them(scene))


def _lead_and_tail(scene: Scene, rng: random.Random, stated: frozenset[str]) -> tuple[str, str]:
    """Viewpoint and style: at most one of them opens the caption, the rest closes it."""
    named = [name for name in ("viewpoint", "style") if name in stated]
    leader = rng.choice(named) if named and rng.random() < 0.6 else ""
    leads = {"viewpoint": VIEW_LEADS[scene.viewpoint], "style": STYLE_LEADS[scene.style]}
    tails = {"viewpoint": VIEWS[scene.viewpoint], "style": STYLES[scene.style]}
    lead = rng.choice(leads[leader]) if leader else rng.choice(_PICTURES) if rng.random() < 0.15 else ""
    return lead, ", ".join(rng.choice(tails[name]) for name in named if name != leader)
