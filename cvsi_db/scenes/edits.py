"""The edits a person would ask of a scene, as typed text with its exact meaning, and what matches them.

`edits` lists them, `sample_edit` draws one, `apply_edit` performs it, `is_match` judges an answer, `find_edit` reads a
text back. Knows nothing about pictures, captions or models.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache

from cvsi_db.errors import UsageError
from cvsi_db.scenes.grammar import WEATHERLESS
from cvsi_db.scenes.scene import ATTRIBUTES, Scene
from cvsi_db.scenes.wishes import KIND_NAMES, KINDS, Edit

__all__ = ["Edit", "apply_edit", "edits", "find_edit", "is_match", "matching", "sample_edit"]


def edits(scene: Scene) -> Iterator[Edit]:
    """Every single edit that makes sense for the scene, in every phrasing; each text once."""
    seen: set[str] = set()
    for kind in KINDS.values():
        for wish in kind(scene):
            for edit in wish.edits():
                if edit.text not in seen:
                    seen.add(edit.text)
                    yield edit


def sample_edit(scene: Scene, rng: random.Random, compound: float = 0.2) -> Edit:
    """A random edit, balanced over the kinds of edits; a share of `compound` joins two of them."""
    first = _draw(scene, rng)
    if rng.random() >= compound:
        return first
    second = _draw(scene, rng)
    while not _combinable(first, second):
        second = _draw(scene, rng)
    return _joined(first, second, rng)


def apply_edit(scene: Scene, edit: Edit, rng: random.Random) -> Scene:
    """A scene that matches the edit: one of the allowed values for each change, another seed, all else kept."""
    changed: dict[str, str] = {}
    for name, allowed in edit.changes.items():
        changed[name] = rng.choice([value for value in ATTRIBUTES[name] if value in allowed])
    return replace(scene, **changed, seed=rng.getrandbits(31))


def is_match(reference: Scene, edit: Edit, candidate: Scene) -> bool:
    """Whether the candidate is the reference as edited: changes as allowed, every other attribute equal, any seed."""
    for name in ATTRIBUTES:
        value = getattr(candidate, name)
        if value not in edit.changes.get(name, (getattr(reference, name),)):
            return False
    return True


def find_edit(scene: Scene, text: str) -> Edit:
    """The edit, single or compound, that a text means for a scene, whatever its case and punctuation.

    Raises UsageError for a text that the grammar does not know or that makes no sense for this scene.
    """
    table, words = _table(replace(scene, seed=0)), _normal(text).split()
    if found := table.get(" ".join(words)):
        return replace(found, text=text)
    for at in range(1, len(words)):
        first = table.get(" ".join(words[:at]))
        second = _second_half(table, words, at)
        if first and second and _combinable(first, second):
            return _merged(text, first, second)
    raise UsageError(
        f"edit {text!r} means nothing to the scene grammar for this picture: try another wording, such as "
        f"{next(edits(scene)).text!r}"
    )


def matching(scene: Scene, text: str, scenes: Iterable[Scene]) -> list[Scene]:
    """Those scenes that answer an edit text typed at `scene`; raises UsageError as `find_edit` does."""
    edit = find_edit(scene, text)
    return [candidate for candidate in scenes if is_match(scene, edit, candidate)]


# --- compound edits ---------------------------------------------------------------------------------------------

_JOINTS = (" and ", " and ", ", ", ", and ", " but ")
_SHARED = ("with ", "wearing ", "holding ", "in ", "add ", "make it ", "same but ", "now ", "but ")
"""Openings that two joined edits say only once: "with a hat and a scarf"."""


def _draw(scene: Scene, rng: random.Random) -> Edit:
    while not (wishes := list(KINDS[rng.choice(KIND_NAMES)](scene))):
        pass  # this kind has nothing to say about the scene (no weather in a room): draw another
    return rng.choice(wishes).draw(rng)


def _combinable(first: Edit, second: Edit) -> bool:
    """Two edits go together when they change different attributes and leave weather out of settings without one."""
    changes = {**first.changes, **second.changes}
    indoors = bool(changes.get("setting", frozenset()) & WEATHERLESS)
    rains = bool(changes.get("weather", frozenset()) - {"clear"})
    return not first.changes.keys() & second.changes.keys() and not (indoors and rains)


def _joined(first: Edit, second: Edit, rng: random.Random) -> Edit:
    shared = next((words for words in _SHARED if first.text.startswith(words) and second.text.startswith(words)), "")
    rest = second.text.removeprefix(shared).removeprefix("but ").removeprefix("and ")
    return _merged(first.text + rng.choice(_JOINTS) + rest, first, second)


def _merged(text: str, first: Edit, second: Edit) -> Edit:
    adds = " and ".join(thing for thing in (first.adds, second.adds) if thing)
    return Edit(text, {**first.changes, **second.changes}, adds)


def _second_half(table: Mapping[str, Edit], words: list[str], at: int) -> Edit | None:
    """The edit after a joint, said in full, after a "but", or sharing the opening of the first."""
    rest = words[at:]
    plain = rest[1:] if rest[0] in {"and", "but"} else rest
    openings: tuple[list[str], ...] = ([], ["but"], words[:1], words[:2])
    texts = [" ".join(opening + half) for half in (rest, plain) for opening in openings]
    return next((table[text] for text in texts if text in table), None)


def _normal(text: str) -> str:
    """Lower case, words only: hyphens separate, apostrophes vanish."""
    return " ".join(re.sub(r"[^\w\s]", " ", re.sub(r"['’]", "", text.lower())).split())


@lru_cache(maxsize=64)
def _table(scene: Scene) -> dict[str, Edit]:
    """Every single edit by its normalised text; where two share one, the earlier kind has it."""
    table: dict[str, Edit] = {}
    for edit in edits(scene):
        table.setdefault(_normal(edit.text), edit)
    return table
