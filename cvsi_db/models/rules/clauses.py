"""An edit text as its clauses: split where a new wish begins, freed of what only introduces it.

Takes and returns plain strings, lower case; knows nothing about captions or what a clause does to them.
"""

from __future__ import annotations

import re

from cvsi_db.models.rules.rewordings import reworded
from cvsi_db.models.rules.wording import plain_wording
from cvsi_db.models.rules.words import (
    COLOUR_LIST,
    COLOURS,
    MEDIA,
    NEUTRAL_MEDIA,
    NUMBER,
    TIME_WORDS,
    WEATHER_WORDS,
    either,
)

_STARTER = re.compile(
    rf"""(?:(?:also|now|then|please|just|but|only|it|he|she|they|let|is|are|should|be|make|have|the\ same)\s+)*
    (?:
      add|adds|remove|trade|plus|together|send|dress|hand|without|with|no|not|in|on|at|by|under|during|before|after
      |while|next\ to|beside|from|as|inside|near
      |holding|holds?|carrying|carries|wearing|wears?|waving|reading|playing|eating|having|has|have|is|are|being
      |make|change|changes|turn|swap|replace|switch|exchange|give|put|take|move|set|place|show|shows|zoom|let|recolou?r
      |lose|drop|get|paint|colou?r|drawn|draw|painted|seen|viewed|dressed|indoors|outdoors|instead|bring|increase|reduce
      |only\ one|just\ one|(?:{NUMBER})\ (?:of|more|less|fewer)|there\ (?:is|are)|more|less|fewer|another\ one
      |doesn't|far|close|comes\ in|covers|exposes|says|looks?|fewer|focus|open|close|fill|hang|keep|leave|does\ not
      |raining|snowing|foggy|up\ close|(?:the|its|his|her)\ [\w ]{{2,20}}?\ (?:is|are|has|should)|delete|include|exclude
      |stop|redraw|come|step|closer$|zoomed|any\ colou?r|(?:another|a\ different|a\ new)\ (?:colou?r|hat)|cut\ out
      |(?:the\ )?same\ (?:but|with|in|at|on|as|and|picture|image|photo|scene)|this\ (?:but|picture|with)
      |(?:the|the\ same)\ [\w-]+\ (?:in|with|at|on|by|as|while|during|under|after|wearing|holding)
      |(?:an?\ )?[\w-]+(?:\ [\w-]+)?\ instead
      |(?:an?\ )?(?:[\w-]+\ )?{either(MEDIA - NEUTRAL_MEDIA)}(?:\ (?:of|style|picture))?$
      |(?:an?\ )?[\w -]{{2,20}}\ (?:instead\ of|rather\ than)
    )\b
    |(?:{either(WEATHER_WORDS)}|{either(TIME_WORDS)})(?:$|\ instead)
    """,
    re.VERBOSE,
)
_JOINT = re.compile(r"\s*(?:[;.!?]+|,?\s*\b(?:and then|and also|and|but|then|plus|yet|while)\b|,)\s+")
_HARD = re.compile(r"[;.!?]")
_ONLY_COLOUR = re.compile(rf"{COLOUR_LIST}$")
_OPEN = re.compile(
    r"^(?:instead of|rather than|not(?!.*\bbut\b))\b(?!.*\b(?:it|they|he|she|has|holds?|wears?)\b)[^,]*$"
)
_CONTRAST = re.compile(r"(?:not|no longer|any|all|every|nothing|everything)\b")
_BETWEEN = re.compile(r"\b(?:replace|swap|change|switch|exchange|turn)\b(?!.*\b(?:with|for|to|into|by)\b|.*\bcolou?r$)")

_WISH = re.compile(r"(?:add|remove|make|have|put|change|zoom|show|give|turn|place|move)\b")

_SAME = r"(?:(?:exactly\ |almost\ )?(?:the\ )?(?:very\ )?(?:same|identical)(?:\ (?!(?:in|at|on|with|but|as)\b)\w+)?)"
_THING = (
    r"(?:it|him|her|them|this|that|everything"
    r"|(?:this|the|my|that)\ (?:scene|picture|image|photo|one|subject|animal|thing))"
)
_FILLER = re.compile(
    rf"""^(?:
      (?:please|now|just(?!\ the\b)|also|then|but|and|so|maybe|ok|okay|hey|well|yes|similar|simply|somehow|still
      |with\ it)\b
      |i(?:'d|\ would|\ do)?\ (?:really\ )?(?:want|like|need|wish|prefer)(?:\ to\ (?:see|have))?\b
      |(?:can|could|would|will)\ you\b(?:\ please)?
      |{_SAME}(?=,|\ but|\ with|\ in\b|\ at\b|\ on\b|\ and|\ wearing|\ holding|\ as\b|\ without|\ \w+ing\b|\ now)
      |(?:make|let|have|keep|show|shows|showing|change|turn|redraw)\ (?:me\b|{_THING})(?:\ (?:be|to\ be|is
      |so\ (?:that\ )?it\ is))?\b
      |(?:the|this|a|that)?\ ?(?:target\ |new\ |desired\ |second\ )?(?:image|picture|photo|photograph|pic)
        \ ?(?:is|has|shows?|should\ (?:be|show|have)|contains?|features?|of|with|showing|but)?\ (?!in\b|on\b)
      |(?:the\ )?target(?:ed)?(?:\ on)?\b
      |(?:{_THING})(?:\ (?:is|are|'s|should\ be|must\ be|has\ to\ be|to\ be|should|must|becomes?|turns?|gets?
      |can\ be|needs\ to\ be))?\ (?=\S)
      |(?:he|she|they|there|it's|he's|she's|they're)(?:\ (?:is|are|should\ be|must\ be|should))?\b
      |(?:is|are|be|being|should\ be|must\ be|to\ be|shows?|showing|display|make|turn|focus\ on
      |target)\b(?!\ (?:into|on|off))
      |that\ (?:is|are)\b|where\ (?:it|he|she)\ (?:is)?\b|who\ (?:is|are)\b|which\ (?:is|are)\b
      |this\b|instead\b
    )[\s,:]*""",
    re.VERBOSE,
)


_OPENING = re.compile(
    rf"""^(?:
      (?:please|now|just(?!\ the\b)|also|then|but|(?:and|plus)(?!\ (?:an?|some)\ )|so|maybe|instead,|still|somehow
      |simply
      |but\ now|yet
      |only\ now)\b(?!\ one\b)
      |{_SAME}(?:\ (?:picture|image|photo|scene|one))?(?=,|$|\ (?:but|with|in|at|on|and|wearing|holding|as|without
      |painted|drawn|cut|among|up|out|inside|now|by|during|under|after|before|while|\w+ing)\b)
      |(?:this|that)(?:\ (?:one|picture|image|photo|scene))?(?=,|$|\ (?:but|with|in|at|on|and|wearing|holding|as
      |without|now)\b)
    )[\s,:]*""",
    re.VERBOSE,
)
_CLOSING = re.compile(
    r"\s+(?:on|please|now|as well|too|though|for company"
    r"|in (?:its|his|her|their) hands?|at (?:its|his|her|their) side)$"
)


def strip_openings(clause: str) -> str:
    """The clause without words that never carry a wish: "now", "but", "same picture", a closing "please"; may be ""."""
    previous = ""
    while clause != previous:
        previous = clause
        clause = _CLOSING.sub("", _OPENING.sub("", clause, count=1).strip()).strip(" ,")
    return clause


def joints(clause: str) -> list[tuple[str, str]]:
    """Every way to part a clause in two at a joint."""
    return [(clause[: joint.start()], clause[joint.end() :]) for joint in _JOINT.finditer(clause)]


def split_clauses(edit_text: str) -> list[str]:
    """The clauses of an edit text in order; a joint parts two clauses only where a new wish begins after it."""
    text = reworded(plain_wording(" ".join(edit_text.lower().replace("’", "'").split())))
    clauses: list[str] = []
    start = 0
    for joint in _JOINT.finditer(text):
        left, right = text[start : joint.start()], text[joint.end() :]
        if left.strip() and _parts(left, joint.group(), right):
            clauses.append(left)
            start = joint.end()
    clauses.append(text[start:])
    stripped = (strip_openings(clause.strip(" ,.;:!?\"'")) for clause in clauses)
    return [clause for clause in stripped if clause]


def _parts(left: str, joint: str, right: str) -> bool:
    if _HARD.search(joint):
        return True
    if "but" in joint.split():
        return not _CONTRAST.match(strip_openings(left))
    if _OPEN.search(left) or (_BETWEEN.search(left) and not _WISH.match(right)):
        return False
    if re.match(r"not (?!wear|hold|carry|in\b|on\b|at\b)", right):
        return False
    last = left.split()[-1]
    if _ONLY_COLOUR.match(right):
        return last not in COLOURS and not left.startswith(("in ", "between "))
    return bool(_STARTER.match(right))


def strip_fillers(clause: str) -> str:
    """The clause without "please", "make it", "the same but" and the like; never empty."""
    while True:
        shorter = _FILLER.sub("", clause, count=1).strip()
        if not shorter or shorter == clause:
            return clause
        clause = shorter
