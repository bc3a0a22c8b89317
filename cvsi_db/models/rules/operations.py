"""What an edit does to a caption: one pure function per operation, each `Caption` in, `Caption` out.

Works on the phrases of `phrases.py`; knows nothing about how an edit text is worded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from cvsi_db.models.rules.inflect import OBJECT_TO_MANY, TO_MANY, TO_ONE, is_plural
from cvsi_db.models.rules.phrases import ATTACHED, Caption, Kind, NounPhrase, Phrase
from cvsi_db.models.rules.words import BEINGS, EXCLUSIVE, WORN_SLOTS

_LITTLE = frozenset({"small", "little", "tiny", "baby", "other", "second"})
Operation = Callable[[Caption], Caption]
_OWNERS: frozenset[Kind] = frozenset({"head", "worn", "held", "with", "friend", "doing", "thing", "where", "place"})


def head_index(caption: Caption) -> int | None:
    """Where the head noun phrase stands."""
    return next((i for i, phrase in enumerate(caption) if phrase.kind == "head"), None)


def head_of(caption: Caption) -> NounPhrase | None:
    """The head noun phrase."""
    index = head_index(caption)
    return None if index is None else caption[index].things[0]


def _with_head(caption: Caption, thing: NounPhrase) -> Caption:
    return tuple(phrase.keeping((thing,)) if phrase.kind == "head" else phrase for phrase in caption)


def _is_many(caption: Caption) -> bool:
    head = head_of(caption)
    return head is not None and head.many


# --- add and remove ---------------------------------------------------------------------------------------------


def add(caption: Caption, phrase: Phrase) -> Caption:
    """The caption with what `phrase` brings: worn, held, beside or otherwise had; one of a kind where one fits."""
    cleared = _clear_absences(caption, phrase)
    if phrase.kind == "friend":
        return _add_friend(cleared, phrase)
    for thing in phrase.things:
        cleared = _add_thing(cleared, phrase, thing)
    return cleared


def _add_thing(caption: Caption, phrase: Phrase, thing: NounPhrase) -> Caption:
    slot = "held" if phrase.kind == "held" else thing.slot
    rivals = [place for place in _attached_things(caption) if _rivals(caption, place, slot, thing)]
    if rivals:
        return _take_place(caption, rivals, phrase, thing)
    kind = phrase.kind if phrase.kind in ATTACHED else "with"
    host = next((i for i, part in enumerate(caption) if part.kind == kind and not part.things[0].is_colour), None)
    if host is not None and kind == "worn":
        part = caption[host]
        fitting = _agreeing(part, thing, _is_many(caption))
        return _at(caption, host, part.keeping((*part.things, fitting)))
    return _insert(caption, phrase.keeping((_agreeing(phrase, thing, _is_many(caption)),)))


def _agreeing(part: Phrase, thing: NounPhrase, many: bool) -> NounPhrase:
    return thing if part.kind == "with" else thing.agreeing(many and not part.lead.startswith("each"))


def _attached_things(caption: Caption) -> list[tuple[int, int]]:
    return [(i, j) for i, phrase in enumerate(caption) if phrase.kind in ATTACHED for j in range(len(phrase.things))]


def _rivals(caption: Caption, place: tuple[int, int], slot: str, new: NounPhrase) -> bool:
    phrase = caption[place[0]]
    thing = phrase.things[place[1]]
    mine = "held" if phrase.kind == "held" else thing.slot
    if slot == "garment" and mine == "garment":
        return thing.one == new.one
    return (slot in EXCLUSIVE and mine == slot) or (thing.one == new.one)


def _take_place(caption: Caption, rivals: Sequence[tuple[int, int]], phrase: Phrase, thing: NounPhrase) -> Caption:
    """`thing` where the first rival stood; the other rivals go."""
    many = _is_many(caption)
    for i, j in reversed(rivals):
        part = caption[i]
        if (i, j) == rivals[0]:
            lead = _neutral(part, phrase)
            swapped = (*part.things[:j], _agreeing(part, thing, many), *part.things[j + 1 :])
            caption = _at(caption, i, replace(part, lead=lead, things=swapped))
        else:
            caption = _drop_thing(caption, i, j)
    return caption


def _neutral(part: Phrase, phrase: Phrase) -> str:
    """The governing word for another thing: who read a book does not read a ball."""
    each = "each " if part.lead.startswith("each ") else ""
    specific = {"waving", "reading", "playing", "eating", "swinging"}
    if part.kind != "held" or part.lead.removeprefix("each ") not in specific:
        return part.lead
    return each + (phrase.lead if phrase.lead.endswith("ing") else "holding")


def _at(caption: Caption, index: int, *phrases: Phrase) -> Caption:
    return (*caption[:index], *phrases, *caption[index + 1 :])


def _insert(caption: Caption, phrase: Phrase) -> Caption:
    """`phrase` after the head and what is attached to it already."""
    head = head_index(caption)
    if head is None:
        return (*caption, phrase)
    stop = head + 1
    before_held = phrase.kind == "worn"
    while stop < len(caption) and caption[stop].kind in {*ATTACHED, "absent"} - ({"held"} if before_held else set()):
        stop += 1
        if stop + 1 < len(caption) and caption[stop].text() == "and" and caption[stop + 1].kind in ATTACHED:
            stop += 1
    return (*caption[:stop], phrase, *caption[stop:])


def _add_friend(caption: Caption, phrase: Phrase) -> Caption:
    """Another being; where one stands beside the head already, the new one takes its place."""
    head_thing = head_of(caption)
    if head_thing and not phrase.tail and any(thing.one == head_thing.one for thing in phrase.things):
        return become(caption, phrase.things[0])
    old = [i for i, part in enumerate(caption) if part.kind == "friend" and _beside(part)]
    if old and _beside(phrase):
        part = caption[old[0]]
        return _at(caption, old[0], part.keeping(phrase.things))
    tail = re.sub(r" it$", f" {_pronoun(head_of(caption))}", phrase.tail)
    at_end = next((i for i, part in enumerate(caption) if part.kind == "joint" and part.lead in ".;"), len(caption))
    head = head_index(caption)
    at_end = at_end if head is None or at_end > head else len(caption)
    style = next((i for i in range(at_end) if _closing(caption, i, head or 0)), at_end)
    return (*caption[:style], Phrase("joint", ","), replace(phrase, tail=tail), *caption[style:])


def _pronoun(head: NounPhrase | None) -> str:
    if head is None or not head.many:
        return _PRONOUNS.get(head.one if head else "", "it")
    return "them"


_PRONOUNS = {
    "man": "him", "boy": "him", "guy": "him", "gentleman": "him", "king": "him", "prince": "him", "groom": "him",
    "woman": "her", "girl": "her", "lady": "her", "queen": "her", "princess": "her", "bride": "her",
}  # fmt: skip


def _closing(caption: Caption, index: int, head: int) -> bool:
    """Whether the caption ends from here with a remark on style or view after a comma."""
    return (
        index > head
        and caption[index].text() == ","
        and index + 1 < len(caption)
        and caption[index + 1].kind in {"style", "view"}
    )


def _beside(part: Phrase) -> bool:
    return all(thing.slot == "animal" or thing.slot == "person" for thing in part.things)


def _clear_absences(caption: Caption, phrase: Phrase) -> Caption:
    slots = {"friend"} if phrase.kind == "friend" else {thing.slot for thing in phrase.things} | {phrase.kind}
    return tuple(part for part in caption if not (part.kind == "absent" and _absent_slots(part) & slots))


def _absent_slots(part: Phrase) -> set[str]:
    if part.things:
        general = {"wearable", "eyewear", "neckwear", "bag", "worn"}
        return set().union(*(general if "accessor" in thing.noun else {thing.slot} for thing in part.things))
    text = part.lead
    if "hand" in text or "holding" in text:
        return {"held"}
    return {"friend"} if "alone" in text or "own" in text or "itself" in text else {"headwear"}


def remove(caption: Caption, asked: NounPhrase) -> Caption:
    """The caption without what `asked` names, and without the words that governed it."""
    kept: list[Phrase] = []
    for phrase in caption:
        if phrase.kind == "absent":
            continue
        if phrase.kind == "head" or not phrase.things or phrase.kind not in _OWNERS:
            gone = phrase.kind in {"weather", "time"} and asked.one in phrase.text()
            kept += [] if gone else [phrase]
            continue
        things = [thing for thing in phrase.things if not _means(asked, thing, phrase)]
        if things:
            kept.append(phrase.keeping(things))
    return tuple(kept)


def _means(asked: NounPhrase, thing: NounPhrase, phrase: Phrase) -> bool:
    if asked.one in {"background", "backdrop"} and phrase.kind == "place":
        return True
    if asked.one in {"companion", "friend"} and phrase.kind == "friend":
        return True
    return thing.named(asked) or (bool(thing.post) and asked.one in thing.post.split())


def _drop_thing(caption: Caption, i: int, j: int) -> Caption:
    part = caption[i]
    rest = (*part.things[:j], *part.things[j + 1 :])
    return _at(caption, i, part.keeping(rest)) if rest else _at(caption, i)


def find(caption: Caption, asked: NounPhrase) -> tuple[int, int] | None:
    """Where a thing stands that `asked` may mean: the head first, then what is attached, then the rest."""
    places = [(i, j) for i, phrase in enumerate(caption) if phrase.kind in _OWNERS for j in range(len(phrase.things))]
    places.sort(key=lambda place: (caption[place[0]].kind != "head", caption[place[0]].kind in {"where", "place"}))
    return next((place for place in places if caption[place[0]].things[place[1]].named(asked)), None)


def swap(caption: Caption, old: NounPhrase, new: Phrase) -> Caption:
    """`new` instead of `old`; where the caption does not mention `old`, `new` is added."""
    place = find(caption, old)
    thing = new.things[0]
    head = head_of(caption)
    if (
        place is None
        and head
        and head.slot
        and head.slot == old.slot
        and thing.slot in BEINGS
        and not _LITTLE & {*old.words, *thing.words}
    ):
        return become(caption, thing)
    if place is None:
        return add(caption, new)
    part = caption[place[0]]
    if part.kind == "head":
        return become(caption, thing)
    if part.kind in ATTACHED and thing.slot and thing.slot != part.things[place[1]].slot:
        return add(_drop_thing(caption, *place), new)
    return _take_place(caption, [place], new, thing)


def become(caption: Caption, new: NounPhrase) -> Caption:
    """Another head noun. Colour and number stay unless `new` brings its own; attachments stay."""
    head = head_of(caption)
    if head is None:
        return (*caption, Phrase("head", "", (new,)))
    thing = new
    if thing.colour_span is None and head.colour_span is not None and thing.slot == head.slot != "person":
        start, stop = head.colour_span
        thing = thing.coloured(" ".join(head.words[start:stop]))
    if head.many and thing.det in {"a", "an", "the", "", "another"}:
        thing = replace(thing, det=head.det, words=(*thing.words[:-1], thing.counted(2).noun))
        return _with_head(caption, thing)
    if thing.det in {"the", "", "another", "different", "a different"} and not is_plural(thing.noun):
        thing = replace(thing, det=head.det if not head.many else "a")
    changed = _with_head(caption, thing)
    return _agree(changed, thing.many) if thing.many != head.many else changed


# --- colour, number ---------------------------------------------------------------------------------------------


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
    return _with_head(caption, head.coloured(colour))


def uncolour(caption: Caption) -> Caption:
    """The caption without the head's colour, whatever it was."""
    kept = tuple(part for part in caption if not (part.kind == "worn" and part.things[0].is_colour))
    head = head_of(kept)
    if head is None or head.colour_span is None:
        return kept
    start, stop = head.colour_span
    return _with_head(kept, replace(head, words=(*head.words[:start], *head.words[stop:]) or head.words))


def _clothes(caption: Caption) -> tuple[int, int] | None:
    places = [
        (i, j)
        for i, j in _attached_things(caption)
        if caption[i].kind == "worn" and (caption[i].things[j].is_colour or caption[i].things[j].slot == "garment")
    ]
    return next((p for p in places if caption[p[0]].things[p[1]].colour_span), places[0] if places else None)


def recolour_thing(caption: Caption, asked: NounPhrase, colour: str) -> Caption:
    """One named thing in another colour; a thing the caption does not mention is left out."""
    place = find(caption, asked)
    if place is None and asked.slot in WORN_SLOTS | {"held"}:
        return add(
            caption, Phrase(*_HAD.get(asked.slot, ("worn", "wearing")), (replace(asked, det="a").coloured(colour),))
        )
    if place is None or caption[place[0]].kind == "head":
        return recolour(caption, colour)
    return _recolour_at(caption, *place, colour)


_HAD: dict[str, tuple[Kind, str]] = {"held": ("held", "holding")}


def _recolour_at(caption: Caption, i: int, j: int, colour: str) -> Caption:
    part = caption[i]
    thing = part.things[j]
    fresh = NounPhrase("", tuple(colour.split(" "))) if thing.is_colour else thing.coloured(colour)
    return _at(caption, i, part.keeping((*part.things[:j], fresh, *part.things[j + 1 :])))


def describe(caption: Caption, adjectives: Sequence[str]) -> Caption:
    """The head (or, on a person, what is worn) with further describing words before its noun."""
    head = head_of(caption)
    if head is None:
        return caption
    worn = _clothes(caption) if head.slot == "person" else None
    thing = head if worn is None else caption[worn[0]].things[worn[1]]
    if worn is not None and not thing.is_colour:
        part = caption[worn[0]]
        fresh = _described(thing, adjectives)
        return _at(caption, worn[0], part.keeping((*part.things[: worn[1]], fresh, *part.things[worn[1] + 1 :])))
    return _with_head(caption, _described(head, adjectives))


def _described(thing: NounPhrase, adjectives: Sequence[str]) -> NounPhrase:
    return replace(thing, words=(*adjectives, *(word for word in thing.words if word not in adjectives)))


def count(caption: Caption, number: Callable[[int], int]) -> Caption:
    """Another number of the head noun, with verbs, pronouns and worn things to agree."""
    head = head_of(caption)
    if head is None:
        return caption
    wanted = max(1, number(head.count or 3))
    return _agree(_with_head(caption, head.counted(wanted)), wanted != 1)


def _agree(caption: Caption, many: bool) -> Caption:
    return tuple(_agree_phrase(phrase, many) for phrase in caption)


def _agree_phrase(phrase: Phrase, many: bool) -> Phrase:
    table = TO_MANY if many else TO_ONE
    if phrase.kind == "weather" or phrase.kind == "head" or phrase.kind == "lead":
        return phrase
    words = [phrase.lead] if phrase.lead in table else phrase.lead.split(" ")
    tail = phrase.tail
    if many:
        tail = " ".join(OBJECT_TO_MANY.get(word, word) for word in tail.split(" "))
    else:
        tail = " ".join(TO_ONE.get(word, word) for word in tail.split(" "))
        words = [word for word in words if word not in {"each", "both"}]
    changed = replace(phrase, lead=_agree_words(words, table, many), tail=tail)
    if phrase.kind in ATTACHED and phrase.kind != "with" and not changed.lead.startswith("each"):
        return changed.keeping([thing.agreeing(many) for thing in changed.things])
    return changed


def _agree_words(words: list[str], table: dict[str, str], many: bool) -> str:
    besides = len(words) > 1 and words[-1] in {"is", "are"}
    if besides:
        pronoun = OBJECT_TO_MANY.get(words[-2], words[-2]) if many else TO_ONE.get(words[-2], words[-2])
        return " ".join([*words[:-2], pronoun, words[-1]])
    return " ".join(table.get(word, word) for word in words)


# --- what it does ---------------------------------------------------------------------------------------------------


def set_action(caption: Caption, phrase: Phrase) -> Caption:
    """What the head does: in place of what it did, else after what is attached to it."""
    head = head_index(caption)
    old = [i for i, part in enumerate(caption) if head is not None and i > head and _action(part)]
    if not old:
        return _insert(caption, phrase)
    fitting = replace(phrase, kind="doing") if phrase.things else phrase
    return _at(caption, old[0], fitting)


def _action(part: Phrase) -> bool:
    return part.kind in {"doing", "words"} and part.lead.split(" ")[0].endswith("ing")
