"""Readings of clauses about a later, earlier, darker or brighter hour than the caption's.

Each takes the match of its pattern in `edits.py` and returns an `Edit`; knows nothing about clocks or calendars.
"""

from __future__ import annotations

import re

from cvsi_db.models.rules import located
from cvsi_db.models.rules.agreement import head_of
from cvsi_db.models.rules.appearance import describe
from cvsi_db.models.rules.edit import Edit
from cvsi_db.models.rules.phrases import Caption, Phrase
from cvsi_db.models.rules.qualities import set_quality
from cvsi_db.models.rules.words import BEINGS

_NIGHT = re.compile(r"night|dark|moon|stars|dusk|twilight")
_EVENING = re.compile(r"sunset|sun goes|sun sets|evening|sunrise|dawn|sun rises|golden")
_HOURS = {"night": "at night", "sunset": "at sunset", "day": "during the day"}
_LATER = {"": "night", "day": "sunset", "sunset": "night", "night": "night"}


def hour(match: re.Match[str]) -> Edit:
    """ "darker", "later", "earlier in the day": another time of day; clothes get darker or brighter themselves."""
    word, outside = match["word"], bool(match["outside"])
    degree = re.findall(r"\b(?:much|slightly|even)\b", match[0])

    def apply(caption: Caption) -> Caption:
        now = _hour_of(caption)
        tone = word not in {"later", "earlier"} and not outside
        if tone and (not _outdoors(caption) or (word in {"lighter", "brighter"} and not now)):
            return describe(caption, [*degree, word]) if degree else set_quality(caption, word)
        wanted = _LATER[now] if word == "later" else "night" if word == "darker" else "day"
        return located.set_phrase(caption, Phrase("time", _HOURS[wanted]))

    return Edit(apply)


def _hour_of(caption: Caption) -> str:
    """ "night", "sunset" or "day"; "" where the caption leaves it open."""
    told = next((part.text() for part in caption if part.kind == "time"), "")
    return "night" if _NIGHT.search(told) else "sunset" if _EVENING.search(told) else "day" if told else ""


def _outdoors(caption: Caption) -> bool:
    """Whether darkness is one of the scene: a being without clothes that could be darker."""
    head = head_of(caption)
    worn = any(thing.slot == "garment" for part in caption if part.kind == "worn" for thing in part.things)
    return head is not None and head.slot in BEINGS and not worn
