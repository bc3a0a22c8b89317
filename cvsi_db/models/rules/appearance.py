"""Operations on how things look: colour and other describing words, each `Caption` in and out.

A person's colour is that of the clothes; any other head's is its own. Knows nothing about how an edit text is worded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cvsi_db.models.rules.agreement import head_index, head_of, replaced, with_head
from cvsi_db.models.rules.inflect import MASS, is_plural
from cvsi_db.models.rules.operations import add, attached_things, find
from cvsi_db.models.rules.phrases import Caption, Kind, NounPhrase, Phrase
from cvsi_db.models.rules.qualities import group_of, without
from cvsi_db.models.rules.subjects import friends, of_friend
from cvsi_db.models.rules.words import BEINGS, WORN_SLOTS


def recolour(caption: Caption, colour: str) -> Caption:
    """The head in another colour; a person's colour is that of the clothes."""
    worn = _clothes(caption)
    head = head_of(caption)
    if head is None:
        return (*caption, Phrase("worn", "in", (NounPhrase("", tuple(colour.split(" "))),)))
    if worn is not None and (head.slot == "person" or caption[worn[0]].things[worn[1]].is_colour):
        return _recolour_at(caption, *worn, colour)
    if head.slot == "person" and head.colour_span is None:
        index = head_index(caption) or 0
        dressed = Phrase("worn", "in", (NounPhrase("", tuple(colour.split(" "))),))
        return (*caption[: index + 1], dressed, *caption[index + 1 :])
    return with_head(caption, head.coloured(colour))


def uncolour(caption: Caption) -> Caption:
    """The caption without the colour of the head and of a person's clothes, whatever it was."""
    kept = tuple(part for part in caption if not (part.kind == "worn" and part.things[0].is_colour))
    head = head_of(kept)
    if head is None:
        return kept
    worn = _clothes(kept) if head.slot == "person" else None
    if worn is not None:
        part = kept[worn[0]]
        bare = (*part.things[: worn[1]], _colourless(part.things[worn[1]]), *part.things[worn[1] + 1 :])
        kept = replaced(kept, worn[0], part.keeping(bare))
    return with_head(kept, _colourless(head))


def colour_of(caption: Caption) -> str:
    """The colour of the head, or of a person's clothes; "" where none is told."""
    head, worn = head_of(caption), _clothes(caption)
    thing = caption[worn[0]].things[worn[1]] if head and head.slot == "person" and worn else head
    start, stop = (thing and thing.colour_span) or (0, 0)
    return " ".join(thing.words[start:stop]) if thing else ""


def _colourless(thing: NounPhrase) -> NounPhrase:
    start, stop = thing.colour_span or (0, 0)
    return replace(thing, words=(*thing.words[:start], *thing.words[stop:]) or thing.words)


def _clothes(caption: Caption) -> tuple[int, int] | None:
    places = [
        (i, j)
        for i, j in attached_things(caption)
        if caption[i].kind == "worn" and (caption[i].things[j].is_colour or caption[i].things[j].slot == "garment")
    ]
    return next((p for p in places if caption[p[0]].things[p[1]].colour_span), places[0] if places else None)


def recolour_thing(caption: Caption, asked: NounPhrase, colour: str) -> Caption:
    """One named thing in another colour; a thing the caption does not mention is left out."""
    place = find(caption, asked)
    head = head_of(caption)
    if place is None and head is not None and head.slot == asked.slot == "garment":
        return recolour(caption, colour)
    if (
        place is None
        and (index := next((i for i in friends(caption) if find(caption[i].about, asked)), None)) is not None
    ):
        return of_friend(caption, index, lambda inner: recolour_thing(inner, asked, colour))
    if place is not None and caption[place[0]].kind == "friend":
        return of_friend(caption, place[0], lambda inner: recolour(inner, colour))
    if place is None and asked.slot in WORN_SLOTS | {"held"}:
        return add(
            caption, Phrase(*_HAD.get(asked.slot, ("worn", "wearing")), (replace(asked, det="a").coloured(colour),))
        )
    if place is None and asked.slot not in BEINGS | {"garment"} and asked.noun not in {"it", "one", "rest"}:
        return add(caption, Phrase("with", "with", (_mentioned(asked).coloured(colour),)))
    if place is None or caption[place[0]].kind == "head":
        return recolour(caption, colour)
    return _recolour_at(caption, *place, colour)


_HAD: dict[str, tuple[Kind, str]] = {"held": ("held", "holding")}


def _recolour_at(caption: Caption, i: int, j: int, colour: str) -> Caption:
    part = caption[i]
    thing = part.things[j]
    fresh = NounPhrase("", tuple(colour.split(" "))) if thing.is_colour else thing.coloured(colour)
    return replaced(caption, i, part.keeping((*part.things[:j], fresh, *part.things[j + 1 :])))


def describe(caption: Caption, adjectives: Sequence[str]) -> Caption:
    """The head (or, on a person, what is worn) with further describing words, in place of those they contradict."""
    for group in filter(None, map(group_of, adjectives)):
        caption = without(caption, group)
    head = head_of(caption)
    if head is None:
        return caption
    worn = _clothes(caption) if head.slot == "person" else None
    thing = head if worn is None else caption[worn[0]].things[worn[1]]
    if worn is not None and not thing.is_colour:
        part = caption[worn[0]]
        fresh = _described(thing, adjectives)
        return replaced(caption, worn[0], part.keeping((*part.things[: worn[1]], fresh, *part.things[worn[1] + 1 :])))
    return with_head(caption, _described(head, adjectives))


def describe_thing(caption: Caption, asked: NounPhrase, adjectives: Sequence[str]) -> Caption:
    """One named thing with further describing words; what the caption does not mention is added with them."""
    place = find(caption, asked)
    if place is not None and caption[place[0]].kind == "friend":
        return of_friend(caption, place[0], lambda inner: describe(inner, adjectives))
    if (
        place is None
        and (index := next((i for i in friends(caption) if find(caption[i].about, asked)), None)) is not None
    ):
        return of_friend(caption, index, lambda inner: describe_thing(inner, asked, adjectives))
    if place is None:
        return add(caption, Phrase("with", "with", (_described(_mentioned(asked), adjectives),)))
    part = caption[place[0]]
    fresh = _described(part.things[place[1]], adjectives)
    return replaced(caption, place[0], part.keeping((*part.things[: place[1]], fresh, *part.things[place[1] + 1 :])))


def _mentioned(asked: NounPhrase) -> NounPhrase:
    """A thing as it is first mentioned."""
    return replace(asked, det="" if is_plural(asked.noun) or asked.noun in MASS else "a")


def _described(thing: NounPhrase, adjectives: Sequence[str]) -> NounPhrase:
    return replace(thing, words=(*adjectives, *(word for word in thing.words if word not in adjectives)))
