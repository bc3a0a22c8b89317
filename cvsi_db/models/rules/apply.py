"""Whole sentences: captions and an edit text in, the captions as they would read after the edit out.

Takes the edit text apart into clauses, and applies to every caption what each of them asks for. Knows nothing about
rewriters, caches or versions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from cvsi_db.models.rules.clauses import joints, split_clauses, strip_fillers, strip_openings
from cvsi_db.models.rules.edit import Edit
from cvsi_db.models.rules.edits import understand
from cvsi_db.models.rules.phrases import Caption, NounPhrase, joined, render, repair
from cvsi_db.models.rules.reader import read


def apply_edit(captions: Sequence[str], edit_text: str) -> tuple[list[str], str, bool]:
    """The captions after the edit, what it adds, and whether a clause was not understood and so appended."""
    edits, unknown = _understand_all(edit_text)
    return [_edit(caption, edits, unknown) for caption in captions], _objects(edits), bool(unknown)


@lru_cache(maxsize=1024)
def _understand_all(edit_text: str) -> tuple[tuple[Edit, ...], tuple[str, ...]]:
    """The edits of all clauses in order, and the clauses that make no sense."""
    edits: list[Edit] = []
    unknown: list[str] = []
    for clause in split_clauses(edit_text):
        found = _understand_parts(clause)
        edits += found
        unknown += [] if found else [strip_fillers(clause)]
    if not edits and not unknown and "same" in edit_text.lower():
        return (Edit(lambda caption: caption),), ()
    if not edits and not unknown:
        unknown = [edit_text.strip(" .,;:") or edit_text]
    return tuple(edits), tuple(unknown)


def _understand_parts(clause: str) -> list[Edit]:
    """The edit of a clause; where that makes no sense, those of its parts, if all of them do."""
    if edit := understand(clause):
        return [edit]
    for left, right in joints(clause):
        first, rest = understand(strip_openings(left)), _understand_parts(strip_openings(right))
        if first and rest:
            return [first, *rest]
    return []


def _edit(caption: str, edits: Sequence[Edit], unknown: Sequence[str]) -> str:
    phrases: Caption = read(caption)
    for edit in edits:
        phrases = repair(edit.apply(phrases))
    text = render(phrases) or caption
    return ", ".join([text.rstrip("."), *unknown]) if unknown else text


def _objects(edits: Sequence[Edit]) -> str:
    things: list[NounPhrase] = []
    for edit in edits:
        things += [thing for thing in map(_plain, edit.objects) if thing and thing not in things]
    return joined(things)


def _plain(thing: NounPhrase) -> NounPhrase | None:
    """The thing without "more"; None where there shall be less of it."""
    if _FEWER & set(thing.det.split(" ")):
        return None
    return replace(thing, det="") if "more" in thing.det.split(" ") else thing


_FEWER = frozenset({"less", "fewer", "no"})
