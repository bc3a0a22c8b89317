"""Families: every distractor is wrong, and wrong in the way it says."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from cvsi_db.evaluation import scene_families
from cvsi_db.evaluation.scene_families import Family, make_family
from cvsi_db.scenes import phrasings
from cvsi_db.scenes.aspects import ASPECTS
from cvsi_db.scenes.edits import Edit, is_match
from cvsi_db.scenes.grammar import is_held_out
from cvsi_db.scenes.scene import ATTRIBUTES, Scene

REFERENCE = Scene("cat", "red", other="dog", other_colour="blue", other_headwear="crown", seed=1)
HAT = Edit("with a cap", {"headwear": frozenset({"cap"})}, "a cap")
TARGET = replace(REFERENCE, headwear="cap", seed=2)


@pytest.mark.parametrize("aspect", ASPECTS)
def test_targets_match_and_distractors_do_not(aspect: str) -> None:
    for seed in range(5):
        family = _family(aspect, seed)
        assert family.aspect == aspect
        assert 1 <= len(family.targets) <= 3
        assert 5 <= len(family.distractors) <= 7
        assert all(is_match(family.reference, family.edit, target) for target in family.targets)
        assert not any(is_match(family.reference, family.edit, wrong) for wrong in family.distractors)
        assert len({scene.seed for scene in family.scenes}) == len(family.scenes)
        assert not any(map(is_held_out, family.scenes))
        assert _family(aspect, seed) == family


def _family(aspect: str, seed: int) -> Family:
    return make_family(aspect, random.Random(seed), phrasings, held_out=False, seen_only=True)


def test_held_out_families_start_from_an_unseen_combination() -> None:
    family = make_family("viewpoint", random.Random(4), phrasings, held_out=True, seen_only=False)
    assert is_held_out(family.reference)


def test_targets_differ_where_the_edit_leaves_a_choice() -> None:
    any_colour = Edit("another colour", {"colour": frozenset(ATTRIBUTES["colour"]) - {"red"}}, "")
    for seed in range(20):
        targets = scene_families._targets(REFERENCE, any_colour, random.Random(seed), seen_only=True)
        assert len({target.colour for target in targets}) == len(targets)
        assert ("cat", "purple") not in {(target.subject, target.colour) for target in targets}
    same = scene_families._targets(REFERENCE, HAT, random.Random(1), seen_only=True)
    assert len({target.seed for target in same}) == len(same)


def test_no_targets_where_every_answer_is_held_out() -> None:
    purple = Edit("in purple", {"colour": frozenset({"purple"})}, "")
    assert scene_families._targets(REFERENCE, purple, random.Random(1), seen_only=True) == ()
    assert scene_families._targets(REFERENCE, purple, random.Random(1), seen_only=False) != ()


def test_each_kind_of_distractor_is_wrong_in_one_way() -> None:
    rng = random.Random(0)
    wrong_subject = scene_families._wrong_subject(REFERENCE, HAT, TARGET, rng)
    assert _differ(TARGET, wrong_subject) in ({"subject"}, {"colour"})
    wrong_owner = scene_families._wrong_owner(REFERENCE, HAT, TARGET, rng)
    assert wrong_owner is not None
    assert (wrong_owner.headwear, wrong_owner.other_headwear) == ("none", "cap")
    assert _differ(REFERENCE, scene_families._edited_otherwise(REFERENCE, HAT, TARGET, rng)) == {"headwear"}
    assert "headwear" not in _differ(REFERENCE, scene_families._not_edited(REFERENCE, HAT, TARGET, rng))
    detail = scene_families._detail_changed(REFERENCE, HAT, TARGET, rng)
    assert detail is not None
    assert detail.headwear == "cap"
    assert _differ(TARGET, detail)
    assert scene_families._redrawn(REFERENCE, HAT, TARGET, rng) == REFERENCE


def test_an_edit_of_the_other_subject_is_bound_to_the_main_one() -> None:
    edit = Edit("the dog with a cap", {"other_headwear": frozenset({"cap"})}, "a cap")
    wrong = scene_families._wrong_owner(REFERENCE, edit, replace(REFERENCE, other_headwear="cap"), random.Random(0))
    assert wrong is not None
    assert (wrong.headwear, wrong.other_headwear) == ("cap", "crown")


def test_an_exchange_is_bound_wrongly_only_where_that_shows() -> None:
    exchange = Edit("swap their hats", {"headwear": frozenset({"crown"}), "other_headwear": frozenset({"none"})}, "")
    target = replace(REFERENCE, headwear="crown", other_headwear="none")
    assert scene_families._wrong_owner(REFERENCE, exchange, target, random.Random(0)) is None


def test_when_the_other_subject_leaves_nothing_is_bound_to_it() -> None:
    leave = Edit("without the dog", {"other": frozenset({"none"}), "other_colour": frozenset({"red"})}, "")
    assert scene_families._wrong_owner(REFERENCE, leave, Scene("cat", "red"), random.Random(0)) is None


def test_without_another_subject_no_edit_is_bound_wrongly() -> None:
    alone = Scene("cat", "red")
    assert scene_families._wrong_owner(alone, HAT, replace(alone, headwear="cap"), random.Random(0)) is None


def _differ(one: Scene, two: Scene | None) -> set[str]:
    assert two is not None
    return {name for name, value in one.attributes().items() if two.attributes()[name] != value}
