"""Reads English text into a row of phrases, by closed word lists and a few patterns; never fails on any text.

Takes a caption (or a piece of an edit text), returns a `Caption` of `phrases.py`. Knows nothing about edits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from cvsi_db.models.rules import words as w
from cvsi_db.models.rules.idioms import (
    ABSENCES,
    ADVERB_PLACES,
    BESIDE,
    HAVE,
    HELD_VERBS,
    RELATIONS,
    SEASONS,
    TIME_PHRASES,
    VIEWS,
    WEATHER_CLAUSES,
    WORN_VERBS,
    tokens_of,
)
from cvsi_db.models.rules.inflect import singular
from cvsi_db.models.rules.nouns import acts, noun_phrase, things
from cvsi_db.models.rules.phrases import ATTACHED, Caption, Kind, NounPhrase, Phrase
from cvsi_db.models.rules.subjects import grouped
from cvsi_db.models.rules.tables import PREDICATIVE, QUALITIES

_PLACE_LEADS = w.PREPOSITIONS - {"with", "without", "of", "from", "for", "as", "like", "until"}


_STYLE_VERBS = frozenset({"drawn", "painted", "done", "made", "rendered", "cut", "sketched", "shown", "illustrated"})


_LEAD_ENDS = frozenset({"of", "showing", "depicting", ":"})


_Read = tuple[Phrase, int]
_BEFORE_HEAD: frozenset[Kind] = frozenset({"lead", "weather", "time", "season", "joint"})


@lru_cache(maxsize=2048)
def read(text: str) -> Caption:
    """The phrases of `text`, lower case; every word of it is in one of them, a second subject with all said of it."""
    return grouped(_flat(text))


def _flat(text: str) -> Caption:
    tokens = tokens_of(text)
    phrases: list[Phrase] = []
    place = 0
    headless = True
    while place < len(tokens):
        bare = headless and all(phrase.kind in _BEFORE_HEAD for phrase in phrases)
        phrase, place = _next(tokens, place, headless, bare)
        headless = headless and phrase.kind != "head"
        phrases.append(phrase)
    return tuple(phrases)


def _next(tokens: Sequence[str], place: int, headless: bool, bare: bool) -> _Read:
    for reader in _READERS:
        found = reader(tokens, place)
        # "it is raining and a dog sits there": beside nothing, the dog is the head
        if found and not (bare and found[0].kind in {"friend", "thing"} and _JOINING.search(found[0].lead)):
            return found
    thing = noun_phrase(tokens, place)
    if thing and headless:
        return Phrase("head", "", (thing[0],)), thing[1]
    if thing:
        tail, stop = _tail(tokens, thing[1])
        return Phrase("thing", "", (thing[0],), tail), stop
    kind: Kind = "words" if tokens[place][0].isalnum() or tokens[place] not in ",.;:" else "joint"
    return Phrase("joint" if tokens[place] == "and" else kind, tokens[place]), place + 1


_JOINING = re.compile(r"\band$|there (?:is|are)")


def _read_lead(tokens: Sequence[str], place: int) -> _Read | None:
    """ "a pencil drawing of", "close-up of", "a sketch:"."""
    stop = place
    while stop < len(tokens) and stop - place < 7 and tokens[stop] not in _LEAD_ENDS:
        token = tokens[stop]
        if token in w.VERBS or token in {",", ".", ";"} or (token in w.PREPOSITIONS and token not in {"from", "in"}):
            return None
        stop += 1
    if stop >= len(tokens) or tokens[stop] not in _LEAD_ENDS or stop == place:
        return None
    body = tokens[place:stop]
    if not any(_medium(token) for token in body) and not (set(body) & VIEWS):
        return None
    if tokens[stop] == "of" and not (_medium(body[-1]) or body[-1] in VIEWS or body[-1] == "style"):
        return None
    return Phrase("lead", " ".join(tokens[place : stop + 1])), stop + 1


def _medium(token: str) -> bool:
    return token in w.MEDIA or singular(token) in w.MEDIA


def _read_fixed(tokens: Sequence[str], place: int) -> _Read | None:
    """Expressions that are one token by now: times, views, weather clauses, absences, adverbs of place."""
    token = tokens[place]
    if token in QUALITIES or token in PREDICATIVE:
        return Phrase("words", token), place + 1
    if token in ABSENCES:
        return Phrase("absent", token, tail=""), place + 1
    if token == "it" and tokens[place + 1 : place + 2] == ("is",) and tokens[place + 2 : place + 3]:
        season = tokens[place + 2]
        return (Phrase("season", f"it is {season}"), place + 3) if season in SEASONS else None
    kinds: tuple[tuple[Kind, frozenset[str]], ...] = (
        ("relation", RELATIONS), ("time", TIME_PHRASES), ("view", VIEWS), ("weather", WEATHER_CLAUSES),
        ("place", ADVERB_PLACES),
    )  # fmt: skip
    for kind, phrases in kinds:
        if token in phrases:
            follows = token in {"inside", "outside"} and noun_phrase(tokens, place + 1)
            return None if follows else (Phrase(kind, token), place + 1)
    return None


def _read_absent(tokens: Sequence[str], place: int) -> _Read | None:
    """ "without a hat", "with no glasses", "not wearing a cap"."""
    token = tokens[place]
    following = tokens[place + 1] if place + 1 < len(tokens) else ""
    if token == "without":
        lead, start = "without", place + 1
    elif token in HAVE and following == "no":
        lead, start = f"{token} no", place + 2
    elif token == "not" and following in WORN_VERBS | HELD_VERBS:
        lead, start = f"not {following}", place + 2
    else:
        return None
    if start < len(tokens) and tokens[start] in WORN_VERBS | HELD_VERBS:
        lead, start = f"{lead} {tokens[start]}", start + 1
    found, stop = things(tokens, start)
    return (Phrase("absent", lead, found), stop) if found else None


def _read_beside(tokens: Sequence[str], place: int) -> _Read | None:
    """ "next to it is a bird", "to its left, a dog", "and a dog"."""
    start = place
    while tokens[place] in {"and", ",", "while"} and place + 1 < len(tokens):
        place += 1
    if tokens[place] in RELATIONS or (start > 0 and tokens[place] in {"there is", "there are"}):
        return _read_related(tokens, start, place)
    if tokens[place - 1 : place] != ("and",) or place == start:
        return None
    found = noun_phrase(tokens, place)
    if not found or start == 0 or found[0].slot not in w.BEINGS or found[0].det in {"the", "its", "his", "her"}:
        return None
    tail, stop = _tail(tokens, found[1])
    return Phrase("friend", " ".join(tokens[start:place]), (found[0],), tail), stop


_THERE = frozenset(
    {",", "is", "are", "there is", "there are", "stands", "sits", "waits", "stand", "sit", "lies", "also"}
)


def _read_related(tokens: Sequence[str], start: int, place: int) -> _Read | None:
    """ "and, to its left, a dog", "behind it stands a bicycle"."""
    stop = place + 1
    while stop < len(tokens) and tokens[stop] in _THERE:
        stop += 1
    listed, end = things(tokens, stop)
    if not listed or (stop == place + 1 and listed[0].det == "" and tokens[place] in RELATIONS):
        return None
    lead = " ".join(tokens[start:stop]).replace(" ,", ",")
    return Phrase("friend" if listed[0].slot in w.BEINGS else "thing", lead, listed), end


def _tail(tokens: Sequence[str], place: int) -> tuple[str, int]:
    """ "next to it", "on its head", "to the left of the cat"."""
    if place < len(tokens) and tokens[place] in RELATIONS:
        return tokens[place], place + 1
    if place + 1 < len(tokens) and tokens[place] in BESIDE - {"and", "by"}:
        other = noun_phrase(tokens, place + 1)
        if other and other[0].det == "the" and other[0].slot in w.BEINGS:
            return f"{tokens[place]} {other[0].text()}", other[1]
    return "", place


def _read_while(tokens: Sequence[str], place: int) -> _Read | None:
    """ "while it rains", "while it is snowing"."""
    if tokens[place] == "while" and place + 1 < len(tokens) and tokens[place + 1] in WEATHER_CLAUSES:
        return Phrase("weather", f"while {tokens[place + 1]}"), place + 2
    return None


def _read_governed(tokens: Sequence[str], place: int) -> _Read | None:
    """A verb or preposition with the noun phrases it governs."""
    start = place
    each = tokens[place] in {"each", "both", "all"} and place + 1 < len(tokens)
    if each and (tokens[place + 1] in WORN_VERBS | HELD_VERBS | {"with", "in"}):
        place += 1
    if tokens[place] in _STYLE_VERBS and place + 1 < len(tokens) and tokens[place + 1] in w.PREPOSITIONS:
        place += 1
    token = tokens[place]
    verb = _verb(token) or (place > 0 and token.endswith("s") and acts(tokens[place - 1], (*tokens, ".")[place + 1]))
    if not verb and token not in w.PREPOSITIONS:
        return None
    if verb and place + 1 < len(tokens) and tokens[place + 1] in {"with", "on", "at"} and token not in HAVE:
        if token in {"is", "are", "sitting", "standing", "lying", "laying", "playing"} and tokens[place + 1] != "with":
            return None
        inner = noun_phrase(tokens, place + 2)
        if inner and token not in {"is", "are"} and tokens[place + 1] == "with":
            return Phrase("doing", f"{token} with", (inner[0],)), inner[1]
        return None
    found, stop = things(tokens, place + 1)
    if not found:
        return None
    lead = " ".join(tokens[start : place + 1])
    kind = _kind_of_verb(token, found) if verb else _kind_of_preposition(lead, token, found)
    if kind in {"friend", "with", *ATTACHED} and (tail := _tail(tokens, stop))[0] and _fits(kind, tail[0]):
        kind = "place" if "ground" in tail[0] and _is_scenery(found) else kind
        return Phrase(kind, lead, found, tail[0]), tail[1]
    if (kind in {"worn", "held", "with"} and len(found) == 1) or kind not in {
        "place",
        "where",
        "time",
        "weather",
        "season",
        "style",
    }:
        return Phrase(kind, lead, found), stop
    if len(found) > 1:
        first = noun_phrase(tokens, place + 1)
        assert first is not None
        return Phrase(kind, lead, (first[0],)), first[1]
    return Phrase(kind, lead, found), stop


def _fits(kind: Kind, tail: str) -> bool:
    """Whether the tail speaks of what is worn or held, and not of who wears or holds it."""
    return kind in {"friend", "with"} or bool(re.search(r"(?:head|neck|back|hands?|shoulders?|arms)$", tail))


def _is_scenery(found: Sequence[NounPhrase]) -> bool:
    """Whether things in the background tell the place: mountains do, a bench does not."""
    return all(w.PLACES & {thing.noun, thing.one} and not w.OBJECTS & {thing.noun, thing.one} for thing in found)


def _verb(token: str) -> bool:
    return (
        token in WORN_VERBS
        or token in HELD_VERBS
        or token in HAVE
        or (token.endswith("ing") and token not in w.ING_NOUNS | w.PREPOSITIONS and len(token) > 4)
        or (token in w.VERBS and token not in {"is", "are", "was", "were", "be", "seen"})
    )


def _kind_of_verb(token: str, found: Sequence[NounPhrase]) -> Kind:
    if token in WORN_VERBS:
        return "worn"
    if token in HELD_VERBS:
        return "held"
    return _kind_of_with(found) if token in HAVE else "doing"


def _kind_of_with(found: Sequence[NounPhrase]) -> Kind:
    slots = {thing.slot for thing in found}
    if slots & w.BEINGS:
        return "friend"
    return "worn" if slots <= w.WORN_SLOTS else "held" if slots == {"held"} else "with"


def _kind_of_preposition(lead: str, token: str, found: Sequence[NounPhrase]) -> Kind:
    thing = found[0]
    if token in {"in", "as", "with", "like", "out of", "on"} and _is_style(thing, token):
        return "style"
    if token == "in" and (thing.is_colour or thing.slot in w.WORN_SLOTS):
        return "worn"
    if _seasonal(thing) and token in {"in", "during", "on", "at"}:
        return "season"
    if thing.noun in w.TIME_WORDS and token in _PLACE_LEADS:
        return "weather" if _WEATHERED & set(thing.words) else "time"
    if _WEATHERED & {thing.noun} and token in {"in", "through", "under", "during", "amid"}:
        return "weather"
    if thing.noun == "sky" and token == "under":
        return "weather"
    if token == "with":
        return _kind_of_with(found)
    if token in BESIDE and {thing.noun, thing.one} & w.OBJECTS:
        return "where"
    if token in _PLACE_LEADS and (thing.noun in w.PLACES or singular(thing.noun) in w.PLACES):
        return "place"
    if token in BESIDE and thing.slot in w.BEINGS:
        return "friend"
    return "where" if token in _PLACE_LEADS else "with"


def _seasonal(thing: NounPhrase) -> bool:
    times = {"day", "morning", "evening", "afternoon", "night", "season", "time", "weather", "scene", "landscape"}
    return thing.noun in SEASONS or (thing.noun in times and bool(SEASONS.keys() & set(thing.words)))


_WEATHERED = frozenset(w.WEATHER_WORDS) - {"clear", "wet"} | {"weather", "storm", "rainstorm", "snowfall", "snowstorm"}


def _is_style(thing: NounPhrase, token: str) -> bool:
    if thing.noun in {"style", "colors", "colours"} and token == "in":
        return thing.noun == "style" or len(thing.words) > 1
    if token == "with" or (token == "on" and thing.noun != "paper"):
        return False
    if token == "out of":
        return thing.noun in {"paper", "clay", "lego"}
    return thing.noun in w.STYLES or thing.noun in w.MEDIA or " ".join(thing.words) in {"black and white", "paper cut"}


_READERS: tuple[Callable[[Sequence[str], int], _Read | None], ...] = (
    _read_lead, _read_beside, _read_fixed, _read_while, _read_absent, _read_governed,
)  # fmt: skip
