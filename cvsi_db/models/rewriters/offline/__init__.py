"""The offline rewriter: changes captions by rules, without a model; what they are not certain of, it appends."""

from __future__ import annotations

from collections.abc import Sequence

from cvsi_db.errors import RewriteError
from cvsi_db.records import Rewrite

VERSION = 9
"""Part of the name, hence of the rewrite cache's key: raise it whenever answers change."""


class OfflineRewriter:
    """Rewriter by rules; deterministic."""

    name = f"rules-{VERSION}"

    def rewrite(self, captions: Sequence[str], edit_text: str) -> Rewrite:
        """The captions after the edit; without captions, the edit text. RewriteError when both are blank."""
        known = [caption for caption in map(str.strip, captions) if caption]
        text = " ".join(edit_text.split())
        if not known and not text:
            raise RewriteError("nothing to rewrite: no caption and no edit text; give at least one")
        if not known or not text:
            return Rewrite(tuple(dict.fromkeys(known or [text])), "", self.name)
        from cvsi_db.models.rewriters.offline.reading import edit  # late: a kept rewrite needs none of it

        edited, added, fallback = edit(known, text)
        return Rewrite(tuple(dict.fromkeys(edited)), added, self.name, fallback=fallback)
