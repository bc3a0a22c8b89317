"""What generated captions say about scenes whose attributes are known: how much they state, and how much is right.

Takes captions and scenes, returns shares; reads captions by the lexicon's words. Knows nothing about models.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from cvsi_db.scenes import lexicon
from cvsi_db.scenes.scene import ATTRIBUTES, Scene

_NUMBER_WORDS = {"two": ("two", "2", "pair of"), "three": ("three", "3")}


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
    said = [[read_caption(text) for text in of_one] for of_one in captions]
    return {name: _score(name, said, scenes) for name in ATTRIBUTES}


def true_share(captions: Sequence[Sequence[str]], scenes: Sequence[Scene]) -> float:
    """The share of captions in which everything stated is right."""
    truths = [
        all(getattr(scene, name) == value for name, value in read_caption(text).items())
        for of_one, scene in zip(captions, scenes, strict=True)
        for text in of_one
    ]
    return _share(sum(truths), len(truths))


def read_caption(text: str) -> dict[str, str]:
    """The attributes that a caption states, with the values it states: the first one named where there are several."""
    read = {"count": next((n for n, words in _NUMBER_WORDS.items() if _pattern(words).search(text)), "one")}
    for name in ATTRIBUTES:
        if name != "count" and (found := _finder(name).search(text)):
            read[name] = _values(name)[found.group()]
    return read


def _score(name: str, said: Sequence[Sequence[Mapping[str, str]]], scenes: Sequence[Scene]) -> AttributeScore:
    """Shares are over the pictures that show the attribute's thing, but `right` counts every statement."""
    shown = stated = right = covered = pictures = everywhere = 0
    for readings, scene in zip(said, scenes, strict=True):
        truth = getattr(scene, name)
        values = [reading[name] for reading in readings if name in reading]
        everywhere += len(values)
        right += values.count(truth)
        if truth in _values(name).values():
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
    if name in lexicon.NOUNS:
        return {value: (*nouns, *map(lexicon.plural, nouns)) for value, nouns in lexicon.NOUNS[name].items()}
    times = lexicon.TIMES | {"night": lexicon.TIMES["night"] + lexicon.MOONLIGHT}
    tables: dict[str, dict[str, tuple[str, ...]]] = {
        "subject": {value: (value, lexicon.plural(value)) for value in ATTRIBUTES["subject"]},
        "colour": lexicon.COLOURS,
        "setting": lexicon.PLACES,
        "time": times,
        "weather": _joined(lexicon.WEATHERS, lexicon.WEATHER_CLAUSES),
        "count": {value: _NUMBER_WORDS.get(value, ("one",)) for value in ATTRIBUTES["count"]},
        "viewpoint": _joined(lexicon.VIEWS, _opening(lexicon.VIEW_LEADS)),
        "style": _joined(lexicon.STYLES, _opening(lexicon.STYLE_LEADS)),
    }
    return tables[name]


def _opening(leads: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Leads without their last word: "a sketch" opens a caption in "a sketch of …" and in "a sketch: …" alike."""
    return {value: tuple(lead.rsplit(maxsplit=1)[0] for lead in of_value) for value, of_value in leads.items()}


def _joined(*tables: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {value: tuple(word for table in tables for word in table[value]) for value in tables[0]}


@cache
def _finder(name: str) -> re.Pattern[str]:
    return _pattern(tuple(_values(name)))


@cache
def _pattern(wordings: tuple[str, ...]) -> re.Pattern[str]:
    """Matches any of the wordings as whole words, the longest first."""
    longest_first = sorted(wordings, key=len, reverse=True)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w-])")
