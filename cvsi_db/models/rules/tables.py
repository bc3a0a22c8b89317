"""Words and phrases for patterns, poses, expressions and sizes: plain tables, each word with its group and adjective.

Knows nothing about captions or edits.
"""

from __future__ import annotations

_PATTERNS = {
    "striped": ("striped stripy stripey", "stripes"),
    "spotted": ("spotted spotty speckled dotted polka-dot polka-dotted", "spots dots speckles"),
    "checked": ("checked checkered chequered plaid tartan", "checks"),
    "plain": ("plain unpatterned patternless", ""),
}
_POSES = {
    "sitting": "sits seated sit", "standing": "stands stand", "jumping": "jumps jump leaping leaps hopping",
    "waving": "waves wave", "lying": "lies laying lie lays", "running": "runs run", "walking": "walks walk",
    "kneeling": "kneels", "crouching": "crouches", "dancing": "dances dance", "flying": "flies fly", "posing": "poses",
}  # fmt: skip
_EXPRESSIONS = {
    "smiling": "smiling grinning beaming", "happy": "happy cheerful joyful", "laughing": "laughing",
    "sad": "sad unhappy gloomy miserable frowning downcast", "crying": "crying weeping",
    "surprised": "surprised astonished amazed shocked startled",
    "sleeping": "sleeping asleep dozing snoozing napping", "angry": "angry cross furious",
    "scared": "scared frightened afraid", "awake": "awake",
}  # fmt: skip
_OTHERS = {
    "size": "big bigger large larger huge giant small smaller tiny little smallest biggest largest",
    "sleeves": "sleeveless long-sleeved short-sleeved cap-sleeved half-sleeved three-quarter-sleeved elbow-sleeved"
    " strapless",
    "length": "longer shorter long short floor-length knee-length ankle-length full-length mid-length",
    "tone": "lighter darker brighter",
    "age": "younger older young old adult",
}


def _adjectives() -> dict[str, tuple[str, str]]:
    found = {word: ("pattern", word) for words, _ in _PATTERNS.values() for word in words.split()}
    found |= {word: ("pose", pose) for pose, words in _POSES.items() for word in (pose, *words.split())}
    attributive = {"asleep": "sleeping", "afraid": "scared"}
    for words in _EXPRESSIONS.values():
        found |= {word: ("expression", attributive.get(word, word)) for word in words.split()}
    return found | {word: (group, word) for group, words in _OTHERS.items() for word in words.split()}


def _phrases() -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for adjective, (_, nouns) in _PATTERNS.items():
        for noun in nouns.split():
            forms = ("with {}", "in {}", "has {}", "have {}", "having {}", "covered in {}", "covered with {}",
                     "with {} on it",
                     "with {} all over", "with a pattern of {}")  # fmt: skip
            found |= {form.format(noun): ("pattern", adjective) for form in forms}
        article = f"a {adjective}"
        found |= {f"{lead} {article} pattern": ("pattern", adjective) for lead in ("with", "in", "has")}
    for adjective, words in _EXPRESSIONS.items():
        for word in words.split():
            found |= _expressed(word, adjective)
    return found | _FIXED


def _expressed(word: str, adjective: str) -> dict[str, tuple[str, str]]:
    """ "looking sad", "with a sad face", "has a sad expression"."""
    article = "an" if word[0] in "aeiou" else "a"
    looks = [f"{verb} {word}" for verb in ("looking", "looks", "look", "feeling", "seems")]
    faces = [f"{have} {article} {word} {face}" for have in ("with", "has") for face in ("face", "look", "expression")]
    return dict.fromkeys((*looks, *faces), ("expression", adjective))


_FIXED = {
    **{f"{no} {what}": ("sleeves", "sleeveless") for no in ("no", "without", "with no", "has no", "without any")
       for what in ("sleeves", "sleeve")},
    **{f"{have} {size}smile": ("expression", "smiling") for have in ("with", "has", "wearing", "having")
       for size in ("a ", "a big ", "a broad ", "a wide ")},
    **{f"with {whose}eyes closed": ("expression", "sleeping") for whose in ("", "its ", "his ", "her ")},
    "with closed eyes": ("expression", "sleeping"), "fast asleep": ("expression", "sleeping"),
    "with a frown": ("expression", "sad"), "sound asleep": ("expression", "sleeping"),
    "taking a nap": ("expression", "sleeping"),
    "sitting down": ("pose", "sitting"), "standing up": ("pose", "standing"), "lying down": ("pose", "lying down"),
    "laying down": ("pose", "lying down"), "jumping up": ("pose", "jumping"),
    "jumping up and down": ("pose", "jumping"),
    "in mid-air": ("pose", "jumping"), "in the air": ("pose", "jumping"), "leaping into the air": ("pose", "jumping"),
    "jumping in the air": ("pose", "jumping"), "jumping into the air": ("pose", "jumping"),
    "mid-jump": ("pose", "jumping"),
    "on its feet": ("pose", "standing"), "taking a seat": ("pose", "sitting"), "waving hello": ("pose", "waving"),
    "sit down": ("pose", "sitting"), "stand up": ("pose", "standing"), "lie down": ("pose", "lying down"),
    "sits down": ("pose", "sitting"), "stands up": ("pose", "standing"), "jump up": ("pose", "jumping"),
    **{f"waving {what}": ("pose", "waving")
       for what in ("a hand", "its hand", "its paw", "his hand", "her hand", "a paw")},
    **{phrase.format(limb): ("pose", "waving") for limb in ("arm", "hand", "paw")
       for phrase in ("with an {} raised", "with a {} raised", "with one {} raised", "with a raised {}",
                      "raising a {}")},
    "without a pattern": ("pattern", "plain"), "with no pattern": ("pattern", "plain"),
    "without any pattern": ("pattern", "plain"),
}  # fmt: skip

ADJECTIVES = _adjectives()
"""Single words, each with its group and the form that goes before a noun or after "is"."""

QUALITIES = _phrases()
"""Phrases, each with its group and the adjective that says the same."""

PREDICATIVE = frozenset({"asleep", "awake", "afraid", "frowning", "seated"})
"""Words that name nothing and stand only after what they describe."""

RESULTS = {
    "open": "open", "close": "closed", "fill": "filled", "hang": "hung", "stack": "stacked", "roll": "rolled",
    "fold": "folded", "knead": "kneaded", "charge": "charging", "attach": "attached", "wrap": "wrapped", "tie": "tied",
    "light": "lit", "cut": "cut", "slice": "sliced", "spread": "spread", "lift": "lifted", "lower": "lowered",
    "raise": "raised", "tilt": "tilted", "line": "lined", "pile": "piled", "cover": "covered", "decorate": "decorated",
    "arrange": "arranged", "blur": "blurred", "flip": "flipped", "rotate": "rotated", "connect": "connected",
    "mount": "mounted", "display": "displayed", "draw": "drawn", "split": "split", "separate": "separated",
    "align": "aligned", "stretch": "stretched", "pour": "poured", "mix": "mixed", "turn": "turned",
    "park": "parked", "scatter": "scattered", "bake": "baked", "cook": "cooked", "peel": "peeled",
    "crop": "cropped", "enlarge": "enlarged", "darken": "darkened", "brighten": "brightened", "tear": "torn",
    "wash": "washed", "wipe": "wiped", "rearrange": "rearranged", "shrink": "shrunk", "hold": "held", "fit": "fitted",
}  # fmt: skip
"""Verbs of wishes, and the state in which a thing is when the wish has been fulfilled."""
