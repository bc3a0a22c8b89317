"""Operations on where, when and how a picture is: place, time, weather, style and view, each `Caption` in and out.

Works on the phrases of `phrases.py`; knows nothing about how an edit text is worded.
"""

from __future__ import annotations

import re

from cvsi_db.models.rules.agreement import head_index
from cvsi_db.models.rules.phrases import Caption, Kind, Phrase
from cvsi_db.models.rules.words import WEATHERLESS


def set_phrase(caption: Caption, phrase: Phrase) -> Caption:
    """`phrase` where the caption had one of its kind; other ones of the kind go; else it closes the caption.

    A place that no weather reaches takes the weather away.
    """
    if phrase.kind == "place" and _weatherless(phrase):
        caption = drop_kind(caption, "weather")
    if phrase.kind == "season" and re.search(r"summer|autumn|spring", phrase.text()):
        caption = tuple(part for part in caption if part.kind != "weather" or "snow" not in part.text())
    kinds = _KINDS_REPLACED.get(phrase.kind, {phrase.kind})
    old = [i for i, part in enumerate(caption) if part.kind in kinds and not _clause(part)]
    if not any(caption[i].kind == phrase.kind for i in old) and phrase.kind == "place":
        old = [i for i in old if caption[i].lead in {"in", "on", "at", "along", "across", "inside"}]
    rest = [i for i, part in enumerate(caption) if part.kind in kinds and (i in old[1:] or _clause(part))]
    if old:
        caption = (*caption[: old[0]], phrase, *caption[old[0] + 1 :])
    kept = tuple(part for i, part in enumerate(caption) if i not in rest)
    return _unlead(kept if old else close_with(kept, phrase), phrase)


def _weatherless(phrase: Phrase) -> bool:
    return phrase.lead in WEATHERLESS or any(
        WEATHERLESS & {*thing.words, *thing.post.split()} or "lunar" in thing.words for thing in phrase.things
    )


_KINDS_REPLACED: dict[Kind, set[Kind]] = {"place": {"place", "where"}}


def _clause(part: Phrase) -> bool:
    return part.kind in {"weather", "season"} and part.lead.split(" ")[0] in {
        "it",
        "it's",
        "rain",
        "snow",
        "the",
        "there",
        "while",
    }


def _unlead(caption: Caption, phrase: Phrase) -> Caption:
    """A style or view that opened the caption gives way to the new one."""
    if phrase.kind not in {"style", "view"}:
        return caption
    return tuple(part for part in caption if not (part.kind == "lead" and lead_kind(part.lead) == phrase.kind))


def lead_kind(lead: str) -> Kind:
    """Whether an opening such as "a pencil drawing of" tells the style, the view, or nothing."""
    words = set(lead.replace("-", " ").split())
    if words & {"close", "closeup", "distant", "afar", "full", "wide", "zoomed", "distance"}:
        return "view"
    plain = {
        "a",
        "an",
        "the",
        "of",
        ":",
        "showing",
        "photo",
        "picture",
        "image",
        "view",
        "shot",
        "photograph",
        "depicting",
    }
    return "lead" if words <= plain else "style"


def close_with(caption: Caption, phrase: Phrase) -> Caption:
    """The caption with `phrase` at the end of the head's sentence, before a closing remark on style or companion."""
    head = head_index(caption) or 0
    ends = [i for i, part in enumerate(caption) if i > head and part.kind == "joint" and part.lead in ".;"]
    stop = ends[0] if ends else len(caption)
    if phrase.kind in {"style", "view"}:
        return (*caption[:stop], Phrase("joint", ","), phrase, *caption[stop:])
    commas = [i for i in range(head, stop) if caption[i].text() == "," and i + 1 < stop]
    closing = [i for i in commas if caption[i + 1].kind in {"style", "view", "friend"}]
    closing += [i for i in range(head, stop) if caption[i].kind == "friend" and caption[i].lead[:1] == ","]
    stop = min(closing, default=stop)
    return (*caption[:stop], phrase, *caption[stop:])


def drop_kind(caption: Caption, kind: Kind) -> Caption:
    """The caption without its phrases of one kind."""
    return tuple(phrase for phrase in caption if phrase.kind != kind)


def add_scenery(caption: Caption, phrase: Phrase) -> Caption:
    """Another thing in the background, in place of the one that stood there."""
    old = [i for i, part in enumerate(caption) if part.kind in {"thing", "with"} and _in_background(part)]
    if old:
        return (*caption[: old[0]], phrase, *caption[old[0] + 1 :])
    return close_with(caption, phrase)


def _in_background(part: Phrase) -> bool:
    told = part.things and part.things[0].noun in {"background", "backdrop"}
    return bool(told) or re.match(r"in the back|behind ", part.tail) is not None
