"""A caption as a row of phrases: noun phrases with what governs them, and the words between.

`NounPhrase` and `Phrase` are plain values; a caption is a tuple of phrases. Knows how phrases read and how their
number and colour change; knows nothing about how text is parsed, nor about edits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, TypeAlias

from cvsi_db.models.rules.inflect import PAIRED, article, is_plural, plural, singular
from cvsi_db.models.rules.words import COLOURS, HYPERNYMS, NUMBER_WORDS, NUMBERS, SHADES, SLOT_OF, SYNONYMS

Kind = Literal[
    "lead", "head", "thing", "worn", "held", "with", "friend", "doing", "absent",
    "place", "where", "time", "weather", "season", "style", "view", "relation", "joint", "words",
]  # fmt: skip
ATTACHED: frozenset[Kind] = frozenset({"worn", "held", "with"})

_MANY = {"a pair of": 2, "pair of": 2, "a couple of": 2, "both": 2}
_LOOSE = re.compile(r"several|many|few|some|multiple|various|group|bunch|herd|flock|pack|crowd|lot|set|number|plenty")


@dataclass(frozen=True)
class NounPhrase:
    """A determiner or number, the words with the noun last, and what follows it ("of coffee")."""

    det: str
    words: tuple[str, ...]
    post: str = ""

    @property
    def noun(self) -> str:
        """The noun, as it stands."""
        return self.words[-1]

    @property
    def one(self) -> str:
        """The noun in the singular."""
        return singular(self.noun)

    @property
    def slot(self) -> str:
        """The slot the noun fills, or "" for a noun of no list."""
        return SLOT_OF.get(self.one) or SLOT_OF.get(self.noun, "")

    @property
    def count(self) -> int | None:
        """How many, or None where that is left open."""
        number = next((word for word in reversed(self.det.split()) if word in NUMBERS or word.isdecimal()), None)
        if number:
            return int(number) if number.isdecimal() else NUMBERS[number]
        if self.det in _MANY:
            return _MANY[self.det]
        return None if _LOOSE.search(self.det) or is_plural(self.noun) else 1

    @property
    def many(self) -> bool:
        """Whether verbs and pronouns agree with it in the plural."""
        return self.count != 1

    @property
    def colour_span(self) -> tuple[int, int] | None:
        """Where the colour words stand among `words`: "light blue", "black and white"."""
        return _colour_span(self.words)

    @property
    def is_colour(self) -> bool:
        """Whether it is nothing but a colour, as in "dressed in blue"."""
        span = self.colour_span
        return span is not None and not self.det and (span == (0, len(self.words)))

    def text(self) -> str:
        """As it reads, with "a" or "an" to fit."""
        body = " ".join(self.words)
        det = self.det
        if det in {"a", "an"}:
            det = article(body)
        return " ".join(part for part in (det, body, self.post) if part).replace(" ,", ",")

    def coloured(self, colour: str) -> NounPhrase:
        """The same in another colour: its colour words replaced, or the colour put before the noun."""
        start, stop = self.colour_span or (self._before_noun(),) * 2
        return replace(self, words=(*self.words[:start], *colour.split(" "), *self.words[stop:]))

    def _before_noun(self) -> int:
        return max(0, len(self.words) - 1 - sum(word in SLOT_OF or word.endswith("'s") for word in self.words[:-1]))

    def counted(self, number: int) -> NounPhrase:
        """The same, `number` of them."""
        if number == 1:
            det = self.det if self.det in {"the", "his", "her", "its"} else "a"
            return replace(self, det=det, words=(*self.words[:-1], self.one))
        return replace(self, det=NUMBER_WORDS.get(number, str(number)), words=(*self.words[:-1], plural(self.noun)))

    def agreeing(self, many: bool) -> NounPhrase:
        """As worn or held by one or by many: "a hat", "hats"."""
        if many and self.det in {"a", "an", "one", "the", "its"} and not self.post:
            return replace(self, det="", words=(*self.words[:-1], plural(self.noun)))
        if not many and self.det in {"", "their"} and is_plural(self.noun) and self.noun not in PAIRED:
            return replace(self, det="a", words=(*self.words[:-1], self.one))
        return self

    def named(self, asked: NounPhrase) -> bool:
        """Whether `asked` may mean this one: same noun or a more general one, and no other describing words."""
        wanted, mine = asked.one, self.one
        if wanted == mine or (self.slot == asked.slot != "" and wanted.split()[-1] == mine.split()[-1]):
            return _compatible(asked.words[:-1], self.words[:-1])
        if mine in HYPERNYMS.get(wanted, ()) or self.noun in HYPERNYMS.get(wanted, ()):
            return True
        return any(wanted in group and mine in group for group in _GROUPS)


_GROUPS = tuple(frozenset(map(singular, group)) | group for group in SYNONYMS)


def _compatible(asked: Sequence[str], mine: Sequence[str]) -> bool:
    """Two descriptions that do not contradict each other in colour."""
    colours, own = COLOURS.intersection(asked), COLOURS.intersection(mine)
    return not colours or not own or bool(colours & own)


@lru_cache(maxsize=4096)
def _colour_span(words: tuple[str, ...]) -> tuple[int, int] | None:
    start = next((i for i, word in enumerate(words) if is_colour(word)), None)
    if start is None:
        return None
    stop = start + 1
    while stop < len(words) and (is_colour(words[stop]) or (words[stop] == "and" and stop + 1 < len(words))):
        stop += 1
    if start and words[start - 1] in SHADES:
        start -= 1
    return start, stop


def is_colour(word: str) -> bool:
    """Whether `word` is a colour, or colours joined by hyphens."""
    if word in COLOURS or word in {"colored", "coloured"}:
        return True
    parts = word.replace("-and-", "-").replace("/", "-").split("-")
    return len(parts) > 1 and parts[-1] in {*COLOURS, "colored", "coloured"} and any(part in COLOURS for part in parts)


@dataclass(frozen=True)
class Phrase:
    """One piece of a caption: what governs it, its noun phrases, what ends it ("with · a dog · next to it").

    `about` is what a caption says of a second subject: the phrases that speak of this one's things.
    """

    kind: Kind
    lead: str
    things: tuple[NounPhrase, ...] = ()
    tail: str = ""
    about: tuple[Phrase, ...] = ()

    def text(self) -> str:
        """As it reads."""
        said = " ".join(part.text() for part in self.about)
        return " ".join(part for part in (self.lead, joined(self.things), self.tail, said) if part)

    def keeping(self, things: Sequence[NounPhrase]) -> Phrase:
        """The same with other noun phrases."""
        return replace(self, things=tuple(things))


Caption: TypeAlias = tuple[Phrase, ...]
Operation: TypeAlias = Callable[[Caption], Caption]


def joined(things: Sequence[NounPhrase]) -> str:
    """ "a hat", "a hat and a scarf", "a hat, a scarf and a balloon"."""
    texts = [thing.text() for thing in things]
    return " and ".join(part for part in (", ".join(texts[:-1]), *texts[-1:]) if part)


def render(caption: Caption) -> str:
    """The caption as text: single spaces, none before punctuation."""
    text = " ".join(phrase.text() for phrase in caption)
    return re.sub(r"\s+([,.;:!?)])", r"\1", re.sub(r"\s+", " ", text)).strip(" ,;:")


_DANGLING = frozenset(
    [
        "it",
        "is",
        "are",
        "they",
        "he",
        "she",
        "has",
        "have",
        "and",
        "with",
        "who",
        "which",
        "that",
        "was",
        "were",
        "there",
    ]
)
_CLOSING = frozenset({",", ".", ";", ":"})


def repair(caption: Caption) -> Caption:
    """Removes what lost its purpose: doubled or dangling joints, sentences without anything said."""
    return _trim_joints(_drop_empty_sentences(caption))


def _drop_empty_sentences(caption: Caption) -> Caption:
    kept: list[Phrase] = []
    sentence: list[Phrase] = []
    for phrase in (*caption, Phrase("joint", ".")):
        sentence.append(phrase)
        if phrase.kind == "joint" and phrase.lead in {".", ";"}:
            if any(part.things or (part.kind != "joint" and part.text() not in _DANGLING) for part in sentence):
                kept += sentence
            sentence = []
    closed = bool(caption) and caption[-1].text() == "."
    return tuple(kept if closed else kept[:-1] if kept and kept[-1].text() == "." else kept)


def _trim_joints(caption: Caption) -> Caption:
    kept: list[Phrase] = []
    for phrase in caption:
        if phrase.kind == "joint" and (not kept or kept[-1].kind == "joint" or kept[-1].lead[-1:] == ":"):
            stronger = kept and phrase.lead in {".", ";"} and kept[-1].lead not in {".", ";"}
            if stronger:
                kept[-1] = phrase
            continue
        if kept and _needs_and(kept[-1], phrase):
            kept.append(Phrase("joint", "and"))
        elif kept and kept[-1].text() == "and" and phrase.kind not in _AFTER_AND:
            kept.pop()
        kept.append(phrase)
    while kept and kept[-1].kind == "joint" and kept[-1].lead != ".":
        kept.pop()
    return tuple(kept)


_AFTER_AND: frozenset[Kind] = frozenset({"worn", "held", "with", "doing", "words", "head", "thing", "friend", "absent"})


def _needs_and(before: Phrase, after: Phrase) -> bool:
    """Whether two participles in a row want an "and": "wearing a hat and holding a ball"."""
    if before.kind not in ATTACHED or after.kind not in ATTACHED | {"doing"} or before.lead == "in":
        return False
    return before.kind != after.kind and after.lead.endswith("ing") and before.lead.endswith("ing")
