"""Readings of clauses about how the picture is: colour, number, place, weather, time, view, style, looks.

Each takes the match of its pattern in `edits.py` and returns an `Edit`, or None when the words make no sense to it.
"""

from __future__ import annotations

import re
from dataclasses import replace

from cvsi_db.models.rules import appearance, located
from cvsi_db.models.rules import operations as do
from cvsi_db.models.rules import words as w
from cvsi_db.models.rules.adjectives import DEGREES, adjective_words
from cvsi_db.models.rules.agreement import count as counted
from cvsi_db.models.rules.agreement import head_of
from cvsi_db.models.rules.becoming import become
from cvsi_db.models.rules.edit import Edit, as_new, bringing, moving, one_thing, preposition
from cvsi_db.models.rules.idioms import SEASONS
from cvsi_db.models.rules.inflect import PAIRED, singular
from cvsi_db.models.rules.phrases import Caption, NounPhrase, Phrase, is_colour
from cvsi_db.models.rules.qualities import quality_of, set_quality
from cvsi_db.models.rules.reader import read

ASPECTS = {
    "background", "backdrop", "place", "setting", "location", "scene", "scenery", "surroundings", "environment",
    "colour",
    "color", "weather", "time", "style", "view", "viewpoint", "season", "perspective", "medium", "time of day", "fur",
    "number", "count", "it", "this", "that", "sky", "him", "her", "them", "camera angle", "angle", "picture", "image",
}  # fmt: skip


def recolour(match: re.Match[str]) -> Edit | None:
    """ "make it blue": the head in that colour."""
    colour = re.sub(r"[ -]colou?r(?:ed)?$", "", match["colour"])
    return Edit(lambda caption: appearance.recolour(caption, colour))


def recolour_thing(match: re.Match[str]) -> Edit | None:
    """ "the scarf is yellow": one named thing in that colour; an aspect such as "the fur" means the head."""
    thing = one_thing(match["what"])
    colour = match["colour"]
    if match["what"].split()[-1] in ASPECTS:
        return Edit(lambda caption: appearance.recolour(caption, colour))
    return Edit(lambda caption: appearance.recolour_thing(caption, thing, colour)) if thing else None


def count(match: re.Match[str]) -> Edit | None:
    """ "three of them", "two more", "four owls": that many of the head, or that many of something else."""
    text = match["number"]
    number = _number(text)
    named = one_thing(f"{w.NUMBER_WORDS.get(number, number)} {match['noun']}") if match["noun"] else None
    if match["noun"] and (named is None or named.post or (text == "a pair" and named.noun in PAIRED)):
        return None
    more = number if match["more"] or text == "another" else 0
    adds = re.match(r"(?:add|plus|put)\b", match[0]) is not None

    def apply(caption: Caption) -> Caption:
        head = head_of(caption)
        if named and head and head.named(named) and len(named.words) > 1 and not more and not adds:
            return become(caption, named)
        if named is None or head is None or head.named(named) or named.one in {"animal", "subject", "figure"}:
            return counted(caption, lambda now: now + more if more else number)
        if not more and (named.slot in w.BEINGS or not named.slot) and not adds:
            return become(caption, named)
        return do.add(caption, bringing((named,)))

    return Edit(apply, (named,) if named and named.slot not in w.BEINGS | {""} else ())


def fewer(match: re.Match[str]) -> Edit:
    """ "one less", "remove two of them"."""
    number = _number(match["number"] or match["fewer"])
    return Edit(lambda caption: counted(caption, lambda now: now - number))


def _number(text: str) -> int:
    return w.NUMBERS.get(text) or (int(text) if text.isdecimal() else {"a pair": 2, "a couple": 2}.get(text, 1))


def move(match: re.Match[str]) -> Edit | None:
    """ "move it to the beach": another place, with the preposition that fits where the clause has none."""
    place = re.sub(r"^(?:back |over |out |down |up )*(?:to|into|onto|toward)\s+", "", match["place"])
    phrases = read(place)
    if len(phrases) == 1 and phrases[0].kind in {"place", "where", "weather", "time"}:
        return moving(phrases[0])
    thing = one_thing(place)
    return moving(Phrase("place", preposition(thing), (thing,))) if thing else None


def background(match: re.Match[str]) -> Edit | None:
    """ "a beach background": another place; None for backgrounds that are no place."""
    thing = one_thing(match["what"])
    if thing and thing.noun in w.OBJECTS and thing.det in {"a", "an", "some"}:
        new = Phrase("thing", "with", (thing,), "in the background")
        return Edit(lambda caption: located.add_scenery(caption, new), (thing,))
    if thing and match[0].endswith(("in the background", "in the back")) and not _is_place(thing):
        new = Phrase("thing", "with", (as_new(thing),), "in the background")
        return Edit(lambda caption: located.add_scenery(caption, new), (as_new(thing),))
    if thing is None or not (thing.noun in w.PLACES or singular(thing.noun) in w.PLACES):
        return None
    fitting = (
        replace(thing, det="the") if thing.words == ("mountains",) else thing if thing.det == "the" else as_new(thing)
    )
    return moving(Phrase("place", preposition(thing), (fitting,)))


def _is_place(thing: NounPhrase) -> bool:
    return bool(w.PLACES & {thing.noun, thing.one})


def backdrop(match: re.Match[str]) -> Edit | None:
    """ "add a blue background": a background that is no place."""
    thing = one_thing(match["what"])
    if thing is None or thing.noun not in {"background", "backdrop"} or thing.det == "the":
        return None
    new = Phrase("thing", "with", (as_new(thing),), "")
    return Edit(lambda caption: located.add_scenery(caption, new))


def weather(match: re.Match[str]) -> Edit | None:
    """ "now it is raining": that weather instead of any other."""
    return moving(Phrase("weather", w.WEATHER_WORDS.get(match["what"], "in fine weather")))


def season(match: re.Match[str]) -> Edit | None:
    """ "in autumn", "make it summer": that season instead of any other."""
    return moving(Phrase("season", f"in {SEASONS[match['what']]}"))


def time_of_day(match: re.Match[str]) -> Edit | None:
    """ "make it night": that time instead of any other."""
    word = match["what"].removesuffix(" time").replace("nighttime", "night").replace("night-time", "night")
    lead = "in the" if word in {"evening", "morning", "afternoon", "daytime", "dark", "darkness"} else "at"
    return moving(Phrase("time", "during the day" if word in {"day", "daylight"} else f"{lead} {word}"))


_VIEW_WORDS = (
    (
        r"bigger|larger|much (?:bigger|larger)|(?:seen )?from (?:nearby|close by)|come (?:closer|nearer)|nearer"
        r"|step closer|move in",
        "seen up close",
    ),
    (
        r"smaller|much smaller|step back|move (?:back|away)|back up|go (?:back|further)|more zoomed out",
        "seen from far away",
    ),
    (r"from head to toe|all of (?:it|them|him|her)", "seen in full"),
    (
        r"zoom(?:ed)? (?:out|back)|.*\b(?:far|further|farther|afar|distan\w+|wider|small(?:er)? in)\b.*",
        "seen from far away",
    ),
    (
        r"zoom(?:ed)? in.*|(?:much |a )?clos(?:er|e)(?:[ -]?(?:up|shot|view|look|in|by))*|.*\bclose[ -]?up\b.*"
        r"|(?:up|more|very|get) close(?:r)?",
        "seen up close",
    ),
    (r".*\b(?:full|whole) (?:body|view|figure)\b.*|in full|full[ -]length|the (?:whole|entire) \w+", "seen in full"),
)  # fmt: skip


def view(match: re.Match[str]) -> Edit | None:
    """ "zoom out", "seen up close": how near the head is seen; None for clauses that only mention such a word."""
    if re.search(r",| and |\b(?:left|right|facing|apart)\b", match[0]):
        return None
    for pattern, words in _VIEW_WORDS:
        if re.fullmatch(pattern, match[0]):
            return moving(Phrase("view", words))
    return None


def style(match: re.Match[str]) -> Edit | None:
    """ "as a watercolour", "in pixel art style": the medium; None unless the words name one."""
    what = re.sub(r"^(?:a|an|the) ", "", match["what"])
    words = re.sub(r" (?:style|drawing|painting|picture|art|version|image|illustration|look)$", "", what).split()
    if not words or what in w.NEUTRAL_MEDIA or (w.VERBS | w.PREPOSITIONS | w.LINKS) & set(words):
        return None
    if not ({" ".join(words), words[-1], what, what.split()[-1]} & (w.STYLES | w.MEDIA)):
        return None
    if what.endswith((" style", " look", " art")) or match["how"] in {"in", "in the"}:
        return moving(Phrase("style", f"in {what}"))
    article = "" if " ".join(words) in {"pixel art", "clip art", "line art", "paper"} else "a "
    return moving(Phrase("style", f"as {article}{what}"))


def weather_noun(what: str) -> Edit | None:
    """ "some fog" where a thing was expected: weather."""
    return moving(Phrase("weather", w.WEATHER_WORDS[what.split()[-1]]))


def adjectives(match: re.Match[str]) -> Edit | None:
    """ "darker and more elegant": describing words for the head; None when any word may be a noun."""
    if quality_of(match[0]):
        return Edit(lambda caption: set_quality(caption, match[0]))
    words = adjective_words(match[0])
    colours = [word for word in words if is_colour(word) or word in w.SHADES]
    if not words or not any(map(is_colour, colours)):
        return Edit(lambda caption: appearance.describe(caption, words)) if words else None
    rest = [word for word in words if word not in {*colours, "and", "with", "all", "only", "mostly"}]
    colour = " ".join(colours)
    if not re.fullmatch(w.COLOUR_LIST, colour):
        colour = " and ".join(filter(is_colour, colours))

    def apply(caption: Caption) -> Caption:
        return appearance.describe(appearance.recolour(caption, colour), rest)

    return None if not [word for word in rest if word not in DEGREES] else Edit(apply)


def looks(thing: NounPhrase) -> Edit | None:
    """The edit of a "noun phrase" that is in truth a colour or an adjective: "black" in "is black with stripes"."""
    plain = thing.det in {"", "more", "all"} or (thing.det == "a" and is_colour(thing.noun))
    if not plain or thing.post:
        return None
    words = " ".join((thing.det.removeprefix("a "), *thing.words)).removeprefix("a ").strip()
    degrees = "(?:(?:solid|plain|matte?|all|much|more|mostly|entirely|completely|only) )*"
    colour = re.fullmatch(rf"{degrees}({w.COLOUR_LIST})(?: in)?(?: colou?r(?:ed)?)?", words)
    if colour:
        return Edit(lambda caption: appearance.recolour(caption, colour[1]))
    match = re.fullmatch(r".+", words)
    return adjectives(match) if match and len(thing.words) <= 2 else None


def uncolour(match: re.Match[str]) -> Edit:
    """Another colour, whichever: the old one goes."""
    return Edit(appearance.uncolour)


def sunset(match: re.Match[str]) -> Edit:
    """ "the sun is going down"."""
    return moving(Phrase("time", "at sunset"))
