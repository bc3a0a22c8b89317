"""Captions as people write them, from what word-piece tokenizers make of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvsi_db.models.detokenise import detokenise


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("a man in a t - shirt", "a man in a t-shirt"),
        ("two t - shirts and an x - ray", "two t-shirts and an x-ray"),
        ("a long - sleeved v - neck dress", "a long-sleeved v-neck dress"),
        ("a black - and - white photo", "a black-and-white photo"),
        ("a close - up of a two - story house", "a close-up of a two-story house"),
        ("an off - white lace - up boot with a 3 - piece suit", "an off-white lace-up boot with a 3-piece suit"),
        ("a blue - green 2 - d drawing", "a blue-green 2-d drawing"),
        ("her mother - in - law 's flip - flops", "her mother-in-law's flip-flops"),
        ("a woman ' s hat", "a woman's hat"),
        ("a woman 's hat", "a woman's hat"),
        ("they don ' t , we ' ll , i ' m", "they don't, we'll, i'm"),
        ("they do n't", "they don't"),
        ("it is 5 o ' clock", "it is 5 o'clock"),
        ("the dogs ' tails", "the dogs' tails"),
        ("a sign that says ' stop '", "a sign that says 'stop'"),
        ('a sign that says " stop " .', 'a sign that says "stop".'),
        ("a sign ( left ) and a tree [ right ]", "a sign (left) and a tree [right]"),
        ("25 % off , only $ 5 !", "25% off, only $5!"),
        ("3 . 5 meters at 10 : 30 , 1 , 000 people , 24 / 7", "3.5 meters at 10:30, 1,000 people, 24/7"),
        ("a cat , a dog ; and a bird : three animals . . .", "a cat, a dog; and a bird: three animals..."),
        ("the u . s . flag", "the u.s. flag"),
        ("“ hello ” said the cat", "“hello” said the cat"),
    ],
)
def test_spaces_around_marks_are_closed(text: str, clean: str) -> None:
    assert detokenise(text) == clean
    assert detokenise(clean) == clean


@pytest.mark.parametrize(
    "text",
    [
        "a dog - a cat",
        "a dog - running on the beach",
        "a red car - parked in the street",
        "two dogs - the cat is asleep",
        "a dog - on a beach",
        "a dog - white and brown",
        "a cat - dog - bird collage",
        "rows 1, 2 and 3",
        "group 3: 2 dogs. 5 cats",
        'a 5" pipe and a 6" pipe',
        "the 90's, rock 'n' roll and the dogs' tails",
        "a t-shirt (left), 25% off; 10:30",
        "cats & dogs / birds",
        "a $ that is red",
        "",
    ],
)
def test_what_stands_apart_stays_apart(text: str) -> None:
    assert detokenise(text) == text


MARKS = "- ' \" ’ “ ” ( ) [ ] . , : ; ! ? % $ # / & n't 's"
WORDS = "a t shirt black and white dog cat s 3 25 000 close up two story"
PIECES = st.sampled_from(f"{MARKS} {WORDS}".split())


@given(st.one_of(st.text(), st.lists(PIECES, max_size=12).map(" ".join), st.text(" -'\".,:%$()ast3", max_size=20)))
def test_only_spaces_are_lost_and_twice_is_once(text: str) -> None:
    clean = detokenise(text)
    assert clean.replace(" ", "") == text.replace(" ", "")
    assert detokenise(clean) == clean
