"""Readings of clauses that state how something is or shall be: "open the lid", "facing left", "the beak is shorter".

Each takes the match of its pattern in `edits.py` and returns an `Edit`, or None when the words make no sense to it.
"""

from __future__ import annotations

import re
from dataclasses import replace

from cvsi_db.models.rules import located
from cvsi_db.models.rules import operations as do
from cvsi_db.models.rules import words as w
from cvsi_db.models.rules.actions import set_action, set_gaze
from cvsi_db.models.rules.adjectives import adjective_words
from cvsi_db.models.rules.agreement import head_index, head_of, with_head
from cvsi_db.models.rules.appearance import describe_thing
from cvsi_db.models.rules.aspects import ASPECTS
from cvsi_db.models.rules.described import read_all
from cvsi_db.models.rules.edit import Edit, again, as_new, moving, one_thing, several_things
from cvsi_db.models.rules.inflect import singular
from cvsi_db.models.rules.phrases import Caption, NounPhrase, Phrase
from cvsi_db.models.rules.tables import RESULTS


def same(match: re.Match[str]) -> Edit:
    """ "exactly the same": nothing changes."""
    return Edit(lambda caption: caption)


def facing(match: re.Match[str]) -> Edit:
    """ "look left", "faces the camera": where the head looks."""
    verb = {
        "look": "looking",
        "fac": "facing",
        "turn": "turned",
        "star": "staring",
        "gaz": "gazing",
        "poin": "pointing",
    }
    stem = next(stem for stem in verb if match["verb"].startswith(stem))
    phrase = Phrase("doing", f"{verb[stem]} {match['rest']}")
    return Edit(lambda caption: set_gaze(caption, phrase))


_OBJECT = re.compile(
    r"""((?:up\ |out\ |on\ |off\ |down\ )?)((?:the|an?|its|his|her|their|some|two|three)?\ ?.+?)
    (?:(?=\ (?:with|in|on|above|over|into|to|by|next\ to|behind|at|from|near|around|so|up|down|out|of
    |under|between|while)\b)
    |$)(.*)""",
    re.VERBOSE,
)


def resulting(match: re.Match[str]) -> Edit | None:
    """ "fill the glass with beer": the glass as it is then, "with the glass filled with beer"."""
    result = RESULTS.get(match["verb"])
    found = _OBJECT.match(match["rest"])
    pronoun = found and found[2] in {"it", "them", "this", "him", "her"}
    thing = NounPhrase("", ("it",)) if pronoun else one_thing(found[2]) if found else None
    if match["verb"] == "close" and re.match(r"(?:focus|shot|up|coverage|view|look|image|picture|to)\b", match["rest"]):
        return None
    if result is None or found is None or thing is None:
        return None
    state = f"{result} {found[1].strip()}".strip() + found[3]
    return Edit(lambda caption: _in_state(caption, thing, state), (as_new(thing),) if thing.det in {"a", "an"} else ())


def _in_state(caption: Caption, thing: NounPhrase, state: str) -> Caption:
    """What `thing` names in that state: the head, or else something with it."""
    head, index = head_of(caption), head_index(caption)
    if head is not None and index is not None and (head.named(thing) or thing.noun in {"it", "them"}):
        return (*caption[: index + 1], Phrase("words", state), *caption[index + 1 :])
    known = do.find(caption, thing)
    if known is not None and caption[known[0]].kind in {"where", "place"}:
        part = caption[known[0]]
        return (*caption[: known[0]], replace(part, tail=f"{part.tail} {state}".strip()), *caption[known[0] + 1 :])
    return located.close_with(do.remove(caption, thing), Phrase("with", "with", (thing,), state))


def partial(match: re.Match[str]) -> Edit | None:
    """ "the beak is shorter", "the door should be open": something of the picture, as it shall be."""
    thing = one_thing(match["what"])
    if thing is None or thing.noun in ASPECTS or thing.noun in w.MEDIA or thing.slot in w.BEINGS:
        return None
    rest = match["rest"].removeprefix("now ")
    words = adjective_words(rest)
    if words:
        return Edit(lambda caption: describe_thing(caption, thing, words))
    if thing.slot == "garment" or again(rest) is None:
        return None
    return Edit(lambda caption: _in_state(caption, thing, rest))


def changed(match: re.Match[str]) -> Edit | None:
    """ "from two cages to one dog", "has changed from brown to grey": the one for the other."""
    what = re.sub(r"^the (?:colou?r|shade) of ", "", match["what"] or "")
    old, new = match["old"], match["new"]
    if re.fullmatch(w.COLOUR_LIST, new) and what:
        return again(f"{what} is {new}")
    if not old:
        return again(f"change {what} to {new}")
    if one_thing(new) is None:
        return again(f"show {new}")
    return again(f"{new} instead of {old}") or again(new)


def put(match: re.Match[str]) -> Edit | None:
    """ "put a lamp above the bed": things, and where they are."""
    things = several_things(match["what"])
    if not things or (
        {thing.slot for thing in things} <= w.WORN_SLOTS | {""}
        and re.search(r"\bits?\b|\bh(?:im|er|is)\b", match["where"])
    ):
        return None
    new = tuple(map(as_new, things))
    if things[0].det == "the" and things[0].slot in w.BEINGS:
        return None
    if things[0].slot in w.BEINGS:
        return Edit(lambda caption: do.add(caption, Phrase("friend", "with", new, match["where"])), new)
    return Edit(lambda caption: located.close_with(caption, Phrase("with", "with", new, match["where"])), new)


def says(match: re.Match[str]) -> Edit:
    """ "says super dad": the words on it."""
    thing = NounPhrase("the", ("words", *match["text"].strip("'\" ").split()))
    shown = replace(thing, words=("words",), post=" ".join(thing.words[1:]))
    return Edit(lambda caption: do.add(caption, Phrase("with", "with", (shown,))))


def breed(match: re.Match[str]) -> Edit:
    """ "of a different breed"."""
    post = f"of a different {match['what']}" if "same" not in match[0] else ""

    def apply(caption: Caption) -> Caption:
        head = head_of(caption)
        return caption if head is None or not post else with_head(caption, replace(head, post=post))

    return Edit(apply)


def angle(match: re.Match[str]) -> Edit:
    """ "shot from another angle"."""
    return moving(Phrase("view", "seen from a different angle"))


def cut_short(match: re.Match[str]) -> Edit | None:
    """ "a dog in a tub instead sitting on the floor": what comes before "instead" is wanted."""
    return again(match["what"].strip(" ,"))


def elsewhere(match: re.Match[str]) -> Edit:
    """ "change the background": another place, whichever."""
    thing = NounPhrase("a", ("different", "background" if "back" in match[0] else "place"))
    return moving(Phrase("place", "with" if "back" in match[0] else "in", (thing,)))


def looking_with(match: re.Match[str]) -> Edit | None:
    """ "more fitted with a belt", "white with a red logo": describing words, then something more."""
    how, rest = match["how"], again(match["rest"])
    first = (
        again(how) if adjective_words(how) or re.fullmatch(rf"(?:solid |all |mostly )*{w.COLOUR_LIST}", how) else None
    )
    if first is None or rest is None:
        return None
    return Edit(lambda caption: rest.apply(first.apply(caption)), (*first.objects, *rest.objects))


def acts(match: re.Match[str]) -> Edit | None:
    """ "the dog sticks its tongue out": what the head does, in the words of the edit."""
    thing = one_thing(match["what"])
    rest = match["rest"]
    first = rest.split()[0]
    if thing is None or thing.slot not in w.BEINGS:
        return None
    if edit := read_all(rest):
        return edit
    if not (first in w.VERBS or first.endswith(("s", "ed"))) or singular(first) in w.SLOT_OF:
        return None
    return Edit(lambda caption: set_action(caption, Phrase("words", f"that {rest}")))
