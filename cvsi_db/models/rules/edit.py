"""What one clause of an edit text comes to, and the reading aids that all readings share.

`Edit` is an operation on captions with the noun phrases it adds; `again` reads a rewording by the whole table. Knows
nothing about how clauses are worded.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from cvsi_db.models.rules import located
from cvsi_db.models.rules import operations as do
from cvsi_db.models.rules import words as w
from cvsi_db.models.rules.inflect import MASS, is_plural, singular
from cvsi_db.models.rules.phrases import Caption, NounPhrase, Operation, Phrase
from cvsi_db.models.rules.reader import read


@dataclass(frozen=True)
class Edit:
    """An operation on captions, and the noun phrases it adds."""

    apply: Operation
    objects: tuple[NounPhrase, ...] = ()


Reading = Callable[[re.Match[str]], Edit | None]


MOMENTS = w.TIME_WORDS | w.WEATHER_WORDS.keys() - {"wet", "clear"}


COMPANION = frozenset({"small", "little", "tiny", "baby", "other", "second"})


def one_thing(text: str) -> NounPhrase | None:
    """`text` when it is one noun phrase and nothing else."""
    phrases = read(text)
    if len(phrases) == 1 and phrases[0].kind == "head":
        return phrases[0].things[0]
    return None


def several_things(text: str) -> tuple[NounPhrase, ...]:
    """`text` when it is a list of noun phrases."""
    phrases = read(f"with {text}")
    plain = len(phrases) == 1 and phrases[0].lead == "with" and not phrases[0].tail and not phrases[0].about
    return phrases[0].things if plain else ()


def as_new(thing: NounPhrase) -> NounPhrase:
    """A thing as it is first mentioned: "the hat" becomes "a hat"."""
    if thing.det in {"one of the", "only one", "just one"}:
        return replace(thing, det="a", words=(*thing.words[:-1], thing.one))
    if thing.det in {"its", "his", "her", "their"} and not thing.slot:
        return thing  # "with its mouth open"
    if thing.det in {
        "",
        "the",
        "its",
        "his",
        "her",
        "another",
        "some other",
        "one",
        "their",
    }:
        bare = "" if is_plural(thing.noun) or (thing.det == "" and not _countable(thing)) else "a"
        return replace(thing, det=bare)
    return thing


def _countable(thing: NounPhrase) -> bool:
    return bool(thing.slot) or (thing.noun in w.PLACES and thing.noun not in MASS and thing.noun not in _UNCOUNTED)


_UNCOUNTED = frozenset(
    {"space", "mud", "surf", "countryside", "downtown", "underwater", "mars", "outdoors", "construction"}
)


def bringing(things: tuple[NounPhrase, ...], lead: str = "") -> Phrase:
    """The phrase that brings new things, governed as their slots ask."""
    slots = {thing.slot for thing in things}
    things = tuple(map(as_new, things))
    if slots & w.BEINGS:
        return Phrase("friend", "with", things, "next to it")
    if slots <= w.WORN_SLOTS:
        return Phrase("worn", "wearing", things)
    if slots == {"held"}:
        return Phrase("held", lead if lead.endswith("ing") else "holding", things)
    return Phrase("with", "with", things)


def adding(things: tuple[NounPhrase, ...]) -> Edit | None:
    """Adds all of `things`, each governed as its slot asks; None for none."""
    if not things:
        return None
    groups: dict[str, list[NounPhrase]] = {}
    for thing in things:
        groups.setdefault(bringing((thing,)).kind, []).append(thing)
    phrases = tuple(bringing(tuple(group)) for group in groups.values())

    def apply(caption: Caption) -> Caption:
        for phrase in phrases:
            caption = do.add(caption, phrase)
        return caption

    return Edit(apply, tuple(map(as_new, things)))


_ON = frozenset({
    "beach", "moon", "farm", "street", "road", "hill", "island", "grass", "roof", "stage", "table", "bed", "couch",
    "sofa",
    "floor", "bridge", "meadow", "planet", "mars", "boat", "ship", "lawn", "rock", "field", "sand", "sidewalk", "path",
    "background", "rug", "carpet", "ground", "shore", "coast", "mountain", "hillside", "trail", "track", "porch",
    "bench",
})  # fmt: skip


_AT = frozenset({
    "seaside", "harbour", "harbor", "port", "airport", "station", "zoo", "pier", "marina", "lake", "dock", "court",
    "restaurant", "circus", "fairground",
})  # fmt: skip


def preposition(thing: NounPhrase) -> str:
    """The preposition of a place: on the beach, at the harbour, in the forest."""
    noun = singular(thing.noun)
    if thing.noun == "mountains":
        return "in"
    return "on" if noun in _ON and noun not in {"meadow", "field"} else "at" if noun in _AT else "in"


def moving(phrase: Phrase) -> Edit:
    """Puts a phrase of place, time, weather, style or view where the caption had one of its kind."""
    return Edit(lambda caption: located.set_phrase(caption, phrase))


def again(clause: str) -> Edit | None:
    """Reads a rewording of a clause, or a part of it, by the whole table."""
    from cvsi_db.models.rules.edits import understand  # the table's readings come back here

    return understand(clause)
