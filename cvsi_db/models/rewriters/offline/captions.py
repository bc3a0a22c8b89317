"""Captions as phrases: a noun-phrase finder without a parser, and what an edit does to them.

`parse` and `render` turn a text into phrases and back. Each operation, from `remove` on, takes phrases and the place
of what to change, and returns the changed phrases; None says that it cannot be done to this caption.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TypeAlias

import inflect

from cvsi_db.models.rewriters.offline import words as w

Noun: TypeAlias = tuple[str, ...]
ENGLISH = inflect.engine()
ENGLISH.defnoun("thief", "thieves")


@lru_cache(maxsize=4096)
def singular(noun: str) -> str:
    """The singular in lower case; of what has none ("glasses"), or is singular, the word itself."""
    noun = noun.lower().removesuffix("'s")
    if noun in w.PLURAL_ONLY or re.search(r"^.{0,3}$|(ss|us|is|as|lens|series|species|\W.?)$", noun):
        return "man" if noun == "men" else noun
    return ENGLISH.singular_noun(noun) or noun


def is_plural(noun: str) -> bool:
    """Whether a noun's form is a plural."""
    return noun.lower() in w.PLURAL_ONLY or singular(noun) != noun.lower().removesuffix("'s")


def article(word: str) -> str:
    """The indefinite article before a word: "a" or "an"."""
    return ENGLISH.a(word).split()[0] if word.isascii() and word[:1].isalpha() else "a"


def is_verb(word: str) -> bool:
    """Whether a word may be a verb or participle."""
    return word in w.VERBS or (word.endswith("ing") and len(word) > 4 and word not in w.ING_NOUNS)


def _head_at(noun: Sequence[str]) -> int:
    """Where the last word stands that is no adverb: "cats" in "two cats asleep"."""
    return next((at for at in range(len(noun) - 1, -1, -1) if noun[at].lower() not in w.ADVERBS), len(noun) - 1)


@dataclass(frozen=True)
class Phrase:
    """What leads to a noun phrase ("and holding"), and the noun phrase ("a red ball"); either may be empty."""

    lead: tuple[str, ...] = ()
    noun: Noun = ()

    @cached_property
    def head(self) -> str:
        """The noun that the phrase is about, in the singular and lower case; empty for a pronoun or none."""
        noun = self.noun[_head_at(self.noun)].lower() if self.noun else ""
        return "" if noun in w.PRONOUNS | w.DETERMINERS | w.ADVERBS else singular(noun)

    @cached_property
    def words(self) -> frozenset[str]:
        """What leads to the noun phrase, in lower case, without marks."""
        return frozenset(word.lower() for word in self.lead) - w.MARKS


Phrases: TypeAlias = list[Phrase]


def _kind(word: str, before: str, after: str) -> str:
    """The class of a word between two others: what leads to a noun phrase, or "noun" for all that stands in one."""
    if word in w.MARKS or word in w.PREPOSITIONS:
        return "mark" if word in w.MARKS else "preposition"
    if word in w.JOINERS:  # "a red and white cat"
        return "noun" if word == "and" and {before, after} <= w.ADJECTIVES else "joiner"
    inside = before in w.DETERMINERS | w.ADJECTIVES | w.NUMBERS.keys()
    closed = after in w.PREPOSITIONS | w.JOINERS | w.DETERMINERS | w.PRONOUNS | w.ADVERBS | w.MARKS or not after
    verb = is_verb(word) and not (inside and not (closed and word.endswith("ing")))
    participle = word.endswith("ed") and before and not inside and word not in w.ADJECTIVES
    return "verb" if verb or (participle and (after in w.PREPOSITIONS or not after)) else "noun"


def parse(text: str) -> Phrases:
    """A text as phrases: a new one begins where a verb, a preposition, a conjunction or a mark leads on."""
    words, found = list[str](), list[Phrase]()
    for word in text.split():
        core = word.rstrip(",.;:!?")
        words += [part for part in (core, word[len(core) :][:1]) if part]
        for compound in w.COMPOUNDS:  # a preposition of several words is one
            if [part.lower() for part in words[-len(compound) :]] == compound:
                words[-len(compound) :] = [" ".join(words[-len(compound) :])]
    lead, noun, kinds = list[str](), list[str](), list[str]()
    lower = ["", *(word.lower() for word in words), ""]
    for place, token in enumerate(words):
        kind = _kind(lower[place + 1], lower[place], lower[place + 2])
        light = {*kinds} <= {"mark", "joiner"}
        if kind == "noun" and (noun or light or lower[place + 1] not in w.ADVERBS):
            noun.append(token)
            continue
        if noun or not (light or kind in {"noun", kinds[-1]} & {"noun", "verb"}):
            found.append(Phrase(tuple(lead), tuple(noun)))
            lead, noun, kinds = [], [], []
        lead.append(token)
        kinds.append(kind)
    return [*found, Phrase(tuple(lead), tuple(noun))] if lead or noun else found


def render(phrases: Sequence[Phrase]) -> str:
    """The text of phrases, without marks and conjunctions that join nothing."""
    text = re.sub(r" (?=[,.;:!?])", "", " ".join(word for phrase in phrases for word in (*phrase.lead, *phrase.noun)))
    text = re.sub(r"[,.;:!?]+(?=[.;:!?])|[.]+(?=,)|,(?=,)", "", text)
    return re.sub(r"^(?:[,.;:]|and\b|\s)+|(?:[,;:]|\s|\band)+$", "", text)


def main_thing(phrases: Phrases) -> int | None:
    """Where the noun phrase is that a caption is about: not "a photo", nor where or beside what it is seen."""
    for at, phrase in enumerate(phrases):
        measure = phrase.head in w.COLLECTIVE and _extent(phrases, at) > at + 1
        leads = phrase.words <= {"of", "showing", "there", "is", "are", "and", "also"}
        if phrase.head and phrase.head not in w.MEDIA and leads and not measure:
            return at
    return next((at for at, phrase in enumerate(phrases) if phrase.head), None)


def find(phrases: Phrases, noun: Sequence[str]) -> int | None:
    """Where a thing is named: by the same noun or another for the same."""
    head = Phrase(noun=tuple(noun)).head
    names = {head, *w.KINDS.get(head, ())} - {""}
    return next((at for at, phrase in enumerate(phrases) if phrase.head in names), None)


def _extent(phrases: Phrases, at: int) -> int:
    """The end of a thing: after "of" and what it leads to."""
    return next((end for end in range(at + 1, len(phrases)) if phrases[end].lead != ("of",)), len(phrases))


def _own(phrases: Phrases, at: int) -> range:
    """The phrases that speak of a thing: those after it up to another being."""
    ends = (end for end in range(at + 1, len(phrases)) if phrases[end].head in w.BEINGS)
    return range(at + 1, next(ends, len(phrases)))


def _number_of(noun: Sequence[str]) -> int | None:
    """How many things a noun phrase speaks of; None where it does not say."""
    first = noun[0].lower() if noun else ""
    many = bool(noun) and is_plural(noun[_head_at(noun)]) and first not in {"a", "an"}
    return w.NUMBERS.get(first) or (int(first) if re.fullmatch(r"\d{1,3}", first) else None if many else 1)


def as_new(noun: Sequence[str]) -> Noun:
    """A noun phrase as it is first mentioned: "the hat" and "hat" become "a hat"."""
    words = [word for word in noun if word.lower() not in w.DEFINITE | {"a", "an"}] or list(noun)
    if not words or words[0].lower() in w.DETERMINERS | w.NUMBERS.keys() or not words[0][0].isalpha():
        return tuple(words)
    head = Phrase(noun=tuple(words)).head
    one = not is_plural(words[-1]) and head not in w.MASS and (len(words) < len(noun) or head in w.WORN | w.BEINGS)
    return (article(words[0]), *words) if one else tuple(words)


def counted(noun: Sequence[str], number: int) -> Noun:
    """A noun phrase of that many: "a red cat" by 3 is "three red cats"."""
    at = _head_at(noun)
    many, one = number > 1, is_plural(noun[at]) and singular(noun[at])
    head = noun[at] if many == bool(one) or not noun[at][-1].isalpha() else one or ENGLISH.plural_noun(noun[at])
    rest = [word for word in noun[:at] if word.lower() not in w.DETERMINERS | w.NUMBERS.keys() and not word.isdigit()]
    written = next((word for word, value in w.NUMBERS.items() if value == number), str(number)) if many else "a"
    return (written, *rest, str(head), *noun[at + 1 :])


def at_thing(change: Callable[..., Phrases | None], who: str, **what: object) -> Callable[[Phrases], Phrases | None]:
    """The operation, at what an edit text means by "it", "the dog" or "the other one"."""
    words = who.lower().split()

    def changed(phrases: Phrases) -> Phrases | None:
        at = main = main_thing(phrases)
        if {"one", "other"} & {*words} or len(words) > 3:
            others = [at for at, each in enumerate(phrases) if each.head in w.BEINGS and at != main]
            at = next((at for at in others if phrases[at].head in words), others[0] if others else None)
        elif words[0] not in w.PRONOUNS:
            at = find(phrases, words)
        return None if at is None else change(phrases, at, **what)

    return changed


def _put(phrases: Phrases, at: int, noun: Sequence[str]) -> Phrases:
    """With another noun phrase there, whose article suits the word after it."""
    noun = (article(noun[1]), *noun[1:]) if len(noun) > 1 and noun[0].lower() in {"a", "an"} else tuple(noun)
    return [*phrases[:at], replace(phrases[at], noun=noun), *phrases[at + 1 :]]


def _clothes_of(phrases: Phrases, at: int) -> int:
    """What a person wears, when colours and parts of clothes are spoken of; else the thing itself."""
    worn = (place for place in _own(phrases, at) if phrases[place].head in w.CLOTHES)
    return next(worn, at) if phrases[at].head in w.PERSONS else at


def remove(phrases: Phrases, at: int, old: str) -> Phrases | None:
    """Without a thing and where it is, an adjective, a pose or a moment; as it was where nothing says it."""
    words = {word for word in old.split() if word not in w.DETERMINERS}
    for aspect in (w.MOMENT_OF[word][0] for word in words if word in w.MOMENT_OF):
        return settle(phrases, aspect, "") if words <= w.FILLERS | w.MOMENT_OF.keys() else None
    place = find(phrases, next((phrase.noun for phrase in parse(old) if phrase.noun), ()))
    if place is None:
        phrases = _put(phrases, at, [word for word in phrases[at].noun if word.lower() not in words & w.ADJECTIVES])
        return [phrase for phrase in phrases if not (words and words <= phrase.words and not phrase.noun)]
    if place == main_thing(phrases):
        others = [other for other in range(place + 1, len(phrases)) if phrases[other].head in w.BEINGS]
        return [Phrase((), phrases[others[0]].noun), *phrases[others[0] + 1 :]] if others else None
    last = _extent(phrases, place)
    while last < len(phrases) and {*phrases[last].lead[:1]} & w.PREPOSITIONS and {*phrases[last].noun[:1]} & w.DEFINITE:
        last += 1
    rest = phrases[last:]
    listed = rest and rest[0].noun and "and" in rest[0].lead and rest[0].words <= {"and"}
    return [*phrases[:place], *([replace(rest[0], lead=phrases[place].lead), *rest[1:]] if listed else rest)]


def become(phrases: Phrases, at: int, new: Noun) -> Phrases | None:
    """A thing of another kind: its number and adjectives stay where the new name has none."""
    old, end = phrases[at].noun, _extent(phrases, at)
    if at == main_thing(phrases) and len(new) <= 2:
        new, end = (
            (*new[:-1], *(word for word in old[:-1] if word.lower() in w.ADJECTIVES | {"more", "less"}), new[-1]),
            at + 1,
        )
    many = _number_of(old) or 1
    new = counted(new, many) if many > 1 >= (_number_of(new) or 1) else new
    return _put([*phrases[: at + 1], *phrases[end:]], at, new)


def describe(phrases: Phrases, at: int, said: str) -> Phrases | None:
    """A thing with an adjective in place of those that exclude it, or without colours; of a person, the clothes."""
    at = _clothes_of(phrases, at)
    new, noun = said.split(), phrases[at].noun
    group = frozenset[str]().union(*(group for group in w.GROUPS if group & {*new})) if new else w.COLOURS
    group = group | w.SHADES | {"and"} if group >= w.COLOURS else group
    before, head = noun[: _head_at(noun)], noun[_head_at(noun) :]
    kept = [word for word in before if word.lower() not in group and word not in new]
    first = 1 if kept and kept[0].lower() in w.DETERMINERS | w.NUMBERS.keys() else 0
    to = max(first, min(next((to for to, word in enumerate(before) if word.lower() in group), first), len(kept)))
    return _put(phrases, at, (*kept[:to], *new, *kept[to:], *head))


def count(phrases: Phrases, at: int, number: int, relative: bool = False) -> Phrases | None:
    """That many of a thing, or that many more or fewer."""
    first = at - 1 if at and phrases[at].lead == ("of",) and phrases[at - 1].head in w.COLLECTIVE else at
    now = _number_of(phrases[at].noun) or w.SIZES.get(phrases[first].head)
    number = number + (now or 0) if relative else number
    if number < 1 or (relative and now is None):
        return None
    phrases = _put(phrases, at, counted(phrases[at].noun, number))
    return [*phrases[:first], replace(phrases[at], lead=phrases[first].lead), *phrases[at + 1 :]]  # not "a pair of"


def have(phrases: Phrases, at: int, lead: str, noun: Noun = ()) -> Phrases | None:
    """A thing with something on it or in its hands, or in a pose, in place of what it cannot have beside it."""
    head, first = Phrase(noun=noun).head, lead.split()[0]
    for place in _own(phrases, at):
        old, words = phrases[place].head, phrases[place].words
        if noun and (old == head or {old, head} <= w.HEADWEAR or (lead in w.HOLDING and words & w.HOLDING)):
            return _put(phrases, place, noun)
        if first in w.POSES and words & w.POSES:
            return [*phrases[:place], replace(phrases[place], lead=(lead,)), *phrases[place + 1 :]]
    if noun and head not in w.WORN:
        at = _clothes_of(phrases, at)
        made_of_it = rf"(?: (?:long|short))? (?:[\w-]+-)?{re.escape(head)}(?:d|ed|less)(?= )"  # "a sleeveless dress"
        phrases = _put(phrases, at, re.sub(made_of_it, "", " ".join(phrases[at].noun)).split())
    end = _extent(phrases, at)
    return [*phrases[:end], Phrase((lead,), noun), *phrases[end:]]


def settle(phrases: Phrases, aspect: str, said: str) -> Phrases:
    """In another place, time, weather, season, style or view, instead of what the caption says of it."""
    kept, main = list[Phrase](), main_thing(phrases)
    about = w.FILLERS | w.MOMENT_OF.keys() | w.MEDIA | w.DETERMINERS
    for at, phrase in enumerate(phrases):
        words = {word.lower() for word in (*phrase.lead, *phrase.noun)} - w.MARKS
        moment = words <= about and any(w.MOMENT_OF.get(word, ("",))[0] == aspect for word in words)
        placed = aspect == "place" and phrase.head in w.PLACES and bool(phrase.words & w.PREPOSITIONS)
        if at == main or not (moment or placed):
            kept.append(phrase)
        elif not {*phrase.lead} <= w.PREPOSITIONS | w.MARKS | {"and", "is"}:  # "standing on the beach"
            kept.append(Phrase(tuple(word for word in phrase.lead if word not in w.PREPOSITIONS)))
    return [*kept, *parse(said if aspect == "place" else f", {said}")]
