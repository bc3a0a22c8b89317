"""Families of scenes: a query of Scenes-CIR with its reference, its targets and its distractors, as scenes.

A distractor is wrong in one way on purpose: the wrong subject, the wrong one of two subjects, no edit, a wrong edit,
one detail too many. Takes random generators, returns scenes and edits.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from cvsi_db.scenes.aspects import aspect_edit
from cvsi_db.scenes.edits import Edit, apply_edit, is_match
from cvsi_db.scenes.grammar import is_held_out, neighbour, sample_scene
from cvsi_db.scenes.scene import ATTRIBUTES, DETAILS, NONE, Scene, applies
from cvsi_db.scenes.wish import Book

TARGETS = (1, 2, 3)
"""How many targets a family may have."""

TRIES = 50
"""How often a scene is drawn again before its family does without it."""

_SHARED = {"colour": "other_colour", "headwear": "other_headwear", "holds": "other_holds"}
_COUNTERPARTS = _SHARED | {theirs: ours for ours, theirs in _SHARED.items()}
"""What either of two subjects may have, so that an edit of it can be bound to the wrong one."""


@dataclass(frozen=True)
class Family:
    """A query as scenes: what it starts from, what it asks, what answers it, and what nearly does."""

    reference: Scene
    edit: Edit
    aspect: str
    targets: tuple[Scene, ...]
    distractors: tuple[Scene, ...]

    @property
    def scenes(self) -> tuple[Scene, ...]:
        """All of them: the reference, the targets, the distractors."""
        return (self.reference, *self.targets, *self.distractors)


def make_family(aspect: str, rng: random.Random, book: Book, *, held_out: bool, seen_only: bool) -> Family:
    """A random family whose edit is of this aspect, worded by this phrasebook.

    With `held_out` the reference shows a combination kept from all training; with `seen_only` no scene does.
    """
    while True:
        reference = sample_scene(rng, held_out=held_out)
        edit = aspect_edit(reference, aspect, rng, book)
        targets = () if edit is None else _targets(reference, edit, rng, seen_only)
        if edit and targets:
            wrong = _distractors(reference, edit, targets[0], rng, seen_only)
            return Family(reference, edit, aspect, targets, tuple(_reseeded(scene, rng) for scene in wrong))


def _targets(reference: Scene, edit: Edit, rng: random.Random, seen_only: bool) -> tuple[Scene, ...]:
    """One to three answers, with different values as far as the edit leaves a choice; none where none may be shown."""
    wanted = rng.choice(TARGETS)
    found: list[Scene] = []
    for _ in range(TRIES):
        target = apply_edit(reference, edit, rng)
        if not (seen_only and is_held_out(target)):
            found.append(target)
    distinct = list({tuple(target.attributes().values()): target for target in found}.values())
    return (*distinct, *(target for target in found if target not in distinct))[:wanted]


# --- distractors ------------------------------------------------------------------------------------------------

Maker = Callable[[Scene, Edit, Scene, random.Random], Scene | None]
"""From reference, edit and one target, a scene that is wrong in one way; None where this way there is none."""


def _distractors(reference: Scene, edit: Edit, target: Scene, rng: random.Random, seen_only: bool) -> Iterator[Scene]:
    """One scene of every kind in MAKERS that there is for this query; never a target."""
    for make in MAKERS:
        for _ in range(TRIES):
            scene = make(reference, edit, target, rng)
            if scene is None:
                break
            if not is_match(reference, edit, scene) and not (seen_only and is_held_out(scene)):
                yield scene
                break


def _wrong_subject(_reference: Scene, edit: Edit, target: Scene, rng: random.Random) -> Scene | None:
    """The right edit on a subject of another kind or colour."""
    names = [name for name in ("subject", "colour") if name not in edit.changes]
    return neighbour(target, rng.choice(names), rng) if names else None


def _wrong_owner(reference: Scene, edit: Edit, target: Scene, rng: random.Random) -> Scene | None:
    """The right edit on the wrong one of two subjects: what one should have, the other one has."""
    if reference.other == NONE or "other" in edit.changes:
        return None
    bound = {_COUNTERPARTS[name]: getattr(target, name) for name in edit.changes if name in _COUNTERPARTS}
    wrong = [(name, value) for name, value in bound.items() if getattr(reference, name) != value]
    if not wrong:
        return None
    name, value = rng.choice(wrong)
    return replace(reference, **{name: value})


def _edited_otherwise(reference: Scene, edit: Edit, _target: Scene, rng: random.Random) -> Scene | None:
    """The right subject, with the edited attribute at a value that was not asked for."""
    return neighbour(reference, rng.choice(list(edit.changes)), rng)


def _not_edited(reference: Scene, edit: Edit, _target: Scene, rng: random.Random) -> Scene | None:
    """The right subject without the edit, with something else changed."""
    return _altered(reference, edit, ATTRIBUTES, rng)


def _detail_changed(_reference: Scene, edit: Edit, target: Scene, rng: random.Random) -> Scene | None:
    """The right edit, with one detail changed that the edit does not mention."""
    return _altered(target, edit, DETAILS, rng)


def _redrawn(reference: Scene, _edit: Edit, _target: Scene, _rng: random.Random) -> Scene | None:
    """The reference, drawn again."""
    return reference


MAKERS: tuple[Maker, ...] = (
    _wrong_subject, _wrong_owner, _edited_otherwise, _not_edited, _detail_changed, _detail_changed, _redrawn,
)  # fmt: skip


def _altered(scene: Scene, edit: Edit, names: dict[str, tuple[str, ...]], rng: random.Random) -> Scene:
    """The scene with one of these attributes changed that means something in it and that the edit leaves alone."""
    values = scene.attributes()
    return neighbour(
        scene, rng.choice([name for name in names if name not in edit.changes and applies(values, name)]), rng
    )


def _reseeded(scene: Scene, rng: random.Random) -> Scene:
    return replace(scene, seed=rng.getrandbits(31))
