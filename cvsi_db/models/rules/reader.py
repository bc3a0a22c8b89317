"""Reads English text into a row of phrases, by closed word lists and a few patterns; never fails on any text.

Takes a caption (or a piece of an edit text), returns a `Caption` of `phrases.py`. Knows nothing about edits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from cvsi_db.models.rules import words as w
from cvsi_db.models.rules.idioms import (
    ABSENCES,
    ADVERB_PLACES,
    BESIDE,
    HAVE,
    HELD_VERBS,
    TIME_PHRASES,
    VIEWS,
    WEATHER_CLAUSES,
    WORN_VERBS,
    tokens_of,
)
from cvsi_db.models.rules.inflect import singular
from cvsi_db.models.rules.nouns import goes_on, noun_phrase, things
from cvsi_db.models.rules.phrases import Caption, Kind, NounPhrase, Phrase

_PRONOUNS = frozenset({"it", "them", "him", "her", "itself", "themselves"})


_PLACE_LEADS = w.PREPOSITIONS - {"with", "without", "of", "from", "for", "as", "like", "until"}


_STYLE_VERBS = frozenset({"drawn", "painted", "done", "made", "rendered", "cut", "sketched", "shown", "illustrated"})


_LEAD_ENDS = frozenset({"of", "showing", "depicting", ":"})


_Read = tuple[Phrase, int]
_BEFORE_HEAD: frozenset[Kind] = frozenset({"lead", "weather", "time", "joint"})


@lru_cache(maxsize=2048)
def read(text: str) -> Caption:
    """The phrases of `text`, lower case; every word of it is in one of them."""
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
        if found and not (bare and found[0].kind == "friend" and found[0].lead == "and"):
            return found
    thing = noun_phrase(tokens, place)
    if thing:
        return Phrase("head" if headless else "thing", "", (thing[0],)), thing[1]
    kind: Kind = "words" if tokens[place][0].isalnum() or tokens[place] not in ",.;:" else "joint"
    return Phrase("joint" if tokens[place] == "and" else kind, tokens[place]), place + 1


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
    if token in ABSENCES:
        return Phrase("absent", token, tail=""), place + 1
    kinds: tuple[tuple[Kind, frozenset[str]], ...] = (
        ("time", TIME_PHRASES), ("view", VIEWS), ("weather", WEATHER_CLAUSES), ("place", ADVERB_PLACES),
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
    start += start < len(tokens) and tokens[start] in WORN_VERBS | HELD_VERBS
    found, stop = things(tokens, start)
    return (Phrase("absent", lead, found), stop) if found else None


def _read_beside(tokens: Sequence[str], place: int) -> _Read | None:
    """ "next to it is a bird", "and a dog"."""
    if tokens[place] not in BESIDE:
        return None
    if tokens[place] == "and":
        found = noun_phrase(tokens, place + 1)
        if (
            not found
            or place == 0
            or found[0].slot not in w.BEINGS
            or goes_on(tokens, found[1]) > _tailed(tokens, found[1])
        ):
            return None
        tail, stop = _tail(tokens, found[1])
        return Phrase("friend", "and", (found[0],), tail), stop
    if place + 3 < len(tokens) and tokens[place + 1] in _PRONOUNS and tokens[place + 2] in {"is", "are"}:
        listed, stop = things(tokens, place + 3)
        if listed:
            return Phrase("friend", " ".join(tokens[place : place + 3]), listed), stop
    return None


def _tailed(tokens: Sequence[str], place: int) -> bool:
    return bool(_tail(tokens, place)[0])


def _tail(tokens: Sequence[str], place: int) -> tuple[str, int]:
    """ "next to it", "by its side"."""
    if place + 1 < len(tokens) and tokens[place] in BESIDE and tokens[place + 1] in _PRONOUNS:
        return f"{tokens[place]} {tokens[place + 1]}", place + 2
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
    verb = _verb(token)
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
    if kind in {"friend", "with"} and (tail := _tail(tokens, stop))[0]:
        return Phrase("friend", lead, found, tail[0]), tail[1]
    if (kind in {"worn", "held", "with"} and len(found) == 1) or kind not in {
        "place",
        "where",
        "time",
        "weather",
        "style",
    }:
        return Phrase(kind, lead, found), stop
    if len(found) > 1:
        first = noun_phrase(tokens, place + 1)
        assert first is not None
        return Phrase(kind, lead, (first[0],)), first[1]
    return Phrase(kind, lead, found), stop


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
    if thing.noun in w.TIME_WORDS and token in _PLACE_LEADS:
        return "weather" if _WEATHERED & set(thing.words) else "time"
    if _WEATHERED & {thing.noun} and token in {"in", "through", "under", "during", "amid"}:
        return "weather"
    if thing.noun == "sky" and token == "under":
        return "weather"
    if token == "with":
        return _kind_of_with(found)
    if token in _PLACE_LEADS and (thing.noun in w.PLACES or singular(thing.noun) in w.PLACES):
        return "place"
    if token in BESIDE and thing.slot in w.BEINGS:
        return "friend"
    return "where" if token in _PLACE_LEADS else "with"


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
    _read_lead, _read_fixed, _read_while, _read_absent, _read_beside, _read_governed,
)  # fmt: skip
