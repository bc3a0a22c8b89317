"""Masks the keywords of a caption, for training phi from text alone: "a red cat on the beach" becomes "$ on $".

A keyword run is a maximal run of nouns, adjectives, numbers and determiners (Gu et al., CVPR 2024, section 3.2, who
use spaCy's tagger; its models come from no package registry, and phi must train offline). Instead of a tagger, closed
lists and word endings say what is none: function words, the common verbs of captions, adverbs in -ly, and words in
-ing that follow a noun or lead nowhere. What the lists do not know counts as a keyword. Takes and returns strings.
"""

from __future__ import annotations

import re

DOLLAR = "$"
NO_KEYWORD = "a photo of $"
"""What a caption without any keyword becomes."""

DETERMINERS = frozenset(
    {
        "a", "an", "the", "this", "that", "these", "those", "its", "his", "her", "their", "each", "my", "your", "our",
        "some", "any", "another", "every", "both", "either", "such",
    }
)  # fmt: skip
"""Part of the run they stand in, but no run on their own."""

KEPT = frozenset(
    {
        # prepositions and conjunctions
        "of", "in", "on", "at", "by", "with", "without", "to", "into", "from", "for", "as", "near", "beside", "behind",
        "next", "before", "after", "under", "over", "above", "below", "between", "among", "around", "across", "along",
        "through", "against", "during", "inside", "outside", "off", "out", "up", "down", "onto", "and", "or", "but",
        "while", "when", "where", "than", "together", "front", "about", "amid", "amidst", "amongst", "atop",
        "alongside", "within", "toward", "towards", "upon", "beneath", "underneath", "beyond", "throughout", "via",
        "per", "like", "unlike", "until", "since", "because", "despite", "except", "if", "so", "though", "although",
        "whereas", "nor", "yet", "instead", "rather",
        # pronouns and auxiliaries
        "it", "he", "she", "they", "them", "him", "there", "who", "which", "is", "are", "was", "were", "be", "been",
        "being", "has", "have", "had", "can", "could", "will", "would", "does", "do", "not", "no", "nothing",
        "i", "me", "we", "us", "you", "whose", "whom", "what", "how", "why", "itself", "himself", "herself",
        "themselves", "something", "someone", "everything", "everyone", "am", "did", "done", "should", "must", "may",
        "might", "shall", "having", "cannot",
        # adverbs
        "more", "most", "less", "least", "very", "much", "quite", "only", "now", "then", "here", "still", "again",
        "already", "almost", "even", "ever", "never", "always", "often", "further", "forward", "forwards", "sideways",
        "upwards", "downwards", "apart", "maybe", "perhaps", "somewhat", "well", "ago",
        # verbs that captions use
        "wearing", "wears", "wear", "dressed", "holding", "holds", "hold", "carrying", "waving", "reading", "playing",
        "eating", "standing", "stands", "stand", "sitting", "sits", "sit", "waits", "wait", "poses", "pose", "lying",
        "walking", "running", "looking", "showing", "seen", "drawn", "painted", "cut", "falling", "falls", "goes",
        "carries", "carry", "eats", "eat", "reads", "walks", "walk", "runs", "rides", "ride", "swims", "swim", "lies",
        "lays", "lay", "sat", "stood", "laid", "held", "worn", "flies", "looks", "shows", "show", "shown",
        "makes", "make", "made", "takes", "take", "taken", "gets", "get", "got", "gives", "give", "given", "puts",
        "put", "keeps", "keep", "kept", "says", "say", "sees", "see", "go", "gone", "comes", "come", "becomes",
        "become", "appears", "appear", "seems", "seem", "contains", "contain", "includes", "include", "features",
        "wants", "want", "needs", "need", "adds", "add", "added", "removes", "remove", "removed", "replaces",
        "replace", "replaced", "changes", "changed", "turns", "turned", "moved", "placed", "parked", "covered",
        "filled", "surrounded", "attached", "displayed", "located", "posed", "topped", "hangs", "hung",
        "leans", "sleeps", "depicts", "depicting", "depicted", "lets", "let", "uses", "used",
    }
)  # fmt: skip

_NAMES_IN_ING = frozenset(
    {
        # nouns
        "ring", "king", "wing", "string", "spring", "thing", "sling", "swing", "building", "ceiling", "morning",
        "evening", "painting", "drawing", "clothing", "wedding", "earring", "railing", "awning", "icing", "pudding",
        "dressing", "lettering", "writing", "lighting", "bedding", "flooring", "stuffing", "herring",
        "dumpling", "duckling", "gosling", "sibling", "darling", "sterling", "piercing", "crossing", "landing",
        "meeting", "frosting", "topping", "filling", "tubing", "piping", "paneling", "wording", "coloring", "viking",
        # before a noun: what it is for, or what it is like
        "parking", "living", "dining", "dinning", "sliding", "swimming", "washing", "rocking", "steering", "matching",
        "contrasting", "interesting", "amazing", "stunning", "charming", "outgoing", "missing", "flowing", "glowing",
        "sparkling", "surrounding", "remaining", "fitting", "revealing",
        # what the captions of drawn scenes say of weather and pose, masked since the starter's phi was trained
        "raining", "snowing", "jumping", "leaping", "smiling", "sleeping", "frowning",
    }
)  # fmt: skip

_NAMES_IN_LY = frozenset(
    {
        "fly", "butterfly", "dragonfly", "family", "jelly", "belly", "lily", "holly", "ally", "bully", "italy", "july",
        "assembly", "anomaly", "ugly", "friendly", "lovely", "lively", "lonely", "silly", "woolly", "curly", "frilly",
        "hilly", "chilly", "early", "daily", "elderly", "wrinkly", "bubbly", "cuddly", "girly", "ghostly", "heavenly",
        "manly", "costly", "ply", "sly", "oily", "smelly", "prickly", "bristly", "wooly",
    }
)  # fmt: skip
_BE = frozenset({"is", "are", "was", "were", "be", "been", "being", "not", "it's", "he's", "she's", "that's"})
_SHORTENED = re.compile(r"\w+n['’]t|(?:i|it|he|she|they|you|we|that|there|who|what)['’](?:s|re|ve|ll|d|m)")

_PIECE = re.compile(r"[\w'’-]+|[^\w\s]")


def mask_keywords(caption: str) -> str:
    """The caption in lower case with every keyword run replaced by `$`; NO_KEYWORD where there is none.

    A `$` of the caption's own is left out: it would be taken for a masked run.
    """
    masked: list[str] = []
    run: list[str] = []
    pieces = [*_PIECE.findall(caption.lower().replace(DOLLAR, " ")), ""]
    for place, piece in enumerate(pieces):
        if _is_keyword(piece, run, before=pieces[place - 1], after=pieces[min(place + 1, len(pieces) - 1)]):
            run.append(piece)
            continue
        masked += [DOLLAR] if set(run) - DETERMINERS else run
        masked += [piece] if piece else []
        run = []
    return " ".join(masked) if DOLLAR in masked else NO_KEYWORD


def _is_keyword(piece: str, run: list[str], *, before: str, after: str) -> bool:
    """Whether the piece belongs to a keyword run, given the run so far and its neighbours."""
    if not piece[:1].isalnum() or piece in KEPT or _SHORTENED.fullmatch(piece):
        return False
    if piece == "that" and set(run) - DETERMINERS:
        return False  # after a noun it begins a clause
    if piece.endswith("ly") and len(piece) > 3:
        return piece in _NAMES_IN_LY
    if piece.endswith("ing") and piece not in _NAMES_IN_ING:
        return not _is_verb_in_ing(run, before, after)
    return True


def _is_verb_in_ing(run: list[str], before: str, after: str) -> bool:
    """After a noun or a form of be, and before a function word, a word in -ing is a verb; "a barking dog" has none."""
    leads_on = after[:1].isalnum() and after not in KEPT and after not in DETERMINERS
    return not leads_on or before in _BE or bool(set(run) - DETERMINERS)
