"""What an edit is, a wish with all its phrasings, a kind of wishes, and the word slots that templates share.

Takes scenes and phrasebooks (modules of templates).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from cvsi_db.scenes.lexicon import plural, pronoun
from cvsi_db.scenes.phrasings import Templates
from cvsi_db.scenes.scene import ATTRIBUTES, NONE, Scene, fault, settled

Changes = Mapping[str, frozenset[str]]
Row = Mapping[str, str]

Book = ModuleType
"""A phrasebook: `phrasings` or `unseen_phrasings`, which hold templates under the same names."""


@dataclass(frozen=True)
class Edit:
    """An edit text and its meaning.

    `changes` maps each attribute that changes to its allowed values afterwards (all others stay); `adds` is the noun
    phrase of the objects it adds ("a top hat"), or "".
    """

    text: str
    changes: Changes
    adds: str


@dataclass(frozen=True)
class Wish:
    """One change with all its phrasings: every template filled with every row of slots."""

    changes: Changes
    phrasings: tuple[tuple[Templates, Sequence[Row]], ...]

    def edits(self) -> Iterator[Edit]:
        """The change in every phrasing."""
        for templates, rows in self.phrasings:
            for row in rows:
                for template in templates:
                    yield Edit(template.format_map(row), self.changes, row.get("adds", ""))

    def draw(self, rng: random.Random) -> Edit:
        """The change in a random phrasing."""
        weights = [len(templates) if rows else 0 for templates, rows in self.phrasings]
        templates, rows = rng.choices(self.phrasings, weights)[0]
        row = rng.choice(rows)
        return Edit(rng.choice(templates).format_map(row), self.changes, row.get("adds", ""))


@dataclass(frozen=True)
class Kind:
    """A kind of edits: the options that a scene leaves (values, mostly), and the wish for each of them."""

    options: Callable[[Scene], Sequence[Any]]
    wish: Callable[[Scene, Book, Any], Wish]

    def __call__(self, scene: Scene, book: Book) -> Iterator[Wish]:
        """Every wish of this kind."""
        for option in self.options(scene):
            yield self.wish(scene, book, option)

    def draw(self, scene: Scene, book: Book, rng: random.Random) -> Edit | None:
        """A random edit of this kind, or None where it has nothing to say about the scene."""
        options = self.options(scene)
        return self.wish(scene, book, rng.choice(options)).draw(rng) if options else None


def changing(scene: Scene, wanted: Mapping[str, Iterable[str]]) -> Changes:
    """The wanted values, with what changes along: details of what is removed, weather and season where none is."""
    allowed = {name: frozenset(values) for name, values in wanted.items()}
    before = scene.attributes()
    fixed = {name: next(iter(values)) for name, values in allowed.items() if len(values) == 1}
    after = settled(before | fixed)
    along = {name: frozenset({after[name]}) for name in after if after[name] != before[name] and name not in allowed}
    return allowed | along


def others(scene: Scene, name: str) -> list[str]:
    """The other values of an attribute, without NONE."""
    return [value for value in ATTRIBUTES[name] if value not in (getattr(scene, name), NONE)]


def free_others(scene: Scene, name: str) -> list[str]:
    """The other values that the attribute may take while all else stays as it is."""
    values = scene.attributes()
    return [value for value in others(scene, name) if not fault(values | {name: value})]


_PRONOUNS = {
    "it": ("it", "its", "itself"),
    "her": ("she", "her", "herself"),
    "him": ("he", "his", "himself"),
    "them": ("they", "their", "themselves"),
}


def subject_slots(scene: Scene) -> dict[str, str]:
    """The slots that every template may use: how to speak of the main subject."""
    many = scene.count != "one"
    noun = plural(scene.subject) if many else scene.subject
    them = pronoun(scene.subject, many)
    they, their, themself = _PRONOUNS[them]
    return {
        "subject": noun,
        "the_subject": f"the {noun}",
        "them": them,
        "they": they,
        "their": their,
        "themself": themself,
        "s": "" if many else "s",
        "has": "have" if many else "has",
        "is": "are" if many else "is",
    }
