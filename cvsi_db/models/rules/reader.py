"""Reads English text into a row of phrases, by closed word lists and a few patterns; never fails on any text.

Takes a caption (or a piece of an edit text), returns a `Caption` of `phrases.py`. Knows nothing about edits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from cvsi_db.models.rules import words as w
from cvsi_db.models.rules.inflect import singular
from cvsi_db.models.rules.phrases import Caption, Kind, NounPhrase, Phrase, is_colour

_TOKEN = re.compile(r"[^\W_][\w'’&/%-]*|[^\w\s]")
_STOPS = w.PREPOSITIONS | w.VERBS | w.LINKS | w.DETERMINERS | w.NUMBERS.keys()
_PRONOUNS = frozenset({"it", "them", "him", "her", "itself", "themselves"})
_WORN_VERBS = frozenset({"wearing", "wears", "wear", "dressed in", "clad in", "sporting", "wore", "putting on"})
_HELD_VERBS = frozenset({
    "holding", "holds", "hold", "carrying", "carries", "carry", "waving", "reading", "playing", "eating", "held",
    "holding up", "clutching", "gripping", "swinging", "carrying on",
})  # fmt: skip
_HAVE = frozenset({"has", "have", "having", "with"})
_BESIDE = frozenset({
    "next to", "beside", "near", "alongside", "close to", "together with", "along with", "accompanied by", "by",
    "behind", "in front of", "and",
})  # fmt: skip
_PLACE_LEADS = w.PREPOSITIONS - {"with", "without", "of", "from", "for", "as", "like", "until"}
_STYLE_VERBS = frozenset({"drawn", "painted", "done", "made", "rendered", "cut", "sketched", "shown", "illustrated"})
_TIME_PHRASES = frozenset({
    "as the sun goes down", "as the sun sets", "as the sun rises", "under the moon", "by moonlight",
    "in the moonlight", "under the stars", "in daylight", "after dark", "in the dark", "by candlelight",
    "in broad daylight", "under a full moon",
})  # fmt: skip
_VIEWS = frozenset({
    "seen up close", "in close-up", "in close up", "up close", "seen in full", "in full view", "seen from afar",
    "in the distance",
    "seen from far away", "far away", "from far away", "from afar", "from a distance", "seen from a distance",
    "at a distance", "close-up", "close up", "closeup", "full view", "full body", "from above", "from below",
    "from behind", "from the side", "from the front", "seen from above", "seen from below", "seen from behind",
    "seen from the side", "seen from the front", "zoomed in", "zoomed out", "head-on", "full-length", "as a close-up",
    "in a close-up", "in closeup", "from close up", "seen in close-up", "full length", "shown in full", "in full",
    "shown up close", "shown from afar", "as a close up", "seen from close up", "from very far away", "in profile",
    "further away", "farther away", "closer up", "from up close", "as a closeup", "seen closely", "from head to toe",
})  # fmt: skip
_WEATHER_CLAUSES = frozenset({
    f"{subject} {verb}"
    for subjects, verbs in (
        (("it is", "it's", "while it is"), ("raining", "snowing", "foggy", "misty", "sunny", "cloudy", "windy",
            "stormy", "rainy",
                             "snowy", "pouring", "hailing", "overcast", "clear")),
        (("it", "while it"), ("rains", "snows", "pours")),
        (("rain is", "snow is", "the rain is", "the snow is"), ("falling",)),
        (("the weather is", "the sky is"), ("fine", "clear", "sunny", "rainy", "cloudy", "overcast", "foggy", "grey")),
        (("there is",), ("fog", "mist", "rain", "snow", "a storm", "sunshine")),
    )
    for subject in subjects
    for verb in verbs
})  # fmt: skip
_ABSENCES: dict[str, str] = {
    "bare-headed": "headwear", "bareheaded": "headwear", "hatless": "headwear", "empty-handed": "held",
    "with empty hands": "held", "holding nothing": "held", "alone": "friend", "all alone": "friend",
    "by itself": "friend", "on its own": "friend", "all by itself": "friend",
}  # fmt: skip
_ADVERB_PLACES = frozenset({"indoors", "outdoors", "outside", "inside", "downtown", "in town", "at home", "into town"})
_MERGED = frozenset(
    phrase
    for phrases in (
        _TIME_PHRASES, _VIEWS, _WEATHER_CLAUSES, _ABSENCES, _ADVERB_PLACES, w.PREPOSITIONS, w.DETERMINERS, w.PLACES,
        w.STYLES - {"black and white"}, w.MEDIA, w.TIME_WORDS, _WORN_VERBS, _HELD_VERBS, _BESIDE,
        *w.SLOTS.values(), ("there is", "there are", "hot air balloon"),
    )
    for phrase in phrases
    if " " in phrase
)  # fmt: skip
_MULTI = _MERGED | {f"{first} {singular(last)}s" for first, _, last in (m.rpartition(" ") for m in _MERGED)}
_LONGEST = max(phrase.count(" ") + 1 for phrase in _MULTI)
_OPENERS = frozenset(phrase.split(" ")[0] for phrase in _MULTI)
_NOUNS: frozenset[str] = frozenset[str]().union(
    w.PLACES, w.STYLES, w.MEDIA, w.TIME_WORDS, *w.SLOTS.values(), {"hot air balloon"}
)
_NOUNS |= {f"{phrase}s" for phrase in _NOUNS if " " in phrase}
_LEAD_ENDS = frozenset({"of", "showing", "depicting", ":"})

_Read = tuple[Phrase, int]


@lru_cache(maxsize=2048)
def read(text: str) -> Caption:
    """The phrases of `text`, lower case; every word of it is in one of them."""
    tokens = _merge(_TOKEN.findall(text.lower().replace("’", "'")))
    phrases: list[Phrase] = []
    place = 0
    headless = True
    while place < len(tokens):
        phrase, place = _next(tokens, place, headless)
        headless = headless and phrase.kind != "head"
        phrases.append(phrase)
    return tuple(phrases)


def _merge(tokens: Sequence[str]) -> tuple[str, ...]:
    """Tokens with the expressions that act as one word ("next to", "ice cream") made one."""
    merged: list[str] = []
    place = 0
    while place < len(tokens):
        size = 1
        if tokens[place] in _OPENERS:
            sizes = range(min(_LONGEST, len(tokens) - place), 1, -1)
            size = next((n for n in sizes if " ".join(tokens[place : place + n]) in _MULTI), 1)
        merged.append(" ".join(tokens[place : place + size]))
        place += size
    return tuple(merged)


def _next(tokens: Sequence[str], place: int, headless: bool) -> _Read:
    for reader in _READERS:
        found = reader(tokens, place)
        if found:
            return found
    thing = noun_phrase(tokens, place)
    if thing:
        return Phrase("head" if headless else "thing", "", (thing[0],)), thing[1]
    kind: Kind = "words" if tokens[place][0].isalnum() or tokens[place] not in ",.;:" else "joint"
    return Phrase("joint" if tokens[place] == "and" else kind, tokens[place]), place + 1


# --- noun phrases -----------------------------------------------------------------------------------------------


def noun_phrase(tokens: Sequence[str], place: int) -> tuple[NounPhrase, int] | None:
    """The noun phrase at `place`, and where it ends."""
    start = place
    while place < len(tokens) and (tokens[place] in w.DETERMINERS or _number(tokens[place])):
        place += 1
    det = " ".join(tokens[start:place])
    first = place
    while place < len(tokens) and _inside(tokens, place, first, bool(det)):
        place += 1
    if place == first:
        return None
    post = ""
    if place + 1 < len(tokens) and tokens[place] == "of" and (inner := noun_phrase(tokens, place + 1)):
        post, place = f"of {inner[0].text()}", inner[1]
    return NounPhrase(det, tuple(tokens[first : place if not post else _index(tokens, first, place)]), post), place


def _index(tokens: Sequence[str], first: int, stop: int) -> int:
    return next(i for i in range(first, stop) if tokens[i] == "of")


def _number(token: str) -> bool:
    return token in w.NUMBERS or (token.isdecimal() and 0 < int(token) < 100)


def _word(token: str) -> bool:
    if token in _STOPS or not token[0].isalnum() or (" " in token and token not in _NOUNS):
        return False
    return not (token.endswith("ing") and len(token) > 4 and token not in w.ING_NOUNS)


def _inside(tokens: Sequence[str], place: int, first: int, has_det: bool) -> bool:
    token = tokens[place]
    following = tokens[place + 1] if place + 1 < len(tokens) else "."
    if token in _ADVERB_PLACES or token in _VIEWS or token in _WEATHER_CLAUSES or token in _ABSENCES:
        return False
    if _word(token):
        return True
    if token in {"and", ","} and place > first:
        return is_colour(tokens[place - 1]) and is_colour(following) and not (token == "," and place - 1 != first)
    if token.endswith("ing") and _word(following):
        return place == first and has_det
    return token.endswith("ed") and _word(following) and has_det


def things(tokens: Sequence[str], place: int) -> tuple[tuple[NounPhrase, ...], int]:
    """A list of noun phrases at `place` ("a hat, a scarf and a ball"), and where it ends; beings end a list."""
    first = noun_phrase(tokens, place)
    if not first:
        return (), place
    found, place = [first[0]], first[1]
    ahead: list[NounPhrase] = []
    cursor = place
    while cursor + 1 < len(tokens) and tokens[cursor] in {",", "and"}:
        closing = tokens[cursor] == "and" or tokens[cursor + 1] == "and"
        more = noun_phrase(tokens, cursor + 2 if tokens[cursor + 1] == "and" else cursor + 1)
        if not more or more[0].slot in w.BEINGS or _goes_on(tokens, more[1]):
            break
        ahead.append(more[0])
        cursor = more[1]
        if closing:
            found, place, ahead = [*found, *ahead], cursor, []
    return tuple(found), place


def _goes_on(tokens: Sequence[str], place: int) -> bool:
    """Whether what was read is the subject of a clause, or stands beside the subject."""
    return place < len(tokens) and (tokens[place] in w.VERBS or tokens[place] in {"next to", "beside"})


# --- phrases ----------------------------------------------------------------------------------------------------


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
    if not any(_medium(token) for token in body) and not (set(body) & _VIEWS):
        return None
    if tokens[stop] == "of" and not (_medium(body[-1]) or body[-1] in _VIEWS or body[-1] == "style"):
        return None
    return Phrase("lead", " ".join(tokens[place : stop + 1])), stop + 1


def _medium(token: str) -> bool:
    return token in w.MEDIA or singular(token) in w.MEDIA


def _read_fixed(tokens: Sequence[str], place: int) -> _Read | None:
    """Expressions that are one token by now: times, views, weather clauses, absences, adverbs of place."""
    token = tokens[place]
    if token in _ABSENCES:
        return Phrase("absent", token, tail=""), place + 1
    kinds: tuple[tuple[Kind, frozenset[str]], ...] = (
        ("time", _TIME_PHRASES), ("view", _VIEWS), ("weather", _WEATHER_CLAUSES), ("place", _ADVERB_PLACES),
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
    elif token in _HAVE and following == "no":
        lead, start = f"{token} no", place + 2
    elif token == "not" and following in _WORN_VERBS | _HELD_VERBS:
        lead, start = f"not {following}", place + 2
    else:
        return None
    start += start < len(tokens) and tokens[start] in _WORN_VERBS | _HELD_VERBS
    found, stop = things(tokens, start)
    return (Phrase("absent", lead, found), stop) if found else None


def _read_beside(tokens: Sequence[str], place: int) -> _Read | None:
    """ "next to it is a bird", "and a dog"."""
    if tokens[place] not in _BESIDE:
        return None
    if tokens[place] == "and":
        found = noun_phrase(tokens, place + 1)
        if (
            not found
            or place == 0
            or found[0].slot not in w.BEINGS
            or _goes_on(tokens, found[1]) > _tailed(tokens, found[1])
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
    if place + 1 < len(tokens) and tokens[place] in _BESIDE and tokens[place + 1] in _PRONOUNS:
        return f"{tokens[place]} {tokens[place + 1]}", place + 2
    return "", place


def _read_while(tokens: Sequence[str], place: int) -> _Read | None:
    """ "while it rains", "while it is snowing"."""
    if tokens[place] == "while" and place + 1 < len(tokens) and tokens[place + 1] in _WEATHER_CLAUSES:
        return Phrase("weather", f"while {tokens[place + 1]}"), place + 2
    return None


def _read_governed(tokens: Sequence[str], place: int) -> _Read | None:
    """A verb or preposition with the noun phrases it governs."""
    start = place
    each = tokens[place] in {"each", "both", "all"} and place + 1 < len(tokens)
    if each and (tokens[place + 1] in _WORN_VERBS | _HELD_VERBS | {"with", "in"}):
        place += 1
    if tokens[place] in _STYLE_VERBS and place + 1 < len(tokens) and tokens[place + 1] in w.PREPOSITIONS:
        place += 1
    token = tokens[place]
    verb = _verb(token)
    if not verb and token not in w.PREPOSITIONS:
        return None
    if verb and place + 1 < len(tokens) and tokens[place + 1] in {"with", "on", "at"} and token not in _HAVE:
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
        token in _WORN_VERBS
        or token in _HELD_VERBS
        or token in _HAVE
        or (token.endswith("ing") and token not in w.ING_NOUNS and len(token) > 4)
        or (token in w.VERBS and token not in {"is", "are", "was", "were", "be", "seen"})
    )


def _kind_of_verb(token: str, found: Sequence[NounPhrase]) -> Kind:
    if token in _WORN_VERBS:
        return "worn"
    if token in _HELD_VERBS:
        return "held"
    return _kind_of_with(found) if token in _HAVE else "doing"


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
    if token in _BESIDE and thing.slot in w.BEINGS:
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


def texts_of(phrases: Iterable[Phrase]) -> list[str]:
    """The phrases as strings, for messages and tests."""
    return [f"{phrase.kind}:{phrase.text()}" for phrase in phrases]
