"""The pieces of a caption: guests follow the main subject in every form, and only what is stated is worded."""

from __future__ import annotations

import random

from cvsi_db.scenes.caption_parts import Guest, joined, worded, words
from cvsi_db.scenes.scene import Scene

PAIR = Scene("girl", "blue", companion="bird", companion_place="on top", other="dog", other_colour="red", pose="waving")


def test_guest_phrase_has_side_and_looks() -> None:
    guest = Guest("a red dog", "in a cap", "to her left", ("and {it}",), "her")
    told = {guest.phrase(random.Random(seed)) for seed in range(60)}
    assert {"with a red dog to her left in a cap", "and, to her left, a red dog in a cap"} <= told
    clauses = {guest.clause(random.Random(seed)) for seed in range(60)}
    assert "to her left is a red dog in a cap" in clauses
    assert all("to her left" in text and "a red dog" in text for text in told | clauses)


def test_only_what_is_stated_is_worded() -> None:
    parts = worded(PAIR, random.Random(0), frozenset({"subject", "count", "pose"}))
    assert (parts.looks, parts.guests, parts.place, parts.prop, parts.time, parts.weather) == ([], [], "", "", "", "")
    assert "girl" in parts.who
    assert parts.pose


def test_companion_and_other_subject_come_in_this_order() -> None:
    parts = worded(PAIR, random.Random(0), frozenset({"subject", "count", "companion", "other", "other_colour"}))
    assert ["bird" in guest.it for guest in parts.guests] == [True, False]
    company = {parts.company() for _ in range(50)}
    assert all(text.index("bird") < text.index("red dog") for text in company)


def test_phrases_of_one_form_share_an_and() -> None:
    assert joined(["wearing a cap", "holding a ball"]) == "wearing a cap and holding a ball"
    assert joined(["in a cap", "holding a ball"]) == "in a cap, holding a ball"
    assert words("a cat", "", "in a cap") == "a cat in a cap"
