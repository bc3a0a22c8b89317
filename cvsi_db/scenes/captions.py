"""True English sentences about a scene, in many shapes, each stating a random subset of the scene's attributes.

Takes a scene and a random generator, returns a `Caption`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from cvsi_db.errors import UsageError
from cvsi_db.scenes.caption_parts import Parts, joined, worded, words
from cvsi_db.scenes.lexicon import POSE_VERBS, WEATHER_CLAUSES
from cvsi_db.scenes.scene import ATTRIBUTES, DEPENDENTS, NONE, Scene, applies


@dataclass(frozen=True)
class Caption:
    """A caption and the attributes it states: true of every scene that has the same values in `states`."""

    text: str
    states: frozenset[str]


ALWAYS: frozenset[str] = frozenset({"subject", "count"})
"""What no caption leaves open: its noun and whether it is one, two or three."""

_STATED = {
    "colour": 0.85,
    "headwear": 0.7,
    "wears": 0.6,
    "holds": 0.7,
    "setting": 0.65,
    "time": 0.5,
    "weather": 0.5,
    "companion": 0.6,
    "viewpoint": 0.35,
    "style": 0.4,
    "pattern": 0.3,
    "pose": 0.35,
    "expression": 0.2,
    "season": 0.25,
    "prop": 0.35,
    "companion_place": 0.25,
    "other": 0.85,
    "other_colour": 0.8,
    "other_headwear": 0.5,
    "other_holds": 0.5,
    "relation": 0.5,
    "other_size": 0.25,
}
_PLAIN = {
    ("headwear", NONE): 0.05,
    ("wears", NONE): 0.02,
    ("holds", NONE): 0.04,
    ("companion", NONE): 0.05,
    ("time", "day"): 0.2,
    ("weather", "clear"): 0.08,
    ("viewpoint", "full view"): 0.05,
    ("style", "cartoon"): 0.2,
    ("pattern", "plain"): 0.04,
    ("pose", "standing"): 0.05,
    ("expression", "smiling"): 0.05,
    ("season", "summer"): 0.05,
    ("prop", NONE): 0.01,
    ("other", NONE): 0.0,
    ("other_headwear", NONE): 0.03,
    ("other_holds", NONE): 0.03,
    ("other_size", "same"): 0.04,
}
"""How likely each attribute is stated, and the lower odds of values that go without saying."""

_ODDS = {
    name: {value: _PLAIN.get((name, value), share) for value in ATTRIBUTES[name]} for name, share in _STATED.items()
}
_MOST = 10
"""How many attributes, besides ALWAYS, a caption that draws them states at most."""

_VERBS = ("is", "can be seen", "waits", "poses")
_MANY_VERBS = ("are", "can be seen", "wait", "pose")


def caption(scene: Scene, rng: random.Random, states: Collection[str] | None = None) -> Caption:
    """A random true caption of a scene: lower case, mostly under 30 words.

    `states` asks for exactly these attributes (besides ALWAYS); by default they are drawn at random, what is absent
    or plain seldom among them. What does not apply to the scene is never stated, and what belongs to a companion or
    another subject only together with it. Raises UsageError for an unknown attribute.
    """
    stated = _draw_states(scene, rng) if states is None else _asked(scene, states)
    parts = worded(scene, rng, stated)
    shape = rng.choices(_SHAPES, _SHAPE_WEIGHTS)[0]
    text = shape(parts)
    return Caption(text + "." if rng.random() < 0.3 else text, stated)


def _draw_states(scene: Scene, rng: random.Random) -> frozenset[str]:
    values = vars(scene)
    drawn = [name for name, odds in _ODDS.items() if rng.random() < odds[values[name]]]
    drawn = drawn if len(drawn) <= _MOST else rng.sample(drawn, _MOST)
    if "companion" in drawn and scene.companion == scene.other == NONE:
        drawn.append("other")
    return _trimmed(values, ALWAYS.union(drawn))


def _asked(scene: Scene, states: Collection[str]) -> frozenset[str]:
    """The attributes asked for that apply, with the things they belong to."""
    unknown = sorted(set(states) - set(ATTRIBUTES))
    if unknown:
        raise UsageError(f"attribute {unknown[0]!r} of a scene is not one of {', '.join(ATTRIBUTES)}")
    values = vars(scene)
    owners = [DEPENDENTS[name] for name in states if name in DEPENDENTS and applies(values, name)]
    return _trimmed(values, ALWAYS.union(states, owners))


def _trimmed(values: Mapping[str, str], names: frozenset[str]) -> frozenset[str]:
    """Without what does not apply and what belongs to something not named itself."""
    return frozenset(name for name in names if DEPENDENTS.get(name, name) in names and applies(values, name))


# --- shapes -----------------------------------------------------------------------------------------------------


def _comma(*pieces: str) -> str:
    return ", ".join(piece for piece in pieces if piece)


def _titled(parts: Parts, clause: str) -> str:
    """A whole sentence under its lead: "a sketch: there is a red cat"."""
    title = parts.lead.removesuffix(" of").removesuffix(" showing")
    return f"{title}: {clause}" if title else clause


def _statement(parts: Parts, place: str) -> str:
    """A sentence where there is a pose or a place to be at: "a red cat in a cap jumps on the beach, beside a bird"."""
    verb = ""
    if parts.pose and parts.rng.random() < 0.5:  # "are sitting"
        verb = f"{'are' if parts.many else 'is'} {parts.scene.pose}"
    elif parts.pose:  # "jumps"
        verb = POSE_VERBS[parts.scene.pose] + ("" if parts.many else "s")
    elif place:
        verb = parts.rng.choice(_MANY_VERBS if parts.many else _VERBS)
    who = words(parts.who, joined(parts.looks))
    who = f"{who}," if verb and "," in who else who
    return _comma(words(who, verb, place), parts.company(), parts.tail)


def _fragment(parts: Parts) -> str:
    """A pencil drawing of a red cat holding a balloon on the beach, with a bird next to it."""
    if parts.rng.random() < 0.5:
        return _comma(words(parts.lead, parts.described(), parts.where()), parts.company(), parts.tail)
    join = _comma if parts.looks or parts.pose else words
    main = join(words(parts.lead, parts.described()), parts.company())
    return _comma(words(main, parts.where()), parts.tail)


def _listed(parts: Parts) -> str:
    """Red cat, wearing a cap, at night, on the beach."""
    who = words(parts.lead, parts.who) if parts.lead else parts.who.removeprefix("a ").removeprefix("an ")
    return _comma(who, *parts.posed_looks(), parts.company(), *parts.surroundings(), parts.tail)


def _sentence(parts: Parts) -> str:
    """A red cat in a cap sits on the beach at night, beside a bird, drawn in pencil."""
    return _titled(parts, _statement(parts, parts.where()))


def _inverted(parts: Parts) -> str:
    """On the beach at night, a red cat in a cap, beside a bird."""
    main = words(parts.lead, parts.described(), parts.prop)
    return _comma(parts.where(prop=False), main, parts.company(), parts.tail)


def _existential(parts: Parts) -> str:
    """There are two red cats on the beach, wearing caps."""
    opening = "there are" if parts.many else "there is"
    body = words(opening, parts.who, parts.pose, parts.where())
    return _titled(parts, _comma(body, joined(parts.looks), parts.company(), parts.tail))


def _weather_first(parts: Parts) -> str:
    """It is raining; a pig in sunglasses waits in the city."""
    if not parts.weather:
        return _fragment(parts)
    clause = parts.rng.choice(WEATHER_CLAUSES[parts.scene.weather])
    place = parts.where(weather=False)
    joint = " and " if place and parts.rng.random() < 0.5 else "; "
    return _titled(parts, f"{clause}{joint}{_statement(parts, place)}")


def _sentences(parts: Parts) -> str:
    """A photo of a red cat on the beach. it is wearing a cap. next to it is a bird."""
    they, are, have = _SUBJECT_FORMS.get("many" if parts.many else parts.scene.subject, ("it", "is", "has"))
    first, last = parts.company_apart()
    sentences = [_comma(words(parts.lead, parts.who, first, parts.where()), parts.tail)]
    for look in parts.posed_looks():
        owned = look.replace("each with ", "each have ").replace("with ", f"{have} ")
        sentences.append(f"{they} {are} {look}" if owned == look else f"{they} {owned}")
    return ". ".join([*sentences, *last])


def _clauses(parts: Parts) -> str:
    """A red cat jumping on the beach; to its left is a blue dog in a cap."""
    first, last = parts.company_apart()
    main = _comma(words(parts.lead, parts.described(), parts.where()), first, parts.tail)
    return "; ".join([main, *last])


_SUBJECT_FORMS = {"many": ("they", "are", "have"), "girl": ("she", "is", "has"), "boy": ("he", "is", "has")}

_SHAPES: tuple[Callable[[Parts], str], ...] = (
    _fragment, _listed, _sentence, _inverted, _existential, _weather_first, _sentences, _clauses,
)  # fmt: skip
_SHAPE_WEIGHTS = (34, 7, 14, 11, 8, 11, 9, 6)
