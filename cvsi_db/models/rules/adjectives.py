"""Which words of an edit text describe: adjectives by list, by form, or by where they stand ("more masculine").

Takes and returns plain strings; knows nothing about captions.
"""

from __future__ import annotations

import re

from cvsi_db.models.rules import words as w
from cvsi_db.models.rules.inflect import singular
from cvsi_db.models.rules.qualities import group_of

DEGREES = frozenset(
    [
        "more",
        "less",
        "much",
        "very",
        "and",
        "slightly",
        "as",
        "too",
        "most",
        "somewhat",
        "way",
        "far",
        "also",
        "even",
        "lot",
        "still",
        "really",
        "quite",
        "extremely",
        "rather",
        "only",
        "mostly",
        "all",
        "completely",
        "entirely",
        "fully",
        "bit",
        "is",
    ]
)


def adjective_words(text: str) -> tuple[str, ...]:
    """The words of `text` when all of them describe; else none."""
    text = re.sub(r"\ba (?:little|bit|tad)(?: bit)?\b", "slightly", text.replace(",", " and"))
    words = tuple(word for word in text.split() if word != "is")
    plain = [(word, before) for before, word in zip(("", *words), words, strict=False) if word not in DEGREES]
    describing = all(_describes(word, before) for word, before in plain)
    nouns = any(_names(word) for word, _ in plain)
    return words if plain and describing and not nouns and not {"hatless", "alone"} & set(words) else ()


def _describes(word: str, before: str) -> bool:
    """Whether it is an adjective by its form, or stands where only an adjective can: "more masculine"."""
    if before in {"more", "less", "very", "too"} and "-" not in word and not word.endswith("s"):
        return word.isalpha() and word not in w.VERBS | w.PREPOSITIONS | w.LINKS | w.ING_NOUNS | _UNCOUNTED
    if word in _NOUNS_IN_Y or word in _UNCOUNTED:
        return False
    return bool(_ADJECTIVE.fullmatch(word)) or word in w.SHADES or word in w.COLOURS or bool(group_of(word))


_UNCOUNTED = frozenset({
    "art", "text", "color", "colour", "detail", "pattern", "design", "print", "lace", "fabric", "coverage",
    "skin", "light", "space", "fur",
})  # fmt: skip
_NOUNS_IN_Y = frozenset({
    "barrier", "belly", "berry", "body", "bunny", "candy", "carrier", "cashier", "chandelier", "city",
    "courier", "daddy", "daisy", "doggy", "dummy", "entry", "family", "frontier", "hobby", "ivy",
    "jelly", "kitty", "lady", "lily", "lobby", "mommy", "mummy", "nanny", "navy", "pansy",
    "party", "pastry", "penny", "premier", "puppy", "soldier", "story", "teddy",
})  # fmt: skip


def _names(word: str) -> bool:
    return (
        word in w.SLOT_OF or word in w.PLACES or word in w.IMPERATIVES or word in w.MEDIA or singular(word) in w.SLOT_OF
    )


_ADJECTIVE = re.compile(
    r"""(?:long|short|loos|tight|dark|light|bright|big|larg|small|tall|thin|thick|young|old|wid|narrow|low|high|plain|simpl|
    dress|fanc|sex|soft|sleek|bold|flow|bagg|slim|warm|cool|deep|fluff|furr|happ|sad|cut|wet|dirt|clean|dens|shin|tini|
    round|flat|full|rich|neat|cut|cozi|curvi|poof|puff|flar|roomi|lacy|laci|silk|sheer|short|fat|plump|strong|quiet|calm
    |great|nice|new|clear|fresh|smooth|rough|sharp|hair|shagg|curl|cute|clos|strict|broad|tini|lean|kind|mild|bar
    )(?:n?i?er|e?|y|ier|i?est)
    |[\w-]{3,}(?:ful|less|ive|ous|able|ible|ish|ic|ical|ual|ed|etic|ular|tal|ern)|transparent|floral|natural
    |colorful|casual
    |formal|plain|solid|striped|sheer|tiny|huge|asleep|awake|elegant|fit-and-flare|feminine|masculine|modern|vintage|fluffy|furry
    |pretty
    |fancy|flowy|sexy|edgy|girly|dressy|baggy|multicolou?red|v-neck|shiny|lacy|silky|modest|flared|different
    |similar|bold
    |[\w-]*(?:fitting|fit|fitted|revealing|flowing|flattering|concealing|hugging|looking|clinging|interesting|appealing)
    |see-through|off-the-shoulder|button-(?:up|down)|zip-(?:up|down)|[\w-]+-(?:length|neck|back|cut|shoulder|strap
    |tone|piece)
    |asymmetrical|loose|tight|bare|open|adult|oval|square|circular|rectangular|wild|ripe|raw|empty|blank|messy|busy
    |blurry
    |[\w-]+-like|[a-z]{3,}ier|whiter|blacker|pinker|bluer|greener|redder|[a-z]{2,}(?:ppy|tty|ggy|mmy|nny|ddy|ffy|zzy|ssy|rty|ldy|rky|sky)
    |opaque|wooden|golden|woolen|leather|denim|cotton|silk|satin|velvet|lace|chiffon|knit|metallic|silver|mesh|linen""",
    re.VERBOSE,
)
