"""Reads texts: which words stand for what the network can see, which are against it, and which it does not know.

`vocabulary()` loads what `build` made; `Vocabulary.read` takes a text and gives its Words, in order.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cvsi_db.models.photos_lite.layout import CLASSES, COLOUR_PLACES, COLOURS, width
from cvsi_db.models.rewriters.offline.words import words_of
from cvsi_db.records import FloatArray

FILE = Path(__file__).parent / "vocabulary.json.gz"
LONGEST = 4
"""The most words of an expression that has one meaning."""
GROUP_SHARE = 1.0
"""How much of a meaning is the place of its group, where it has one, beside its classes at length 1."""

CLEAR = 0.6
"""Meanings of less weight are too uncertain to be named in a caption."""

Status = Literal["known", "near", "unseen", "unknown"]


@dataclass(frozen=True)
class Word:
    """A word or expression of a text, and what it was read as.

    `known`: `name` is its meaning. `near`: it is not known itself, and `name` is the known word above it in WordNet.
    `unseen`: a word of English that has nothing to show; `unknown`: any other. `sign` is -1 after "without".
    """

    text: str
    status: Status
    name: str = ""
    meaning: int = -1
    sign: int = 1


SILENT = words_of("""
    a an the this that these those some any every each all both few several many much no not none without and or nor
    but with of in on at by to from for into onto over under above below behind beside between near next around
    along across through up down off out as than if so while when where which who whose what there here it its it's
    they them their theirs he him his she her hers we us our you your i me my mine one ones other others another
    same such very more most less least too also just only even still now then again please maybe instead rather is
    are was were be been being am has have had having do does did done can could should would will shall may might
    must let lets make makes making made made put puts get gets got give gives add adds adding added remove removed
    removing replace replaced change changed turn turned swap swapped show shows showing shown find want wants need
    needs like looks look seems become becomes keep thing things something anything nothing someone's photo photos
    photograph photographs picture pictures pic image images shot view scene version kind sort type lot lots bunch
    bit piece side front back middle center centre top bottom left right part edge end s t d re ll ve m don doesn
    isn aren wasn inside outside within upon onto toward towards against among about during after before until since
    because though although however color colors colour colours colored coloured background foreground area place
    item items object objects target reference setting
""")
"""Words that say how others go together; none of them is reported."""
AGAINST = words_of("""
    without no not minus except sans remove removed delete lose drop replace replacing swap switch exchange change turn
""")
AGAINST_PAIRS = frozenset({"instead of", "rather than", "in place", "take away", "get rid", "free of", "other than"})
ENDS = words_of("""
    with but in on at by near beside behind under over to into for from while and now then is are add put be who
    that against along next becomes just only leave keep
""")
"""Words at which what "without" is about ends."""
SHADES = words_of("""
    light dark bright pale deep
""")


@dataclass(frozen=True)
class Vocabulary:
    """What `build` wrote; `matrix` (meanings, width) holds each meaning's vector, as long as its weight."""

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    matrix: FloatArray
    places: tuple[tuple[tuple[int | str, float], ...], ...]
    class_names: tuple[str, ...]
    groups: tuple[int, ...]
    words: dict[str, int]
    near: dict[str, str]
    unseen: frozenset[str]
    irregular: dict[str, str]

    def read(self, text: str) -> tuple[Word, ...]:
        """The words of a text that say something, in order, each meaning once; joined where they are one expression."""
        return _read(text)

    def looks_for(self, meaning: int) -> tuple[str, ...]:
        """The names of the classes and colours that a meaning looks for, the weightiest first."""
        shares = sorted(self.places[meaning], key=lambda share: -share[1])
        names = [(self.class_names[at] if isinstance(at, int) else _colour_name(at), by) for at, by in shares]
        return tuple(dict.fromkeys(f"not {name}" if by < 0 else name for name, by in names))

    def clear(self, kind: str) -> tuple[int, ...]:
        """The meanings of a kind that photographs show clearly."""
        weights = np.linalg.norm(self.matrix, axis=1)
        return tuple(at for at, each in enumerate(self.kinds) if each == kind and weights[at] >= CLEAR)

    def _words(self, text: str) -> Iterator[Word]:
        typed = re.findall(r"[^\W_]+(?:['-][^\W_]+)*|[.,;:!?]", text.replace("’", "'"))
        tokens = [token.lower() for token in typed]
        sign, at = 1, 0
        while at < len(tokens):
            token = tokens[at]
            length, known = self._longest(tokens[at : at + LONGEST])
            if known is None and " ".join(tokens[at : at + 2]) in AGAINST_PAIRS:
                sign, at = -1, at + 2
                continue
            if token in SHADES and at + 1 < len(tokens) and tokens[at + 1] in COLOURS:
                length, known = 1, None  # "light blue" is no lamp
                token = "a"
            if known is not None:
                name = self.names[self.words[known]]
                yield Word(" ".join(typed[at : at + length]), "known", name, self.words[known], sign)
                at += length
                continue
            if token in AGAINST or token.endswith("n't"):
                sign = -1
            elif token in ENDS or not token[0].isalnum():
                sign = 1
            at += 1
            if token in SILENT or token in AGAINST or not token[0].isalpha() or len(token) < 2 or "n't" in token:
                continue
            parts = typed[at - 1].removesuffix("'s").split("-")
            yield from (self._single(part, sign) for part in parts if part.lower() not in SILENT and len(part) > 1)

    def _longest(self, tokens: Sequence[str]) -> tuple[int, str | None]:
        """The length of the longest expression that is known and begins here, and the form of it that is."""
        for length in range(len(tokens), 0, -1):
            *before, last = tokens[:length]
            if length == 1 and last in SILENT:
                break
            for form in self._forms(last):
                if (phrase := " ".join([*before, form])) in self.words:
                    return length, phrase
        return 1, None

    def _single(self, typed: str, sign: int) -> Word:
        """A word that no longer expression holds."""
        word = typed.lower()
        for form in self._forms(word):
            above = self.near.get(form, form)
            if above in self.words:
                status: Status = "known" if form in self.words else "near"
                name = self.names[self.words[above]] if status == "known" else above
                return Word(typed, status, name, self.words[above], sign)
        english = any(form in self.unseen for form in (*self._forms(word), *_verb_forms(word)))
        return Word(typed, "unseen" if english or word in NUMBERS else "unknown", sign=sign)

    def _forms(self, word: str) -> tuple[str, ...]:
        """The word itself, and what it may be the plural of."""
        word = word.removesuffix("'s")
        forms = [word, self.irregular.get(word, word)]
        if len(word) > 2 and word.endswith("s") and not word.endswith("ss"):
            forms += [word[:-1]]
            forms += [word[:-2]] if word.endswith("es") else []
            forms += [word[:-3] + "y"] if word.endswith("ies") else []
        if "-" in word:
            forms += [word.replace("-", " "), word.replace("-", "")]
        return tuple(dict.fromkeys(forms))


def _colour_name(place: str) -> str:
    colour, _, region = place.partition(".")
    return f"{colour} {IN_REGIONS[region]}" if region else colour


IN_REGIONS = {"t": "at the top", "m": "in the middle", "b": "at the bottom"}
NUMBERS = words_of("""
    two three four five six seven eight nine ten eleven twelve dozen pair first second third
""")


def _verb_forms(word: str) -> tuple[str, ...]:
    """What a word may be a form of, as a verb or adjective: "sitting" is a form of "sit"."""
    forms = []
    for ending in ("ing", "ed", "er", "est", "ly", "s", "es"):
        if word.endswith(ending) and len(word) > len(ending) + 1:
            stem = word[: -len(ending)]
            forms += [stem, f"{stem}e", f"{stem[:-1]}y"] + ([stem[:-1]] if stem[-1:] == stem[-2:-1] else [])
    return tuple(forms)


@lru_cache(maxsize=4096)
def _read(text: str) -> tuple[Word, ...]:
    found: dict[object, Word] = {}
    for word in vocabulary()._words(text):
        found.setdefault(word.meaning if word.meaning >= 0 else word.text, word)
    return tuple(found.values())


@cache
def vocabulary() -> Vocabulary:
    """The vocabulary of the package; loaded once, which takes a fifth of a second."""
    found: dict[str, Any] = json.loads(gzip.decompress(FILE.read_bytes()))
    groups, meanings = found["groups"], found["meanings"]
    dim, colours = width(len(groups)), CLASSES + len(groups)
    places = {name: colours + number for number, name in enumerate(COLOUR_PLACES)}
    matrix = np.zeros((len(meanings), dim), np.float32)
    for row, meaning in zip(matrix, meanings, strict=True):
        for place, share in zip(meaning["at"], meaning["by"], strict=True):
            row[places[place] if isinstance(place, str) else place] = share
        row /= np.linalg.norm(row)
    matrix[groups, CLASSES + np.arange(len(groups))] = GROUP_SHARE
    matrix *= np.array([[meaning["weight"]] for meaning in meanings], np.float32)
    return Vocabulary(
        names=tuple(each["name"] for each in meanings),
        kinds=tuple(each["kind"] for each in meanings),
        matrix=matrix,
        places=tuple(tuple(zip(each["at"], each["by"], strict=True)) for each in meanings),
        class_names=tuple(found["classes"]),
        groups=tuple(groups),
        words=found["words"],
        near=found["near"],
        unseen=frozenset(found["unseen"].split()),
        irregular=found["irregular"],
    )
