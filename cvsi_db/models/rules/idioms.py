"""Expressions that read as one word ("next to", "ice cream", "seen from afar"), and text parted into such words.

Tables of the fixed expressions of pictures: times, views, weather clauses, absences, verbs of wearing and holding.
Knows nothing about how words join into phrases.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from cvsi_db.models.rules import words as w
from cvsi_db.models.rules.inflect import singular
from cvsi_db.models.rules.tables import QUALITIES

_TOKEN = re.compile(r"[^\W_][\w'’&/%-]*|[^\w\s]")


WORN_VERBS = frozenset({"wearing", "wears", "wear", "dressed in", "clad in", "sporting", "wore", "putting on"})


HELD_VERBS = frozenset({
    "holding", "holds", "hold", "carrying", "carries", "carry", "waving", "reading", "playing", "eating", "held",
    "holding up", "clutching", "gripping", "swinging", "carrying on",
})  # fmt: skip


HAVE = frozenset({"has", "have", "having", "with"})


BESIDE = frozenset({
    "next to", "beside", "near", "alongside", "close to", "together with", "along with", "accompanied by", "by",
    "behind", "in front of", "in back of", "and", "to the left of", "to the right of", "on the left of",
    "on the right of",
})  # fmt: skip


def _relations() -> frozenset[str]:
    """ "to its left", "on the right of him", "behind it", "on its head": where a thing is, seen from another."""
    pronouns, owners = ("it", "him", "her", "them"), ("its", "his", "her", "their", "the")
    sides = {f"{at} {whose} {side}" for at in ("to", "on", "at") for whose in owners for side in ("left", "right")}
    sides |= {
        f"{at} {whose} {side} side" for at in ("to", "on", "at") for whose in owners for side in ("left", "right")
    }
    sided = {f"{at} the {side} of {it}" for at in ("to", "on") for side in ("left", "right") for it in pronouns}
    near = {f"{where} {it}" for where in (*sorted(BESIDE - {"and", "together with", "along with", "by"}), "on top of",
            "above", "right behind", "just behind", "left of", "right of", "right next to", "right beside", "atop")
            for it in pronouns}  # fmt: skip
    bodily = ("on {} head", "on top of {} head", "on {} back", "on {} shoulder", "on {} shoulders", "by {} side",
              "at {} side", "at {} feet", "in {} arms", "on {} lap", "around {} neck", "in {} hands",
              "in {} hand")  # fmt: skip
    fixed = {
        "on it",
        "to it",
        "on the front",
        "on front",
        "on the chest",
        "across the front",
        "across the chest",
        "down the front",
        "at the waist",
        "around the waist",
        "on the sleeves",
        "on the shoulders",
        "on the bottom",
        "around the neck",
        "in its mouth",
        "on the collar",
        "in the middle",
        "in the center",
        "in the centre",
        "in the mouth",
        "on top",
        "at the bottom",
        "at the top",
        "around it",
        "on the side",
        "underneath it",
        "under it",
        "inside it",
        "in it",
        "in the background",
        "in the foreground",
        "in the backdrop",
        "in the back",
        "on either side",
        "on both sides",
    }
    return frozenset(sides | sided | near | fixed | {form.format(whose) for form in bodily for whose in owners[:-1]})


RELATIONS = _relations()


SEASONS = {"spring": "spring", "springtime": "spring", "summer": "summer", "summertime": "summer",
           "autumn": "autumn", "fall": "autumn", "autumnal": "autumn", "winter": "winter", "wintertime": "winter",
           "wintry": "winter", "summery": "summer"}  # fmt: skip


TIME_PHRASES = frozenset({
    "as the sun goes down", "as the sun sets", "as the sun rises", "under the moon", "by moonlight",
    "in the moonlight", "under the stars", "in daylight", "after dark", "in the dark", "by candlelight",
    "in broad daylight", "under a full moon",
})  # fmt: skip


VIEWS = frozenset({
    "seen up close", "in close-up", "in close up", "up close", "seen in full", "in full view", "seen from afar",
    "in the distance",
    "seen from far away", "far away", "from far away", "from afar", "from a distance", "seen from a distance",
    "at a distance", "close-up", "close up", "closeup", "full view", "full body", "from above", "from below",
    "from behind", "from the side", "from the front", "seen from above", "seen from below", "seen from behind",
    "seen from the side", "seen from the front", "zoomed in", "zoomed out", "head-on", "full-length", "as a close-up",
    "in a close-up", "in closeup", "from close up", "seen in close-up", "full length", "shown in full", "in full",
    "shown up close", "shown from afar", "as a close up", "seen from close up", "from very far away", "in profile",
    "from a different angle", "from another angle", "seen from a different angle", "from a different perspective",
    "from a different view", "from a low angle", "from a high angle", "from a side angle", "from a different viewpoint",
    "further away", "farther away", "closer up", "from up close", "as a closeup", "seen closely", "from head to toe",
})  # fmt: skip


WEATHER_CLAUSES = frozenset({
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


ABSENCES: dict[str, str] = {
    "bare-headed": "headwear", "bareheaded": "headwear", "hatless": "headwear", "empty-handed": "held",
    "with empty hands": "held", "holding nothing": "held", "alone": "friend", "all alone": "friend",
    "by itself": "friend", "on its own": "friend", "all by itself": "friend",
}  # fmt: skip


ADVERB_PLACES = frozenset({"indoors", "outdoors", "outside", "inside", "downtown", "in town", "at home", "into town"})


_MERGED = frozenset(
    phrase
    for phrases in (
        TIME_PHRASES, VIEWS, WEATHER_CLAUSES, ABSENCES, RELATIONS, ADVERB_PLACES, w.PREPOSITIONS, w.DETERMINERS,
        w.PLACES,
        w.STYLES - {"black and white"}, w.MEDIA, w.TIME_WORDS, WORN_VERBS, HELD_VERBS, BESIDE,
        QUALITIES, *w.SLOTS.values(), ("there is", "there are", "hot air balloon"),
    )
    for phrase in phrases
    if " " in phrase
)  # fmt: skip


_MULTI = _MERGED | {f"{first} {singular(last)}s" for first, _, last in (m.rpartition(" ") for m in _MERGED)}


_LONGEST = max(phrase.count(" ") + 1 for phrase in _MULTI)


_OPENERS = frozenset(phrase.split(" ")[0] for phrase in _MULTI)


def tokens_of(text: str) -> tuple[str, ...]:
    """The words and marks of `text`, lower case, with the expressions that act as one word ("next to") made one."""
    return _merge(_TOKEN.findall(text.lower().replace("’", "'")))


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
