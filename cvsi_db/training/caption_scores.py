"""What generated captions say about scenes whose attributes are known: how much they state, and how much is right.

Takes captions and scenes, returns shares; reads captions by the lexicon's words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from cvsi_db.scenes import lexicon
from cvsi_db.scenes.scene import ATTRIBUTES, Scene, applies

_NUMBER_WORDS = {"two": ("two", "2", "pair of"), "three": ("three", "3")}
_OURS = frozenset({"colour", "headwear", "wears", "holds", "pattern", "pose", "expression"})
_THEIRS = frozenset({"other", "other_colour", "other_headwear", "other_holds", "other_size"})
_SIDES = frozenset({"companion_place", "relation"})
_ALIKE = {"other": "subject", "other_colour": "colour", "other_headwear": "headwear", "other_holds": "holds"}
"""Attributes of the main subject, of the other one, of how they stand; and those that have the words of others."""


@dataclass(frozen=True)
class AttributeScore:
    """Shares in 0..1: of captions that `state` the attribute, of statements that are `right`, of pictures `covered`
    by a right statement in at least one caption."""

    stated: float
    right: float
    covered: float


def score_captions(captions: Sequence[Sequence[str]], scenes: Sequence[Scene]) -> dict[str, AttributeScore]:
    """The score of each attribute over the captions of each scene's picture.

    An absent thing ("none") has no words of its own, so pictures without one count for wrong statements only.
    """
    readings = [[read_caption(text) for text in of_one] for of_one in captions]
    return {name: _score(name, readings, scenes) for name in ATTRIBUTES}


def true_share(captions: Sequence[Sequence[str]], scenes: Sequence[Scene]) -> float:
    """The share of captions in which everything stated is right."""
    truths = [
        all(getattr(scene, name) == value for name, value in read_caption(text).items())
        for of_one, scene in zip(captions, scenes, strict=True)
        for text in of_one
    ]
    return _share(sum(truths), len(truths))


def read_caption(text: str) -> dict[str, str]:
    """The attributes that a caption states, with the values it states: the first one named where there are several.

    What is named before another subject belongs to the main one, what is named after it to the other.
    """
    ours, theirs = _split(text)
    read = {"count": next((n for n, words in _NUMBER_WORDS.items() if _pattern(words).search(text)), "one")}
    for name in ATTRIBUTES.keys() - _SIDES - {"count"}:
        part = ours if name in _OURS else theirs if name in _THEIRS else text
        if found := _finder(name).search(part):
            read[name] = _values(name)[found.group()]
    sides = {"companion_place": _companion_side().search(text), "relation": _other_side(ours, theirs)}
    return read | {name: _values(name)[_side_in(found)] for name, found in sides.items() if found}


def _split(text: str) -> tuple[str, str]:
    """The text before and from the first noun phrase of another kind than the first."""
    kinds, phrases = _values("subject"), list(_noun_phrase().finditer(text))
    for phrase in phrases:
        if kinds[phrase["noun"]] != kinds[phrases[0]["noun"]]:
            return text[: phrase.start()], text[phrase.start() :]
    return text, ""


def _other_side(ours: str, theirs: str) -> re.Match[str] | None:
    """Where the other subject is: stated just before its noun phrase or anywhere after."""
    return _side_before("$").search(ours) or _finder("relation").search(theirs) if theirs else None


def _side_in(found: re.Match[str]) -> str:
    return next((side for side in found.groups() if side), found.group())


def _score(name: str, read: Sequence[Sequence[Mapping[str, str]]], scenes: Sequence[Scene]) -> AttributeScore:
    """Shares are over the pictures that show the attribute's thing, but `right` counts every statement."""
    shown = stated = right = covered = pictures = everywhere = 0
    for readings, scene in zip(read, scenes, strict=True):
        truth = getattr(scene, name)
        values = [reading[name] for reading in readings if name in reading]
        everywhere += len(values)
        right += values.count(truth)
        if applies(vars(scene), name) and truth in _values(name).values():
            pictures += 1
            shown += len(readings)
            stated += len(values)
            covered += truth in values
    return AttributeScore(_share(stated, shown), _share(right, everywhere), _share(covered, pictures))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


@cache
def _values(name: str) -> dict[str, str]:
    """Every wording of an attribute with the value it states."""
    return {wording: value for value, wordings in _wordings(name).items() for wording in wordings}


def _wordings(name: str) -> dict[str, tuple[str, ...]]:
    name = _ALIKE.get(name, name)
    nouns = lexicon.NOUNS | {"prop": lexicon.PROPS, "subject": {value: (value,) for value in ATTRIBUTES["subject"]}}
    if name in nouns:
        return {value: (*words, *map(lexicon.plural, words)) for value, words in nouns[name].items()}
    if name in _SIDES:
        return {value: _sides(value) for value in ATTRIBUTES[name]}
    verbs = {pose: (verb, f"{verb}s") for pose, verb in lexicon.POSE_VERBS.items()}
    tables: dict[str, dict[str, tuple[str, ...]]] = {
        "colour": lexicon.COLOURS,
        "setting": lexicon.PLACES,
        "time": lexicon.TIMES | {"night": lexicon.TIMES["night"] + lexicon.MOONLIGHT},
        "weather": _joined(lexicon.WEATHERS, lexicon.WEATHER_CLAUSES),
        "count": {value: _NUMBER_WORDS.get(value, ("one",)) for value in ATTRIBUTES["count"]},
        "viewpoint": _joined(lexicon.VIEWS, _opening(lexicon.VIEW_LEADS)),
        "style": _joined(lexicon.STYLES, _opening(lexicon.STYLE_LEADS)),
        "pattern": _joined(lexicon.PATTERNS, _owned(lexicon.PATTERN_TAILS)),
        "pose": _joined(_owned(lexicon.POSES), verbs),
        "expression": _joined(_owned(lexicon.EXPRESSIONS), lexicon.EXPRESSION_ADJECTIVES),
        "season": lexicon.SEASONS,
        "other_size": lexicon.SIZES,
    }
    return tables[name]


def _owned(tails: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Tails without "with": "a smile" is had in "with a smile" and in "it has a smile" alike."""
    return {value: tuple(tail.removeprefix("with ") for tail in of_value) for value, of_value in tails.items()}


def _sides(value: str) -> tuple[str, ...]:
    """Every wording of a side, of every subject."""
    of = [
        (lexicon.pronoun(kind, many), lexicon.possessive(kind, many))
        for kind in ("cat", "girl", "boy")
        for many in (False, True)
    ]
    return tuple(
        dict.fromkeys(form.format(them=them, their=their) for form in lexicon.SIDES[value] for them, their in of)
    )


def _opening(leads: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Leads without their last word: "a sketch" opens a caption in "a sketch of …" and in "a sketch: …" alike."""
    return {value: tuple(lead.rsplit(maxsplit=1)[0] for lead in of_value) for value, of_value in leads.items()}


def _joined(*tables: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {value: tuple(word for table in tables for word in table[value]) for value in tables[0]}


@cache
def _finder(name: str) -> re.Pattern[str]:
    return _pattern(tuple(_values(name)))


@cache
def _noun_phrase() -> re.Pattern[str]:
    """A subject's noun with a size and a colour before it."""
    size, colour, noun = (_any(tuple(_values(name))) for name in ("other_size", "colour", "subject"))
    return re.compile(rf"(?<![\w-])(?:{size} )?(?:{colour} )?(?P<noun>{noun})(?![\w-])")


@cache
def _side_before(noun: str, sides: str = "relation") -> re.Pattern[str]:
    """A side that introduces a noun: "to its left is a bird", "to its left, a bird"."""
    return re.compile(rf"({_any(tuple(_values(sides)))})(?:,| is| there is) (?:an?|one|a single) {noun}")


@cache
def _companion_side() -> re.Pattern[str]:
    noun, side = (_any(tuple(_values(name))) for name in ("companion", "companion_place"))
    return re.compile(rf"{noun} (?:is )?({side})(?!\w)|{_side_before(noun, 'companion_place').pattern}")


@cache
def _pattern(wordings: tuple[str, ...]) -> re.Pattern[str]:
    """Matches any of the wordings as whole words."""
    return re.compile(rf"(?<![\w-]){_any(wordings)}(?![\w-])")


def _any(wordings: tuple[str, ...]) -> str:
    """Any of the wordings, the longest first."""
    return f"(?:{'|'.join(map(re.escape, sorted(wordings, key=len, reverse=True)))})"
