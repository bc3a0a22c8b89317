"""What a being or a garment may be one of at a time: patterns, poses, expressions, sizes, and setting another one.

Tables of the words and phrases for each, and operations, `Caption` in and out, that put one in place of the others of
its group. Knows nothing about how an edit text is worded.
"""

from __future__ import annotations

from dataclasses import replace

from cvsi_db.models.rules.agreement import head_index, head_of, replaced, with_head
from cvsi_db.models.rules.phrases import ATTACHED, Caption, NounPhrase, Phrase
from cvsi_db.models.rules.tables import ADJECTIVES, QUALITIES


def quality_of(text: str) -> tuple[str, str] | None:
    """Group and adjective of a word or phrase: "with a smile" is ("expression", "smiling")."""
    return QUALITIES.get(text) or ADJECTIVES.get(text)


def group_of(text: str) -> str:
    """The group of a word or phrase, or ""."""
    found = quality_of(text)
    return found[0] if found else ""


def without(caption: Caption, group: str) -> Caption:
    """The caption without what it says of one group about the head and, where clothes have it, about a person's."""
    head = head_of(caption)
    if head is None:
        return caption
    kept = [part for part in with_head(caption, _bare(head, group)) if not _tells(part, group)]
    if group in _OF_CLOTHES and head.slot == "person":
        kept = [part.keeping([_bare(t, group) for t in part.things]) if part.kind == "worn" else part for part in kept]
    if group == "sleeves":
        kept = [part for part in map(_sleeveless, kept) if part.things or part.kind != "with"]
    return _unlinked(tuple(kept))


_OF_CLOTHES = frozenset({"pattern", "sleeves", "length", "tone"})


def _sleeveless(part: Phrase) -> Phrase:
    return part.keeping([thing for thing in part.things if thing.one != "sleeve"]) if part.kind == "with" else part


def _tells(part: Phrase, group: str) -> bool:
    return part.kind == "words" and group_of(part.lead) == group


def _bare(thing: NounPhrase, group: str) -> NounPhrase:
    kept = tuple(word for word in thing.words[:-1] if group_of(word) != group)
    return replace(thing, words=(*kept, thing.words[-1]))


def _unlinked(caption: Caption) -> Caption:
    """The caption without an "is" or "that is" that nothing follows any more."""
    kept: list[Phrase] = []
    for i, part in enumerate(caption):
        after = caption[i + 1] if i + 1 < len(caption) else Phrase("joint", ".")
        if part.kind == "words" and part.lead in {"is", "are", "that", "who", "which"} and after.kind == "joint":
            continue
        kept.append(part)
    return tuple(kept) if len(kept) == len(caption) else _unlinked(tuple(kept))


def set_quality(caption: Caption, text: str) -> Caption:
    """The head with what `text` says in place of all others of its group."""
    found = quality_of(text)
    head = head_of(caption)
    if found is None or head is None:
        return caption
    if found[0] == "pose":
        return _set_pose(caption, found[1])
    caption = without(caption, found[0])
    head = head_of(caption) or head
    if head.slot == "person" and (found[0] == "pattern" or (found[0] in _OF_CLOTHES and _wears_garment(caption))):
        return _dress(caption, found[1])
    return with_head(caption, described(head, found[1]))


def described(thing: NounPhrase, adjective: str) -> NounPhrase:
    """The thing with one more adjective, after those of size."""
    at = 0
    while at < len(thing.words) - 1 and group_of(thing.words[at]) == "size" and group_of(adjective) != "size":
        at += 1
    return replace(thing, words=(*thing.words[:at], adjective, *thing.words[at:]))


def _wears_garment(caption: Caption) -> bool:
    return any(part.kind == "worn" and part.things[0].slot == "garment" for part in caption)


def _dress(caption: Caption, adjective: str) -> Caption:
    """A person's pattern is that of the clothes."""
    for i, part in enumerate(caption):
        if part.kind == "worn" and (part.things[0].is_colour or part.things[0].slot == "garment"):
            thing = part.things[0]
            words = (adjective, *thing.words, *(("clothes",) if thing.is_colour else ()))
            return replaced(caption, i, part.keeping((replace(thing, words=words), *part.things[1:])))
    index = head_index(caption) or 0
    worn = Phrase("worn", "in", (NounPhrase("", (adjective, "clothes")),))
    return (*caption[: index + 1], worn, *caption[index + 1 :])


def _set_pose(caption: Caption, pose: str) -> Caption:
    head = head_of(caption)
    if head is None:
        return caption
    caption = with_head(caption, _bare(head, "pose"))
    old = [i for i, part in enumerate(caption) if _tells(part, "pose") or part.lead.split(" ")[0] in _CONTINUED]
    if not old and " " not in pose and not _ready_for_participle(caption):
        return with_head(caption, described(head_of(caption) or head, pose))
    if not old:
        return _after_attached(caption, Phrase("words", pose))
    first = caption[old[0]].lead.split(" ")[0]
    finite = first in ADJECTIVES and not first.endswith("ing") and first != "seated"
    lead = f"{'are' if head.many else 'is'} {pose}" if finite else pose
    kept = replaced(caption, old[0], Phrase("words", lead))
    return tuple(part for i, part in enumerate(kept) if i not in old[1:])


_CONTINUED = frozenset({"sitting", "standing", "lying", "jumping", "laying"})


def _ready_for_participle(caption: Caption) -> bool:
    """Whether a participle can follow the head at once: "a dog standing on a rock"."""
    after = (head_index(caption) or 0) + 1
    return after >= len(caption) or caption[after].kind in {"place", "where"}


def _after_attached(caption: Caption, phrase: Phrase) -> Caption:
    stop = (head_index(caption) or 0) + 1
    while stop < len(caption) and caption[stop].kind in ATTACHED:
        stop += 1
        if stop + 1 < len(caption) and caption[stop].text() == "and" and caption[stop + 1].kind in ATTACHED:
            stop += 1
    return (*caption[:stop], phrase, *caption[stop:])
