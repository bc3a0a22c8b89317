"""Operations on a caption with several subjects: who stays, where they are, and what passes between them.

Each takes and returns a `Caption`; knows nothing about how an edit text is worded.
"""

from __future__ import annotations

import re
from dataclasses import replace

from cvsi_db.models.rules import appearance, located
from cvsi_db.models.rules import operations as do
from cvsi_db.models.rules.agreement import head_index, head_of, replaced
from cvsi_db.models.rules.idioms import RELATIONS
from cvsi_db.models.rules.phrases import ATTACHED, Caption, Kind, NounPhrase, Operation, Phrase
from cvsi_db.models.rules.subjects import asked_for, friends, is_marked, large_friends, of_friend
from cvsi_db.models.rules.words import BEINGS, HYPERNYMS

_OWN: frozenset[Kind] = ATTACHED | {"doing", "words", "absent", "relation"}


def on_subject(caption: Caption, asked: NounPhrase, operation: Operation) -> Caption:
    """The caption after an operation on the subject that `asked` means, the main one where it means no other.

    A being that the caption leaves out is brought in for it.
    """
    index = asked_for(caption, asked)
    if index is not None:
        return of_friend(caption, index, operation)
    if not _left_out(caption, asked):
        return operation(caption)
    changed = do.add(caption, Phrase("friend", "with", (replace(asked, det="a"),), "next to it"))
    index = asked_for(changed, asked)
    return operation(caption) if index is None else of_friend(changed, index, operation)


def _left_out(caption: Caption, asked: NounPhrase) -> bool:
    """Whether `asked` names a being of another kind than any that the caption mentions."""
    head = head_of(caption)
    if head is None or head.slot not in BEINGS or asked.slot not in BEINGS or is_marked(asked):
        return False
    alike = head.named(asked) or asked.named(head) or head.slot == asked.slot == "person"
    return not alike and head.one not in HYPERNYMS and asked.one not in HYPERNYMS


def only(caption: Caption, asked: NounPhrase) -> Caption:
    """The caption with no other subject than the one `asked` means."""
    index = asked_for(caption, asked)
    kept = caption if index is None else promoted(caption, index)
    return located.drop_kind(kept, "friend")


def promoted(caption: Caption, index: int) -> Caption:
    """The caption with the second subject at `index` for its head, without the old head and all said of it."""
    friend = caption[index]
    told = tuple(part for part in friend.about if part.kind != "relation")
    while told and told[0].kind == "joint":
        told = told[1:]
    head = head_index(caption) or 0
    rest = tuple(part for part in caption[head + 1 : index] + caption[index + 1 :] if part.kind not in _OWN)
    return (*caption[:head], Phrase("head", "", friend.things[:1]), *told, *rest)


def remove_subject(caption: Caption, asked: NounPhrase) -> Caption:
    """The caption without the subject `asked` means, nor what it says of it; the last one stays."""
    index = asked_for(caption, asked)
    if index is not None:
        return replaced(caption, index)
    head = head_of(caption)
    others = friends(caption)
    if head is None or not others or not head.named(asked):
        return do.remove(caption, asked)
    return promoted(caption, others[0])


def relate(caption: Caption, asked: NounPhrase, where: str) -> Caption:
    """The caption with a second subject `where` it shall be; where the main one moves, the other is across from it."""
    others = large_friends(caption)
    index = asked_for(caption, asked)
    head = head_of(caption)
    if index is None and head is not None and asked.slot and not head.named(asked):
        return do.add(caption, Phrase("friend", "with", (replace(asked, det="a"),), where))
    if index is None and others:
        index, where = others[0], _across(where)
    if index is None or not where:
        return caption
    return replaced(caption, index, _related(caption[index], do.pronounced(caption, where)))


def _related(part: Phrase, where: str) -> Phrase:
    about = tuple(phrase for phrase in part.about if phrase.kind != "relation")
    old = _place_of(part)
    if old and old in part.lead and old in RELATIONS:
        return replace(part, lead=part.lead.replace(old, where), about=about)
    lead = part.lead if part.lead in {"with", "and", ""} else "with"
    return replace(part, lead=lead, tail=where, about=about)


_ACROSS = {"left": "right", "right": "left", "behind": "in front of", "in front of": "behind"}


def _across(where: str) -> str:
    return re.sub(r"left|right|behind|in front of", lambda match: _ACROSS[match[0]], where)


def transfer(caption: Caption, asked: NounPhrase, whom: NounPhrase) -> Caption:
    """What `asked` names, from whoever has it to the subject `whom`."""
    thing, kind, lead = _had(caption, asked)
    index = asked_for(caption, whom)
    for i in friends(caption):
        if i != index:
            caption = of_friend(caption, i, lambda inner: do.remove(inner, asked))
    if index is not None:
        caption = _main_without(caption, asked)
    return on_subject(caption, whom, lambda inner: do.add(inner, Phrase(kind, lead, (thing,))))


def _main_without(caption: Caption, asked: NounPhrase) -> Caption:
    gone = [place for place in do.attached_things(caption) if caption[place[0]].things[place[1]].named(asked)]
    return do.drop_thing(caption, *gone[0]) if gone else caption


def _had(caption: Caption, asked: NounPhrase) -> tuple[NounPhrase, Kind, str]:
    """The thing itself and how it is had, wherever the caption mentions it."""
    own = [caption, *(caption[i].about for i in friends(caption))]
    for phrases in own:
        for i, j in do.attached_things(phrases):
            part = phrases[i]
            if part.things[j].named(asked):
                return part.things[j], part.kind, "wearing" if part.kind == "worn" else part.lead
    fresh = replace(asked, det="a")
    return (fresh, "held", "holding") if fresh.slot == "held" else (fresh, "worn", "wearing")


def exchange(caption: Caption, what: str) -> Caption:
    """Colours, places, or what both have of one kind, passed from the main subject to the other and back."""
    others = large_friends(caption)
    if not others:
        return caption
    if re.search(r"colou?r", what):
        return _exchange_colours(caption, others[0])
    if re.search(r"place|position|side|^them$|each other", what):
        return relate(caption, NounPhrase("the", ("first",)), _place_of(caption[others[0]]))
    return _exchange_things(caption, others[0], NounPhrase("the", (what.split()[-1],)))


def _place_of(part: Phrase) -> str:
    said = [phrase.lead for phrase in part.about if phrase.kind == "relation"]
    lead = re.sub(r"^(?:and|with|,|while)\b[ ,]*|,$| (?:is|are|stands|sits|there is)$", "", part.lead)
    return part.tail or (said[0] if said else lead if lead in RELATIONS else "")


def _exchange_colours(caption: Caption, index: int) -> Caption:
    mine, theirs = head_of(caption), caption[index].things[0]
    if mine is None:
        return caption
    first, second = (
        appearance.colour_of(caption),
        appearance.colour_of((Phrase("head", "", (theirs,)), *caption[index].about)),
    )
    if not first or not second:
        return caption
    caption = of_friend(caption, index, lambda inner: appearance.recolour(inner, first))
    return appearance.recolour(caption, second)


def _exchange_things(caption: Caption, index: int, asked: NounPhrase) -> Caption:
    """What each has of the kind asked for; who has none gets the other's."""
    mine, theirs = _own_of(caption, asked), _own_of(caption[index].about, asked)

    def of_other(inner: Caption) -> Caption:
        inner = _main_without(inner, theirs.things[0]) if theirs else inner
        return do.add(inner, mine) if mine else inner

    caption = of_friend(caption, index, of_other)
    caption = _main_without(caption, mine.things[0]) if mine else caption
    return do.add(caption, theirs) if theirs else caption


def _own_of(phrases: Caption, asked: NounPhrase) -> Phrase | None:
    for i, j in do.attached_things(phrases):
        part = phrases[i]
        if part.things[j].named(asked) or part.things[j].slot == asked.slot != "":
            lead = {"worn": "wearing", "held": part.lead}.get(part.kind, "with")
            return Phrase(part.kind, lead, (part.things[j],))
    return None


def with_both(caption: Caption, operation: Operation) -> Caption:
    """The caption after an operation on each subject."""
    for index in friends(caption):
        caption = of_friend(caption, index, operation)
    return operation(caption)
