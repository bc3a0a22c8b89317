"""Reads an edit text and applies it: it describes another image, or asks for changes; the rest is appended."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from cvsi_db.models.rewriters.offline import captions as do
from cvsi_db.models.rewriters.offline import words as w
from cvsi_db.models.rewriters.offline.captions import ENGLISH, Noun, Phrase, Phrases, as_new, parse, render, singular

LONGEST = 600  # characters of an edit text up to which it is read; a longer one is appended

Step: TypeAlias = tuple[Callable[[Phrases], Phrases | None], str]
"""A change of a caption (None says that it cannot be done to this one), and the objects that it adds."""


class Seen(NamedTuple):
    """What captions name, and what they are about, each under all its names."""

    named: set[str]
    mains: set[str]


def edit(captions: Sequence[str], text: str) -> tuple[list[str], str, bool]:
    """The captions after the edit, the objects it adds, and whether some of it is only appended."""
    parsed = [parse(caption) for caption in captions]
    heads = {phrase.head for phrases in parsed for phrase in phrases if phrase.head}
    mains = {phrases[at].head for phrases in parsed if (at := do.main_thing(phrases)) is not None}
    seen = Seen(*({name for name, kinds in w.KINDS.items() if kinds & found} | found for found in (heads, mains)))
    steps, edited, fallback = _steps(text.strip(" .,;!?"), seen), list[str](), False
    for caption, phrases in zip(captions, parsed, strict=True):
        unsaid = dict[str, None]()
        for (change, _), said in steps:
            changed = change(phrases)
            unsaid |= {said: None} if changed is None else {}
            phrases = phrases if changed is None else changed
        edited.append(", ".join([render(phrases) or caption, *unsaid]))
        fallback = fallback or bool(unsaid)
    return edited, " and ".join(dict.fromkeys(added for (_, added), _ in steps if added)), fallback


def _steps(text: str, seen: Seen) -> list[tuple[Step, str]]:
    """What an edit text asks for, in order, and for each what to append to a caption that it does not fit."""
    unread: Step = (lambda _: None, "")
    if len(text) > LONGEST:
        return [(unread, text)]
    text = text if text[1:2].isupper() else text[:1].lower() + text[1:]
    text, more = _OPENING.sub("", text), bool(_MORE.search(text))
    if whole := _described(text, more, seen):
        return [(_instead(whole), whole)]
    text = _TWO_SWAPS.sub(r"\g<1>\2\3\4 and \g<1>\5\3\6", text)
    found: list[tuple[Step, str]] = []
    for part in filter(None, _JOINT.split(text)):
        made = _read(part, seen) or _all([_read(clause, seen) for clause in _WEAK_JOINT.split(part)])
        found += [(step, _EMPTY.sub("", part)) for step in made or _hinted(part, seen) or [unread]]
    return found


def _described(text: str, more: bool, seen: Seen) -> str | None:
    """The text without its framing, where it describes an image by itself and nothing `more`; else None."""
    frame = _FRAME.match(text)
    front = _RATHER.sub("", text[frame.end() :] if frame else text)
    first, *rest = parse(front) or [Phrase()]
    if not frame or first.lead or not first.head or re.search(rf"(?:[,.;]| and| but) (?:{_ORDERS})\b", text):
        return None
    if _number(seen, "it", _words(front)) or _moment(seen, front) or _quality(seen, "it", front):
        return None
    main = any(singular(noun) in seen.mains for noun in first.noun)
    shown = frame["show"] and (rest or first.head not in seen.named)
    if frame["target"] or shown or frame["has"]:
        return front if not frame["has"] or frame["target"] or (rest and main) else None
    word, nouns = first.noun[0].lower(), {noun.lower() for phrase in rest for noun in phrase.noun}
    unsure = word in w.DEFINITE or re.fullmatch(rf"{_ORDERS}|more|less|no|not|another|everything|rather|instead", word)
    if more or not rest or unsure or first.head in w.ADJECTIVES | w.MOMENT_OF.keys():
        return None
    points = nouns & ({"background", "left", "right"} | w.PRONOUNS | w.POSSESSIVE)
    owned = any(phrase.noun[:1] == ("the",) and phrase.head in seen.named & w.BEINGS for phrase in rest)
    if owned and not main:  # "a hat for the cat"
        return None
    listed = "and" in rest[0].words or not rest[0].words  # "short sleeves and is white"
    done = {word for phrase in rest for word in phrase.words if do.is_verb(word)}
    posed = not rest[0].noun and len(rest) == 1 and done <= w.POSES | w.BE  # "a cat jumping"
    if done and not posed and not done <= w.WEARING:
        return front if main or not (listed or (points and first.head not in w.BEINGS)) else None
    having = main and rest[0].lead == ("with",) and len(rest) == 1
    merges = posed or having or all(phrase.head in w.PLACES | w.WORN | w.MOMENT_OF.keys() for phrase in rest)
    added = not main and first.head not in w.BEINGS and text.endswith(front)  # "a kite in the sky"
    return None if points or merges or listed or added else front


def _read(clause: str, seen: Seen) -> list[Step]:
    """The steps that a clause asks for; none when that is not certain."""
    clause = _OPENING.sub("", clause.strip(" ,"))
    instead, clause = clause.endswith(" instead"), _CLOSING.sub("", clause)
    if steps := _number(seen, "it", _words(clause) or [""]):
        return steps
    for pattern, reader in _READERS:
        match = pattern.fullmatch(clause)
        if match and (steps := reader(seen, **match.groupdict(default=""))):
            return steps
    return _said(seen, "it", clause, becomes=instead)


def _do(change: Callable[..., Phrases | None], who: str = "it", added: Noun = (), /, **what: object) -> list[Step]:
    """The step that changes a thing so."""
    return [(do.at_thing(change, who or "it", **what), " ".join(added))]


def _add(noun: Noun, said: str) -> list[Step]:
    """The step that says more after the caption."""
    return [(lambda phrases: [*phrases, *parse(f", {said}")], " ".join(noun))]


def _instead(said: str) -> Step:
    """The step that takes another description in the place of the caption."""
    phrases = parse(said)
    return (lambda _: phrases, " ".join(as_new(phrases[do.main_thing(phrases) or 0].noun)))


def _all(made: Sequence[list[Step]]) -> list[Step]:
    """All these steps; none when some are missing."""
    return [step for steps in made for step in steps] if all(made) else []


def _words(text: str) -> list[str]:
    return text.lower().replace(",", " ").split()


def _said(seen: Seen, who: str, said: str, *, becomes: bool = False) -> list[Step]:
    """What is said of a thing: a moment, a quality, a number, a pose, a place, or something that it becomes or has."""
    words = _words(said) or [""]
    first, rest = words[0], " ".join(said.split()[1:])
    who = "it" if singular(who.split()[-1]) in seen.mains | {"scene", "image", "picture"} else who
    steps = (_moment(seen, said) if who in w.PRONOUNS else []) or _quality(seen, who, said) or _number(seen, who, words)
    quality, found, thing = said.partition(" with ")
    if steps or not first:
        return steps
    if gone := re.match(r"(?:without|no longer(?: \w+s|\w+ing)?|loses?|(?:with|has|have) no) (?=\w)", said):
        return _without(seen, said[gone.end() :], who)
    if first in w.BE | {"should", "become", "as", "up", "out", "down", "back", "over", "also"}:
        return _said(seen, who, rest, becomes=first not in w.ADVERBS | {"out", "over"})
    if first in {"has", "have", "gets", "with"} | w.WEARING | w.HOLDING and rest:
        return _has(seen, who, "wearing" if first in w.WEARING else first if first in w.HOLDING else "with", rest)
    if first in {"in", "into", "on", "at", "by", "to", "among", "inside"} and rest:
        return _at(seen, who, first, rest)
    if found and {*_words(quality)} <= w.ADJECTIVES | w.FILLERS:
        return _all([_said(seen, who, quality), _has(seen, who, "with", thing)])
    if "," not in said and ((first.endswith("ing") and first not in w.ING_NOUNS) or first in w.POSES):
        doing = first if first.endswith(("ing", "ed")) else ENGLISH.present_participle(first)
        lead, _, place = rest.partition(" ")
        if place and lead in {"in", "on", "at"} and (placed := _at(seen, who, lead, place)):
            return [*_do(do.have, who, lead=doing), *placed]
        return _do(do.have, who, lead=" ".join([doing, *rest.split()]))
    return _thing(seen, who, said, becomes=becomes)


def _thing(seen: Seen, who: str, said: str, *, becomes: bool) -> list[Step]:
    """A thing that it becomes or has."""
    first, *more = parse(said)
    word, noun, it = said.split()[0].lower(), as_new(first.noun), who in w.PRONOUNS
    odd = re.fullmatch(rf"{_ORDERS}|you|i|no", word) or word in w.ADVERBS
    if first.lead or not first.head or len(noun) > 6 or odd:
        return []
    if it and (first.head in seen.mains or (becomes and (first.head in w.BEINGS or word in {"a", "an"}))):
        return _all([_do(do.become, "it", noun, new=noun), *(_said(seen, who, render([each])) for each in more)])
    if it and first.head in w.PLACES and not becomes:
        where = _at(seen, "it", "to", " ".join(first.noun))
        return _all([where, *(_said(seen, "it", render([each])) for each in more)])
    bare = " " not in said and not (it and (do.is_plural(said) or first.head in w.WORN | w.BEINGS))
    unsure = bare or any(each.words & w.VERBS for each in more)
    return [] if becomes or unsure else _has(seen, who, "with", said)


def _moment(seen: Seen, said: str) -> list[Step]:
    """A time, weather, season, view or style and nothing else."""
    words = _words(said)
    told = dict(w.MOMENT_OF[word] for word in words if word in w.MOMENT_OF)
    told = told or ({"time": "by day"} if "day" in words else {})
    mains = {word for word in words if singular(word) in seen.mains}
    if not {*words} <= w.MOMENT_OF.keys() | w.FILLERS | mains:
        return []
    if "style" in told:
        others = mains - w.MOMENT_OF.keys() | w.FILLERS - {"art", "cut", "style"}
        others = others | {word for word, (aspect, _) in w.MOMENT_OF.items() if aspect != "style"}
        bare = [word for word in said.replace(",", " ").split() if word.lower() not in others]
        told["style"] = " ".join(["in", *bare] if bare[-1] == "style" else ["as", *as_new(["the", *bare])])
    return [(partial(do.settle, aspect=aspect, said=phrase), "") for aspect, phrase in told.items()]


def _quality(seen: Seen, who: str, said: str) -> list[Step]:
    """A colour, a pattern, a size or a comparative, and nothing else."""
    words = _words(said)
    if len(words) == 2 and words[0] in {"more", "less"} and not do.is_plural(words[1]):
        return _do(do.describe, who, said=said) if words[1] not in w.MASS else []
    shown = [word for word in words if word in w.ADJECTIVES]
    left = [word for word in words if word not in w.ADJECTIVES | w.FILLERS - {"with"} | {"more"}]
    other = bool({"another", "different"} & {*words} and {"colour", "color", "colors", "colours"} & {*words})
    if other and {*words} <= w.FILLERS | {"another", "different"} | seen.mains:
        return _do(do.describe, who, said="")
    plain = {*shown} <= {"same", "different", "other", "colored"}
    if plain or (left and singular(" ".join(left)) not in seen.mains):
        return []
    joined = [word for word in words if word in w.ADJECTIVES | {"more", "less"} or (word == "and" and len(shown) > 1)]
    return _do(do.describe, who, said=" ".join(joined).removesuffix(" and").removeprefix("and "))


def _number(seen: Seen, who: str, words: Sequence[str]) -> list[Step]:
    """How many there are, or how many more or fewer, and nothing else."""
    more, less = (
        {"another", "additional", "extra", "further", "second", "third"},
        {"less", "fewer", "away", "take", "leaves", "go"},
    )
    exact = {"just", "only", "to"} & {*words}  # "leave just one"
    change = 0 if exact else -1 if less & {*words} else 1 if {*words} & {*more, "more"} else 0
    numbers = [w.NUMBERS.get(word) or int(word) for word in words if word in w.NUMBERS or re.fullmatch(r"\d\d?", word)]
    numbers = numbers or [size for word, size in w.SIZES.items() if word in words] or [1] * bool(more & {*words})
    fillers = w.FILLERS.union(w.NUMBERS, w.PRONOUNS, w.COLLECTIVE, more, less, _ALIKE)
    rest = [word for word in words if word not in fillers and not word.isdecimal()]
    other = {words[0], words[-1]} & {"the", "in", "colour", "color"}  # "the first", "another colour"
    known = len(numbers) == 1 and not other and {*map(singular, rest)} <= seen.mains
    if not known or words == ["a", "one"]:
        return []
    return _do(do.count, who, number=numbers[0] * (change or 1), relative=bool(change))


def _has(seen: Seen, who: str, lead: str, said: str) -> list[Step]:
    """Something that it wears, holds or has about it."""
    first, *rest = parse(said)
    words, noun = said.lower().split(), as_new(first.noun)
    odd = (
        re.fullmatch(rf"{_ORDERS}|\w+(?:ly|ier)", words[0])
        or words[0] in w.ADVERBS
        or first.head in w.ADJECTIVES - w.COLOURS
    )
    if first.lead or not noun or odd:
        return []
    if words[-1] in w.COLOURS or first.head in {"colour", "color", "clothes"}:
        return _quality(seen, who, " ".join(word for word in words if word in w.COLOURS | w.SHADES))
    text = render([Phrase((lead,), noun), *rest])
    if not all({*phrase.lead} <= {"and", ","} and phrase.noun for phrase in rest):
        return _add(noun, text if who in w.PRONOUNS else f"{who} {text}")
    if rest:
        items = [" ".join(phrase.noun) for phrase in [first, *rest]]
        return _all([_quality(seen, who, item) or _has(seen, who, lead, item) for item in items])
    if lead == "with" and first.head in w.BEINGS:
        return _add(noun, text)
    lead = ENGLISH.present_participle(lead) if lead in {"hold", "holds", "carry", "carries"} else lead
    lead = "wearing" if lead == "with" and first.head in w.WORN and seen.mains & w.BEINGS else lead
    return _do(do.have, who, noun, lead=lead, noun=noun)


def _at(seen: Seen, who: str, lead: str, said: str) -> list[Step]:
    """In a place, or in clothes."""
    first, *rest = parse(said)
    if any(phrase.head in w.PLACES for phrase in [first, *rest]) and len(rest) < 2:
        lead = ("on" if first.head in w.ON_PLACES else "in") if lead in {"to", "into"} else lead
        where = said if first.lead else f"{lead} {said}"
        return [(lambda phrases: do.settle(phrases, "place", where), "")]
    return _has(seen, who, "wearing", said) if lead == "in" and first.head in w.WORN else []


def _hinted(part: str, seen: Seen) -> list[Step]:
    """A moment or a colour among a few words that say nothing else known."""
    words = _words(part)
    content = seen.named.union(w.BEINGS, w.WORN, w.PLACES, w.NUMBERS, {"no", "not", "without", "never", "less", "stop"})
    told = [word for word in words if word in w.MOMENT_OF.keys() | w.COLOURS | w.SHADES]
    unknown = [word for word in words if word not in {*told} | w.FILLERS | w.PRONOUNS | seen.mains]
    named = [noun for before, noun in pairwise(words) if before in w.DETERMINERS or before in told]
    known = any({word, singular(word)} & content - seen.mains or word.endswith("er") for word in unknown)
    if not told or len(unknown) > 2 or known or {*named} & {*unknown}:
        return []
    return _moment(seen, " ".join(told)) or _quality(seen, "it", " ".join(told))


def _without(seen: Seen, old: str, who: str = "") -> list[Step]:
    """Without things."""
    if re.match(rf"(?:{'|'.join(w.NUMBERS)}|all)(?: |$)", old.lower()):
        return _number(seen, "it", ["less", *_words(old)])
    if owned := re.fullmatch(rf"(.+?) (?:away from|from|of|off|for) {_WHO}", old, re.IGNORECASE):
        old, who = owned[1], owned["who"]
    parts = re.split(r",? and (?:the |any )?|, ", re.sub(r"^(?:the|any|its|his|her|their|an?) ", "", old.lower()))
    if w.ADJECTIVES.union(w.MOMENT_OF).intersection(parts[1:]):  # "no hat and blue" is another thing said
        return []
    return _all([_do(do.remove, who, old=part) for part in parts if len(part.split()) < 6])


def _swap(seen: Seen, old: str, new: str) -> list[Step]:
    """Something in the place of another."""
    last, (bare, *_), (first, *more) = old.lower().split()[-1], parse(old), parse(new)
    noun, thing = as_new(first.noun), "it" if bare.head in seen.mains else " ".join(bare.noun)
    if last in {"background", "setting", "place", "location"} or {bare.head, first.head} <= w.PLACES:
        where = _said(seen, "it", new) if first.lead else _at(seen, "it", "into", new)
        return where or _add(noun, f"with {' '.join(noun)} in the background")
    if not bare.lead and bare.head in seen.mains and more:
        return [_instead(new)]
    if last in w.ADJECTIVES | w.MOMENT_OF.keys() | w.POSES | w.NUMBERS.keys() | _ABOUT or bare.lead or first.lead:
        return _said(seen, "it", new)
    if {*new.lower().split()} <= w.ADJECTIVES | {"and"}:
        return _do(do.describe, old, said=new)
    if bare.head in seen.named or last in w.PRONOUNS:
        return _do(do.become, thing or "it", noun, new=as_new(new.split())) if noun else []
    return _has(seen, "it", "with", new)


def _of(seen: Seen, verb: str, who: str, said: str) -> list[Step]:
    """Something said of a thing that a caption names."""
    noun = singular(re.sub(r" (?:(?:on|to) the (?:left|right)|behind it)$", "", who).split()[-1].lower())
    if who not in w.PRONOUNS and noun not in seen.named | {"one", "other", "scene", "image", "picture"}:
        return []
    if verb in {"give", "hand", "dress"}:
        return _has(seen, who, {"give": "with", "hand": "holding"}.get(verb, "wearing"), said.removeprefix("in "))
    said = re.sub(r"^(?:into|to) (?=an?\b)", "", said)
    return _said(seen, who, said, becomes=verb.lower() in {"make", "turn", "change", "transform"})


def _put(seen: Seen, what: str, where: str = "", who: str = "") -> list[Step]:
    """A thing put on somebody, at a side of something, or anywhere."""
    first, *more = parse(what)
    noun = as_new(first.noun)
    if first.lead or not first.head or (where and more) or (who and first.head not in w.WORN):
        return []
    if who or not where:
        return _has(seen, who or "it", "wearing" if who else "with", what)
    return _add(noun, f"with {' '.join(noun)} {where}")


def _re(text: str) -> re.Pattern[str]:
    """A pattern in which names of others may stand; its lines are one."""
    for name, named in _NAMES.items():
        text = text.replace(name, named)
    return re.compile(re.sub(r"\n *", "", text), re.IGNORECASE)


_ALIKE = w.words_of("more joins join all same such identical together side kind crowd family copies here")
_ABOUT = {"colour", "color", "time", "season", "weather", "pattern", "style", "number", "day"}
_ORDERS = (
    "add|remove|make|change|put|place|replace|swap|turn|give|take|move|paint|delete|have|let|zoom|include|drop|rotate|"
    "hang|increase|reduce|keep|get|lose|dress|hand|colou?r|exchange|trade|switch|convert|exclude|use|light|look|focus|"
    "be|goes|grow|leave out|substitute|imagine"
)
_WHO = r"""(?P<who>it|them|they|him|her|he|she|both|the (?:other|smaller|bigger)(?: one)?|(?:the one|
    the [\w'-]+(?: [\w'-]+)??)(?: (?:on|to) the (?:left|right)| behind(?: it)?)?)""".replace("\n    ", "")
_NAMES = {
    "WHO": _WHO,
    "SIDE": r"""(?P<where>(?:to|on|at) (?:the|its|his|her|their) (?:left|right|side|back)(?: side)?(?: of .+)?|
        (?:left|right) of .+|(?:in|as) (?:the )?background|(?:behind|next to|beside|in front of|on top of) .+|
        (?:on|onto|over) (?:it|him|her|them|(?:its|his|her|their) \w+))""",
    "GONE": r"""(?:remove|delete|drop|lose|erase|exclude|omit|without(?: any)?|no|no more|minus|get rid of|ditch|
        no longer(?: wearing| holding| has| with)?|do away with|skip|scrap|forget(?: about)?|no need for|leave out|
        i (?:don't|do not) want|i'd rather not have|take (?:away|off|out)|put down|clear(?: away)?|let go of|with no|
        (?:it )?(?:shouldn't|should not|doesn't|does not)(?: have| hold| wear| need)|not(?: wearing| holding)?|
        anything but|has no|(?:it )?(?:has |is )?stop(?:s|ped)?)""",
    "THING": r"[\w' -]+?",
    "NOT": "(?:RATHER|and not|not|replaces|replacing|(?:tak(?:es|ing)|took|has taken) the place of)",
    "RATHER": r"""(?:(?:instead of|rather than)(?: having| wearing| holding| carrying)?|in lieu of|
        in (?:the )?(?:place|role) of)""",
    "PUT": r"(?:(?:put|add|place|with|move|shift|bring|hang|give|set|include|THERE|have) )*",
    "WITH": " (?:with|for|by|to|into) ",
    "TURN": r"(?:make|take|bring|w[eo]nt|(?:go|chang|mov|turn)(?:es?|s|ed)?)",
    "THERE": r"there (?:is|are|should be)",
    "MAKE": r"""(?P<verb>make|let|have|turn|paint|colou?r|recolou?r|dye|get|keep|show|dress|give|hand|change|put|place|
        move|take|bring|send|redraw|transform|transport|relocate)""",
    "MODAL": r"(?:is|are|were|should|must|could|would|be|now|looks?|needs?|ought|supposed|turns?|to(?! the| an?\b))",
    "IMAGE": r"(?:image|photo|photograph|picture|shot|view)",
}
_FRAME = _re(r"""(?P<target>(?:unlike the \w+ IMAGE,? )?(?:i (?:want|need) )?(?:the )?(?:target|desired)(?: IMAGE)?
    (?: (?:to|should|must))?(?: (?:is|be|shows?|has|have|contains?|features?|depicts?|on|with))?(?: of)? |
    (?:shows|depicts|displays) )?(?P<show>(?:(?:show|display|focus(?: only)? on|(?:make|making)(?: out)? with|making|
    find|(?:take )?an? IMAGE of)(?: me)? )?)(?P<has>(?:has |have )?)""")
_RATHER = _re(r""",? (?:(?:rather|instead)(?: of| than)? (?:making|showing|having|using)|RATHER|
    (?:and |but )?not(?<! is not)(?<! are not)(?<!do not)(?<!does not)) .+""")
_LATER = (
    rf"(?:{_ORDERS}|is|are|has|it|they|everything|with|no|without|wear(?:s|ing)?|hold(?:s|ing)?|stands?|sits?|looks?|more|less|in|at|on|by|during|as)"
    r"\b"
)
_JOINT = _re(rf"\s*[.;]\s+|,?\s+(?:and|but)\s+(?:(?:then|now)\s+)?(?={_LATER})|,\s+(?:and\s+|but\s+)?(?={_LATER})")
_WEAK_JOINT = _re(r",\s+(?:(?:and|but|plus)\s+)?|\s+(?:and|but|plus|as well as)\s+")
_TWO_SWAPS = _re(r"""^((?:replace|swap|exchange|trade|switch|change|turn) )
    (.+?)( with | for | to | into )(.+?),? and (.+?)\3(.+)""")
_MORE = _re(r"^(?:and|also|plus) |\b(?:too|also|as well|for company|removed|than)\b")
_EMPTY = _re(r"^(?:(?:and|but|it|they|is|are|make|let|have) )+")
_OPENING = _re(r"""^(?:(?:please|kindly|ideally|if possible|maybe|now|but|and|also|then|just|simply|only|first|
    except(?: that)?|this time|this|plus|let's|
    (?:unlike|(?:as )?(?:compared|opposed) (?:with|to)) (?:here|this(?: one| IMAGE)?)|
    make sure(?: that)?|see to it that|
    (?:could|can|may|would|might) (?:you|it|we|i)(?: be possible to)?(?: have(?= it))?|
    i(?:'d| would| was|'m| am)?(?: rather)? (?:
    (?:see|have)(?= an?\b)|want|like|love|prefer|need|wish|hoping|looking)(?: for| to see)?|
    (?:what|how) about|is there|do you have|got|any chance of|would like|
    (?:the |an? )?(?:same )?(?:one|version|IMAGE|thing|scene)s? (?:that|which|where|in which|but|only|except(?: that)?|
    set(?= in))|(?:the )?same(?: IMAGE| thing| \w+(?=,? (?:but|only|except)))?|
    (?:find|search for|show me|give me) (?:the )?one(?: that| which)?),? )+""")
_CLOSING = _re(r"""(?:,? (?:now|instead|please|too|as well|any ?more|if possible|would be (?:nice|better|good)|
    (?:should be )?added|
    this time|for company|(?:joins?|comes? along|appears?|arrives?)(?: .+)?|to (?:it|the (?:scene|IMAGE)))|\?)+$""")
_PATTERNS: tuple[tuple[Callable[..., list[Step]], str], ...] = (
    (_without, r"""
        GONE (?P<old>(?!.* but )THING)(?: away| off)?
        (?:remove|take|put|send|clear|leave) (?P<old>the THING|them) (?:away|off|down|out)(?: from (?P<who>the .+))?
        (?P<old>THING) (?:(?:is|are|has|have) )?(?:been )?(?:gone|removed|missing|disappeared|not needed)
        (?P<old>THING) (?:has to|must|should|is) (?:go|disappear|be removed|not be there|no longer there)
        (?:it )?(?:has |is )?(?:stops?|stopped|no longer) (?P<old>(?:rain|snow)ing)
        (?:the )?(?P<old>rain|snow|fog|mist|storm) (?:has |is )?(?:lift|stop|clear|end|pass|over)\w*(?: up)?
    """),
    (_swap, r"""
        (?:replace|swap|exchange|trade|switch|change|turn|goe)[sd]?(?: out| from)? (?P<old>(?!.* so ).+?)WITH(?P<new>.+)
        (?:in )?(?:the )?(?P<old>place|setting|location|background)(?:,| should be| is| becomes?) (?P<new>.+)
        (?:not|no longer) (?P<old>.+?),? but (?P<new>.+)
        (?:RATHER) (?P<old>THING)(?:,|(?!.*,)) (?:THERE |it |show )?(?P<new>(?:an? |the |wear|hold|in |with ).+)
        (?:(?:with|has|put|use|imagine|show|give \w+) )?(?P<new>.+?)(?: here)?(?<! and),? NOT (?P<old>.+)
        (?:substitute|swap in|put in) (?P<new>.+) for (?P<old>.+)
        (?P<new>.+?) (?:takes?|took|has taken) (?P<old>the THING)'s place
        PUT(?P<new>.+?) where (?P<old>the THING) (?:is|was|are|were)
        (?P<old>.+?) (?:gives?|makes?) way (?:for|to) (?P<new>.+)
        (?:(?:TURN|it|the THING) )*from (?P<old>(?!the (?:left|right))THING) (?:in)?to (?P<new>.+)
        (?P<old>.+?) (?:is |has been )?(?:swapped|exchanged|replaced|changed|switched)WITH(?P<new>.+)
        (?P<old>the THING) (?:becomes?|turns? into|should be|is now|is replaced (?:by|with)) (?P<new>(?:an?|the) .+)
    """),
    (_put, r"""
        PUT(?P<what>THING) (?:on|onto|to|for|over|(?:(?:being )?(?:held|worn|carried|read) by)) WHO
        PUT(?P<what>(?!it |them )THING) (?:(?:is|are|should be|sitting|standing) )?SIDE
        SIDE (?:is|are|THERE) (?P<what>.+)
    """),
    (_of, r"""
        MAKE WHO (?:(?:look|so|that|it|they|MODAL) )*(?P<said>.+)
        (?:for )?(?P<verb>)WHO,? (?:MODAL )*(?P<said>.+)
    """),
    (_put, r"(?:add|include|insert|bring in|put|place|hang|THERE(?: also)?|give \w+|accompanied by) (?P<what>.+)"),
)  # fmt: skip
_READERS = [(_re(line.strip()), reader) for reader, lines in _PATTERNS for line in lines.splitlines() if line.strip()]
"""What a clause may look like, and who reads it; the first that makes sense of it wins."""
