"""Readings of clauses about single things in the picture: swaps, removals, additions, companions.

Each takes the match of its pattern in `edits.py` and returns an `Edit`, or None when the words make no sense to it.
"""

from __future__ import annotations

import re
from dataclasses import replace

from cvsi_db.models.rules import located
from cvsi_db.models.rules import operations as do
from cvsi_db.models.rules import words as w
from cvsi_db.models.rules.actions import stop_action
from cvsi_db.models.rules.adjectives import adjective_words
from cvsi_db.models.rules.appearance import describe, describe_thing, recolour_thing, uncolour
from cvsi_db.models.rules.aspects import ASPECTS, weather_noun
from cvsi_db.models.rules.becoming import become
from cvsi_db.models.rules.clauses import strip_fillers
from cvsi_db.models.rules.described import named, read_all
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
from cvsi_db.models.rules.idioms import SEASONS
from cvsi_db.models.rules.phrases import Caption, Kind, NounPhrase, Phrase
from cvsi_db.models.rules.qualities import group_of, quality_of, set_quality, without


def swap(match: re.Match[str]) -> Edit | None:
    """ "a flag instead of the ball": one thing for another, or, where `old` names an aspect, another aspect."""
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
    if quality_of(new_text):
        return Edit(lambda caption: set_quality(caption, new_text))
    if new_text in {"another", "another one", "a different one", "something else"}:
        return adding((replace(old, det="a"),))
    if re.fullmatch(w.COLOUR_LIST, new_text):
        return Edit(lambda caption: recolour_thing(caption, old, new_text))
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
    if things[0].noun in w.PLACES - w.OBJECTS and not things[0].slot:
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
    colour = r"^the colou?rs? of (?:the |its )|colou?rs?$"
    if re.search(colour, match["what"]):
        return Edit(uncolour)
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
    """ "without the hat": the named things go; "no rain" takes the weather."""
    asked = re.sub(
        r"^(?:any|all|the|its|his|her|their|of|every|wearing|holding|a|an|more|other|single)\s+", "", match["what"]
    )
    asked = re.sub(
        r"\s+(?:from|off|out of|around) .*$|\s+(?:on|in|at|of) (?:the|it|its|his|her|them|him|this|hand).*$"
        r"|\s+(?:anymore|at all|any more|yet)$",
        "",
        asked,
    )
    if match[0].startswith(("not ", "less ")) and (words := adjective_words(asked)) and not group_of(asked):
        return Edit(lambda caption: describe(caption, ("less", *words)))
    asked = re.sub(r"^(?:in|on|at|near|next to|under)\s+(?:an? |the )?", "", asked)
    asked = "headwear" if asked == "head" and "nothing on" in match[0] else asked
    if asked in {"sleeve", "sleeves"}:
        return Edit(lambda caption: set_quality(caption, "sleeveless"))
    if group := group_of(asked) or group_of(f"with {asked}"):
        return Edit(lambda caption: without(caption, group))
    if asked in SEASONS:
        return Edit(lambda caption: located.drop_kind(caption, "season"))
    if asked in w.WEATHER_WORDS:
        return Edit(lambda caption: located.drop_kind(caption, "weather"))
    if re.fullmatch(r"\w{3,}ing", asked) and asked not in w.ING_NOUNS:
        return Edit(lambda caption: stop_action(caption, asked))
    if re.fullmatch(r"(?:one|anything|thing|nothing|objects?|items?)", asked):
        return Edit(lambda caption: located.drop_kind(caption, "held"))
    gone, _, brought = re.sub(r" n?or ", " and ", asked).partition(" and ")
    more = _brought(brought) if re.match(r"(?:with |has )?no |without ", match[0]) else None
    things = several_things(gone if more else re.sub(r" n?or ", " and ", asked))
    if not things:
        return None
    if more:
        first = Edit(lambda caption: do.remove(caption, things[0]))
        return replace(more, apply=lambda caption: more.apply(first.apply(caption)))

    def apply(caption: Caption) -> Caption:
        for thing in things:
            caption = do.remove(caption, thing)
        return caption

    return Edit(apply)


def _brought(text: str) -> Edit | None:
    """What "with no straps and red designs" brings after all: something described."""
    things = several_things(text) if text else ()
    described = bool(things) and (len(things[0].words) > 1 or things[0].det in {"a", "an", "some", "more"})
    return again(f"with {text}") if described else None


def alone(match: re.Match[str]) -> Edit | None:
    """ "alone", "empty-handed", "hatless": nothing beside, nothing held, or nothing on the head."""
    kind: Kind = "friend" if re.search(r"alone|own|itself|sel[fv]|company|one else", match[0]) else "held"
    if re.search(r"bare|hatless", match[0]):
        return Edit(lambda caption: do.remove(caption, NounPhrase("", ("headwear",))))
    return Edit(lambda caption: located.drop_kind(caption, kind))


def add_things(match: re.Match[str]) -> Edit | None:
    """ "put a hat on it": things that are new; companions and weather as such."""
    if re.search(r" (?:next to|beside|close to) ", match["what"]):
        return again(match["what"])
    what = re.sub(
        r"\s+(?:to|on|onto|over|around|for|in) (?:it|him|her|them|(?:its|his|her|their) \w+"
        r"|the (?:image|picture|photo|scene"
        r"|shot|frame|mix|animal|subject|top))$",
        "",
        match["what"],
    )
    if re.match(r"(?:a |an |some )?(?:" + w.either(w.WEATHER_WORDS) + r")$", what):
        return weather_noun(what)
    found = several_things(what)
    beside = found and found[0].slot in w.BEINGS
    return adding(found) if found and not (beside and len(found) > 1) else read_all(f"with {what}")


def beside(match: re.Match[str]) -> Edit | None:
    """ "a dog next to it": beings as companions; None for anything else."""
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
    with_it = match[0].startswith("with ") and thing.one in w.SMALL

    def apply(caption: Caption) -> Caption:
        accompanied = any(part.kind == "friend" for part in caption)
        if COMPANION & set(thing.words) or do.companion_of_size(caption, thing):
            return do.add(caption, beside)
        return do.add(caption, beside) if with_it and accompanied else become(caption, thing)

    return Edit(apply, (as_new(thing),))


def worn_instead(match: re.Match[str]) -> Edit | None:
    """ "wearing a scarf instead": whatever accessory it replaces, named or not."""
    things = several_things(match["what"])
    if len(things) != 1 or things[0].slot not in w.ACCESSORIES:
        return None
    new = as_new(things[0])
    brought = Phrase("worn", "wearing", (new,))
    return Edit(lambda caption: do.add(do.displace(caption, new), brought), (new,))


def said_of(match: re.Match[str]) -> Edit | None:
    """ "make the bowl more oval", "have the wolf walking left": describing words, or what is said of the head."""
    thing = one_thing(match["what"])
    if thing is None or thing.noun in ASPECTS:
        return None
    if thing.slot in w.BEINGS:
        return again(match["rest"])
    words = adjective_words(match["rest"])
    return Edit(lambda caption: describe_thing(caption, thing, words)) if words else None


def subject(match: re.Match[str]) -> Edit | None:
    """ "the shirt is black with stripes": what is said of the head."""
    thing = one_thing(match["what"])
    if (
        thing
        and thing.slot == "garment"
        and (rest := again(match["rest"]))
        and (words := adjective_words(" ".join(thing.words[:-1])))
    ):
        return replace(rest, apply=lambda caption: describe(rest.apply(caption), words))
    return again(match["rest"]) if thing and thing.slot in w.BEINGS | {"garment"} else None


def as_being(match: re.Match[str]) -> Edit | None:
    """ "as a dog": another head; None unless that is a being."""
    thing = one_thing(match["what"])
    return named(thing, False) if thing and thing.slot in w.BEINGS else None
