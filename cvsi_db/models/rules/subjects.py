"""Captions with a second subject: what is said of it is kept with it, and operations can be aimed at either.

Takes and returns `Caption`s. The main subject is the head; others are phrases of kind "friend", with what is said of
them in `about`. Knows nothing about how an edit text is worded.
"""

from __future__ import annotations

import re
from dataclasses import replace

from cvsi_db.models.rules.agreement import head_index, head_of, replaced
from cvsi_db.models.rules.phrases import ATTACHED, Caption, Kind, NounPhrase, Operation, Phrase, repair
from cvsi_db.models.rules.words import BEINGS, SMALL

_SAID: frozenset[Kind] = ATTACHED | {"doing", "words", "relation", "absent"}
_DOES: frozenset[Kind] = ATTACHED | {"doing"}


def grouped(flat: Caption) -> Caption:
    """The phrases with what follows a second subject and speaks of it made part of its phrase."""
    head = head_of(flat)
    phrases: list[Phrase] = []
    place = 0
    while place < len(flat):
        phrase = _as_friend(flat, place, head)
        place += 1
        if phrase.kind == "friend":
            stop = _end_of_said(flat, place, phrase)
            phrase, place = replace(phrase, about=flat[place:stop]), stop
        phrases.append(phrase)
    return tuple(phrases)


def _as_friend(flat: Caption, place: int, head: NounPhrase | None) -> Phrase:
    """The phrase, as a second subject where it is a being that opens a clause of its own."""
    phrase = flat[place]
    opens = place > 0 and flat[place - 1].kind == "joint"
    if phrase.kind != "thing" or not opens or head is None or phrase.things[0].slot not in BEINGS:
        return phrase
    again = phrase.things[0].det in {"the", "this", "that"} and head.named(phrase.things[0])
    return phrase if again else replace(phrase, kind="friend")


def _end_of_said(flat: Caption, place: int, friend: Phrase) -> int:
    """Where the phrases end that speak of `friend`, which stands right before `place`."""
    small = all(thing.one in SMALL for thing in friend.things)
    related = bool(friend.tail or re.search(r"\bwith$|\band\b|,$", friend.lead)) or not friend.lead
    while place < len(flat):
        if flat[place].kind in _SAID and flat[place].lead not in {"it", "they", "while"}:
            place += 1
        elif _goes_on(flat, place) and (flat[place].lead == "and" or (related and not small)):
            place += 2
        else:
            break
        related = related or flat[place - 1].kind == "relation"
    return place


def _goes_on(flat: Caption, place: int) -> bool:
    """Whether a joint is followed by one more thing that the same being wears, holds or does."""
    if flat[place].kind != "joint" or flat[place].lead not in {"and", ","} or place + 1 >= len(flat):
        return False
    after = flat[place + 1]
    return after.kind in _DOES or (after.kind == "words" and after.lead.endswith("ing"))


def friends(caption: Caption) -> list[int]:
    """Where the other subjects stand, in order."""
    return [i for i, part in enumerate(caption) if part.kind == "friend"]


def large_friends(caption: Caption) -> list[int]:
    """Where the other subjects stand, small creatures last."""
    return sorted(friends(caption), key=lambda i: caption[i].things[0].one in SMALL)


def of_friend(caption: Caption, index: int, operation: Operation) -> Caption:
    """The caption after an operation on the second subject at `index`, as if that were the head."""
    part = caption[index]
    inner = repair(operation((Phrase("head", "", part.things[:1]), *part.about)))
    head = head_index(inner)
    if head is None:
        return replaced(caption, index)
    fresh = replace(part, things=(*inner[head].things, *part.things[1:]), about=inner[head + 1 :])
    return replaced(caption, index, fresh)


def relation(part: Phrase) -> str:
    """The words that tell where a second subject is."""
    said = [phrase.lead for phrase in part.about if phrase.kind == "relation"]
    return " ".join([part.lead, part.tail, *said])


def asked_for(caption: Caption, asked: NounPhrase) -> int | None:
    """Where the second subject stands that `asked` means; None for the main subject."""
    others = friends(caption)
    head = head_of(caption)
    for mark, words in _MARKS.items():
        if words & {*asked.words, *asked.det.split(" "), *asked.post.split(" ")}:
            return _by_mark(caption, mark, asked)
    if head is not None and (head.named(asked) or head.one == asked.one):
        others = [i for i in others if _exactly(caption[i].things[0], asked) and not _exactly(head, asked)]
    return next((i for i in others if caption[i].things[0].named(asked)), None)


_MARKS: dict[str, frozenset[str]] = {
    "left": frozenset({"left", "left-hand", "leftmost"}), "right": frozenset({"right", "right-hand", "rightmost"}),
    "behind": frozenset({"behind", "back", "rear"}), "front": frozenset({"front", "foreground"}),
    "other": frozenset({"other", "second", "companion", "friend", "latter"}),
    "first": frozenset({"first", "main", "former"}),
    "small": frozenset({"smaller", "small", "little", "smallest", "tiny"}),
    "big": frozenset({"bigger", "big", "larger", "large", "biggest", "largest"}),
}  # fmt: skip


def is_marked(asked: NounPhrase) -> bool:
    """Whether it is named by order, side or size: "the other one"."""
    return any(words & {*asked.words, *asked.det.split(" ")} for words in _MARKS.values())


def subject_named(caption: Caption, asked: NounPhrase) -> bool:
    """Whether the caption has a subject that `asked` may mean."""
    head = head_of(caption)
    named = head is not None and (head.named(asked) or asked.named(head) or head.slot == asked.slot == "person")
    return named or is_marked(asked) or asked_for(caption, asked) is not None


def _by_mark(caption: Caption, mark: str, asked: NounPhrase) -> int | None:
    """The second subject of that side or size; None where the main one is meant.

    Where the caption does not say which is which, "the one on the left" is the second subject, not the main one.
    """
    others = large_friends(caption)
    if mark in {"other", "first"}:
        return others[0] if others and mark == "other" else None
    marked = [i for i in others if _has_mark(caption[i], mark)]
    head = head_of(caption)
    if marked or not others or asked.one not in _ANYONE or head is None:
        return marked[0] if marked else None
    said = any(_has_mark(caption[i], _OPPOSITES[mark]) for i in others)
    return None if said or _MARKS[mark] & set(head.words[:-1]) else others[0]


_ANYONE = frozenset({"one", "animal", "creature", "figure", "character", "subject"})
_OPPOSITES = {"left": "right", "right": "left", "behind": "front", "front": "behind", "small": "big", "big": "small"}


def _has_mark(part: Phrase, mark: str) -> bool:
    return bool(_MARKS[mark] & set(re.findall(r"[\w-]+", f"{relation(part)} {_looks(part)}")))


def _looks(part: Phrase) -> str:
    return " ".join(part.things[0].words[:-1])


def _exactly(thing: NounPhrase, asked: NounPhrase) -> bool:
    """Whether it has the very noun and each describing word that `asked` has."""
    return thing.one == asked.one and set(asked.words[:-1]) <= set(thing.words[:-1])
