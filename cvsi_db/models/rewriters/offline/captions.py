"""Captions as phrases: inflection, a noun-phrase finder without a parser, and what an edit does to them.

`parse` and `render` turn a text into phrases and back. Each operation, from `remove` on, takes phrases and the place
of what to change, and returns the changed phrases; None says that it cannot be done to this caption.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from cvsi_db.models.rewriters.offline import words as w

if TYPE_CHECKING:
    import inflect

MARKS = frozenset(",.;:!?")
Noun: TypeAlias = tuple[str, ...]


@lru_cache(maxsize=1)
def _engine() -> inflect.engine:
    import inflect

    engine = inflect.engine()
    engine.defnoun("thief", "thieves")
    return engine


@lru_cache(maxsize=4096)
def singular(noun: str) -> str:
    """The singular in lower case; of what has none ("glasses"), or is singular, the word itself."""
    noun = noun.lower().removesuffix("'s")
    if (
        noun in w.PLURAL_ONLY
        or noun in {"lens", "series", "species"}
        or re.search(r"^.{0,3}$|(ss|us|is|as|\W.?)$", noun)
    ):
        return "man" if noun == "men" else noun
    return _engine().singular_noun(noun) or noun


def is_plural(noun: str) -> bool:
    """Whether a noun's form is a plural."""
    return noun.lower() in w.PLURAL_ONLY or singular(noun) != noun.lower().removesuffix("'s")


@lru_cache(maxsize=4096)
def plural(noun: str) -> str:
    """The plural of a noun; a plural stays as it is."""
    return noun if is_plural(noun) or not noun[-1:].isalpha() else _engine().plural_noun(noun) or noun


@lru_cache(maxsize=4096)
def article(word: str) -> str:
    """The indefinite article before a word: "a" or "an"."""
    return _engine().a(word).split()[0] if word.isascii() and word[:1].isalpha() else "a"


def participle(verb: str) -> str:
    """The present participle of a verb's base form or third person: "sit" and "sits" become "sitting"."""
    return verb if verb.endswith(("ing", "ed")) else _engine().present_participle(verb)


@dataclass(frozen=True)
class Phrase:
    """What leads to a noun phrase ("and holding"), and the noun phrase ("a red ball"); either may be empty."""

    lead: tuple[str, ...] = ()
    noun: Noun = ()

    @property
    def head(self) -> str:
        """The noun that the phrase is about, in the singular and lower case; empty for a pronoun or none."""
        noun = self.noun[head_at(self.noun)].lower() if self.noun else ""
        return "" if noun in w.PRONOUNS | w.DETERMINERS | w.ADVERBS else singular(noun)

    @property
    def words(self) -> tuple[str, ...]:
        """What leads to the noun phrase, in lower case, without marks."""
        return tuple(word.lower() for word in self.lead if word not in MARKS)

    @property
    def refers(self) -> bool:
        """Whether it says where the thing before it is: "on its head", "next to it", "to the left"."""
        noun = [word.lower() for word in self.noun] or [""]
        placed = {*self.words} & w.PREPOSITIONS and not {*self.lead[:1]} & {"and", ".", ";"}
        return bool(placed) and (noun[0] in w.POSSESSIVE | w.PRONOUNS or noun[-1] in {"left", "right"})

    def is_verb(self) -> bool:
        """Whether a verb or participle leads to it."""
        return any(map(is_verb, self.words))


Phrases: TypeAlias = list[Phrase]


def head_at(noun: Sequence[str]) -> int:
    """Where the last word stands that is no adverb: "cats" in "two cats asleep"."""
    return next((at for at in range(len(noun) - 1, -1, -1) if noun[at].lower() not in w.ADVERBS), len(noun) - 1)


def is_verb(word: str) -> bool:
    """Whether a word may be a verb or participle."""
    return word in w.VERBS or (word.endswith("ing") and len(word) > 4 and word not in w.ING_NOUNS)


def _tokens(text: str) -> list[str]:
    """The words and marks of a text; a preposition of several words is one token."""
    found: list[str] = []
    for word in text.split():
        core = word.rstrip(",.;:!?")
        found += [part for part in (core, word[len(core) :][:1]) if part]
        for compound in w.COMPOUNDS:
            if [part.lower() for part in found[-len(compound) :]] == compound:
                found[-len(compound) :] = [" ".join(found[-len(compound) :])]
    return found


def _kind(word: str, before: str, after: str) -> str:
    """The class of a word between two others: what leads to a noun phrase, or "noun" for all that stands in one."""
    if word in MARKS or word in w.PREPOSITIONS:
        return "mark" if word in MARKS else "preposition"
    if word in w.JOINERS:
        listed = word == "and" and {before, after} <= w.ADJECTIVES  # "a red and white cat"
        return "noun" if listed or (word == "that" and before in w.PREPOSITIONS) else "joiner"
    inside = before in w.DETERMINERS | w.ADJECTIVES | w.NUMBERS.keys()
    closed = after in w.PREPOSITIONS | w.JOINERS | w.DETERMINERS | w.PRONOUNS | w.ADVERBS | MARKS or not after
    if is_verb(word) and not (inside and not (closed and word.endswith("ing"))):
        return "verb"
    participle = word.endswith("ed") and len(word) > 4 and before and not inside and word not in w.ADJECTIVES
    return "verb" if participle and (after in w.PREPOSITIONS or not after) else "noun"


def parse(text: str) -> Phrases:
    """A text as phrases: a new one begins where a verb, a preposition, a conjunction or a mark leads on."""
    found: Phrases = []
    lead, noun, kinds = list[str](), list[str](), list[str]()
    words = _tokens(text)
    lower = ["", *(word.lower() for word in words), ""]
    for place, token in enumerate(words):
        kind = _kind(lower[place + 1], lower[place], lower[place + 2])
        light = {*kinds} <= {"mark", "joiner"}
        if kind == "noun" and lower[place + 1] in w.ADVERBS and not noun and not light:
            kind = "adverb"
        if kind == "noun":
            noun.append(token)
            continue
        goes_on = not noun and (light or kind == "adverb" or (kind == kinds[-1] == "verb"))
        if not goes_on:
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
        measure = phrase.head in w.COLLECTIVE and extent(phrases, at) > at + 1
        leads = {*phrase.words} <= {"of", "showing", "there", "is", "are", "and", "also"}
        if phrase.head and phrase.head not in w.MEDIA and leads and not measure:
            return at
    return next((at for at, phrase in enumerate(phrases) if phrase.head), None)


@dataclass(frozen=True)
class Seen:
    """What captions name, and what they are about, each under all its names."""

    named: frozenset[str]
    mains: frozenset[str]


def see(captions: Collection[str]) -> Seen:
    """What these captions name."""
    parsed = [parse(caption) for caption in captions]
    heads = {phrase.head for phrases in parsed for phrase in phrases if phrase.head}
    mains = {phrases[at].head for phrases in parsed if (at := main_thing(phrases)) is not None}
    also = {name for name, kinds in w.KINDS.items() if kinds & heads}
    return Seen(frozenset(heads | also), frozenset(mains | {name for name in also if w.KINDS[name] & mains}))


def find(phrases: Phrases, noun: Sequence[str]) -> int | None:
    """Where a thing is named: by the same noun or another for the same; of several, by most words in common."""
    words, head = {word.lower() for word in noun}, Phrase(noun=tuple(noun)).head
    same = [
        (len(words & {word.lower() for word in phrase.noun}), phrase.head == head, -at)
        for at, phrase in enumerate(phrases)
        if head and phrase.head in {head, *w.KINDS.get(head, ())}
    ]
    return -max(same)[2] if same else None


def extent(phrases: Phrases, at: int) -> int:
    """The end of a thing: after "of" and what it leads to."""
    end = at + 1
    while end < len(phrases) and phrases[end].lead == ("of",):
        end += 1
    return end


def own(phrases: Phrases, at: int) -> range:
    """The phrases that speak of a thing: those after it up to another being."""
    ends = (end for end in range(at + 1, len(phrases)) if phrases[end].head in w.BEINGS)
    return range(at + 1, next(ends, len(phrases)))


def as_new(noun: Sequence[str]) -> Noun:
    """A noun phrase as it is first mentioned: "the hat" and "hat" become "a hat"."""
    words = [word for word in noun if word.lower() not in w.DEFINITE | {"a", "an"}] or list(noun)
    if not words or words[0].lower() in w.DETERMINERS | w.NUMBERS.keys() or not words[0][0].isalpha():
        return tuple(words)
    head = Phrase(noun=tuple(words)).head
    one = not is_plural(words[-1]) and head not in w.MASS and (len(words) < len(noun) or head in w.WORN | w.BEINGS)
    return (article(words[0]), *words) if one else tuple(words)


def agreed(noun: Sequence[str]) -> Noun:
    """A noun phrase whose article suits the word after it."""
    return (article(noun[1]), *noun[1:]) if len(noun) > 1 and noun[0].lower() in {"a", "an"} else tuple(noun)


def with_adjective(noun: Sequence[str], adjective: Sequence[str]) -> Noun:
    """A noun phrase with an adjective, in place of those that exclude it: "a red cat" in "light blue"."""
    group = frozenset[str]().union(*(group for group in w.GROUPS if group & {*adjective}))
    group = group | w.SHADES | {"and"} if group >= w.COLOURS else group
    before, head = noun[: head_at(noun)], noun[head_at(noun) :]
    kept = [word for word in before if word.lower() not in group and word not in adjective]
    first = 1 if kept and kept[0].lower() in w.DETERMINERS | w.NUMBERS.keys() else 0
    at = next((place for place, word in enumerate(before) if word.lower() in group), first)
    at = max(first, min(at, len(kept)))
    return (*kept[:at], *adjective, *kept[at:], *head)


def counted(noun: Sequence[str], number: int) -> Noun:
    """A noun phrase of that many: "a red cat" by 3 is "three red cats"."""
    words = [word for word in noun if word.lower() not in w.DETERMINERS | w.NUMBERS.keys() and not word.isdigit()]
    if not words:
        return tuple(noun)
    at = head_at(words)
    words[at] = plural(words[at]) if number > 1 else singular(words[at]) if is_plural(words[at]) else words[at]
    written = "a" if number == 1 else next((word for word, value in w.NUMBERS.items() if value == number), str(number))
    return agreed([written, *words])


def number_of(noun: Sequence[str]) -> int | None:
    """How many things a noun phrase speaks of; None where it does not say."""
    first = noun[0].lower() if noun else ""
    if first in w.NUMBERS or (first.isdecimal() and len(first) < 4):
        return w.NUMBERS.get(first) or int(first)
    return 1 if first in {"a", "an"} or (noun and not is_plural(noun[head_at(noun)])) else None


def place_of(phrases: Phrases, who: str) -> int | None:
    """Where the thing is that an edit text means by "it", "the dog" or "the other one"."""
    words, main = who.lower().split(), main_thing(phrases)
    if words[0] in w.PRONOUNS:
        return main
    if {"one", "other"} & {*words} or len(words) > 3:
        others = [at for at, phrase in enumerate(phrases) if phrase.head in w.BEINGS and at != main]
        return next((at for at in others if phrases[at].head in words), others[0] if others else None)
    return find(phrases, words)


def _put(phrases: Phrases, at: int, noun: Sequence[str]) -> Phrases:
    return [*phrases[:at], replace(phrases[at], noun=agreed(noun)), *phrases[at + 1 :]]


def _clothes_of(phrases: Phrases, at: int) -> int:
    """What a person wears, when colours and parts of clothes are spoken of; else the thing itself."""
    worn = (place for place in own(phrases, at) if phrases[place].head in w.CLOTHES)
    return next(worn, at) if phrases[at].head in w.PERSONS else at


def _drop(phrases: Phrases, at: int) -> Phrases:
    """Without a thing, and without the phrases that say where it is."""
    last, main = extent(phrases, at), main_thing(phrases) or 0
    first = at = at - 1 if phrases[at].lead == ("of",) and at - 1 != main else at
    while last < len(phrases) and phrases[last].refers:
        last += 1
    if {*phrases[at].words} <= w.BE | {"there", "also"}:  # "next to it is a bird", "a bird is there too"
        while first > 0 and not {*phrases[first].lead[:1]} & MARKS:
            first -= 1
        while last < len(phrases) and not {*phrases[last].lead[:1]} & (MARKS | {"and"}):
            last += 1
        first, last = (at, extent(phrases, at)) if first <= main < last else (first, last)
    rest = phrases[last:]
    goes_on = bool(
        rest and rest[0].noun and ("and" in rest[0].lead or rest[0].noun[0] in w.DETERMINERS | w.NUMBERS.keys())
    )
    if goes_on and {*rest[0].lead} <= {"and", ","} and first == at:
        rest = [replace(rest[0], lead=phrases[at].lead), *rest[1:]]
    return [*phrases[:first], *rest]


def remove(phrases: Phrases, at: int, old: str) -> Phrases | None:
    """Without a thing (of that one), an adjective, a pose or a moment; as it was where the caption does not say it."""
    main = main_thing(phrases)
    words = {word for word in old.lower().split() if word not in w.DETERMINERS}
    aspects = {w.MOMENT_OF[word][0] for word in words if word in w.MOMENT_OF}
    if aspects and words <= w.ABOUT_MOMENTS | w.MOMENT_OF.keys():
        return _without_moment(phrases, aspects.pop())
    nouns = [phrase.noun for phrase in parse(old) if phrase.noun]
    noun = next((noun for noun in nouns if find(phrases, noun) is not None), nouns[-1] if nouns else ())
    found = [place for place in own(phrases, at) if find([phrases[place]], noun) is not None] if at != main else []
    place = found[0] if found else find(phrases, noun)
    if place is not None and place == main:
        others = [other for other in range(main + 1, len(phrases)) if phrases[other].head in w.BEINGS]
        return [replace(phrases[others[0]], lead=()), *phrases[others[0] + 1 :]] if others else None
    if place is not None:
        return _drop(phrases, place)
    kept = [phrase for phrase in phrases if not (words and words <= {*phrase.words} and not phrase.noun)]
    left = [word for word in phrases[at].noun if word.lower() not in words & w.ADJECTIVES]
    return _put(kept, kept.index(phrases[at]), _without_part(left, Phrase(noun=noun).head))


def _without_part(noun: Sequence[str], part: str) -> Noun:
    """Without adjectives made of a part: "a long-sleeved shirt" and "a sleeveless top" by "sleeve"."""
    made = rf"(?: (?:long|short))? (?:[\w-]+-)?{re.escape(part)}(?:|d|ed|less)(?= )"
    return agreed(re.sub(made, "", " ".join(noun), flags=re.IGNORECASE).split()) if part else tuple(noun)


def become(phrases: Phrases, at: int, new: Noun) -> Phrases | None:
    """A thing of another kind: its number and adjectives stay where the new name has none."""
    old = phrases[at].noun
    bare = [word for word in new if word.lower() not in w.DETERMINERS]
    if len(bare) == 1 and at == main_thing(phrases):
        new = (*new[:-1], *(word for word in old[:-1] if word.lower() in w.ADJECTIVES), bare[0])
    many = number_of(old) or 1
    phrases = phrases if at == main_thing(phrases) else [*phrases[: at + 1], *phrases[extent(phrases, at) :]]
    return _put(phrases, at, counted(new, many) if many > 1 and number_of(new) in {1, None} else new)


def describe(phrases: Phrases, at: int, said: str) -> Phrases | None:
    """A thing with an adjective, in place of those that exclude it."""
    words = said.split()
    for place in own(phrases, at) if phrases[at].head in w.PERSONS and {*words} & w.COLOURS else ():
        if "in" in phrases[place].words and phrases[place].noun[-1:] and phrases[place].noun[-1].lower() in w.COLOURS:
            return _put(phrases, place, words)  # "a girl in red"
    at = _clothes_of(phrases, at)
    noun, lacking = phrases[at].noun, [word.removesuffix("less") for word in words if word.endswith("less")]
    for part in lacking:
        noun = _without_part(noun, part)
    phrases = _put(phrases, at, with_adjective(noun, words))
    told = [place for place, phrase in enumerate(phrases) if phrase.head and any(phrase.head in word for word in words)]
    return [phrase for place, phrase in enumerate(phrases) if place not in told or place == at]  # "short sleeved"


def other_colour(phrases: Phrases, at: int) -> Phrases | None:
    """Without its colour."""
    return _put(phrases, at, [word for word in phrases[at].noun if word.lower() not in w.COLOURS])


def count(phrases: Phrases, at: int, number: int, relative: bool = False) -> Phrases | None:
    """That many of a thing, or that many more or fewer."""
    now = number_of(phrases[at].noun) or (2 if at and phrases[at - 1].head in {"pair", "couple"} else None)
    number = number + (now or 0) if relative else number
    if number < 1 or (relative and now is None):
        return None
    phrases = _put(phrases, at, counted(phrases[at].noun, number))
    if at and phrases[at].lead == ("of",) and phrases[at - 1].head in w.COLLECTIVE:  # "a pair of owls"
        phrases[at - 1 : at + 1] = [replace(phrases[at], lead=phrases[at - 1].lead)]
        at -= 1
    be = "is" if number == 1 else "are"
    for place in range(at, min(at + 2, len(phrases))):
        lead = tuple(be if word in {"is", "are"} else word for word in phrases[place].lead)
        phrases[place] = replace(phrases[place], lead=lead)
    return phrases


def have(phrases: Phrases, at: int, lead: str, noun: Noun) -> Phrases | None:
    """A thing with something on it or in its hands, in place of what it cannot have beside it."""
    head = Phrase(noun=noun).head
    for place in own(phrases, at):
        phrase = phrases[place]
        held = lead in w.HOLDING and {*phrase.words} & w.HOLDING
        if phrase.head and (phrase.head == head or {phrase.head, head} <= w.HEADWEAR or held):
            return _put(phrases, place, noun)
    at = at if head in w.WORN else _clothes_of(phrases, at)
    phrases = _put(phrases, at, _without_part(phrases[at].noun, head))
    end = extent(phrases, at)
    return [*phrases[:end], Phrase(tuple(lead.split()), noun), *phrases[end:]]


def act(phrases: Phrases, at: int, doing: str) -> Phrases | None:
    """A thing in another pose or doing something else; said with a place of its own, it is all that is left of it."""
    new, end = parse(doing), extent(phrases, at)
    if at == main_thing(phrases) and any({*phrase.words} & {"in", "on"} for phrase in new):
        return [replace(phrases[at], lead=()), *phrases[at + 1 : end], *new, *phrases[own(phrases, at).stop :]]
    for place in own(phrases, at):
        if new[0].words[0] in w.POSES and {*phrases[place].words} & w.POSES:
            marks = [word for word in phrases[place].lead if word in MARKS]
            after = place + 1 + bool(phrases[place + 1 :] and phrases[place + 1].refers)  # "on its belly"
            return [*phrases[:place], replace(phrases[place], lead=(*marks, *doing.split())), *phrases[after:]]
    return [*phrases[:end], *new, *phrases[end:]]


def place_at(phrases: Phrases, at: int, said: str) -> Phrases | None:
    """In another place, instead of the one that the caption names."""
    new = parse(said)
    for place, phrase in enumerate(phrases):
        if place != at and phrase.head in w.PLACES and {*phrase.words} & w.PREPOSITIONS:
            first = place - 1 if phrase.lead == ("of",) and place - 1 != at else place
            lead = [word for word in phrases[first].lead if word.lower() not in w.PREPOSITIONS]
            new[0] = replace(new[0], lead=(*lead, *new[0].lead))
            return [*phrases[:first], *new, *phrases[extent(phrases, place) :]]
    return [*phrases, *new]


def _without_moment(phrases: Phrases, aspect: str) -> Phrases:
    """Without what says the time, the weather, the season, the style or the view."""
    kept: Phrases = []
    cut, main = False, main_thing(phrases)
    about = w.ABOUT_MOMENTS | w.MOMENT_OF.keys() | w.MEDIA | w.DETERMINERS
    for at, phrase in enumerate(phrases):
        said = {word.lower() for word in (*phrase.lead, *phrase.noun)} - MARKS
        if at != main and said <= about and any(w.MOMENT_OF.get(word, ("",))[0] == aspect for word in said):
            cut = True
            if kept and {*kept[-1].noun} <= {"it", "the", "weather", "sky", "there"}:
                kept.pop()
        else:
            kept.append(replace(phrase, lead=(",",)) if cut and phrase.lead == ("of",) else phrase)
            cut = False
    return kept


def moment(phrases: Phrases, _at: int, aspect: str, said: str) -> Phrases | None:
    """Another time, weather, season, view or style."""
    return [*_without_moment(phrases, aspect), *parse(f", {said}")]


def move(phrases: Phrases, at: int, where: str) -> Phrases | None:
    """Another thing than the main one at another side of it."""
    end = extent(phrases, at)
    while end < len(phrases) and phrases[end].refers:
        end += 1
    return None if at == main_thing(phrases) else [*phrases[: at + 1], *parse(where), *phrases[end:]]


def append(phrases: Phrases, _at: int, said: str) -> Phrases | None:
    """The caption, and more said after it."""
    return [*phrases, *parse(f", {said}")]


def instead(_phrases: Phrases, _at: int, said: str) -> Phrases | None:
    """Another description in the place of the caption."""
    return parse(said)
