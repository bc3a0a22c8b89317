"""What an edit does to the things in a caption: adds, removes, swaps, turns into; each `Caption` in, `Caption` out.

Works on the phrases of `phrases.py`; knows nothing about how an edit text is worded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from cvsi_db.models.rules.agreement import agree, count, head_index, head_of, replaced, with_head
from cvsi_db.models.rules.becoming import become, keep_cut
from cvsi_db.models.rules.inflect import is_plural, plural
from cvsi_db.models.rules.phrases import ATTACHED, Caption, Kind, NounPhrase, Phrase
from cvsi_db.models.rules.qualities import without
from cvsi_db.models.rules.subjects import friends, of_friend, relation
from cvsi_db.models.rules.words import ACCESSORIES, BEINGS, EXCLUSIVE, SMALL, WORN_SLOTS

_OWNERS: frozenset[Kind] = frozenset({"head", "worn", "held", "with", "friend", "doing", "thing", "where", "place"})


_LITTLE = frozenset({"small", "little", "tiny", "baby", "other", "second"})


def _is_many(caption: Caption) -> bool:
    head = head_of(caption)
    return head is not None and head.many


def add(caption: Caption, phrase: Phrase) -> Caption:
    """The caption with what `phrase` brings: worn, held, beside or otherwise had; one of a kind where one fits."""
    cleared = _clear_absences(caption, phrase)
    if any(thing.one == "sleeve" for thing in phrase.things):
        cleared = without(cleared, "sleeves")
    if phrase.kind == "friend":
        return _add_friend(cleared, phrase)
    for thing in phrase.things:
        cleared = _add_thing(cleared, phrase, thing)
    return cleared


def _add_thing(caption: Caption, phrase: Phrase, thing: NounPhrase) -> Caption:
    head = head_of(caption)
    if (
        head is not None
        and head.slot in {*WORN_SLOTS, "held"}
        and phrase.kind in {"worn", "held"}
        and thing.slot != "garment"
    ):
        phrase = replace(phrase, kind="with", lead="with")  # a dress wears no collar
    if head is not None and head.slot == thing.slot == "garment":
        return become(caption, thing)
    slot = "held" if phrase.kind == "held" else thing.slot
    rivals = [place for place in attached_things(caption) if _rivals(caption, place, slot, thing)]
    if rivals:
        return _take_place(caption, rivals, phrase, thing)
    kind = phrase.kind if phrase.kind in ATTACHED else "with"
    host = next((i for i, part in enumerate(caption) if part.kind == kind and _hosts(part, phrase)), None)
    if host is not None and kind in {"worn", "with"}:
        part = caption[host]
        fitting = _agreeing(part, thing, _is_many(caption))
        return replaced(caption, host, part.keeping((*part.things, fitting)))
    return insert(caption, phrase.keeping((_agreeing(phrase, thing, _is_many(caption)),)))


def _hosts(part: Phrase, phrase: Phrase) -> bool:
    """Whether a phrase of the caption may take in one more thing."""
    return (
        not part.things[0].is_colour
        and not part.tail
        and not phrase.tail
        and (part.kind != "with" or part.lead == "with")
    )


def _agreeing(part: Phrase, thing: NounPhrase, many: bool) -> NounPhrase:
    return thing if part.kind == "with" else thing.agreeing(many and not part.lead.startswith("each"))


def attached_things(caption: Caption) -> list[tuple[int, int]]:
    """The places of all that is worn, held or otherwise had: (phrase, thing)."""
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
            caption = replaced(caption, i, replace(part, lead=lead, things=swapped))
        else:
            caption = drop_thing(caption, i, j)
    return caption


def _neutral(part: Phrase, phrase: Phrase) -> str:
    """The governing word for another thing: who read a book does not read a ball."""
    each = "each " if part.lead.startswith("each ") else ""
    specific = {"waving", "reading", "playing", "eating", "swinging"}
    if part.kind != "held" or part.lead.removeprefix("each ") not in specific:
        return part.lead
    return each + (phrase.lead if phrase.lead.endswith("ing") else "holding")


def insert(caption: Caption, phrase: Phrase) -> Caption:
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
    if head_thing and (same := next((thing for thing in phrase.things if thing.one == head_thing.one), None)):
        if "more" in same.det.split(" "):
            number = same.count
            return with_more(caption, head_thing) if number is None else count(caption, lambda now: now + number)
        if _ORDINALS & {*same.words, *same.det.split(" ")}:
            return count(caption, lambda now: _ordinal(same) or now + 1)
        if not phrase.tail:
            return become(caption, same)
    if head_thing and not phrase.tail and _like_kind(head_thing, phrase.things):
        return become(caption, phrase.things[0])
    old = [i for i in friends(caption) if _beside(caption[i]) and _alike(caption[i], phrase)]
    if old and _beside(phrase):
        part = caption[old[0]]
        said = part.about if part.things[0].one == phrase.things[0].one else phrase.about
        lead, tail = ("with", pronounced(caption, phrase.tail)) if side_of(phrase) else (part.lead, part.tail)
        return replaced(caption, old[0], replace(part, lead=lead, things=phrase.things, tail=tail, about=said))
    tail = pronounced(caption, phrase.tail)
    at_end = next((i for i, part in enumerate(caption) if part.kind == "joint" and part.lead in ".;"), len(caption))
    head = head_index(caption)
    at_end = at_end if head is None or at_end > head else len(caption)
    style = next((i for i in range(at_end) if _closing(caption, i, head or 0)), at_end)
    return (*caption[:style], Phrase("joint", ","), replace(phrase, tail=tail), *caption[style:])


_ORDINALS = frozenset({"another", "additional", "second", "third", "fourth", "fifth", "extra"})


def with_more(caption: Caption, head: NounPhrase) -> Caption:
    """The caption with more of its head than it tells of."""
    det = "several" if head.count in {1, None} else "many"
    return agree(with_head(caption, replace(head, det=det, words=(*head.words[:-1], plural(head.noun)))), True)


def _ordinal(thing: NounPhrase) -> int | None:
    """How many there are with this one: "a third dog" makes three."""
    return next((at for at, word in enumerate(("second", "third", "fourth", "fifth"), 2) if word in thing.words), None)


def _like_kind(head: NounPhrase, things: Sequence[NounPhrase]) -> bool:
    """Whether a bare plural names what several heads are to be: "two foxes" but "with owls"."""
    new = things[0]
    return len(things) == 1 and head.many and new.slot == head.slot and not new.det and is_plural(new.noun)


def companion_of_size(caption: Caption, new: NounPhrase) -> bool:
    """Whether `new`, a small creature, is more like the companion than like the head."""
    beside = [thing for part in caption if part.kind == "friend" for thing in part.things]
    head = head_of(caption)
    return new.one in SMALL and any(thing.one in SMALL for thing in beside) and (head is None or head.one not in SMALL)


def _pronoun(head: NounPhrase | None) -> str:
    if head is None or not head.many:
        return _PRONOUNS.get(head.one if head else "", "it")
    return "them"


_PRONOUNS = {
    "man": "him", "boy": "him", "guy": "him", "gentleman": "him", "king": "him", "prince": "him", "groom": "him",
    "woman": "her", "girl": "her", "lady": "her", "queen": "her", "princess": "her", "bride": "her",
}  # fmt: skip


_OWNERS_PRONOUN = {"him": "his", "her": "her", "them": "their"}


def _closing(caption: Caption, index: int, head: int) -> bool:
    """Whether the caption ends from here with a remark on style or view after a comma."""
    return (
        index > head
        and caption[index].text() == ","
        and index + 1 < len(caption)
        and caption[index + 1].kind in {"style", "view"}
    )


def pronounced(caption: Caption, tail: str) -> str:
    """ "on its head" with the pronoun that fits the head: "on her head"."""
    if tail == "on it":
        return tail
    pronoun = _pronoun(head_of(caption))
    tail = re.sub(r" it$", f" {pronoun}", tail)
    return re.sub(r"\bits\b", _OWNERS_PRONOUN.get(pronoun, "its"), tail)


def side_of(part: Phrase) -> str:
    """On which side another subject is: "left", "right", "behind", "front", "on"; "" where that is left open."""
    found = re.search(r"left|right|behind|front|\bon\b", relation(part))
    return found[0] if found else ""


def _alike(old: Phrase, new: Phrase) -> bool:
    """Whether a new companion takes the place of an old one: of its size, and on no other side."""
    small = [part.things[0].one in SMALL or "small" in part.things[0].words for part in (old, new)]
    sides = side_of(old), side_of(new)
    return small[0] == small[1] and (small[0] or not all(sides) or sides[0] == sides[1])


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
    """The caption without what `asked` names, and without the words that governed it.

    What the main subject does not have is sought with the others.
    """
    if find(caption, asked) is None:
        holder = next((i for i in friends(caption) if find(caption[i].about, asked)), None)
        if holder is not None:
            return of_friend(caption, holder, lambda inner: remove(inner, asked))
    kept: list[Phrase] = []
    for phrase in caption:
        if phrase.kind == "absent":
            continue
        if phrase.kind == "head" or not phrase.things or phrase.kind not in _OWNERS:
            gone = phrase.kind in {"weather", "time", "season"} and asked.one in phrase.text()
            kept += [] if gone else [phrase]
            continue
        things = [thing for thing in phrase.things if not _means(asked, thing, phrase)]
        if things:
            kept.append(phrase.keeping(things))
    return tuple(kept)


def _means(asked: NounPhrase, thing: NounPhrase, phrase: Phrase) -> bool:
    if asked.one in {"background", "backdrop"} and phrase.kind == "place":
        return True
    if asked.one in {"background", "backdrop"} and phrase.tail == "in the background":
        return True
    if asked.one in {"companion", "friend"} and phrase.kind == "friend":
        return True
    return thing.named(asked) or (bool(thing.post) and asked.one in thing.post.split())


def drop_thing(caption: Caption, i: int, j: int) -> Caption:
    """The caption without one thing of one phrase, nor the phrase where that was its only one."""
    part = caption[i]
    rest = (*part.things[:j], *part.things[j + 1 :])
    return replaced(caption, i, part.keeping(rest)) if rest else replaced(caption, i)


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
        holder = next((i for i in friends(caption) if find(caption[i].about, old)), None)
        return add(caption, new) if holder is None else of_friend(caption, holder, lambda inner: swap(inner, old, new))
    part = caption[place[0]]
    if part.kind == "friend" and thing.slot in BEINGS:
        return of_friend(caption, place[0], lambda inner: become(inner, thing))
    if part.kind == "head":
        return become(caption, thing)
    if part.kind in ATTACHED and thing.slot and thing.slot != part.things[place[1]].slot:
        return add(drop_thing(caption, *place), new)
    return _take_place(caption, [place], new, thing)


def dress(caption: Caption, garment: NounPhrase) -> Caption:
    """The caption with one garment in place of what garments its head wears."""
    worn = [place for place in attached_things(caption) if caption[place[0]].things[place[1]].slot == "garment"]
    if worn:
        garment = keep_cut(caption[worn[0][0]].things[worn[0][1]], garment)
    phrase = Phrase("worn", "wearing", (garment,))
    return _take_place(caption, worn, phrase, garment) if worn else add(caption, phrase)


def displace(caption: Caption, new: NounPhrase) -> Caption:
    """The caption without the one accessory that `new`, worn instead, leaves no room for."""
    places = [(i, j) for i, j in attached_things(caption) if caption[i].things[j].slot in ACCESSORIES]
    slots = [caption[i].things[j].slot for i, j in places]
    if new.slot not in ACCESSORIES or new.slot in slots or len(places) != 1:
        return caption
    return drop_thing(caption, *places[0])
