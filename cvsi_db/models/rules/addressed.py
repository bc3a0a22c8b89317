"""Readings of clauses that say which of several subjects they mean: "give the dog a hat", "the one on the left is red".

Each takes the match of its pattern in `edits.py` and returns an `Edit`, or None when the words make no sense to it.
"""

from __future__ import annotations

import re
from dataclasses import replace

from cvsi_db.models.rules import company, qualities
from cvsi_db.models.rules import operations as do
from cvsi_db.models.rules import words as w
from cvsi_db.models.rules.appearance import describe
from cvsi_db.models.rules.becoming import become
from cvsi_db.models.rules.belongings import compared, parted_wish, replacing, stripped
from cvsi_db.models.rules.edit import Edit, again, as_new, one_thing, several_things
from cvsi_db.models.rules.idioms import RELATIONS
from cvsi_db.models.rules.phrases import Caption, NounPhrase, Phrase
from cvsi_db.models.rules.subjects import asked_for
from cvsi_db.models.rules.tables import ADJECTIVES

_ONE = r"(?:one|animal|creature|figure|character|subject)"
_SIDE = r"(?:on|to|at)\ (?:the|its|his|her)\ (?:left|right)(?:\ side)?|behind|in\ (?:the\ )?(?:front|back|background)"
WHOM = rf"""(?:(?:the|that)\ {_ONE}\ (?:that\ is\ |standing\ |sitting\ )?(?:{_SIDE})
    |(?:the|that)\ (?:[\w-]+\ )?(?:other|second|first|main|left|right|left-hand|right-hand|smaller|bigger)(?:\ [\w-]+)?
    |the\ other|(?:its|the|his|her)\ (?:companion|friend)
    |(?:the|that|this)\ (?:[\w-]+\ ){{0,2}}?{w.either(sorted(w.SLOTS["animal"] | w.SLOTS["person"]))})"""
"""A pattern for the words that name one of several subjects."""


def whom(text: str) -> NounPhrase | None:
    """The subject that `text` names, by noun, order, size or side."""
    text = re.sub(r" (?:that is|standing|sitting) (?=on|to|at|behind|in)", " ", text)
    sided = re.match(rf"(?:the|that) {_ONE} (.*)", text)
    if sided and re.search(r"left|right|behind|front|back", sided[1]):
        mark = "behind" if "back" in sided[1] else str(re.findall(r"left|right|behind|front", sided[1])[0])
        return NounPhrase("the", (mark, "one"))
    words = text.split()
    return NounPhrase(words[0], tuple(words[1:])) if len(words) > 1 else None


def addressed(match: re.Match[str]) -> Edit | None:
    """ "give the dog a top hat", "the dog should be blue": what is asked of "it", asked of that subject."""
    asked = whom(match["whom"])
    groups = match.groupdict()
    after = (groups["after"] or "").strip()
    before = groups.get("before") or ""
    if asked is None:
        return None
    after, old = parted_wish(after)
    edit = _told_of_it(before, re.sub(r"\s+instead(?: of .*)?$|\s+(?:not|rather than) (?:the|its) .*$", "", after))
    return _aimed(replacing(edit, old) if old else edit, asked) if edit else None


def larger(match: re.Match[str]) -> Edit | None:
    """ "make the dog smaller than the cat"."""
    asked = whom(match["whom"])
    return compared(asked, match["size"]) if asked else None


def bereft(match: re.Match[str]) -> Edit | None:
    """ "no ball for the dog", "remove the cat's cap": from that subject only."""
    asked = whom(match["whom"])
    return stripped(asked, match["what"]) if asked else None


def _told_of_it(before: str, after: str) -> Edit | None:
    """The edit of a clause about "it"."""
    plain = re.sub(r"^(?:(?:should|must|has to|is|are|to|be|now|being|needs to|wants to|also|can|was)\s+)+", "", after)
    verb = re.match(r"(?:put|place|add|set|hang|give|hand|dress|throw)\b", before)
    if (
        not verb
        and (size := re.fullmatch(r"(?:(?:much|a bit|a little|even)\s)?(\w+)", plain))
        and _told_as_such(size[1])
    ):
        return Edit(lambda caption: describe(caption, [size[1]]))
    if verb or re.match(r"(?:move|turn|paint|dye|colou?r|show|bring|send)\b", before):
        return again(" ".join(f"{before}it {after}".split()))
    return again(plain) or (again(f"{before}it {after}") if before else None)


def _size(word: str) -> bool:
    return ADJECTIVES.get(word, ("",))[0] == "size"


def _told_as_such(word: str) -> bool:
    """Whether it describes a subject, though of a whole picture it would tell the view or the hour."""
    return _size(word) or word in {"darker", "lighter", "brighter"}


def _aimed(edit: Edit, asked: NounPhrase) -> Edit:
    return replace(edit, apply=lambda caption: company.on_subject(caption, asked, edit.apply))


def both(match: re.Match[str]) -> Edit | None:
    """ "both in hats", "give both of them a scarf": asked of each subject."""
    edit = _told_of_it(match["before"] or "", match["after"].strip())
    if edit is None:
        return None
    return replace(edit, apply=lambda caption: company.with_both(caption, edit.apply))


def passed_on(match: re.Match[str]) -> Edit | None:
    """ "put the hat on the dog instead", "the dog has the ball now": from whoever has it."""
    things, to = several_things(match["what"]), whom(match["whom"])
    if not things or to is None or not {thing.slot for thing in things} <= w.WORN_SLOTS | {"held"}:
        return None

    def apply(caption: Caption) -> Caption:
        for thing in things:
            caption = company.transfer(caption, thing, to)
        return caption

    return Edit(apply, tuple(map(as_new, things)))


def exchanged(match: re.Match[str]) -> Edit:
    """ "swap their hats"."""
    return Edit(lambda caption: company.exchange(caption, match["what"]))


def only(match: re.Match[str]) -> Edit | None:
    """ "just the cat", "the cat on its own"."""
    asked = whom(match["whom"])
    return Edit(lambda caption: company.only(caption, asked)) if asked else None


def parted(match: re.Match[str]) -> Edit | None:
    """ "without the dog": that subject goes, and all said of it."""
    asked = whom(match["whom"])
    return Edit(lambda caption: company.remove_subject(caption, asked)) if asked else None


def placed(match: re.Match[str]) -> Edit | None:
    """ "move the dog to the right", "the dog is behind the cat": where one subject is, seen from the other."""
    asked, where = whom(match["whom"]), _where(match["where"])
    return Edit(lambda caption: company.relate(caption, asked, where)) if asked and where else None


def _where(text: str) -> str:
    """A relation in the words captions use."""
    text = re.sub(r"^(?:over |back )*", "", text)
    side = re.search(r"\b(left|right)\b", text)
    if side and (text in RELATIONS or re.match(r"(?:to|on|at) ", text) or re.match(r"(?:left|right) of ", text)):
        return f"to its {side[1]}"
    near = re.match(r"(next to|beside|behind|in front of|near|close to|on top of|above) ", text)
    if near:
        return f"{near[1]} it"
    return text if text in RELATIONS else ""


def joined_by(match: re.Match[str]) -> Edit | None:
    """ "a blue dog to its left", "the bird on its head": beings, where they are; None for anything else."""
    where = _where(match["where"])
    text, _, after = match["what"].partition(" wearing ")
    things = several_things(text)
    if not where or len(things) != 1 or things[0].slot not in w.BEINGS:
        return None
    about = (Phrase("worn", "wearing", several_things(after)),) if after and several_things(after) else ()
    known = things[0].det in {"the", "its", "that", "his", "her"}
    brought = Phrase("friend", "with", (as_new(things[0]),), where, about)

    def apply(caption: Caption) -> Caption:
        there = asked_for(caption, things[0])
        if known and there is not None:
            return company.relate(caption, things[0], where)
        return do.add(caption, brought)

    return Edit(apply, () if known else (as_new(things[0]),))


def sized(match: re.Match[str]) -> Edit | None:
    """ "a bigger dog", "a striped dog": a subject that the caption has already, in another size or pattern."""
    thing = one_thing(match["whole"])
    if thing is None or thing.slot not in w.BEINGS or thing.det not in {"a", "an"} or not _told(thing):
        return None

    def apply(caption: Caption) -> Caption:
        if asked_for(caption, replace(thing, words=(thing.noun,))) is None:
            return become(caption, thing)
        return company.on_subject(caption, replace(thing, words=(thing.noun,)), lambda inner: become(inner, thing))

    return Edit(apply, (thing,))


def _told(thing: NounPhrase) -> bool:
    return thing.colour_span is not None or any(qualities.group_of(word) for word in thing.words[:-1])
