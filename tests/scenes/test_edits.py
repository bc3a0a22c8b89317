"""Edits mean what they say: applied they match, unapplied they do not, and their texts read back."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvsi_db.errors import UsageError
from cvsi_db.scenes import phrasings, unseen_phrasings
from cvsi_db.scenes.edits import Edit, apply_edit, edits, find_edit, is_match, matching, sample_edit
from cvsi_db.scenes.grammar import sample_scene, sample_scenes
from cvsi_db.scenes.scene import ATTRIBUTES, HATS, Scene
from cvsi_db.scenes.wish import Book

CAT = Scene("cat", "red", setting="beach")
DRESSED = Scene("cat", "red", "cap", "scarf", "ball", setting="forest", weather="rain", companion="duck")
PAIR = Scene(
    "cat", "red", "cap", setting="farm", holds="ball", pose="sitting", season="autumn", prop="bench", other="dog",
    other_colour="blue", other_headwear="top hat", relation="right", other_size="smaller",
)  # fmt: skip
BOOKS = [phrasings, unseen_phrasings]
ANY = {
    name: set(ATTRIBUTES[name]) for name in ("other_colour", "other_headwear", "other_holds", "other_size", "relation")
}
seeds = st.integers(0, 2**31)


@pytest.mark.parametrize("book", BOOKS)
@pytest.mark.parametrize("scene", [CAT, DRESSED, PAIR, *sample_scenes(1, seed=5)])
def test_every_edit_applied_matches_and_the_scene_itself_does_not(scene: Scene, book: Book) -> None:
    rng = random.Random(0)
    listed = list(edits(scene, book))
    assert len(listed) > 1000
    assert len({edit.text for edit in listed}) == len(listed)
    for edit in listed[:: 1 + len(listed) // 1000]:
        assert is_match(scene, edit, apply_edit(scene, edit, rng)), edit
        assert not is_match(scene, edit, scene), edit


@pytest.mark.parametrize("book", BOOKS)
@pytest.mark.parametrize("scene", [PAIR, *sample_scenes(1, seed=6)])
def test_every_text_is_found_again_with_one_meaning(scene: Scene, book: Book) -> None:
    listed = list(edits(scene, book))
    for edit in listed[:: 1 + len(listed) // 1000]:
        assert find_edit(scene, edit.text, book).changes == edit.changes, edit
        assert "{" not in edit.text


@settings(max_examples=8, deadline=None)
@given(seeds, st.sampled_from(BOOKS))
def test_sampled_edits_apply_and_read_back_compound_ones_too(seed: int, book: Book) -> None:
    rng = random.Random(seed)
    scene = sample_scene(rng)
    for compound in (0.0, 1.0):
        edit = sample_edit(scene, rng, compound, book)
        assert find_edit(scene, edit.text, book) == edit
        assert is_match(scene, edit, apply_edit(scene, edit, rng))
        assert not is_match(scene, edit, scene)


def test_samples_are_reproducible_and_balanced_over_attributes() -> None:
    scenes = sample_scenes(1500, seed=2)
    drawn = [sample_edit(scene, random.Random(scene.seed)) for scene in scenes]
    assert drawn == [sample_edit(scene, random.Random(scene.seed)) for scene in scenes]
    changed = Counter(name for edit in drawn for name in edit.changes)
    assert set(changed) == set(ATTRIBUTES)
    assert min(changed.values()) / len(drawn) > 0.03
    assert max(changed.values()) / len(drawn) < 0.12


@pytest.mark.parametrize("book", BOOKS)
def test_compounds_change_what_both_halves_ask(book: Book) -> None:
    rng = random.Random(1)
    joints = {text.strip(" ,;") for text in book.JOINTS}
    for scene in sample_scenes(200, seed=3):
        edit = sample_edit(scene, rng, 1.0, book)
        assert len(edit.changes) > 1
        assert any(joint in edit.text for joint in joints)


@pytest.mark.parametrize(
    ("scene", "text", "changes", "adds"),
    [
        (CAT, "with a hat", {"headwear": HATS}, "a hat"),
        (CAT, "With a top hat!", {"headwear": {"top hat"}}, "a top hat"),
        (CAT, "put a crown on it", {"headwear": {"crown"}}, "a crown"),
        (CAT, "give it a balloon", {"holds": {"balloon"}}, "a balloon"),
        (CAT, "same but at night", {"time": {"night"}}, ""),
        (CAT, "make it blue", {"colour": {"blue"}}, ""),
        (CAT, "in the desert instead", {"setting": {"desert"}}, ""),
        (CAT, "three of them instead of one", {"count": {"three"}}, ""),
        (CAT, "seen from far away", {"viewpoint": {"from afar"}}, ""),
        (CAT, "Close up", {"viewpoint": {"close-up"}}, ""),
        (CAT, "drawn as a pencil sketch", {"style": {"sketch"}}, ""),
        (CAT, "replace the cat with a dog", {"subject": {"dog"}}, "a dog"),
        (CAT, "now it is raining", {"weather": {"rain"}}, ""),
        (CAT, "with a hat and at night", {"headwear": HATS, "time": {"night"}}, "a hat"),
        (CAT, "in blue, holding a balloon", {"colour": {"blue"}, "holds": {"balloon"}}, "a balloon"),
        (CAT, "with a hat and a scarf", {"headwear": HATS, "wears": {"scarf"}}, "a hat and a scarf"),
        (DRESSED, "without the hat", {"headwear": {"none"}}, ""),
        (DRESSED, "swap the scarf for a bow tie", {"wears": {"bow tie"}}, "a bow tie"),
        (DRESSED, "change the cap to a crown", {"headwear": {"crown"}}, "a crown"),
        (DRESSED, "instead of a ball it holds a flag", {"holds": {"flag"}}, "a flag"),
        (DRESSED, "no duck", {"companion": {"none"}}, ""),
        (DRESSED, "with a different hat", {"headwear": HATS - {"cap"}}, "a hat"),
        (DRESSED, "stop the rain", {"weather": {"clear"}}, ""),
        (DRESSED, "in a room", {"setting": {"room"}, "weather": {"clear"}}, ""),
    ],
)
def test_typed_texts_are_understood(scene: Scene, text: str, changes: dict[str, set[str]], adds: str) -> None:
    found = find_edit(scene, text)
    assert found == Edit(text, {name: frozenset(values) for name, values in changes.items()}, adds)


@pytest.mark.parametrize(
    ("scene", "text", "changes"),
    [
        (CAT, "make it striped", {"pattern": {"striped"}}),
        (CAT, "with spots", {"pattern": {"spotted"}}),
        (replace(CAT, pattern="checked"), "no checks", {"pattern": {"plain"}}),
        (CAT, "sitting down", {"pose": {"sitting"}}),
        (CAT, "make it jump", {"pose": {"jumping"}}),
        (PAIR, "no longer sitting", {"pose": {"standing", "jumping", "waving"}}),
        (CAT, "looking sad", {"expression": {"sad"}}),
        (replace(CAT, expression="sad"), "happier", {"expression": {"smiling"}}),
        (CAT, "in autumn", {"season": {"autumn"}}),
        (PAIR, "make it snow", {"season": {"summer"}, "weather": {"snow"}}),
        (PAIR, "in a room", {"season": {"summer"}, "setting": {"room"}}),
        (CAT, "darker", {"time": {"sunset", "night"}}),
        (CAT, "with a tent in the background", {"prop": {"tent"}}),
        (PAIR, "remove the bench", {"prop": {"none"}}),
        (PAIR, "swap the bench for a bike", {"prop": {"bicycle"}}),
        (CAT, "with a bird on its head", {"companion": {"bird"}, "companion_place": {"on top"}}),
        (CAT, "with a bird", {"companion": {"bird"}, "companion_place": {"left", "right", "on top"}}),
        (DRESSED, "the duck on the right instead", {"companion_place": {"right"}}),
        (replace(DRESSED, companion_place="right"), "no duck", {"companion": {"none"}, "companion_place": {"left"}}),
        (CAT, "add a dog", {"other": {"dog"}, **ANY}),
        (CAT, "add a dog next to it", {"other": {"dog"}, **ANY, "relation": {"left", "right"}}),
        (CAT, "with a blue dog to its left", {"other": {"dog"}, **ANY, "other_colour": {"blue"}, "relation": {"left"}}),
        (PAIR, "swap the dog for a frog", {"other": {"frog"}}),
        (PAIR, "give the dog a balloon", {"other_holds": {"balloon"}}),
        (PAIR, "give the dog a crown instead of the top hat", {"other_headwear": {"crown"}}),
        (PAIR, "the dog without the hat", {"other_headwear": {"none"}}),
        (PAIR, "the one on the right is green", {"other_colour": {"green"}}),
        (PAIR, "make the smaller one green", {"other_colour": {"green"}}),
        (PAIR, "give the cat a scarf", {"wears": {"scarf"}}),
        (PAIR, "with a scarf", {"wears": {"scarf"}}),
        (PAIR, "move the dog to the left", {"relation": {"left"}}),
        (PAIR, "the cat in front of the dog", {"relation": {"behind"}}),
        (PAIR, "a bigger dog", {"other_size": {"same", "bigger"}}),
        (PAIR, "the dog bigger than the cat", {"other_size": {"bigger"}}),
        (PAIR, "swap their hats", {"headwear": {"top hat"}, "other_headwear": {"cap"}}),
        (PAIR, "swap their places", {"relation": {"left"}}),
        (PAIR, "the ball goes", None),
        (PAIR, "the dog holding the ball instead of the cat", {"holds": {"none"}, "other_holds": {"ball"}}),
        (PAIR, "three of them", None),
        (PAIR, "as a dog", None),
        (CAT, "bigger", None),
        (replace(CAT, count="two"), "add a dog", None),
        (replace(CAT, weather="snow"), "in autumn", None),
    ],
)
def test_fine_detail_and_a_second_subject(scene: Scene, text: str, changes: dict[str, set[str]] | None) -> None:
    if changes is None:
        with pytest.raises(UsageError, match="means nothing"):
            find_edit(scene, text)
    else:
        assert find_edit(scene, text).changes == changes


GONE = {
    "other": {"none"},
    "other_colour": {"red"},
    "other_headwear": {"none"},
    "other_size": {"same"},
    "relation": {"left"},
}


@pytest.mark.parametrize("text", ["without the dog", "just the cat", "remove the dog", "alone"])
def test_removing_the_other_subject_resets_its_details(text: str) -> None:
    edit = find_edit(PAIR, text)
    assert edit.changes == GONE
    assert apply_edit(PAIR, edit, random.Random(0)).attributes() == (
        PAIR.attributes() | {name: next(iter(values)) for name, values in GONE.items()}
    )


def test_a_newcomer_is_drawn_in_many_ways_but_never_illegally() -> None:
    edit = find_edit(CAT, "add a dog")
    rng = random.Random(0)
    drawn = {apply_edit(CAT, edit, rng) for _ in range(300)}
    assert {scene.relation for scene in drawn} == {"left", "right", "behind"}
    assert {scene.other_colour for scene in drawn} == set(ATTRIBUTES["other_colour"])
    assert {scene.other for scene in drawn} == {"dog"}


def test_what_it_means_stays_clear_beside_a_newcomer() -> None:
    with pytest.raises(UsageError):
        find_edit(CAT, "add a dog and put a hat on it")
    assert set(find_edit(CAT, "add a dog and make it night").changes) == {"other", "time", *ANY}
    with pytest.raises(UsageError):
        find_edit(PAIR, "move the dog to the left and make the one on the right green")


def test_a_question_mark_ends_no_first_half() -> None:
    rng = random.Random(2)
    texts = [sample_edit(scene, rng, 1.0, unseen_phrasings).text for scene in sample_scenes(200, seed=4)]
    assert not any("?" in text[:-1] for text in texts)
    assert any(text.endswith("?") for text in texts)


@pytest.mark.parametrize("text", ["{item} would suit it", "could you put {item} on it?", "lose the cap, i want {item}"])
def test_unseen_phrasings_are_read_only_when_asked_for(text: str) -> None:
    said = text.format(item="a crown")
    scene = DRESSED if "cap" in said else CAT
    assert find_edit(scene, said, unseen_phrasings).changes == {"headwear": {"crown"}}
    with pytest.raises(UsageError):
        find_edit(scene, said)


@pytest.mark.parametrize(
    "text", ["without the hat", "in red", "take off the scarf", "with a spaceship", "", "on the beach"]
)
def test_texts_without_sense_for_the_scene_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="means nothing"):
        find_edit(CAT, text)


def test_indoors_knows_no_weather() -> None:
    room = Scene("cat", "red", setting="room")
    assert not any("weather" in edit.changes for edit in edits(room))
    with pytest.raises(UsageError):
        find_edit(CAT, "in a room and in the rain")


def test_matching_keeps_everything_else() -> None:
    right = Scene("cat", "red", "straw hat", setting="beach", seed=9)
    wrong = [
        CAT,
        Scene("cat", "red", "crown", setting="beach"),
        Scene("dog", "red", "straw hat", setting="beach"),
        Scene("cat", "red", "straw hat", setting="beach", holds="ball"),
    ]
    assert matching(CAT, "with a hat", [*wrong, right]) == [right]
