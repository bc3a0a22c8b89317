"""The edits a person would ask of a scene, as typed text with its exact meaning, and what matches them.

`edits` lists them, `sample_edit` draws one, `apply_edit` performs it, `is_match` judges an answer, `find_edit` reads a
text back, `wordings` says one in other words.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import product

from cvsi_db.errors import UsageError
from cvsi_db.scenes import phrasings
from cvsi_db.scenes.kinds import KIND_NAMES, KINDS
from cvsi_db.scenes.scene import ATTRIBUTES, DEPENDENTS, Scene, fault
from cvsi_db.scenes.wish import Book, Edit

__all__ = ["Edit", "apply_edit", "edits", "find_edit", "is_match", "joined_edit", "matching", "sample_edit", "wordings"]


def edits(scene: Scene, book: Book = phrasings) -> Iterator[Edit]:
    """Every single edit that makes sense for the scene, in every phrasing; each text once."""
    seen: set[str] = set()
    for kind in KINDS.values():
        for wish in kind(scene, book):
            for edit in wish.edits():
                if edit.text not in seen:
                    seen.add(edit.text)
                    yield edit


def sample_edit(scene: Scene, rng: random.Random, compound: float = 0.2, book: Book = phrasings) -> Edit:
    """A random edit, balanced over the kinds of edits; a share of `compound` joins two of them."""
    if rng.random() < compound:
        return joined_edit(scene, rng, book)
    return _draw(scene, rng, book)


def apply_edit(scene: Scene, edit: Edit, rng: random.Random) -> Scene:
    """A scene that matches the edit: one of the allowed values for each change, another seed, all else kept.

    Always a legal scene and never the same one: draws are repeated until it is so.
    """
    before = scene.attributes()
    while True:
        changed: dict[str, str] = {}
        for name, allowed in edit.changes.items():
            changed[name] = rng.choice([value for value in ATTRIBUTES[name] if value in allowed])
        after = before | changed
        if after != before and not fault(after):
            return replace(scene, **changed, seed=rng.getrandbits(31))


def is_match(reference: Scene, edit: Edit, candidate: Scene) -> bool:
    """Whether the candidate is the reference as edited: changes as allowed, every other attribute equal, any seed."""
    for name in ATTRIBUTES:
        value = getattr(candidate, name)
        if value not in edit.changes.get(name, (getattr(reference, name),)):
            return False
    return True


def find_edit(scene: Scene, text: str, book: Book = phrasings) -> Edit:
    """The edit, single or compound, that a text of a phrasebook means for a scene, whatever its case and punctuation.

    Raises UsageError for a text that the grammar does not know or that makes no sense for this scene.
    """
    table, words = _table(replace(scene, seed=0), book), _normal(text).split()
    if found := table.get(" ".join(words)):
        return replace(found, text=text)
    for at in range(1, len(words)):
        first = table.get(" ".join(words[:at]))
        second = _second_half(table, words, at, book) if first else None
        if first and second and _combinable(scene, first, second):
            return _merged(text, first, second)
    raise UsageError(
        f"edit {text!r} means nothing to the scene grammar for this picture: try another wording, such as "
        f"{next(edits(scene, book)).text!r}"
    )


def wordings(scene: Scene, edit: Edit, most: int, rng: random.Random, book: Book = phrasings) -> list[Edit]:
    """At most so many edits of the scene with the meaning of `edit`: itself, then others of the phrasebook by chance.

    The meaning is the same set of changes; two texts that differ in case and punctuation alone count as one.
    """
    found = {_normal(edit.text): edit}
    meaning = frozenset(edit.changes.items())
    by_meaning: dict[frozenset[tuple[str, frozenset[str]]], list[Edit]] = {}
    for kind in KINDS.values():
        for wish in kind(scene, book):
            if wish.changes.items() <= edit.changes.items():
                by_meaning.setdefault(frozenset(wish.changes.items()), []).extend(wish.edits())
    whole = by_meaning.pop(meaning, [])
    for each in rng.sample(whole, len(whole)):
        found.setdefault(_normal(each.text), each)
    halves = [(part, by_meaning[meaning - one]) for one, part in by_meaning.items() if meaning - one in by_meaning]
    for _ in range(4 * most if halves and len(found) < most else 0):
        first, second = map(rng.choice, rng.choice(halves))
        if _combinable(scene, first, second):
            joined = _joined(first, second, rng, book)
            found.setdefault(_normal(joined.text), joined)
    return list(found.values())[:most]


def matching(scene: Scene, text: str, scenes: Iterable[Scene]) -> list[Scene]:
    """Those scenes that answer an edit text typed at `scene`; raises UsageError as `find_edit` does."""
    edit = find_edit(scene, text)
    return [candidate for candidate in scenes if is_match(scene, edit, candidate)]


def _draw(scene: Scene, rng: random.Random, book: Book) -> Edit:
    while not (edit := KINDS[rng.choice(KIND_NAMES)].draw(scene, book, rng)):
        pass  # this kind has nothing to say about the scene (no weather in a room): draw another
    return edit


# --- compound edits ---------------------------------------------------------------------------------------------

_WORD = re.compile(r"\w+")
_GATES = ("subject", "setting", "weather", "count", "companion", "other")
"""The attributes on which it depends whether others may have a value."""
_DETAILS = ("season", *DEPENDENTS)
_WHOSE = frozenset({"subject", "colour", "headwear", "wears", "holds", "pattern", "pose", "expression", "companion"})
"""What "it" may be said to have: beside a newcomer in the same text that might be either of the two."""


_TOLD = frozenset({"other_colour", "other_headwear", "other_holds"})
"""What edits change of "the one on the left", "the smaller one": not beside a text that moves or resizes it."""


def joined_edit(scene: Scene, rng: random.Random, book: Book = phrasings) -> Edit:
    """Two random edits that go together, in one text."""
    first, second = _draw(scene, rng, book), _draw(scene, rng, book)
    while not _combinable(scene, first, second):
        first, second = _draw(scene, rng, book), _draw(scene, rng, book)
    return _joined(first, second, rng, book)


def _combinable(scene: Scene, first: Edit, second: Edit) -> bool:
    """Two edits go together when they change different attributes and all their outcomes together are legal."""
    if first.changes.keys() & second.changes.keys() or _unclear(first, second) or _unclear(second, first):
        return False
    changes = {**first.changes, **second.changes}
    values = scene.attributes() | {name: _telling(name, changes[name]) for name in _DETAILS if name in changes}
    gates = [name for name in _GATES if name in changes]
    choices = product(*(sorted(changes[name]) for name in gates))
    return not any(fault(values | dict(zip(gates, choice, strict=True))) for choice in choices)


def _unclear(first: Edit, second: Edit) -> bool:
    """Whether it is open whom the second edit means: a newcomer of the first, or one the first moves or resizes."""
    if "other" in first.changes and "relation" in first.changes:
        return bool(_WHOSE & second.changes.keys())
    return bool({"relation", "other_size"} & first.changes.keys()) and bool(_TOLD & second.changes.keys())


def _telling(name: str, allowed: frozenset[str]) -> str:
    """An allowed value other than the first, if there is one: it is legal only where the attribute applies."""
    return min(allowed - {ATTRIBUTES[name][0]}, default=ATTRIBUTES[name][0])


def _joined(first: Edit, second: Edit, rng: random.Random, book: Book) -> Edit:
    shared = next(
        (words for words in book.SHARED if first.text.startswith(words) and second.text.startswith(words)), ""
    )
    rest = second.text.removeprefix(shared).removeprefix("but ").removeprefix("and ")
    return _merged(first.text.removesuffix("?") + rng.choice(book.JOINTS) + rest, first, second)


def _merged(text: str, first: Edit, second: Edit) -> Edit:
    adds = " and ".join(thing for thing in (first.adds, second.adds) if thing)
    return Edit(text, {**first.changes, **second.changes}, adds)


def _second_half(table: Mapping[str, Edit], words: list[str], at: int, book: Book) -> Edit | None:
    """The edit after a joint, said in full, after a "but" or "and", or sharing the opening of the first."""
    rest = " ".join(words[at:])
    joints = {f"{_normal(joint)} ".lstrip() for joint in book.JOINTS} | {""}
    halves = [rest.removeprefix(joint) for joint in sorted(joints) if rest.startswith(joint)]
    openings = ("", "but ", "and ", *(f"{_normal(opening)} " for opening in book.SHARED))
    texts = [opening + half for half in halves for opening in openings]
    return next((table[text] for text in texts if text in table), None)


def _normal(text: str) -> str:
    """Lower case, words only: hyphens separate, apostrophes vanish."""
    return " ".join(_WORD.findall(text.lower().replace("'", "").replace("’", "")))


@lru_cache(maxsize=16)
def _table(scene: Scene, book: Book) -> dict[str, Edit]:
    """Every single edit by its normalised text; where two share one, the earlier kind has it."""
    table: dict[str, Edit] = {}
    for edit in edits(scene, book):
        table.setdefault(_normal(edit.text), edit)
    return table
