"""Reads noun phrases, and lists of them, at a place in a row of words; never fails, only finds none.

Takes words as `idioms.tokens_of` parts them, returns a `NounPhrase` and where it ends. Knows nothing about what
governs it.
"""

from __future__ import annotations

from collections.abc import Sequence

from cvsi_db.models.rules import words as w
from cvsi_db.models.rules.idioms import ABSENCES, ADVERB_PLACES, VIEWS, WEATHER_CLAUSES
from cvsi_db.models.rules.inflect import singular
from cvsi_db.models.rules.phrases import NounPhrase, is_colour
from cvsi_db.models.rules.tables import PREDICATIVE

_STOPS = w.PREPOSITIONS | w.VERBS | w.LINKS | w.DETERMINERS | w.NUMBERS.keys() | PREDICATIVE
_NOUN_VERBS = frozenset(
    {"smile", "look", "face", "stand", "drink", "set", "show", "walk", "run", "play", "cover", "stare"}
)
"""Verbs that are nouns after an article."""


_NOUNS: frozenset[str] = frozenset[str]().union(
    w.PLACES, w.STYLES, w.MEDIA, w.TIME_WORDS, *w.SLOTS.values(), {"hot air balloon"}
)
_NOUNS |= {f"{phrase}s" for phrase in _NOUNS if " " in phrase}


_SHOWN = frozenset(
    [
        "graphic",
        "logo",
        "print",
        "design",
        "pattern",
        "image",
        "lettering",
        "text",
        "style",
        "material",
        "machine",
        "room",
        "board",
    ]
)


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
    if token in ADVERB_PLACES or token in VIEWS or token in WEATHER_CLAUSES or token in ABSENCES:
        return False
    if place > first and token.endswith("s") and acts(tokens[place - 1], following):
        return False
    if _word(token):
        return True
    if token in w.VERBS and place == first and has_det and tokens[place - 1] in {"a", "an"} and token.isalpha():
        return _word(following)
    if token in _NOUN_VERBS:
        return has_det and not _word(following)
    if token in {"and", ","} and place > first:
        return is_colour(tokens[place - 1]) and is_colour(following) and not (token == "," and place - 1 != first)
    if token == "back" and place == first and has_det:
        return following == "of" or _word(following)
    if token == "back":
        return place > first and tokens[place - 1] not in w.COLOURS and following in {".", ",", "and", "with"}
    if token.endswith("ing") and _word(following):
        return place == first and (has_det or following in _SHOWN)
    return token.endswith("ed") and _word(following) and has_det


def acts(subject: str, following: str) -> bool:
    """Whether a word in s after a being is what it does: "a person feeds the goose"."""
    return w.SLOT_OF.get(subject) in w.BEINGS and (
        following in w.DETERMINERS | w.PREPOSITIONS - {"of"} or w.SLOT_OF.get(singular(following)) in w.BEINGS
    )


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
        if (
            not more
            or more[0].slot in w.BEINGS
            or more[0].noun in {"background", "backdrop"}
            or (more[0].slot not in w.WORN_SLOTS and goes_on(tokens, more[1]))
        ):
            break
        ahead.append(more[0])
        cursor = more[1]
        if closing:
            found, place, ahead = [*found, *ahead], cursor, []
    return tuple(found), place


def goes_on(tokens: Sequence[str], place: int) -> bool:
    """Whether what was read is the subject of a clause, or stands beside the subject."""
    return place < len(tokens) and (tokens[place] in w.VERBS or tokens[place] in {"next to", "beside"})
