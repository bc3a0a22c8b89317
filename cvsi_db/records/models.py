"""What models are given and give: pseudo-texts and rewrites. Knows nothing about any model."""

from __future__ import annotations

from dataclasses import dataclass, field

from cvsi_db.records.names import FloatArray


@dataclass(frozen=True)
class PseudoText:
    """A sentence with one `$` whose token embedding is to be replaced by `word` (token_dim,), the pseudo-token."""

    text: str
    word: FloatArray = field(repr=False)


@dataclass(frozen=True)
class Rewrite:
    """What a rewriter made of the captions and the edit text.

    `edited_captions` has at least one entry; `added_objects` is a short noun phrase, or "" when the edit adds none;
    `rewriter` names who spoke; `fallback` is True when the edit was not understood and merely appended. `note` says why
    another one that was asked first did not speak, else it is ""; a rewrite with a note is not kept in the catalog.
    """

    edited_captions: tuple[str, ...]
    added_objects: str
    rewriter: str
    fallback: bool = False
    note: str = ""
