"""What models are given and give: pseudo-texts, rewrites, what a verifier is asked, and what answers have cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from cvsi_db.records.names import FloatArray

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class PseudoText:
    """A sentence with one `$` whose token embedding is to be replaced by `word` (token_dim,), the pseudo-token."""

    text: str
    word: FloatArray = field(repr=False)


@dataclass(frozen=True)
class Rewrite:
    """What a rewriter made of the captions and the edit text.

    `edited_captions` has at least one entry; `added_objects` is a short noun phrase, or "" when the edit adds none;
    `rewriter` is the name of the one that answered; `fallback` is True when the edit was not understood and merely
    appended. `note` says why another one that was asked first gave no answer, else it is ""; a rewrite with a note is
    not kept in the catalog.
    """

    edited_captions: tuple[str, ...]
    added_objects: str
    rewriter: str
    fallback: bool = False
    note: str = ""


@dataclass(frozen=True)
class Question:
    """What a verifier is asked of each hit: is it the `reference` (upright RGB, or None), changed as `edit_text` says?

    `edited_captions` say so in the words of the reference's captions, where there are any.
    """

    edit_text: str
    reference: Image | None = field(repr=False)
    edited_captions: tuple[str, ...] = ()


@dataclass(frozen=True)
class ShownHit:
    """A hit as a verifier sees it: `image` upright RGB, None for a verifier that reads captions alone."""

    image_id: str
    image: Image | None = field(repr=False)
    captions: tuple[str, ...] = ()


@dataclass
class Usage:
    """Requests that a rewriter or verifier sent (retries included) and the tokens of all answers, as the endpoint
    counted them.

    May be added to from any number of threads.
    """

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    _lock: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    def add(self, requests: int = 0, prompt_tokens: int = 0, completion_tokens: int = 0) -> None:
        """Add to the counts."""
        with self._lock:
            self.requests += requests
            self.prompt_tokens += prompt_tokens
            self.completion_tokens += completion_tokens

    def __str__(self) -> str:
        """As `2 requests, 312 + 88 tokens`: the tokens of the prompts, then those of the answers."""
        plural = "" if self.requests == 1 else "s"
        return f"{self.requests} request{plural}, {self.prompt_tokens} + {self.completion_tokens} tokens"
