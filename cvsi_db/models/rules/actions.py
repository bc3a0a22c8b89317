"""Operations on what the head does and where it looks, each `Caption` in and out.

Knows nothing about how an edit text is worded.
"""

from __future__ import annotations

import re
from dataclasses import replace

from cvsi_db.models.rules.agreement import head_index, replaced
from cvsi_db.models.rules.operations import insert
from cvsi_db.models.rules.phrases import ATTACHED, Caption, Phrase
from cvsi_db.models.rules.qualities import group_of


def set_action(caption: Caption, phrase: Phrase) -> Caption:
    """What the head does: in place of what it did, else after what is attached to it."""
    head = head_index(caption)
    old = [i for i, part in enumerate(caption) if head is not None and i > head and _action(part)]
    if not old:
        return insert(caption, phrase)
    fitting = replace(phrase, kind="doing") if phrase.things else phrase
    return replaced(caption, old[0], fitting)


def _action(part: Phrase) -> bool:
    acts = part.kind in {"doing", "words"} and part.lead.split(" ")[0].endswith("ing")
    return acts and group_of(part.lead) != "expression"


def stop_action(caption: Caption, verb: str) -> Caption:
    """The caption without what the head does, where that is `verb`."""
    return tuple(part for part in caption if not (_action(part) and part.lead.split(" ")[0] == verb))


def set_gaze(caption: Caption, phrase: Phrase) -> Caption:
    """Where the head looks or faces, in place of where it did; what else it does stays."""
    old = [i for i, part in enumerate(caption) if part.kind in {"doing", "words"} and _GAZE.match(part.lead)]
    if old:
        return replaced(caption, old[0], phrase)
    index = head_index(caption)
    stop = 0 if index is None else index + 1
    while index is not None and stop < len(caption) and (caption[stop].kind in ATTACHED or _action(caption[stop])):
        stop += 1
    return (*caption[:stop], phrase, *caption[stop:])


_GAZE = re.compile(r"(?:looking|facing|turned|staring|gazing|pointing)\b")
