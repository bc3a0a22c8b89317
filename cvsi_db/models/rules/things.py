"""Readings of clauses about what is in the picture: swaps, removals, additions, companions, whole descriptions.

Each takes the match of its pattern in `edits.py` and returns an `Edit`, or None when the words make no sense to it.
"""

from __future__ import annotations

import re
from dataclasses import replace

from cvsi_db.models.rules import located
from cvsi_db.models.rules import operations as do
from cvsi_db.models.rules import words as w
from cvsi_db.models.rules.aspects import ASPECTS, looks, weather_noun
from cvsi_db.models.rules.clauses import strip_fillers
from cvsi_db.models.rules.edit import (
    COMPANION,
    MOMENTS,
    Edit,
    adding,
    again,
    as_new,
    bringing,
    moving,
    one_thing,
    preposition,
    several_things,
)
from cvsi_db.models.rules.phrases import Caption, Kind, NounPhrase, Phrase
from cvsi_db.models.rules.reader import read

_LOCATED: frozenset[Kind] = frozenset({"place", "where", "time", "weather", "style", "view"})


def swap(match: re.Match[str]) -> Edit | None:
    """The edit that a clause of the kind swap asks for."""
    old_text = re.sub(
        r"^(?:being|having|wearing|holding|carrying|with|showing|use|using|of)\s+", "", match["old"].strip(" ,")
    )
    new_text = match["new"].strip(" ,")
    old = one_thing(old_text)
    if new_text.split()[-1] in w.MEDIA and old and old.noun in w.MEDIA | w.STYLES:
        return again(f"as {new_text}")
    told = not old_text or old_text.split()[-1] in ASPECTS or old_text.split()[-1] in MOMENTS
    if old is None or old.is_colour or told or new_text.split()[-1] in MOMENTS:
        return _aspect(old_text, new_text)
    if new_text in {"another", "another one", "a different one", "something else"}:
        return adding((replace(old, det="a"),))
    if re.fullmatch(w.COLOUR_LIST, new_text):
        return Edit(lambda caption: do.recolour_thing(caption, old, new_text))
    things = several_things(
        re.sub(
            r"^(?:(?:it|he|she|they|there)\s+)?(?:is |are |now )*(?:holding|holds?|has|have"
            r"|wearing|wears?|carrying|carries|with|use|put|show)\s+",
            "",
            new_text,
        )
    )
    if not things:
        return again(strip_fillers(new_text))
    verb = re.match(r"(?:(?:it|he|she|they) )?(?:is )?(hold|carr)", new_text)
    phrase = bringing(things[:1]) if not verb else Phrase("held", "holding", (as_new(things[0]),))
    if things[0].noun in w.PLACES and not things[0].slot:
        return _aspect("place", new_text)
    if old.noun in w.COLOURS or _counts(old, things[0]):
        return again(strip_fillers(new_text))
    first = things[0] if old.many and things[0].slot in w.BEINGS else as_new(things[0])

    def apply(caption: Caption) -> Caption:
        caption = do.swap(caption, old, phrase.keeping((first,)))
        for thing in things[1:]:
            caption = do.add(caption, bringing((thing,)))
        return caption

    return Edit(apply, tuple(map(as_new, things)))


def another(match: re.Match[str]) -> Edit | None:
    """ "change the hat": some other one, whichever."""
    thing = one_thing(match["what"])
    if match["what"].split()[-1] in {"colour", "color", "colours", "colors"}:
        return Edit(do.uncolour)
    return adding((replace(thing, det="a"),)) if thing and thing.slot in w.WORN_SLOTS | {"held"} else None


def _counts(old: NounPhrase, new: NounPhrase) -> bool:
    """Whether the swap is about number: "two dogs instead of one dog"."""
    return old.one == new.one and old.count != new.count


def _aspect(old: str, new: str) -> Edit | None:
    """Another background, colour, time, weather or style; `old` only tells which."""
    if re.search(r"background|backdrop|place|setting|location|scene|surroundings|environment", old):
        thing = one_thing(re.sub(r"^(?:in|on|at)\s+(?=a\b|an\b|the\b)", "", new))
        if thing and not thing.is_colour:
            return moving(Phrase("place", preposition(thing), (thing,)))
        if thing:
            return moving(Phrase("place", "on", (NounPhrase("a", (*thing.words, "background")),)))
    cleaned = strip_fillers(re.sub(r"^(?:be|being)\s+", "", new))
    if re.search(r"style|medium", old) and not re.match(r"(?:as|in|like) ", cleaned):
        return again(f"as {cleaned}") or again(cleaned)
    return again(cleaned)


def remove(match: re.Match[str]) -> Edit | None:
    """The edit that a clause of the kind remove asks for."""
    asked = re.sub(
        r"^(?:any|all|the|its|his|her|their|of|every|wearing|holding|a|an|more|other|single)\s+", "", match["what"]
    )
    asked = re.sub(
        r"\s+(?:from|on|in|off|at|of) (?:the|it|its|his|her|them|him|this|hand).*$|\s+(?:anymore|at all|any more)$",
        "",
        asked,
    )
    if asked in w.WEATHER_WORDS:
        return Edit(lambda caption: located.drop_kind(caption, "weather"))
    if re.fullmatch(r"(?:one|anything|thing|nothing|objects?|items?)", asked):
        return Edit(lambda caption: located.drop_kind(caption, "held"))
    things = several_things(asked.replace(" or ", " and ").replace(" nor ", " and "))
    if not things:
        return None

    def apply(caption: Caption) -> Caption:
        for thing in things:
            caption = do.remove(caption, thing)
        return caption

    return Edit(apply)


def alone(match: re.Match[str]) -> Edit | None:
    """The edit that a clause of the kind alone asks for."""
    kind: Kind = "friend" if re.search(r"alone|own|itself|sel[fv]|company|one else", match[0]) else "held"
    if re.search(r"bare-?headed|hatless", match[0]):
        return Edit(lambda caption: do.remove(caption, NounPhrase("", ("headwear",))))
    return Edit(lambda caption: located.drop_kind(caption, kind))


def add_things(match: re.Match[str]) -> Edit | None:
    """The edit that a clause of the kind add things asks for."""
    what = re.sub(
        r"\s+(?:to|on|onto|over|around|for|in) (?:it|him|her|them|its|his|the|their|top)\b.*$", "", match["what"]
    )
    if re.match(r"(?:a |an |some )?(?:" + w.either(w.WEATHER_WORDS) + r")$", what):
        return weather_noun(what)
    found = several_things(what)
    beside = found and found[0].slot in w.BEINGS
    return adding(found) if found and not (beside and len(found) > 1) else read_all(f"with {what}")


def beside(match: re.Match[str]) -> Edit | None:
    """The edit that a clause of the kind beside asks for."""
    found = several_things(match["what"])
    if not found or not {thing.slot for thing in found} <= w.BEINGS:
        return None
    things = tuple(map(as_new, found))
    brought = Phrase("friend", "with", things, f"{match['where']} it")
    return Edit(lambda caption: do.add(caption, brought), things)


def instead(match: re.Match[str]) -> Edit | None:
    """ "with a dog instead": the companion where there is one, else the head."""
    thing = one_thing(match["what"])
    if thing is None or thing.slot not in w.BEINGS:
        return None
    beside = Phrase("friend", "with", (as_new(thing),), "next to it")

    def apply(caption: Caption) -> Caption:
        accompanied = any(part.kind == "friend" for part in caption)
        return do.add(caption, beside) if accompanied or COMPANION & set(thing.words) else do.become(caption, thing)

    return Edit(apply, (as_new(thing),))


def read_all(text: str | re.Match[str]) -> Edit | None:
    """Reads the whole clause as a description and does what each of its phrases asks for."""
    phrases = read(text if isinstance(text, str) else text[0])
    steps: list[do.Operation] = []
    objects: list[NounPhrase] = []
    told = [phrase for phrase in phrases if phrase.kind not in {"joint", "lead"} and phrase.text() not in _AUXILIARIES]
    for phrase in phrases[:1]:
        if phrase.kind == "lead" and (opening := _opening(phrase.lead)):
            steps.append(opening.apply)
    for phrase in told:
        step = _step(phrase, len(told) > 1)
        if step is None:
            return None
        steps.append(step.apply)
        objects += step.objects
    if not steps:
        return None

    def apply(caption: Caption) -> Caption:
        for step in steps:
            caption = step(caption)
        return caption

    return Edit(apply, tuple(objects))


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
        return _named(phrase.things[0], described)
    if phrase.kind == "absent":
        return _absence(phrase)
    if phrase.kind == "worn" and phrase.things[0].is_colour:
        colour = " ".join(phrase.things[0].words)
        return Edit(lambda caption: do.recolour(caption, colour))
    if phrase.kind == "friend":
        things = tuple(map(as_new, phrase.things))
        lead = "with" if phrase.lead == "and" and phrase.tail else phrase.lead
        return Edit(lambda caption: do.add(caption, replace(phrase, lead=lead, things=things)), things)
    if phrase.kind in {"worn", "held", "with"} and phrase.lead not in {"of", "from", "for", "than", "to"}:
        return _attaching(phrase)
    if phrase.kind == "doing" or (
        phrase.kind == "words"
        and re.fullmatch(
            r"\w+ing|lying down|sits?|stands?|lies?|lays?|rests?|runs?|walks?|plays?|looks?|poses?|sleeps?", phrase.lead
        )
    ):
        return Edit(lambda caption: do.set_action(caption, phrase))
    return None


def subject(match: re.Match[str]) -> Edit | None:
    """ "the shirt is black with stripes": what is said of the head."""
    thing = one_thing(match["what"])
    return again(match["rest"]) if thing and thing.slot in w.BEINGS | {"garment"} else None


def as_being(match: re.Match[str]) -> Edit | None:
    """The edit that a clause of the kind as being asks for."""
    thing = one_thing(match["what"])
    return _named(thing, False) if thing and thing.slot in w.BEINGS else None


def _absence(phrase: Phrase) -> Edit:
    def apply(caption: Caption) -> Caption:
        for thing in phrase.things:
            caption = do.remove(caption, thing)
        return caption if phrase.things else located.drop_kind(caption, "friend")

    return Edit(apply)


def _attaching(phrase: Phrase) -> Edit | None:
    if len(phrase.things) == 1 and (seen := looks(phrase.things[0])):
        return seen
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


def _named(thing: NounPhrase, described: bool) -> Edit | None:
    """A bare noun phrase: another head, another number of it, or something more in the picture."""
    if (seen := looks(thing)) or thing.noun in MOMENTS:
        return seen or again(thing.noun)
    place = thing.noun in w.PLACES and not thing.slot
    if place and not described:
        return moving(Phrase("place", preposition(thing), (thing,)))
    if thing.slot not in w.BEINGS | {"garment", ""}:
        return None if described else adding((thing,))

    if thing.slot in w.BEINGS and COMPANION & set(thing.words[:-1]) and not described:
        return adding((thing,))
    if thing.det in {"the", "this", "that", "its"} and thing.slot in w.BEINGS:
        span = thing.colour_span
        return Edit(lambda caption: do.recolour(caption, " ".join(thing.words[span[0] : span[1]])) if span else caption)

    def apply(caption: Caption) -> Caption:
        head = do.head_of(caption)
        if head is not None and head.slot and not thing.slot:
            return do.add(caption, Phrase("with", "with", (thing,)))
        if thing.slot == "garment" and head is not None and head.slot != "garment":
            return do.add(caption, Phrase("worn", "wearing", (as_new(thing),)))
        return do.become(caption, thing)

    return Edit(apply, () if thing.slot == "garment" else (as_new(thing),))
