"""The offline rewriter: rewrites captions by rules of ordinary English.

Takes captions and an edit text, returns a `Rewrite`; deterministic, needs no model and no network. Knows English
word lists and a little grammar (words, tables, inflect, idioms, adjectives, nouns, phrases, subjects, reader), what
edits do (operations, becoming, actions, appearance, qualities, agreement, located, company) and how people word them
(substitutions, wording, frames, rewordings, clauses, edits, and the readings in things, addressed, belongings, hours,
aspects, described and statements; apply brings all to bear); knows nothing about pictures or any particular gallery.
"""

from __future__ import annotations

from collections.abc import Sequence

from cvsi_db.errors import RewriteError
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
        from cvsi_db.models.rules.apply import apply_edit  # late: a search whose rewrite is kept needs no rules

        edited, added, unknown = apply_edit(known, edit_text)
        return Rewrite(_distinct(edited), added, self.name, fallback=unknown)


def _distinct(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
