"""True English sentences about a scene, in many shapes, each stating a random subset of the scene's attributes.

Takes a scene and a random generator, returns a `Caption`; knows nothing about pictures, edits or models.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from cvsi_db.errors import UsageError
from cvsi_db.scenes.grammar import WEATHERLESS
from cvsi_db.scenes.lexicon import (
    COLOURS,
    NOUNS,
    PEOPLE,
    PLACES,
    STYLE_LEADS,
    STYLES,
    TIMES,
    VIEW_LEADS,
    VIEWS,
    WEATHER_CLAUSES,
    WEATHERS,
    night_words,
    plural,
    pronoun,
    with_article,
)
from cvsi_db.scenes.scene import ATTRIBUTES, NONE, Scene


@dataclass(frozen=True)
class Caption:
    """A caption and the attributes it states: true of every scene that has the same values in `states`."""

    text: str
    states: frozenset[str]


ALWAYS: frozenset[str] = frozenset({"subject", "count"})
"""What no caption leaves open: its noun and whether it is one, two or three."""

_STATED = {
    "colour": 0.92,
    "headwear": 0.78,
    "wears": 0.78,
    "holds": 0.78,
    "setting": 0.75,
    "time": 0.7,
    "weather": 0.75,
    "companion": 0.75,
    "viewpoint": 0.65,
    "style": 0.6,
}
_PLAIN = {
    ("headwear", NONE): 0.08,
    ("wears", NONE): 0.03,
    ("holds", NONE): 0.05,
    ("companion", NONE): 0.07,
    ("time", "day"): 0.25,
    ("weather", "clear"): 0.1,
    ("viewpoint", "full view"): 0.06,
    ("style", "cartoon"): 0.3,
}
"""How likely each attribute is stated, and the lower odds of values that go without saying."""

_ABSENT = {
    "headwear": ("without a hat", "bare-headed", "with no hat", "hatless"),
    "wears": ("without accessories", "with no accessories"),
    "holds": ("empty-handed", "with empty hands", "holding nothing"),
    "companion": ("alone", "all alone"),
}
_HOLDING = {"flag": ("waving",), "book": ("reading",), "guitar": ("playing",), "ice cream": ("eating",)}
_FRIEND = ("with {it} next to {them}", "beside {it}", "together with {it}", "with {it} beside {them}", "and {it}")
_POSES = ("stands", "is", "is standing", "can be seen", "waits", "poses")
_MANY_POSES = ("stand", "are", "are standing", "can be seen", "wait", "pose")
_PICTURES = ("a picture of", "an image of", "a photo of", "an illustration of", "picture of")
_NUMBERS = {
    "one": ("one", "a single"),
    "two": ("two", "two", "two", "a pair of", "2"),
    "three": ("three", "three", "three", "a group of three", "3"),
}


@dataclass
class _Parts:
    """The worded pieces of one caption, each stating some attributes; the shapes put them in order."""

    scene: Scene
    rng: random.Random
    who: str = ""
    looks: list[str] = field(default_factory=list)
    friend: str = ""
    place: str = ""
    time: str = ""
    weather: str = ""
    lead: str = ""
    tail: str = ""

    @property
    def many(self) -> bool:
        return self.scene.count != "one"

    def described(self) -> str:
        """The subject with what it wears and holds: "a red cat wearing a cap and holding a ball"."""
        return _words(self.who, _joined(self.looks))

    def where(self) -> str:
        """Place, time and weather, mostly in this order."""
        words = [word for word in (self.place, self.time, self.weather) if word]
        if self.rng.random() < 0.25:
            self.rng.shuffle(words)
        return " ".join(words)


def caption(scene: Scene, rng: random.Random, states: Collection[str] | None = None) -> Caption:
    """A random true caption of a scene: lower case, at most about 40 words.

    `states` asks for exactly these attributes (besides ALWAYS); by default they are drawn at random, what is absent
    or plain seldom among them. Weather is never stated in a setting that has none. Raises UsageError for an unknown
    attribute.
    """
    stated = _draw_states(scene, rng) if states is None else _checked(states)
    if scene.setting in WEATHERLESS:
        stated = stated - {"weather"}
    parts = _parts(scene, rng, stated)
    shape = rng.choices(_SHAPES, _SHAPE_WEIGHTS)[0]
    text = shape(parts)
    return Caption(text + "." if rng.random() < 0.3 else text, stated)


def _draw_states(scene: Scene, rng: random.Random) -> frozenset[str]:
    drawn = [name for name, share in _STATED.items() if rng.random() < _PLAIN.get((name, getattr(scene, name)), share)]
    return ALWAYS.union(drawn)


def _checked(states: Collection[str]) -> frozenset[str]:
    unknown = sorted(set(states) - set(ATTRIBUTES))
    if unknown:
        raise UsageError(f"attribute {unknown[0]!r} of a scene is not one of {', '.join(ATTRIBUTES)}")
    return ALWAYS.union(states)


def _words(*words: str) -> str:
    return " ".join(word for word in words if word)


def _joined(looks: list[str]) -> str:
    """Phrases of one form share an "and", others take a comma: "in a cap, holding a ball"."""
    alike = all(look.split(maxsplit=1)[0].endswith("ing") for look in looks)
    return (" and " if alike else ", ").join(looks)


# --- pieces -----------------------------------------------------------------------------------------------------


def _parts(scene: Scene, rng: random.Random, stated: frozenset[str]) -> _Parts:
    parts = _Parts(scene, rng, who=_who(scene, rng, "colour" in stated))
    parts.looks = _looks(scene, rng, stated)
    if "companion" in stated:
        parts.friend = _friend(scene, rng)
    if "setting" in stated:
        parts.place = rng.choice(PLACES[scene.setting])
    if "time" in stated:
        parts.time = rng.choice(night_words(scene.setting) if scene.time == "night" else TIMES[scene.time])
    if "weather" in stated:
        parts.weather = rng.choice(WEATHERS[scene.weather])
    parts.lead, parts.tail = _lead_and_tail(scene, rng, stated)
    return parts


def _who(scene: Scene, rng: random.Random, coloured: bool) -> str:
    """The noun phrase: "a red cat", "two girls in blue"; an uncoloured one is a plain noun."""
    person = scene.subject in PEOPLE
    colour = rng.choice(COLOURS[scene.colour]) if coloured else ""
    noun = scene.subject if scene.count == "one" else plural(scene.subject)
    if colour and not person:
        noun = f"{colour} {noun}"
    if scene.count == "one" and rng.random() < 0.93:
        noun = with_article(noun)
    else:
        noun = f"{rng.choice(_NUMBERS[scene.count])} {noun}"
    if colour and person:
        noun = rng.choice((f"{noun} in {colour}", f"{noun} in {colour} clothes", f"{noun} dressed in {colour}"))
    return noun


def _looks(scene: Scene, rng: random.Random, stated: frozenset[str]) -> list[str]:
    """What it wears and holds as phrases to follow the noun: "in a cap and a scarf", "holding a ball"."""
    looks = []
    worn: list[str] = [name for name in ("headwear", "wears") if name in stated and getattr(scene, name) != NONE]
    if worn:
        if len(worn) == 2 and rng.random() < 0.3:
            worn.reverse()
        looks.append(_attached(scene, rng, worn, rng.choice(("wearing", "wearing", "in", "with"))))
    if "holds" in stated and scene.holds != NONE:
        special = _HOLDING.get(scene.holds, ())
        looks.append(_attached(scene, rng, ["holds"], rng.choice(("holding", "holding", "carrying", "with", *special))))
    absent = [name for name in ("headwear", "wears", "holds") if name in stated and getattr(scene, name) == NONE]
    looks += [rng.choice(_ABSENT[name]) for name in absent]
    return looks


def _attached(scene: Scene, rng: random.Random, names: list[str], verb: str) -> str:
    many = scene.count != "one"
    if many and rng.random() < 0.45:
        return f"each {verb} {_things(scene, rng, names, many=False)}"
    return f"{verb} {_things(scene, rng, names, many)}"


def _things(scene: Scene, rng: random.Random, names: list[str], many: bool) -> str:
    nouns = [rng.choice(NOUNS[name][getattr(scene, name)]) for name in names]
    return " and ".join(map(plural, nouns) if many else map(with_article, nouns))


def _friend(scene: Scene, rng: random.Random) -> str:
    if scene.companion == NONE:
        return rng.choice(_ABSENT["companion"])
    it = with_article(rng.choice(NOUNS["companion"][scene.companion]))
    return rng.choice(_FRIEND).format(it=it, them=pronoun(scene.subject, scene.count != "one"))


def _lead_and_tail(scene: Scene, rng: random.Random, stated: frozenset[str]) -> tuple[str, str]:
    """Viewpoint and style: at most one of them opens the caption, the rest closes it."""
    told = [name for name in ("viewpoint", "style") if name in stated]
    leader = rng.choice(told) if told and rng.random() < 0.6 else ""
    leads = {"viewpoint": VIEW_LEADS[scene.viewpoint], "style": STYLE_LEADS[scene.style]}
    tails = {"viewpoint": VIEWS[scene.viewpoint], "style": STYLES[scene.style]}
    lead = rng.choice(leads[leader]) if leader else rng.choice(_PICTURES) if rng.random() < 0.15 else ""
    return lead, ", ".join(rng.choice(tails[name]) for name in told if name != leader)


# --- shapes -----------------------------------------------------------------------------------------------------


def _comma(*pieces: str) -> str:
    return ", ".join(piece for piece in pieces if piece)


def _titled(parts: _Parts, clause: str) -> str:
    """A whole sentence under its lead: "a sketch: there is a red cat"."""
    title = parts.lead.removesuffix(" of").removesuffix(" showing")
    return f"{title}: {clause}" if title else clause


def _told(parts: _Parts, place: str) -> str:
    """A sentence where there is a place to be at: "a red cat in a cap stands on the beach, beside a bird"."""
    verb = parts.rng.choice(_MANY_POSES if parts.many else _POSES) if place else ""
    return _comma(_words(parts.described(), verb, place), parts.friend, parts.tail)


def _fragment(parts: _Parts) -> str:
    """A pencil drawing of a red cat holding a balloon on the beach, with a bird next to it."""
    if parts.rng.random() < 0.5:
        return _comma(_words(parts.lead, parts.described(), parts.where()), parts.friend, parts.tail)
    return _comma(_words(parts.lead, parts.described()), _words(parts.friend, parts.where()), parts.tail)


def _listed(parts: _Parts) -> str:
    """Red cat, wearing a cap, at night, on the beach."""
    who = _words(parts.lead, parts.who) if parts.lead else parts.who.removeprefix("a ").removeprefix("an ")
    return _comma(who, *parts.looks, parts.friend, parts.place, parts.time, parts.weather, parts.tail)


def _sentence(parts: _Parts) -> str:
    """A red cat in a cap stands on the beach at night, beside a bird, drawn in pencil."""
    return _titled(parts, _told(parts, parts.where()))


def _inverted(parts: _Parts) -> str:
    """On the beach at night, a red cat in a cap, beside a bird."""
    return _comma(parts.where(), _words(parts.lead, parts.described()), parts.friend, parts.tail)


def _existential(parts: _Parts) -> str:
    """There are two red cats on the beach, wearing caps."""
    opening = "there are" if parts.many else "there is"
    body = _words(opening, parts.who, parts.where())
    return _titled(parts, _comma(body, _joined(parts.looks), parts.friend, parts.tail))


def _weather_first(parts: _Parts) -> str:
    """It is raining; a pig in sunglasses stands in the city."""
    if not parts.weather:
        return _fragment(parts)
    clause = parts.rng.choice(WEATHER_CLAUSES[parts.scene.weather])
    place = _words(parts.place, parts.time)
    joint = " and " if place and parts.rng.random() < 0.5 else "; "
    return _titled(parts, f"{clause}{joint}{_told(parts, place)}")


def _sentences(parts: _Parts) -> str:
    """A photo of a red cat on the beach. it is wearing a cap. next to it is a bird."""
    they, are, have = _SUBJECT_FORMS.get("many" if parts.many else parts.scene.subject, ("it", "is", "has"))
    said = [_comma(_words(parts.lead, parts.who, parts.where()), parts.tail)]
    for look in (*parts.looks, parts.friend.removeprefix("and ")):
        if look.startswith(("a ", "an ")):
            said.append(f"next to {pronoun(parts.scene.subject, parts.many)} is {look}")
        elif look:
            owned = look.replace("each with ", "each have ").replace("with ", f"{have} ")
            said.append(f"{they} {are} {look}" if owned == look else f"{they} {owned}")
    return ". ".join(said)


_SUBJECT_FORMS = {"many": ("they", "are", "have"), "girl": ("she", "is", "has"), "boy": ("he", "is", "has")}

_SHAPES: tuple[Callable[[_Parts], str], ...] = (
    _fragment, _listed, _sentence, _inverted, _existential, _weather_first, _sentences,
)  # fmt: skip
_SHAPE_WEIGHTS = (36, 8, 14, 11, 8, 11, 12)
