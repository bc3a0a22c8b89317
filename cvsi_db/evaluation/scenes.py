"""Scenes-CIR: a benchmark of composed image retrieval on drawn scenes, generated whole from a split and a seed.

`make_benchmark` returns a gallery of scenes and its queries, each with all of its true targets, known exactly from the
scenes' attributes. docs/scenes-cir.md states its rules.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cvsi_db.errors import UsageError
from cvsi_db.evaluation.metrics import IntArray
from cvsi_db.evaluation.scene_families import Family, make_family
from cvsi_db.scenes import phrasings, unseen_phrasings
from cvsi_db.scenes.aspects import ASPECTS
from cvsi_db.scenes.edits import Edit
from cvsi_db.scenes.grammar import labels, sample_scene
from cvsi_db.scenes.scene import ATTRIBUTES, Scene
from cvsi_db.scenes.wish import Book

NAME = "Scenes-CIR"
SPLITS = ("val", "test")
QUERIES, GALLERY, SEED = 1000, 10_000, 1

_HELD_OUT_EVERY = 3
"""In the test split, every third query of an aspect starts from a combination that no training shows."""


@dataclass(frozen=True)
class SceneQuery:
    """A query: its reference as an index into the gallery, its edit and aspect, and the indices of all its targets.

    `negatives` are those of its own distractors, each wrong in one way on purpose.
    """

    reference: int
    edit: Edit
    aspect: str
    targets: frozenset[int]
    negatives: frozenset[int] = frozenset()


@dataclass(frozen=True)
class SceneBenchmark:
    """A gallery of scenes in random order, and its queries. Each query's own reference is not ranked."""

    split: str
    seed: int
    gallery: tuple[Scene, ...]
    queries: tuple[SceneQuery, ...]

    @property
    def references(self) -> IntArray:
        """(queries,) the index of each query's reference."""
        return np.array([query.reference for query in self.queries], dtype=np.int64)

    @property
    def target_counts(self) -> IntArray:
        """(queries,) how many targets each query has."""
        return np.array([len(query.targets) for query in self.queries], dtype=np.int64)


def make_benchmark(split: str, seed: int = SEED, *, queries: int = QUERIES, gallery: int = GALLERY) -> SceneBenchmark:
    """The benchmark of that split, seed and size: the same one every time.

    Raises UsageError for an unknown split, or a gallery without room for the queries' scenes.
    """
    if split not in SPLITS:
        raise UsageError(f"unknown split {split!r} of {NAME}: choose one of {', '.join(SPLITS)}")
    rng = random.Random(f"{NAME}/{split}/{seed}")
    families = list(_families(split, queries, rng))
    scenes = [scene for family in families for scene in family.scenes]
    if len(scenes) > gallery:
        raise UsageError(f"a gallery of {gallery} has no room for {queries} queries: it takes {len(scenes)} images")
    scenes += [sample_scene(rng) for _ in range(gallery - len(scenes))]
    places = rng.sample(range(gallery), gallery)  # scene i goes to places[i]
    shuffled = tuple(scene for _, scene in sorted(zip(places, scenes, strict=True), key=lambda pair: pair[0]))
    return SceneBenchmark(split, seed, shuffled, tuple(_queries(families, places, shuffled)))


def book_of(split: str) -> Book:
    """The phrasebook of a split's edit texts."""
    return unseen_phrasings if split == "test" else phrasings


def _families(split: str, queries: int, rng: random.Random) -> Iterator[Family]:
    """The aspects take turns. Val uses the phrasings of training and seen combinations alone, test neither."""
    is_test = split == "test"
    book = book_of(split)
    for index in range(queries):
        turn, aspect = divmod(index, len(ASPECTS))
        held_out = is_test and turn % _HELD_OUT_EVERY == 0
        yield make_family(ASPECTS[aspect], rng, book, held_out=held_out, seen_only=not is_test)


def _queries(families: Sequence[Family], places: Sequence[int], gallery: Sequence[Scene]) -> Iterator[SceneQuery]:
    codes = np.array([labels(scene) for scene in gallery], dtype=np.int8)
    start = 0
    for family in families:
        reference = places[start]
        found = find_targets(family.reference, family.edit, codes)
        end = start + len(family.scenes)
        negatives = frozenset(places[end - len(family.distractors) : end])
        targets = frozenset(map(int, found)) - {reference}
        yield SceneQuery(reference, family.edit, family.aspect, targets, negatives)
        start += len(family.scenes)


def find_targets(reference: Scene, edit: Edit, codes: npt.NDArray[np.int8]) -> IntArray:
    """The indices of all scenes that match, as `edits.is_match` judges, from the labels (scenes, attributes) of all."""
    matching = np.ones(len(codes), dtype=bool)
    for column, (name, values) in enumerate(ATTRIBUTES.items()):
        allowed = edit.changes.get(name, (getattr(reference, name),))
        matching &= np.array([value in allowed for value in values])[codes[:, column]]
    return np.flatnonzero(matching)
