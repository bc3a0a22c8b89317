"""What an encoder that reads texts word by word makes of the texts that a person typed.

Takes a query's parts and an encoder; returns lines, none for an encoder that does not say (see Encoder).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from cvsi_db.search.compile.embed import Parts

if TYPE_CHECKING:
    from cvsi_db.models.protocols import Encoder


def word_lines(parts: Parts, encoder: Encoder, kind: Literal["word_warnings", "word_readings"]) -> tuple[str, ...]:
    """The warnings about words, or what each word was read as, of the edit text and the negative texts, each once."""
    ask = getattr(encoder, kind, None)
    texts = [text for text in (parts.edit_text, *parts.negative) if text]
    return () if ask is None else tuple(dict.fromkeys(line for text in texts for line in ask(text)))
