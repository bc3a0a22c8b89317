"""Readings of clauses about what one of several subjects has: "no ball for the dog", "glasses instead of its cap".

Each returns an `Edit`, or None when the words make no sense to it; knows nothing about the table of patterns.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import reduce

from cvsi_db.models.rules import company, located
from cvsi_db.models.rules import operations as do
from cvsi_db.models.rules import words as w
from cvsi_db.models.rules.agreement import count, head_of
from cvsi_db.models.rules.appearance import describe
from cvsi_db.models.rules.edit import Edit, one_thing, several_things
from cvsi_db.models.rules.phrases import Caption, NounPhrase
from cvsi_db.models.rules.subjects import asked_for, large_friends, of_friend, subject_named

_INSTEAD = re.compile(
    r"(?P<new>.+?),? (?:instead of|rather than|and not|not) (?:wearing |holding |with |in )?(?P<old>.+)"
)


def stripped(asked: NounPhrase, what: str) -> Edit | None:
    """ "no ball for the dog": gone from that subject and from no other; who has none stays as it is."""
    things = several_things(what)
    if not things or {thing.slot for thing in things} & w.BEINGS:
        return None

    def apply(caption: Caption) -> Caption:
        if not subject_named(caption, asked):
            return caption
        return company.on_subject(caption, asked, lambda inner: reduce(_own_gone, things, inner))

    return Edit(apply)


def _own_gone(caption: Caption, asked: NounPhrase) -> Caption:
    gone = [place for place in do.attached_things(caption) if caption[place[0]].things[place[1]].named(asked)]
    return do.drop_thing(caption, *gone[0]) if gone else caption


def parted_wish(after: str) -> tuple[str, NounPhrase | None]:
    """ "glasses instead of the cap" as what is wanted, and the thing that it replaces."""
    match = _INSTEAD.fullmatch(after)
    old = one_thing(match["old"]) if match else None
    if match is None or old is None or old.slot not in w.WORN_SLOTS | {"held"}:
        return after, None
    return match["new"], old


def replacing(edit: Edit, old: NounPhrase) -> Edit:
    """The edit, and what it replaces gone where it does not stand in the same place."""

    def apply(caption: Caption) -> Caption:
        had = [caption[i].things[j] for i, j in do.attached_things(caption) if caption[i].things[j].named(old)]
        changed = edit.apply(caption)
        left = [place for place in do.attached_things(changed) if changed[place[0]].things[place[1]] in had]
        return do.drop_thing(changed, *left[0]) if left else changed

    return replace(edit, apply=apply)


def compared(asked: NounPhrase, size: str) -> Edit:
    """ "make the dog smaller than the cat": captions say of the second subject how large it is beside the main one."""
    other = {"bigger": "smaller", "larger": "smaller", "smaller": "bigger"}.get(size, size)

    def apply(caption: Caption) -> Caption:
        others = large_friends(caption)
        if asked_for(caption, asked) is not None or not others:
            return company.on_subject(caption, asked, lambda inner: describe(inner, [size]))
        return of_friend(caption, others[0], lambda inner: describe(inner, [other]))

    return Edit(apply)


def multiplied(match: re.Match[str]) -> Edit:
    """ "double it", "twice as many": that many times as many."""
    times = 3 if match["times"].startswith(("tripl", "three")) else 2
    return Edit(lambda caption: count(caption, lambda now: now * times) if head_of(caption) else caption)


def unstyled(match: re.Match[str]) -> Edit | None:
    """ "exclude watercolour": whatever style there is goes."""
    if not set(re.findall(r"[\w-]+", match["what"])) & (w.STYLES | w.MEDIA):
        return None

    def apply(caption: Caption) -> Caption:
        kept = located.drop_kind(caption, "style")
        return tuple(part for part in kept if part.kind != "lead" or located.lead_kind(part.lead) != "style")

    return Edit(apply)
