"""Readings of clauses that describe the wanted picture, phrase by phrase or as a whole.

Each takes the match of its pattern in `edits.py` and returns an `Edit`, or None when the words make no sense to it.
"""

from __future__ import annotations

import re
from dataclasses import replace

from cvsi_db.models.rules import located
from cvsi_db.models.rules import operations as do
from cvsi_db.models.rules import words as w
from cvsi_db.models.rules.actions import set_action
from cvsi_db.models.rules.agreement import count, head_of, with_head
from cvsi_db.models.rules.appearance import recolour
from cvsi_db.models.rules.aspects import looks
from cvsi_db.models.rules.becoming import become
from cvsi_db.models.rules.edit import (
    COMPANION,
    MOMENTS,
    Edit,
    adding,
    again,
    as_new,
    moving,
    preposition,
)
from cvsi_db.models.rules.inflect import is_plural, singular
from cvsi_db.models.rules.phrases import ATTACHED, Caption, Kind, NounPhrase, Operation, Phrase
from cvsi_db.models.rules.qualities import group_of, quality_of, set_quality
from cvsi_db.models.rules.reader import read

_LOCATED: frozenset[Kind] = frozenset({"place", "where", "time", "weather", "season", "style", "view"})


def read_all(text: str | re.Match[str]) -> Edit | None:
    """Reads the whole clause as a description: each phrase asks for something, or all of it is the wanted picture."""
    text = text if isinstance(text, str) else text[0]
    phrases = read(text)
    first = text.split(" ")[0]
    if first in w.IMPERATIVES and phrases[0].kind != "lead" and group_of(first) != "pose":
        return None
    if any(phrase.kind in _TOLD for phrase in phrases) and (whole := _picture(text)):
        return whole
    return _phrase_by_phrase(phrases)


def shown(match: re.Match[str]) -> Edit | None:
    """ "the photo shows …", "focus on …": the wanted picture, as a whole where it can be read as one."""
    what = match["what"]
    told = read(what)
    head = _head(told)
    if head is None or looks(head) or head.noun in MOMENTS:
        return again(what)
    if head.slot in w.BEINGS and head.det in _KNOWN:
        return _known_or_new(again(what), _picture(what, known=True), head)
    if head.slot in w.BEINGS and len(told) == 1:
        return again(what)
    return _picture(what, known=True) or again(what)


def _known_or_new(asked: Edit | None, whole: Edit | None, named: NounPhrase) -> Edit | None:
    """What is asked of "the dog" where the caption has one, else the whole picture."""
    if asked is None or whole is None:
        return asked or whole

    def apply(caption: Caption) -> Caption:
        head = head_of(caption)
        known = head is not None and (head.named(named) or named.named(head))
        return asked.apply(caption) if known else whole.apply(caption)

    return Edit(apply, asked.objects)


def acting(match: re.Match[str]) -> Edit | None:
    """ "have one dog standing in the water": a whole picture, where something is done in it."""
    told = read(match["what"])
    head = _head(told)
    if match[0].startswith(("has ", "contain")) and (head is None or head.slot not in w.BEINGS):
        return None
    return _picture(match["what"]) if any(phrase.kind in _TOLD for phrase in told) else None


_TOLD: frozenset[Kind] = frozenset({"doing", "words", "where"})
_KNOWN = frozenset({"the", "this", "that", "its", "his", "her", "their", "the same"})
_RELATIVE = frozenset({
    "instead", "than", "same", "rather", "unlike", "reference", "not", "different", "opposite", "no", "previous",
    "replace", "remove", "removed", "add", "change", "make", "should", "both", "i", "we", "target",
})  # fmt: skip


def _head(phrases: Caption) -> NounPhrase | None:
    """The head of a description that opens with it."""
    opening = [phrase for phrase in phrases if phrase.kind != "lead"][:1]
    return opening[0].things[0] if opening and opening[0].kind == "head" else None


def _picture(text: str, known: bool = False) -> Edit | None:
    """The wanted picture as a whole: what it tells, and of the caption what it leaves open.

    Its head may be one already `known` ("the bag") only where the clause says that this is what is shown.
    """
    told = read(re.sub(r"\b(?:very |more )?similar ", "", text))
    head = _head(told)
    words = set(text.replace(",", " ").split())
    if head is None or words & _RELATIVE or head.words[0] in w.IMPERATIVES or looks(head):
        return None
    if head.det in _KNOWN and not known:
        return None
    plainly = known and (len(head.words) > 1 or is_plural(head.noun) or bool(head.post))
    if not (head.det or plainly or any(word in w.PLACES or singular(word) in w.SLOT_OF for word in head.words)):
        return None  # a word of no list and without an article may be a verb
    new = head if head.post and head.det == "the" else as_new(head)
    return Edit(lambda caption: _merge(caption, with_head(told, new), new), (new,))


def _merge(caption: Caption, told: Caption, new: NounPhrase) -> Caption:
    """What `told` describes, then the caption's phrases of kinds that it leaves open."""
    head = head_of(caption)
    same = head is not None and (head.named(new) or new.named(head))
    if same and head is not None and new.colour_span is None and head.colour_span is not None and head.slot == "animal":
        start, stop = head.colour_span
        told = with_head(told, new.coloured(" ".join(head.words[start:stop])))
    kinds = {phrase.kind for phrase in told}
    placed = kinds & {"place", "where", "doing", "words"}
    kept = [part for part in caption if part.kind in {"time", "weather", "season", "style", "view"} - kinds]
    kept = [part for part in caption if part.kind == "place" and not placed] + kept
    lead = caption[:1] if caption and caption[0].kind == "lead" and told[0].kind != "lead" else ()
    had = [part for part in caption if same and part.kind in ATTACHED - kinds and "words" not in placed]
    stop = 1 + next(i for i, phrase in enumerate(told) if phrase.kind == "head")
    return (*lead, *told[:stop], *had, *told[stop:], *kept)


def _phrase_by_phrase(phrases: Caption) -> Edit | None:
    """What each phrase asks for, in order; None when one asks for nothing."""
    steps: list[Operation] = []
    objects: list[NounPhrase] = []
    told = [phrase for phrase in phrases if phrase.kind not in {"joint", "lead"} and phrase.text() not in _AUXILIARIES]
    told = _with_tails(told)
    if phrases and phrases[0].kind == "lead" and (opening := _opening(phrases[0].lead)):
        steps.append(opening.apply)
    for phrase in told:
        step = _step(phrase, len(told) > 1)
        if step is None:
            return None
        steps.append(step.apply)
        objects += step.objects
    return Edit(_in_order(steps), tuple(objects)) if steps else None


def _with_tails(told: list[Phrase]) -> list[Phrase]:
    """The phrases with "behind it" and "open" made part of the phrase before: "a ball behind it", "its mouth open"."""
    joined: list[Phrase] = []
    for phrase in told:
        tails = phrase.kind == "relation" or (phrase.kind == "words" and phrase.lead in w.ADVERBS)
        if (
            tails
            and joined
            and (joined[-1].things or joined[-1].kind in {"doing", "words"})
            and joined[-1].kind != "head"
        ):
            last = joined[-1]
            kind = "with" if last.kind in ATTACHED else last.kind
            joined[-1] = replace(last, kind=kind, tail=f"{last.tail} {phrase.lead}".strip())
        else:
            joined.append(phrase)
    return joined


def _in_order(steps: list[Operation]) -> Operation:
    def apply(caption: Caption) -> Caption:
        for step in steps:
            caption = step(caption)
        return caption

    return apply


_AUXILIARIES = frozenset({"should", "must", "is", "are", "there is", "there are", "also", "can", "be", "shall", "will"})


def _opening(lead: str) -> Edit | None:
    """What "a sketch of …" or "a close-up of …" asks for, whatever follows."""
    words = re.sub(r"(?: of| showing| depicting| :)$", "", lead)
    if located.lead_kind(lead) == "lead":
        return None
    return again(words if located.lead_kind(lead) == "view" else f"as {words}")


def _step(phrase: Phrase, described: bool) -> Edit | None:
    if phrase.kind == "weather" and not phrase.things:
        known = next((word for word in phrase.lead.split() if word in w.WEATHER_WORDS), "clear")
        return moving(Phrase("weather", w.WEATHER_WORDS[known]))
    if phrase.kind in _LOCATED:
        return moving(phrase)
    if phrase.kind == "head":
        return named(phrase.things[0], described)
    if phrase.kind == "absent":
        return _absence(phrase)
    if phrase.kind == "worn" and phrase.things[0].is_colour:
        colour = " ".join(phrase.things[0].words)
        return Edit(lambda caption: recolour(caption, colour))
    if phrase.kind == "relation":
        return moving(Phrase("where", phrase.lead)) if re.search(r"left|right|ground|back", phrase.lead) else None
    if phrase.kind == "words" and quality_of(phrase.lead):
        return Edit(lambda caption: set_quality(caption, phrase.lead))
    if phrase.kind == "friend":
        things = tuple(map(as_new, phrase.things))
        lead = "with" if phrase.lead == "and" and phrase.tail else phrase.lead
        return Edit(lambda caption: do.add(caption, replace(phrase, lead=lead, things=things)), things)
    if phrase.kind in {"worn", "held", "with"} and phrase.lead not in {"of", "from", "for", "than", "to"}:
        return _attaching(phrase)
    if phrase.kind == "doing" or (
        phrase.kind == "words"
        and re.fullmatch(
            r"\w+ing|\w{2,}ed|lying down|sits?|stands?|lies?|lays?|rests?|runs?|walks?|plays?|looks?|poses?|sleeps?",
            phrase.lead,
        )
    ):
        return Edit(lambda caption: set_action(caption, phrase))
    return None


def _absence(phrase: Phrase) -> Edit:
    def apply(caption: Caption) -> Caption:
        for thing in phrase.things:
            caption = do.remove(caption, thing)
        return caption if phrase.things else located.drop_kind(caption, "friend")

    return Edit(apply)


def _attaching(phrase: Phrase) -> Edit | None:
    if len(phrase.things) == 1 and (seen := looks(phrase.things[0])):
        return seen
    if phrase.lead in {"with", "has", "have"} and any(map(looks, phrase.things)):
        return _looks_and_things(phrase)
    bare = phrase.lead in {"with", "has", "have", "having"}
    if (
        bare
        and len(
            {thing.slot in w.WORN_SLOTS for thing in phrase.things} | {thing.slot == "held" for thing in phrase.things}
        )
        > 1
    ):
        return adding(phrase.things)
    things = tuple(map(as_new, phrase.things))
    leads = {"worn": "wearing", "held": "holding", "with": "with"}
    plain = bare or phrase.lead in {
        "in",
        "dressed in",
        "wears",
        "wear",
        "holds",
        "hold",
        "carries",
        "carry",
        "held",
        "wore",
    }
    brought = Phrase(phrase.kind, leads[phrase.kind] if plain else phrase.lead, things)
    return Edit(lambda caption: do.add(caption, brought), things)


def _looks_and_things(phrase: Phrase) -> Edit | None:
    """ "has a hood and darker": things to add among words that describe."""
    edits = [seen for thing in phrase.things if (seen := looks(thing))]
    added = tuple(thing for thing in phrase.things if not looks(thing))
    if added and (more := _attaching(phrase.keeping(added))):
        edits.append(more)
    return Edit(_in_order([edit.apply for edit in edits]), tuple(thing for edit in edits for thing in edit.objects))


def named(thing: NounPhrase, described: bool) -> Edit | None:
    """A bare noun phrase: another head, another number of it, or something more in the picture."""
    if (seen := looks(thing)) or thing.noun in MOMENTS:
        return seen or again(thing.noun)
    place = thing.noun in w.PLACES - w.OBJECTS and not thing.slot
    if place and (not described or thing.noun in {"background", "backdrop"}):
        return moving(Phrase("place", preposition(thing), (thing,)))
    if thing.slot not in w.BEINGS | {"garment", ""}:
        return None if described else adding((thing,))

    if thing.slot in w.BEINGS and COMPANION & set(thing.words[:-1]) and not described:
        return adding((thing,))
    if thing.det in _KNOWN and thing.slot in w.BEINGS:
        span = thing.colour_span
        return Edit(lambda caption: recolour(caption, " ".join(thing.words[span[0] : span[1]])) if span else caption)

    def apply(caption: Caption) -> Caption:
        head = head_of(caption)
        if _MANY & set(thing.det.split(" ")) and (head is None or not head.named(thing)):
            return do.add(caption, Phrase("with", "with", (thing,)))
        if head is not None and head.named(thing) and not is_plural(thing.noun) and thing.det == "more":
            return caption
        if head is not None and head.named(thing) and _MANY & set(thing.det.split(" ")):
            return _as_many(caption, head, thing)
        if head is not None and head.slot and not thing.slot:
            return do.add(caption, Phrase("with", "with", (thing,)))
        if thing.slot == "garment" and head is not None and head.slot != "garment":
            return do.dress(caption, as_new(thing))
        return become(caption, thing)

    return Edit(apply, () if thing.slot == "garment" else (as_new(thing),))


_MANY = frozenset({"more", "fewer", "less"})


def _as_many(caption: Caption, head: NounPhrase, thing: NounPhrase) -> Caption:
    """More or fewer of the head, by one where the caption counts them."""
    if "more" in thing.det.split(" "):
        return do.with_more(caption, head)
    if head.count is None:
        return with_head(caption, replace(head, det="a few"))
    return count(caption, lambda now: now - 1)
