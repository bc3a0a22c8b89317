"""The nine semantic aspects of edit texts that CIRCO (Baldrati et al. 2023, section 4) tells apart, and edits of each.

`aspect_edit` takes a scene, an aspect, a random generator and a phrasebook.
"""

from __future__ import annotations

import random

from cvsi_db.scenes import phrasings
from cvsi_db.scenes.edits import joined_edit
from cvsi_db.scenes.kinds import KINDS
from cvsi_db.scenes.scene import Scene
from cvsi_db.scenes.wish import Book, Edit

CONJUNCTION = "conjunction"


def _starting(*prefixes: str) -> tuple[str, ...]:
    return tuple(name for name in KINDS if name.startswith(prefixes))


_KINDS: dict[str, tuple[str, ...]] = {
    "cardinality": ("count", "more"),
    "addition": ("hat", *_starting("add "), "placed companion"),
    "negation": ("no pattern", "no weather", "not so", "not there", *_starting("remove ", "tell remove ")),
    "direct addressing": _starting("tell "),
    "compare and change": ("exchange", "transfer", "instead", *_starting("swap ", "tell swap ")),
    "comparative statement": ("size", "resize", "zoom", "more", "mood", "time shift"),
    CONJUNCTION: (),
    "spatial relation and background": (
        "relation", "companion place", "placed companion", "setting", "season", "time", "weather",
        "add prop", "swap prop",
    ),
    "viewpoint": ("viewpoint", "zoom"),
}  # fmt: skip
"""Which kinds of edits show an aspect; a conjunction joins two of any kind."""

ASPECTS: tuple[str, ...] = tuple(_KINDS)


def aspect_edit(scene: Scene, aspect: str, rng: random.Random, book: Book = phrasings) -> Edit | None:
    """A random edit of one of ASPECTS, or None where the scene allows none. Raises KeyError for an unknown aspect."""
    if aspect == CONJUNCTION:
        return joined_edit(scene, rng, book)
    names = _KINDS[aspect]
    for name in rng.sample(names, len(names)):
        if edit := KINDS[name].draw(scene, book, rng):
            return edit
    return None
