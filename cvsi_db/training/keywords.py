"""Masks the keywords of a caption, for training phi from text alone: "a red cat on the beach" becomes "$ on $".

A keyword run is a maximal run of nouns, adjectives, numbers and determiners (Gu et al., CVPR 2024, section 3.2).
Instead of a part-of-speech tagger a closed list says what is none: prepositions, conjunctions, pronouns, auxiliaries,
adverbs of place and time, and the common verbs of captions. Takes and returns plain strings.
"""

from __future__ import annotations

import re

DOLLAR = "$"
NO_KEYWORD = "a photo of $"
"""What a caption without any keyword becomes."""

DETERMINERS = frozenset({"a", "an", "the", "this", "that", "these", "those", "its", "his", "her", "their", "each"})
"""Part of the run they stand in, but no run on their own."""

KEPT = frozenset(
    {
        # prepositions and conjunctions
        "of", "in", "on", "at", "by", "with", "without", "to", "into", "from", "for", "as", "near", "beside", "behind",
        "next", "before", "after", "under", "over", "above", "below", "between", "among", "around", "across", "along",
        "through", "against", "during", "inside", "outside", "off", "out", "up", "down", "onto", "and", "or", "but",
        "while", "when", "where", "than", "together", "front",
        # pronouns and auxiliaries
        "it", "he", "she", "they", "them", "him", "there", "who", "which", "is", "are", "was", "were", "be", "been",
        "being", "has", "have", "had", "can", "could", "will", "would", "does", "do", "not", "no", "nothing",
        # verbs that captions use
        "wearing", "wears", "wear", "dressed", "holding", "holds", "hold", "carrying", "waving", "reading", "playing",
        "eating", "standing", "stands", "stand", "sitting", "sits", "sit", "waits", "wait", "poses", "pose", "lying",
        "walking", "running", "looking", "showing", "seen", "drawn", "painted", "cut", "falling", "falls", "goes",
    }
)  # fmt: skip

_PIECE = re.compile(r"[\w'’-]+|[^\w\s]")


def mask_keywords(caption: str) -> str:
    """The caption in lower case with every keyword run replaced by `$`; NO_KEYWORD where there is none."""
    masked: list[str] = []
    run: list[str] = []
    for piece in [*_PIECE.findall(caption.lower()), ""]:
        if _is_keyword(piece):
            run.append(piece)
            continue
        masked += [DOLLAR] if set(run) - DETERMINERS else run
        masked += [piece] if piece else []
        run = []
    return " ".join(masked) if DOLLAR in masked else NO_KEYWORD


def _is_keyword(piece: str) -> bool:
    return piece[:1].isalnum() and piece not in KEPT
