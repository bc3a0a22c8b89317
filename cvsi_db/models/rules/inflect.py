"""Word forms: plurals and singulars, articles, number words; takes and returns plain strings.

Knows nothing about captions or edits. Irregular forms are a short table; the rest follows spelling.
"""

from __future__ import annotations

from functools import lru_cache

_IRREGULAR = {
    "man": "men", "woman": "women", "child": "children", "person": "people", "mouse": "mice", "goose": "geese",
    "foot": "feet", "tooth": "teeth", "ox": "oxen", "snowman": "snowmen", "scarf": "scarves", "leaf": "leaves",
    "wolf": "wolves", "calf": "calves", "knife": "knives", "loaf": "loaves", "shelf": "shelves", "half": "halves",
    "gentleman": "gentlemen", "policeman": "policemen", "fisherman": "fishermen", "life": "lives", "wife": "wives",
    "sheep": "sheep", "deer": "deer", "fish": "fish", "moose": "moose", "bison": "bison", "shrimp": "shrimp",
    "hoof": "hooves", "dwarf": "dwarves", "elf": "elves", "potato": "potatoes", "tomato": "tomatoes",
    "hero": "heroes", "buffalo": "buffaloes", "ice cream": "ice creams", "bus": "buses", "beanie": "beanies",
    "cookie": "cookies", "hoodie": "hoodies",
    "selfie": "selfies", "tie": "ties", "bow tie": "bow ties", "necktie": "neckties", "shoe": "shoes",
    "pie": "pies", "smoothie": "smoothies", "horse": "horses", "lens": "lenses",
}  # fmt: skip
_SINGULAR = {many: one for one, many in _IRREGULAR.items()}
PAIRED = frozenset({
    "glasses", "sunglasses", "spectacles", "shades", "goggles", "pants", "trousers", "jeans", "shorts", "clothes",
    "headphones", "pajamas", "pyjamas", "overalls", "leggings", "eyeglasses", "scissors", "specs",
})  # fmt: skip
"""Nouns that are plural whatever their number and take no article."""
MASS = frozenset({
    "grass", "snow", "water", "sand", "clothing", "hair", "fur", "food", "headwear", "eyewear", "rain", "fog", "ice",
    "dress", "glass", "moss", "eyeglass", "cross", "bus", "harness", "octopus", "walrus", "lens", "circus", "news",
    "tennis", "cactus", "mattress", "mess", "brass", "pass", "lotus", "hibiscus", "compass", "iris", "canvas",
})  # fmt: skip
"""Nouns whose singular ends as a plural would, or that have no plural."""


@lru_cache(maxsize=4096)
def singular(noun: str) -> str:
    """The singular of the last word of `noun`; a noun that is singular already stays."""
    *before, last = noun.split(" ") if noun else [""]
    return " ".join([*before, _singular(last)])


def _singular(word: str) -> str:
    if word in _SINGULAR:
        return _SINGULAR[word]
    if word in PAIRED or word in MASS or len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("shes", "ches", "xes", "sses", "zzes")):
        return word[:-2]
    return word.removesuffix("'s") if word.endswith("'s") else word[:-1]


@lru_cache(maxsize=4096)
def plural(noun: str) -> str:
    """The plural of the last word of `noun`; a plural stays."""
    *before, last = noun.split(" ") if noun else [""]
    return " ".join([*before, _plural(last)])


def _plural(word: str) -> str:
    if not word or word in PAIRED or word in _SINGULAR or (_singular(word) != word):
        return word
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x", "ch", "sh", "z")) else "s")


def is_plural(noun: str) -> bool:
    """Whether the last word of `noun` is a plural."""
    last = noun.split(" ")[-1]
    return last in PAIRED or (last in _SINGULAR and last not in _IRREGULAR) or _singular(last) != last


def article(words: str) -> str:
    """ "a" or "an", by the first letter; good enough for nouns that name what pictures show."""
    if words.startswith(("uni", "eu", "one", "us", "u ", "u-")):
        return "a"
    return "an" if words[:1] in "aeiou" or words.startswith(("hour", "honest")) else "a"


_VERB_PAIRS = (
    ("is", "are"), ("was", "were"), ("has", "have"), ("does", "do"), ("stands", "stand"), ("sits", "sit"),
    ("waits", "wait"), ("poses", "pose"), ("lies", "lie"), ("lays", "lay"), ("runs", "run"), ("walks", "walk"),
    ("rides", "ride"), ("flies", "fly"), ("holds", "hold"), ("carries", "carry"), ("wears", "wear"),
    ("looks", "look"), ("plays", "play"), ("jumps", "jump"), ("sleeps", "sleep"), ("eats", "eat"), ("swims", "swim"),
    ("rests", "rest"), ("smiles", "smile"), ("leans", "lean"), ("faces", "face"), ("reads", "read"),
    ("drinks", "drink"), ("stares", "stare"), ("waves", "wave"),
)  # fmt: skip
_PRONOUN_PAIRS = (("it", "they"), ("she", "they"), ("he", "they"))
_OBJECT_PAIRS = (("it", "them"), ("him", "them"), ("her", "them"))
_THERE = (("there is", "there are"),)
TO_MANY = dict((*_THERE, *_VERB_PAIRS, *_PRONOUN_PAIRS, ("its", "their"), ("itself", "themselves")))
TO_ONE = {
    **{many: one for one, many in (*_THERE, *_VERB_PAIRS)},
    "they": "it", "them": "it", "their": "its", "themselves": "itself",
}  # fmt: skip
OBJECT_TO_MANY = dict(_OBJECT_PAIRS)
