"""The offline rewriter: rewrites captions by rules of ordinary English.

Takes captions and an edit text, returns a `Rewrite`; deterministic, needs no model and no network. Knows English
word lists and a little grammar (words, tables, inflect, idioms, adjectives, nouns, phrases, subjects, reader), what
edits do (operations, becoming, actions, appearance, qualities, agreement, located, company) and how people word them
(substitutions, wording, frames, rewordings, clauses, edits, and the readings in things, addressed, belongings, hours,
aspects, described and statements); knows nothing about pictures or any particular gallery.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from cvsi_db.errors import RewriteError
from cvsi_db.models.rules.clauses import joints, split_clauses, strip_fillers, strip_openings
from cvsi_db.models.rules.edit import Edit
from cvsi_db.models.rules.edits import understand
from cvsi_db.models.rules.phrases import Caption, NounPhrase, joined, render, repair
from cvsi_db.models.rules.reader import read
from cvsi_db.records import Rewrite

RULES_VERSION = 4
"""Part of the name, hence of the rewrite cache's key: raise it whenever a rule changes what it answers."""


class RulesRewriter:
    """Rewriter by rules. An edit it does not understand is appended to the captions, and `fallback` says so."""

    @property
    def name(self) -> str:
        """Names the rules and their version."""
        return f"rules-{RULES_VERSION}"

    def rewrite(self, captions: Sequence[str], edit_text: str) -> Rewrite:
        """The captions as they would read after the edit, without doubles, in order.

        Without captions the edit text itself is the caption. Raises RewriteError when both are blank.
        """
        known = [caption for caption in map(str.strip, captions) if caption]
        edit_text = " ".join(edit_text.split())
        if not known and not edit_text:
            raise RewriteError("nothing to rewrite: no caption and no edit text; give at least one")
        if not known or not edit_text:
            return Rewrite(_distinct(known or [edit_text]), "", self.name)
        edits, unknown = _understand_all(edit_text)
        edited = _distinct([_edit(caption, edits, unknown) for caption in known])
        return Rewrite(edited, _objects(edits), self.name, fallback=bool(unknown))


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


def _distinct(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
