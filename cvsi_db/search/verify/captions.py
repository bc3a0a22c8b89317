"""The verifier that looks at no image: it compares the words of captions. It needs no download and no endpoint.

Takes a question and hits, returns for each the share of words that its best caption has in common with the edited
captions. It shows what a verifier does where no model is at hand; hits get worse by it, not better (docs/verify.md).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from cvsi_db.models.protocols import Verifier
from cvsi_db.records import Question, ShownHit

_STOP = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "at",
        "be",
        "behind",
        "by",
        "for",
        "from",
        "has",
        "have",
        "in",
        "is",
        "it",
        "its",
        "near",
        "next",
        "of",
        "on",
        "or",
        "over",
        "that",
        "the",
        "their",
        "there",
        "this",
        "to",
        "under",
        "wearing",
        "while",
        "with",
    ]
)
"""Words that say nothing of what an image shows."""


class CaptionVerifier(Verifier):
    """Confidence: the largest F1 of the words of one of the hit's captions and of one edited caption."""

    name = "captions-1"
    at_once = 1000
    sees = False

    def verify(self, question: Question, hits: Sequence[ShownHit]) -> list[float]:
        """(n,) the confidence for each hit; 0 for one without captions."""
        wanted = [_words(text) for text in question.edited_captions]
        return [
            max((_f1(_words(caption), words) for caption in hit.captions for words in wanted), default=0.0)
            for hit in hits
        ]

    def what_lacks(self, question: Question, hit: ShownHit) -> str:
        """The words of the edited captions that no caption of the hit has, in order."""
        there = {word for caption in hit.captions for word in _words(caption)}
        wanted = dict.fromkeys(word for text in question.edited_captions for word in _ordered(text))
        return " ".join(word for word in wanted if word not in there)


def _ordered(text: str) -> list[str]:
    return [word for word in re.findall(r"[\w'-]+", text.lower()) if word not in _STOP]


def _words(text: str) -> set[str]:
    return set(_ordered(text))


def _f1(one: set[str], other: set[str]) -> float:
    """2 · common words / all words of both (Dice's coefficient); 0 where neither has any."""
    return 2 * len(one & other) / (len(one) + len(other)) if one or other else 0.0
