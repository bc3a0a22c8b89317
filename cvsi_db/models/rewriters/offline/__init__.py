"""The offline rewriter: rewrites captions by a few operations of ordinary English, without a model or a network.

It touches a caption only where it is certain what the edit text asks for: to replace, remove or add a thing, to change
a number, a colour, a place, a view or style, a pose or a part, or to describe another image altogether. What it is not
certain of, it appends to the caption, and `Rewrite.fallback` says so.
"""

from __future__ import annotations

from collections.abc import Sequence

from cvsi_db.errors import RewriteError
from cvsi_db.records import Rewrite

VERSION = 5
"""Part of the name, hence of the rewrite cache's key: raise it whenever answers change."""


class OfflineRewriter:
    """Rewriter by rules; deterministic."""

    @property
    def name(self) -> str:
        """Names the rules and their version."""
        return f"rules-{VERSION}"

    def rewrite(self, captions: Sequence[str], edit_text: str) -> Rewrite:
        """The captions as they would read after the edit, without doubles, in order.

        Without captions the edit text itself is the caption. Raises RewriteError when both are blank.
        """
        known = [caption for caption in map(str.strip, captions) if caption]
        text = " ".join(edit_text.split())
        if not known and not text:
            raise RewriteError("nothing to rewrite: no caption and no edit text; give at least one")
        if not known or not text:
            return Rewrite(tuple(dict.fromkeys(known or [text])), "", self.name)
        from cvsi_db.models.rewriters.offline.reading import rewrite  # late: a kept rewrite needs none of it

        edited, added, fallback = rewrite(known, text)
        return Rewrite(edited, added, self.name, fallback=fallback)
