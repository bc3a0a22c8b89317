"""The operation that makes a head another thing, with all of the old one that still holds: colour, number, looks.

Takes and returns a `Caption`; knows nothing about how an edit text is worded.
"""

from __future__ import annotations

import re
from dataclasses import replace

from cvsi_db.models.rules.agreement import agree, head_index, head_of, replaced, with_head
from cvsi_db.models.rules.inflect import is_plural
from cvsi_db.models.rules.phrases import Caption, NounPhrase, Phrase
from cvsi_db.models.rules.qualities import group_of, without
from cvsi_db.models.rules.words import BEINGS, SLOT_OF


def become(caption: Caption, new: NounPhrase) -> Caption:
    """Another head noun. Colour and number stay unless `new` brings its own; attachments stay."""
    head = head_of(caption)
    if new.det in {"only one", "just one", "one of the"}:
        new = replace(new, det="a", words=(*new.words[:-1], new.one))
    if head is None:
        return (*caption, Phrase("head", "", (new,)))
    caption, thing = _keep_colour(caption, head, new)
    thing = _keep_qualities(head, thing)
    caption = _renamed(caption, head.noun, thing.noun)
    if any(group_of(word) == "sleeves" for word in new.words):
        caption = without(caption, "sleeves")
    if head.many and thing.det in {"a", "an", "the", "", "another"}:
        thing = replace(thing, det=head.det, words=(*thing.words[:-1], thing.counted(2).noun))
        return with_head(caption, thing)
    if thing.det in {"the", "", "another", "different", "a different"} and not is_plural(thing.noun):
        thing = replace(thing, det=head.det if not head.many else "a")
    changed = with_head(caption, thing)
    return agree(changed, thing.many) if thing.many != head.many else changed


def _keep_qualities(head: NounPhrase, new: NounPhrase) -> NounPhrase:
    """Pattern, pose, expression and size of the head for `new`, but for those that it brings itself."""
    if head.slot == new.slot == "garment":
        return keep_cut(head, new)
    if head.slot not in BEINGS or new.slot not in BEINGS:
        return new
    brought = {group_of(word) for word in new.words}
    kept = [word for word in head.words[:-1] if group_of(word) and group_of(word) not in brought]
    return (
        replace(new, words=(*kept, *new.words))
        if head.slot == new.slot or "pattern" not in map(group_of, kept)
        else new
    )


def keep_cut(head: NounPhrase, new: NounPhrase) -> NounPhrase:
    """All that describes a garment for the `new` one, but for what this brings itself."""
    brought = {group_of(word) for word in new.words} - {""}
    start, stop = head.colour_span or (0, 0) if new.colour_span else (0, 0)
    kept = [word for i, word in enumerate(head.words[:-1]) if not start <= i < stop and word not in new.words]
    kept = [word for word in kept if group_of(word) not in brought and word not in SLOT_OF]
    while kept and kept[-1] in {"and", "more", "less", "very", "slightly", "much"}:
        kept.pop()
    return replace(new, words=(*kept, *new.words))


def _renamed(caption: Caption, old: str, new: str) -> Caption:
    """The caption with "to the left of the cat" where the cat is a frog now."""
    return tuple(replace(part, tail=re.sub(rf"\bthe {re.escape(old)}\b", f"the {new}", part.tail)) for part in caption)


def _keep_colour(caption: Caption, head: NounPhrase, new: NounPhrase) -> tuple[Caption, NounPhrase]:
    """The head's colour for `new`: a person has it on the clothes, any other being on itself."""
    if new.colour_span is not None or new.slot not in BEINGS:
        return caption, new
    dressed = next((i for i, part in enumerate(caption) if part.kind == "worn" and _is_dress(part)), None)
    if head.slot == "person" and new.slot == "animal" and dressed is not None:
        worn = caption[dressed].things[0]
        return replaced(caption, dressed), new.coloured(_colour(worn))
    if head.colour_span is None or head.slot == new.slot == "person":
        return caption, new
    if head.slot == new.slot:
        return caption, new.coloured(_colour(head))
    if head.slot == "animal":
        index = head_index(caption) or 0
        return replaced(caption, index, caption[index], Phrase("worn", "in", (_plain(_colour(head)),))), new
    return caption, new


def _is_dress(part: Phrase) -> bool:
    """Whether a phrase tells nothing but the colour of the clothes."""
    thing = part.things[0]
    plain = len(part.things) == 1 and (thing.is_colour or thing.noun in {"clothes", "clothing", "outfit"})
    return plain and thing.colour_span is not None


def _colour(thing: NounPhrase) -> str:
    start, stop = thing.colour_span or (0, 0)
    return " ".join(thing.words[start:stop])


def _plain(colour: str) -> NounPhrase:
    return NounPhrase("", tuple(colour.split(" ")))
