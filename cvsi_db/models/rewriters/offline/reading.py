"""Reads an edit text: does it describe another image, or which changes does it ask for?

`rewrite` applies an edit text to captions; `read_edit` returns changes of a caption's phrases, in order, of which what
is not understood is one that appends it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from cvsi_db.models.rewriters.offline import captions as do
from cvsi_db.models.rewriters.offline import words as w
from cvsi_db.models.rewriters.offline.captions import (
    Noun,
    Phrase,
    Phrases,
    Seen,
    as_new,
    main_thing,
    parse,
    render,
    see,
)

LONGEST = 600
"""Characters of an edit text up to which it is read; a longer one is appended."""

Change = Callable[[Phrases], Phrases | None]


@dataclass(frozen=True)
class Step:
    """A change of a caption, the objects it adds, and what to append to a caption that it does not fit."""

    change: Change
    added: str = ""
    said: str = ""


def rewrite(captions: Sequence[str], text: str) -> tuple[tuple[str, ...], str, bool]:
    """The captions after an edit, without doubles, the objects it adds, and whether some of it was only appended."""
    steps = read_edit(text, see(captions))
    edited, fallback = [], False
    for caption in captions:
        phrases = parse(caption)
        for step in steps:
            changed = step.change(phrases)
            fallback = fallback or changed is None
            phrases = [*phrases, *parse(f", {step.said}")] if changed is None else changed
        edited.append(render(phrases) or caption)
    added = " and ".join(dict.fromkeys(step.added for step in steps if step.added))
    return tuple(dict.fromkeys(edited)), added, fallback


def read_edit(text: str, seen: Seen) -> list[Step]:
    """What an edit text asks for, in order."""
    text = text.strip(" .,;!?")
    if len(text) > LONGEST:
        return [Step(lambda _: None, said=text)]
    text = _OPENING.sub("", text if text[1:2].isupper() else text[:1].lower() + text[1:])
    whole = _described(text, seen)
    if whole:
        return [Step(lambda _: parse(whole), " ".join(as_new(parse(whole)[main_thing(parse(whole)) or 0].noun)), whole)]
    found: list[Step] = []
    for part in filter(None, _JOINT.split(text)):
        step = _read(part, seen)
        made = [step] if step else [_read(clause, seen) for clause in _WEAK_JOINT.split(part)]
        made = made if all(made) else [_hinted(seen, part.lower().replace(",", " ").split())]
        said = _EMPTY.sub("", part)
        unread = Step(lambda _: None, said=said)
        found += [step for step in made if step] if all(made) else [unread]
    return found


def _described(text: str, seen: Seen) -> str | None:
    """The text without its framing, where it describes an image by itself; else None."""
    frame = _FRAME.match(text)
    if frame is None or re.search(rf"(?:[,.;]| and| but) (?:{_ORDERS})\b", text):
        return None
    front = _RATHER.sub("", text[frame.end() :])
    first, *rest = parse(front) or [Phrase()]
    if first.lead or not first.head:
        return None
    word = first.noun[0].lower()
    main = any(do.singular(noun) in seen.mains for noun in first.noun)
    shown = frame["show"] and (rest or first.head not in seen.named)
    if frame["target"] or shown or frame["there"]:
        return front if frame["target"] or shown or (rest and main) else None
    verbs = {word for phrase in rest for word in phrase.words if phrase.is_verb()}
    if word in w.DEFINITE or first.head in w.ADJECTIVES | w.MOMENT_OF.keys() or not word[:1].isalpha():
        return front if word == "this" and verbs else None
    if not rest or re.fullmatch(f"{_ORDERS}|more|less|no|not|different|same|another|every", word):
        return None
    nouns = {noun.lower() for phrase in rest for noun in phrase.noun}
    points = nouns & ({"background", "left", "right", "it", "them", "him", "her"} | w.POSSESSIVE)
    if verbs:
        listed = rest[0].words[:1] == ("and",) and len(rest[0].words) > 1  # "short sleeves and is white"
        return front if main or not (listed or (points and not (verbs & w.VERBS and first.head in w.BEINGS))) else None
    known = any(phrase.noun[:1] == ("the",) and phrase.head in seen.named for phrase in rest)
    merges = all(phrase.head in w.PLACES | w.WORN | w.MOMENT_OF.keys() for phrase in rest)
    return None if points or known or merges or rest[0].words in {(), ("and",)} else front


# --- clauses ------------------------------------------------------------------------------------------------------


def _read(clause: str, seen: Seen) -> Step | None:
    """The step that a clause asks for; None when that is not certain."""
    clause = _OPENING.sub("", clause.strip(" ,"))
    instead, clause = clause.endswith(" instead"), _CLOSING.sub("", clause)
    for pattern, reader in _READERS:
        match = pattern.fullmatch(clause)
        step = reader(seen, **match.groupdict(default="")) if match else None
        if step:
            return Step(step.change, step.added, _EMPTY.sub("", clause))
    step = _said(seen, "it", clause, instead=instead)
    return step and Step(step.change, step.added, _EMPTY.sub("", clause))


def _do(change: Callable[..., Phrases | None], who: str = "it", added: Noun = (), /, **what: object) -> Step:
    """The step that changes a thing so."""

    def on_thing(phrases: Phrases) -> Phrases | None:
        at = do.place_of(phrases, who)
        return None if at is None else change(phrases, at, **what)

    return Step(on_thing, " ".join(added))


def _all(made: Sequence[Step | None]) -> Step | None:
    """Several steps as one; None when one of them is missing."""
    known = [step for step in made if step]

    def change(phrases: Phrases) -> Phrases | None:
        changed: Phrases | None = phrases
        for step in known:
            changed = None if changed is None else step.change(changed)
        return changed

    added = " and ".join(step.added for step in known if step.added)
    return Step(change, added) if len(known) == len(made) else None


def _said(seen: Seen, who: str, said: str, *, becomes: bool = False, instead: bool = False) -> Step | None:
    """What is said of a thing: a moment, a quality, a number, a pose, a place, or something that it has."""
    words = said.lower().replace(",", " ").split()
    first, rest = words[0] if words else "", " ".join(said.split()[1:])
    about = who in w.PRONOUNS or do.singular(who.split()[-1]) in seen.mains | {"scene", "image", "picture"}
    step = (_moment(seen, said, words) if about else None) or _quality(seen, who, words) or _number(seen, who, words)
    if step or not words:
        return step
    if first in {"indoors", "outdoors", "inside", "outside"} and not rest:
        return _do(do.place_at, said=said)
    if gone := re.match(r"(?:without(?: any)?|no longer(?: \w+s|\w+ing)?|loses?|(?:with|has|have) no) (?=\w)", said):
        return _without(seen, said[gone.end() :], who=who)
    if first in {"is", "are", "be", "being", "should", "become", "as", "up", "out", "down", "back", "over", "also"}:
        return _said(seen, who, rest, becomes=first not in {"up", "out", "down", "back", "over", "also"})
    if first in {"has", "have", "gets", "with"} | w.WEARING | w.HOLDING and rest:
        return _has(seen, who, "wearing" if first in w.WEARING else "with" if first not in w.HOLDING else first, rest)
    if first in {"in", "into", "on", "at", "by", "to", "among", "inside"} and rest:
        return _at(seen, who, first, rest)
    quality, found, thing = said.partition(" with ")
    if found and {*quality.lower().split()} <= w.ADJECTIVES | _ABOUT_QUALITY:
        return _all([_said(seen, who, quality), _has(seen, who, "with", thing)])
    if "," not in said and ((first.endswith("ing") and first not in w.ING_NOUNS) or first in w.POSES):
        return _do(do.act, who, doing=" ".join([do.participle(first), *rest.split()]))
    return _named(seen, who, said, becomes=becomes, instead=instead, about=about)


def _named(seen: Seen, who: str, said: str, *, becomes: bool, instead: bool, about: bool) -> Step | None:
    """A thing that another becomes, or that it has."""
    words = said.lower().replace(",", " ").split()
    phrase, *more = parse(said)
    if phrase.lead or not phrase.head or len(phrase.noun) > 6 or re.fullmatch(_ORDERS, words[0]):
        return None
    kind = (phrase.head in w.BEINGS and (instead or becomes)) or (becomes and words[0] in {"a", "an"})
    if about and (kind or phrase.head in seen.mains):
        step = _do(do.become, "it", as_new(phrase.noun), new=as_new(phrase.noun))
        return _all([step, *(_said(seen, who, render([each])) for each in more)])
    if (
        becomes
        or (who != "it" and len(words) == 1)
        or any({*each.words} & w.VERBS for each in more)
        or (not about and words[0] in {"different", "more"})
    ):
        return None
    return _has(seen, who, "with", said)


def _moment(seen: Seen, said: str, words: Sequence[str]) -> Step | None:
    """A time, weather, season, view or style and nothing else."""
    found = [w.MOMENT_OF[word] for word in words if word in w.MOMENT_OF] or [("time", "by day")] * ("day" in words)
    mains = {word for word in words if do.singular(word) in seen.mains}
    if not found or not {*words} <= w.MOMENT_OF.keys() | w.ABOUT_MOMENTS | mains:
        return None
    aspect, phrase = found[-1]
    if aspect == "style":
        bare = [word for word in said.split() if word.lower() not in mains | w.ABOUT_MOMENTS - {"art", "cut", "style"}]
        phrase = " ".join(["in", *bare] if bare[-1] == "style" else ["as", *as_new(["the", *bare])])
    return _do(do.moment, aspect=aspect, said=phrase)


_ABOUT_QUALITY = w.words_of("""
    in the a an colour color colours colors coloured colored is it and one version of more very much bit clothes fur
""")


def _quality(seen: Seen, who: str, words: Sequence[str]) -> Step | None:
    """A colour, a pattern, a size or a comparative, and nothing else."""
    if {*words} <= _ABOUT_QUALITY | {"another", "different"} and {*words} & {"color", "colour", "colors", "colours"}:
        return _do(do.other_colour) if {"another", "different"} & {*words} else None
    shown = [word for word in words if word in w.ADJECTIVES]
    left = [word for word in words if word not in w.ADJECTIVES | _ABOUT_QUALITY]
    if len(words) == 2 and words[0] in {"more", "less"} and not shown and not do.is_plural(words[1]):
        return _do(do.describe, who, said=" ".join(words)) if words[1] not in w.MASS else None
    if (
        not shown
        or left not in ([], [words[-1]])
        or (left and do.singular(left[0]) not in seen.mains)
        or words == ["same"]
    ):
        return None
    joined = [word for word in words if word in w.ADJECTIVES | {"more", "less"} or (word == "and" and len(shown) > 1)]
    return _do(do.describe, who, said=re.sub(r"^and | and$", "", " ".join(joined)))


_ABOUT_NUMBER = w.words_of("""
    of them these those it just only a exactly single pair couple duo trio lone sole group in total there with make let
    be that are now bring set number amount down up to reduce increase
""")


def _hinted(seen: Seen, words: Sequence[str]) -> Step | None:
    """An exchange in whatever words, or a moment or a colour among a few words that say nothing else known."""
    if exchange := _EXCHANGE.fullmatch(" ".join(words)):
        old, between, new = exchange.groups()  # "the cap gives way to a crown"
        clear = {*between.split()}.isdisjoint(
            w.PREPOSITIONS - {"for", "to", "into"} | w.HOLDING | w.WEARING | {"has", "and"}
        )
        kinds = [do.singular(thing.split()[-1]) for thing in (old, new)]
        if clear and kinds[0] in seen.named - seen.mains and len(w.BEINGS & {*kinds}) != 1:
            return _swap(seen, old, new)
    content = (
        w.BEINGS | w.WORN | w.PLACES | w.NUMBERS.keys() | seen.named | {"no", "not", "without", "never", "less", "stop"}
    )
    told = [word for word in words if word in w.MOMENT_OF.keys() | w.COLOURS | w.SHADES]
    unknown = [word for word in words if word not in told and word not in w.ABOUT_MOMENTS | w.PRONOUNS | seen.mains]
    after = {word for before, word in pairwise(words) if before in w.DETERMINERS or before in told}
    known = any({word, do.singular(word)} & content - seen.mains for word in unknown)
    if not told or len(unknown) > 2 or known or after & {*unknown}:
        return None
    return _moment(seen, " ".join(told), told) or _quality(seen, "it", told)


def _number(seen: Seen, who: str, words: Sequence[str]) -> Step | None:
    """How many there are, and nothing else."""
    numbers = [
        w.NUMBERS.get(word) or int(word) for word in words if word in w.NUMBERS or re.fullmatch(r"\d{1,2}", word)
    ]
    sizes = {"pair": 2, "couple": 2, "duo": 2, "trio": 3, "single": 1, "lone": 1, "sole": 1}
    numbers = numbers or [size for word, size in sizes.items() if word in words]
    rest = [word for word in words if word not in w.NUMBERS and word not in _ABOUT_NUMBER and not word.isdecimal()]
    if len(numbers) != 1 or len(rest) > 1 or words[0] in {"the", "in"} or words == ["a", "one"]:
        return None
    return None if rest and do.singular(rest[0]) not in seen.mains else _do(do.count, who, number=numbers[0])


def _has(seen: Seen, who: str, lead: str, said: str) -> Step | None:
    """Something that it wears, holds or has about it."""
    first, *rest = parse(said)
    words = said.lower().split()
    moment = _moment(seen, said, words) if lead == "with" else None
    odd = re.fullmatch(rf"{_ORDERS}|\w+ly", words[0]) or words[0] in w.ADVERBS or first.head in w.ADJECTIVES - w.COLOURS
    if moment or first.lead or not first.noun or odd:
        return moment
    lead = do.participle(lead) if lead in w.HOLDING else lead
    if words[-1] in w.COLOURS or first.head in {"colour", "color", "clothes"}:
        return _quality(seen, who, [word for word in words if word in w.COLOURS | w.SHADES] or ["?"])
    noun = as_new(first.noun)
    if not all({*phrase.lead} <= {"and", ","} and phrase.noun for phrase in rest):
        text = render([Phrase((lead,), noun), *rest])
        return _do(do.append, "it", noun, said=text if who in w.PRONOUNS else f"{who} {text}")
    if rest:
        items = [[word.lower() for word in phrase.noun] for phrase in [first, *rest]]
        return _all([_quality(seen, who, item) or _has(seen, who, lead, " ".join(item)) for item in items])
    if lead == "with" and first.head in w.BEINGS:
        return _do(do.append, "it", noun, said=f"with {' '.join(noun)}")
    lead = "wearing" if lead == "with" and first.head in w.WORN and seen.mains & w.BEINGS else lead
    return _do(do.have, who, noun, lead=lead, noun=noun)


def _at(seen: Seen, who: str, lead: str, said: str) -> Step | None:
    """In a place, on a side, or in clothes."""
    first, *rest = parse(said)
    if any(phrase.head in w.PLACES for phrase in [first, *rest]) and not first.lead and len(rest) < 2:
        return _do(do.place_at, said=f"{lead if lead not in {'to', 'into'} else _preposition(first.head)} {said}")
    if who not in w.PRONOUNS and re.search(r"\b(?:left|right|back)\b", said):
        return _do(do.move, who, where=f"{lead} {said}")
    return _has(seen, who, "wearing", said) if lead == "in" and first.head in w.WORN else None


# --- readers of whole clauses -------------------------------------------------------------------------------------


def _without(_seen: Seen, old: str, verb: str = "", who: str = "") -> Step | None:
    first, *rest = old.lower().split()
    if verb not in {"no", "without"} and first in w.NUMBERS and rest:
        nouns = [word for word in rest if word not in w.DETERMINERS | {"of", "them"}]
        what = f"the {nouns[-1]}" if nouns else "it"
        return _do(do.count, what, number=-w.NUMBERS[first], relative=True) if len(nouns) < 2 else None
    if owned := re.fullmatch(rf"(.+?) (?:away from|from|of|off|for) {_WHO}", old):
        old, who = owned[1], owned["who"]
    parts = re.split(r",? and (?:the |any )?|, ", re.sub(r"^(?:the|any|its|his|her|their|an?) ", "", old))
    return _all([_do(do.remove, who or "it", old=part) for part in parts if len(part.split()) < 6])


def _swap(seen: Seen, old: str, new: str) -> Step | None:
    if re.search(r"\b(?:so|that) ", old):
        return None
    if match := _OF.fullmatch(new):
        return _all(
            [_without(seen, old.removeprefix("on "), who=match["who"]), _of(seen, **match.groupdict(default=""))]
        )
    new = f"another {old.split()[-1]}" if new in {"another", "a different one", "another one"} else new
    last, (bare, *_), (first, *more) = old.lower().split()[-1], parse(old), parse(new)
    noun, about = (
        as_new(first.noun),
        {"colour", "color", "time", "season", "weather", "pattern", "style", "number", "day"},
    )
    if last in {"background", "setting", "place", "location"} or {bare.head, first.head} <= w.PLACES:
        return _ground(seen, new)
    if not bare.lead and bare.head in seen.mains and more:
        return _do(do.instead, "it", noun, said=new)
    if last in about | w.ADJECTIVES | w.MOMENT_OF.keys() | w.POSES | w.NUMBERS.keys() or bare.lead or first.lead:
        return _said(seen, "it", new)
    if {*new.lower().split()} <= w.ADJECTIVES | {"and"}:
        return _do(do.describe, old, said=new)
    thing = "it" if old.split()[0] in w.PRONOUNS or bare.head in seen.mains else " ".join(bare.noun)
    named = thing == "it" or bare.head in seen.named
    return (
        (_do(do.become, thing, noun, new=as_new(new.split())) if named else _has(seen, "it", "with", new))
        if noun
        else None
    )


def _preposition(place: str) -> str:
    return "on" if place in w.ON_PLACES else "in"


def _ground(_seen: Seen, new: str) -> Step | None:
    """Another place, or something else in the background."""
    first = parse(new)[0]
    noun = tuple(new.split()) if new.startswith("the ") else as_new(new.split())
    if first.lead or first.head in w.PLACES - {"house", "bridge", "barn"}:
        return _do(do.place_at, said=new if first.lead else " ".join([_preposition(first.head), *noun]))
    return _do(do.append, "it", noun, said=f"with {' '.join(noun)} in the background")


def _more(seen: Seen, verb: str, number: str, how: str, noun: str) -> Step | None:
    if (not how and number.lower() in w.NUMBERS) or (
        noun and {noun, do.singular(noun)}.isdisjoint(w.PRONOUNS | seen.mains)
    ):
        return None
    change = w.NUMBERS.get(number.lower(), 1) * (-1 if how in {"less", "fewer"} or verb == "remove" else 1)
    return _do(do.count, number=change, relative=True)


def _of(seen: Seen, verb: str, who: str, said: str) -> Step | None:
    """Something said of a thing that a caption names."""
    noun = do.singular(re.sub(r" (?:(?:on|to) the (?:left|right)|behind it)$", "", who).split()[-1].lower())
    known = who in w.PRONOUNS or " one" in who or noun in {"other", "scene", "image", "picture"}
    becomes = verb.lower() in {"make", "turn", "change", "transform"}
    if becomes and not known and noun not in seen.mains | w.MOMENT_OF.keys():
        first, *more = parse(said)
        if not more and not first.lead and first.head not in w.ADJECTIVES | w.POSES:
            return _quality(seen, who, said.split()) or _swap(seen, who, said)
    if not known and noun not in seen.named:
        return None
    if verb in {"give", "hand", "dress"}:
        lead = {"give": "with", "hand": "holding"}.get(verb, "wearing")
        return _has(seen, who, lead, said.removeprefix("in "))
    return _said(seen, who, re.sub(r"^(?:into|to) (?=an?\b)", "", said), becomes=becomes)


def _put(seen: Seen, what: str, where: str = "", who: str = "") -> Step | None:
    """A thing put on somebody, at a side of something, or anywhere."""
    first, *more = parse(what)
    noun = as_new(first.noun)
    if first.lead or not first.head or (where and more) or (who and first.head not in w.WORN):
        return None
    if who:
        return _do(do.have, who, noun, lead="wearing", noun=noun) if first.noun[0].lower() != "the" else None
    if not where:
        return _has(seen, "it", "with", what)
    if what.lower().startswith("the ") and first.head in seen.named - seen.mains:
        return _do(do.move, what, where=where)
    return _do(do.append, "it", noun, said=f"with {' '.join(noun)} {where}")


def _re(text: str) -> re.Pattern[str]:
    """A pattern in which names of others may stand; its lines are one."""
    text = re.sub(r"\n *", "", text)
    for name, named in _NAMES.items():
        text = text.replace(name, re.sub(r"\n *", "", named))
    return re.compile(text, re.IGNORECASE)


_ORDERS = (
    "add|remove|make|change|put|place|replace|swap|turn|give|take|move|paint|delete|have|let|zoom|include|drop|rotate|"
    "hang|increase|reduce|keep|get|lose|dress|hand|colou?r|exchange|trade|switch|convert|exclude|use|light|look|focus|"
    "be|goes|grow"
)
_NAMES = {
    "WHO": r"""(?P<who>it|them|they|him|her|he|she|both|the one (?:(?:on|to) the (?:left|right)|behind)|
        the (?:other|smaller|bigger)(?: one)?|the [\w'-]+(?: [\w'-]+)??
        (?: (?:on|to) the (?:left|right)| behind it)?)""",
    "SIDE": r"""(?P<where>(?:to|on|at) (?:the|its|his|her|their) (?:left|right|side|back)(?: side)?(?: of .+)?|
        (?:left|right) of .+|(?:behind|next to|beside|in front of|on top of) .+|
        (?:on|onto|over) (?:it|him|her|them|(?:its|his|her|their) \w+))""",
    "GONE": r"""(?P<verb>remove|delete|drop|lose|erase|exclude|omit|without(?: any)?|no|no more|minus|
        get rid of|ditch|no longer(?: wearing| holding| has| with)?|do away with|skip|scrap|forget(?: about)?|
        no need for|leave out|i (?:don't|do not) want|i'd rather not have|take (?:away|off|out)|put down|
        clear(?: away)?|stop|let go of|
        with no|(?:it )?(?:shouldn't|should not|doesn't|does not)(?: have| hold| wear| need)|not(?: wearing| holding)?|
        anything but|has no)""",
    "MORE": rf"(?P<number>another|an? (?:second|third|additional|extra|further)|{'|'.join(w.NUMBERS)})",
    "THING": r"[\w' -]+?",
    "RATHER": r"(?:(?:instead of|rather than)(?: having| wearing| holding| carrying)?|in (?:the )?place of|in lieu of)",
    "PUT": r"(?:(?:put|add|place|with|move|shift|bring|hang|give|set|include|THERE|have) )*",
    "THERE": r"there (?:is|are|should be)",
    "MAKE": r"""(?P<verb>make|let|have|turn|paint|colou?r|recolou?r|dye|get|keep|show|dress|give|hand|change|put|place|
        move|take|bring|send|redraw|transform|transport|relocate)""",
    "MODAL": r"(?:is|are|were|should|must|could|would|be|now|looks?|needs?|ought|supposed|turns?|to(?! the| an?\b))",
    "IMAGE": r"(?:image|photo|photograph|picture|shot|view)",
}
_WHO = re.sub(r"\n *", "", _NAMES["WHO"])
_FRAME = _re(r"""
    (?P<target>(?:unlike the \w+ IMAGE,? )?(?:i (?:want|need) )?(?:the )?(?:target|desired)(?: IMAGE)?
    (?: (?:to|should|must))?(?: (?:is|be|shows?|has|have|contains?|features?|depicts?|on|with))?(?: of)? |
    (?:shows|depicts|displays) )?(?P<show>(?:(?:show|display|focus(?: only)? on|(?:make|making)(?: out)? with|making|
    find|(?:take )?an? IMAGE of)(?: me)? )?)(?P<there>(?:has|have|THERE|i (?:want|need)) )?
""")
_RATHER = _re(r"""
    ,? (?:(?:rather|instead)(?: of| than)? (?:making|showing|having|using)|RATHER|
    (?:and |but )?not(?<! is not)(?<! are not)(?<!do not)(?<!does not)) .+
""")
_LATER = (
    rf"(?:{_ORDERS}|is|are|has|it|they|with|no|without|wearing|holding|looks?|more|less|in|at|on|by|during|seen|drawn|"
    r"as)\b"
)
_JOINT = _re(rf"\s*[.;]\s+|,?\s+(?:and|but)\s+(?:then\s+)?(?={_LATER})|,\s+(?:and\s+|but\s+)?(?={_LATER})")
_WEAK_JOINT = _re(r",\s+(?:and\s+|but\s+)?|\s+(?:and|but)\s+")
_EMPTY = _re(r"^(?:(?:and|but|it|they|is|are|make|let|have) )+")
_OPENING = _re(r"""
    ^(?:(?:please|kindly|ideally|if possible|maybe|now|but|and|also|then|just|simply|only|except(?: that)?|this time|
    this|plus|let's|make sure(?: that)?|see to it that|(?:could|can|may|would|might) (?:you|it|we|i)(?: be possible to)?
    (?: have(?= it))?|i(?:'d| would| was|'m| am)? (?:want|like|love|prefer|need|wish|hoping|looking)(?: for| to see)?|
    (?:what|how) about|is there|do you have|got|any chance of|would like|(?:the |an? )?(?:same )?
    (?:one|version|IMAGE|thing|scene)s? (?:that|which|where|in which|but|only|except(?: that)?|set(?= in))|
    (?:the )?same(?: IMAGE| thing| \w+(?= but| only| except))?|(?:find|search for|show me|give me) (?:the )?one
    (?: that| which)?),? )+
""")
_EXCHANGE = _re(r"(?:.* )?(the (?:[\w-]+ )??[\w-]+) ((?:[\w']+ ){1,4}?)(an? (?:[\w-]+ ){0,2}[\w-]+)")
_CLOSING = _re(r"""
    (?:,? (?:now|instead|please|too|as well|any ?more|if possible|would be nice|(?:should be )?added|this time|
    for company|to (?:it|the (?:scene|IMAGE)))|\?)+$
""")
_OF = _re(r"(?:for )?(?:(?P<verb>make|let|have|give|hand|dress|change) )?WHO,? (?:MODAL )*(?P<said>.+)")
_PATTERNS: tuple[tuple[Callable[..., Step | None], str], ...] = (
    (lambda _: Step(lambda phrases: phrases), r"(?:it |is |the |exactly |looks )*(?:same|identical|unchanged)"),
    (_more, r"""
        (?:(?P<verb>add|with|remove) )?MORE(?: (?P<how>more|less|fewer))?(?: of)?(?: (?P<noun>[\w-]+))?(?: joins?.*)?
        MORE(?: (?P<noun>[\w-]+)) (?P<how>more|less|fewer)(?P<verb>)
    """),
    (lambda seen, said: _read(said, seen), r"in the background,? (?P<said>.+)"),
    (lambda seen, what: _has(seen, "it", "wearing", what), r"put on (?P<what>.+)"),
    (_without, r"""
        GONE (?P<old>THING)(?: away| off)?
        (?:remove|take|put|send|clear|leave) (?P<old>the THING|them) (?:away|off|down|out)(?: from (?P<who>the .+))?
        (?P<old>THING) (?:(?:is|are|has|have) )?(?:been )?(?:gone|removed|missing|disappeared|not needed)
        (?P<old>THING) (?:has to|must|should|is) (?:go|disappear|be removed|not be there|no longer there)
    """),
    (_without, r"""
        (?:it )?(?:has |is )?(?:stops?|stopped|no longer) (?P<old>(?:rain|snow)ing)
        (?:the )?(?P<old>rain|snow|fog|mist|storm) (?:has |is )?(?:lift|stop|clear|end|pass|over)\w*(?: up)?
        (?:take |let |send )?(?P<old>(?:one|two) of (?:them|these)) (?:away|leaves?|goes?(?: away)?|ha(?:s|ve) left)
    """),
    (_swap, r"""
        (?:replace|swap|exchange|trade|switch|change|turn)(?: out| in)? (?P<old>.+?) (?:with|for|by|to|into) (?P<new>.+)
        (?:not|no longer) (?P<old>.+?),? but (?P<new>.+)
        (?:RATHER) (?P<old>THING),? (?:THERE |it |show )?(?P<new>(?:an? |the |wear|hold|in |with ).+)
        (?:with |has )?(?P<new>.+?),? (?:RATHER|and not|not) (?P<old>.+)
        (?:goes|changes?|changed) from (?P<old>.+?) to (?P<new>.+)
        substitute (?P<new>.+) for (?P<old>.+)
        (?P<new>.+) (?:replaces|replacing|takes the place of|taking the place of) (?P<old>.+)
        (?P<old>.+?) (?:is |has been )?(?:swapped|exchanged|replaced|changed|switched) (?:for|with|by|to) (?P<new>.+)
        (?P<old>the THING) (?:becomes?|turns? into|should be|is now|is replaced (?:by|with)) (?P<new>(?:an?|the) .+)
    """),
    (_ground, r"""
        (?:the )?(?:place|setting|location|background) (?:should be|is|becomes?) (?P<new>.+)
        PUT(?P<new>THING) (?:in|as) (?:the )?background
    """),
    (_put, r"""
        PUT(?P<what>THING) (?:on|onto|to|for|over) WHO
        PUT(?P<what>(?!it |them )THING) (?:(?:is|are|should be|sitting|standing) )?SIDE
        SIDE (?:is|are|THERE) (?P<what>.+)
        (?:let |have )?(?P<what>an? THING) (?:joins?|comes? along|appears?|arrives?)(?: .+)?
    """),
    (_of, r"""
        MAKE WHO (?:(?:look|so|that|it|they|MODAL) )*(?P<said>.+)
        (?P<verb>)(?:for )?WHO,? (?:MODAL )*(?P<said>.+)
    """),
    (_put, r"(?:add|include|insert|bring in|put|place|hang|THERE(?: also)?|give \w+|accompanied by) (?P<what>.+)"),
)  # fmt: skip
_READERS = [(_re(line.strip()), reader) for reader, lines in _PATTERNS for line in lines.splitlines() if line.strip()]
"""What a clause may look like, and who reads it; the first that makes sense of it wins."""
