"""Aspects: each gives edits for random scenes, of the right sort, in both phrasebooks."""

from __future__ import annotations

import random

import pytest

from cvsi_db.scenes import phrasings, unseen_phrasings
from cvsi_db.scenes.aspects import ASPECTS, aspect_edit
from cvsi_db.scenes.edits import apply_edit, find_edit, is_match
from cvsi_db.scenes.grammar import sample_scenes
from cvsi_db.scenes.scene import NONE, Scene
from cvsi_db.scenes.wish import Book, Edit

SCENES = sample_scenes(400, seed=8)
BOOKS = [phrasings, unseen_phrasings]


def drawn(aspect: str, book: Book = phrasings) -> list[tuple[Scene, Edit]]:
    rng = random.Random(0)
    pairs = [(scene, aspect_edit(scene, aspect, rng, book)) for scene in SCENES]
    return [(scene, edit) for scene, edit in pairs if edit]


def test_aspects_are_circos_nine() -> None:
    assert ASPECTS == (
        "cardinality", "addition", "negation", "direct addressing", "compare and change", "comparative statement",
        "conjunction", "spatial relation and background", "viewpoint",
    )  # fmt: skip


@pytest.mark.parametrize("book", BOOKS)
@pytest.mark.parametrize("aspect", ASPECTS)
def test_every_aspect_gives_varied_edits_that_apply(aspect: str, book: Book) -> None:
    rng, pairs = random.Random(1), drawn(aspect, book)
    assert len(pairs) > (100 if aspect in {"cardinality", "direct addressing"} else 350)
    assert len({edit.text for _, edit in pairs}) > 25
    for scene, edit in pairs:
        after = apply_edit(scene, edit, rng)
        assert is_match(scene, edit, after)
        assert not is_match(scene, edit, scene)


@pytest.mark.parametrize("book", BOOKS)
@pytest.mark.parametrize("aspect", ASPECTS)
def test_texts_of_aspects_read_back(aspect: str, book: Book) -> None:
    for scene, edit in drawn(aspect, book)[:4]:
        assert find_edit(scene, edit.text, book) == edit


def test_cardinality_changes_the_number_and_viewpoint_the_viewpoint() -> None:
    assert all(set(edit.changes) == {"count"} for _, edit in drawn("cardinality"))
    assert all(set(edit.changes) == {"viewpoint"} for _, edit in drawn("viewpoint"))


def test_additions_put_what_was_absent_and_name_it() -> None:
    for scene, edit in drawn("addition"):
        absent = [name for name in edit.changes if getattr(scene, name) == NONE]
        assert absent
        assert edit.adds


def test_negations_add_nothing() -> None:
    for scene, edit in drawn("negation"):
        assert edit.adds == ""
        for name, values in edit.changes.items():
            assert getattr(scene, name) not in values


def test_direct_addressing_needs_two_and_names_one() -> None:
    alone = [scene for scene in SCENES if scene.other == NONE]
    assert all(aspect_edit(scene, "direct addressing", random.Random(0), phrasings) is None for scene in alone)
    for scene, edit in drawn("direct addressing"):
        assert {scene.subject, scene.other, "one"} & set(edit.text.replace(",", "").split())


def test_compare_and_change_gives_nothing_up_without_another() -> None:
    for scene, edit in drawn("compare and change"):
        for name, values in edit.changes.items():
            assert getattr(scene, name) not in values


def test_comparative_edits_compare() -> None:
    attributes = {name for _, edit in drawn("comparative statement") for name in edit.changes}
    assert attributes == {"other_size", "viewpoint", "count", "expression", "time"}


def test_conjunctions_change_two_things() -> None:
    assert all(len(edit.changes) > 1 for _, edit in drawn("conjunction"))


def test_the_background_is_about_places_and_times() -> None:
    attributes = {name for _, edit in drawn("spatial relation and background") for name in edit.changes}
    assert {"relation", "companion_place", "setting", "season", "time", "weather", "prop"} <= attributes
    assert not attributes & {"subject", "colour", "headwear", "count", "other"}


def test_unknown_aspects_are_refused() -> None:
    with pytest.raises(KeyError):
        aspect_edit(SCENES[0], "humour", random.Random(0), phrasings)
