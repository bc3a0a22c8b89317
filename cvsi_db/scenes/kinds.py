"""All kinds of edits that scenes allow, by name: each yields wishes for a scene and a phrasebook, or draws an edit."""

from __future__ import annotations

from cvsi_db.scenes.wish import Kind
from cvsi_db.scenes.wishes_looks import LOOK_KINDS
from cvsi_db.scenes.wishes_other import OTHER_KINDS
from cvsi_db.scenes.wishes_things import THING_KINDS
from cvsi_db.scenes.wishes_world import WORLD_KINDS

KINDS: dict[str, Kind] = THING_KINDS | LOOK_KINDS | WORLD_KINDS | OTHER_KINDS

_TWICE = (
    "add ",
    "swap ",
    "remove ",
    "more",
    "zoom",
    "colour",
    "time",
    "pattern",
    "pose",
    "expression",
    "companion place",
)
_OFTEN = {
    **dict.fromkeys(("setting", "style", "season", "weather", "swap other", "remove other", "relation", "instead"), 4),
    **dict.fromkeys(("count", "subject", "add other", "add looking other", "tell other_colour", "tell other_holds"), 3),
}
_WEIGHTS = {name: 2 for name in KINDS if name.startswith(_TWICE)} | _OFTEN
KIND_NAMES = tuple(name for name in KINDS for _ in range(_WEIGHTS.get(name, 1)))
"""The kinds to draw from, the plain ones more than once."""
