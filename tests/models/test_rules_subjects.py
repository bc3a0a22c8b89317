"""The rules rewriter on captions with two subjects: whom an edit means, and what it leaves alone."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cvsi_db.models.rules import RulesRewriter
from cvsi_db.models.rules.phrases import render
from cvsi_db.models.rules.reader import read

REWRITER = RulesRewriter()

CAT = "a striped red cat in a cap and, to its left, a bigger blue dog holding a ball, in autumn"
GIRL = "a girl in blue sitting on the beach with a small green frog behind her"
OWL = "a sad owl, a bicycle behind it; on the right of it is a pink pig in a crown"
BOTH = "a red cat in a top hat with a bird on its left and a blue dog wearing a cap behind it, at night in the rain"
HORSE = "a brown horse next to a white goat in a field"

TO_ONE = [
    (CAT, "give the dog a top hat", CAT.replace("holding", "wearing a top hat and holding"), "a top hat"),
    (CAT, "the dog should be green", CAT.replace("blue dog", "green dog"), ""),
    (CAT, "the one on the left holds a balloon", CAT.replace("a ball", "a balloon"), "a balloon"),
    (CAT, "the dog now holds a flag", CAT.replace("a ball", "a flag"), "a flag"),
    (CAT, "make the dog smaller", CAT.replace("bigger", "smaller"), ""),
    (CAT, "a smaller dog", CAT.replace("bigger", "smaller"), "a smaller dog"),
    (CAT, "make the ball red", CAT.replace("a ball", "a red ball"), ""),
    (CAT, "the dog is asleep", CAT.replace("bigger blue", "bigger sleeping blue"), ""),
    (CAT, "the other one is asleep", CAT.replace("bigger blue", "bigger sleeping blue"), ""),
    (CAT, "make it green", CAT.replace("striped red", "striped green"), ""),
    (CAT, "with a hat", CAT.replace("in a cap", "in a hat"), "a hat"),
    (GIRL, "the frog wears a crown", f"{GIRL} wearing a crown", "a crown"),
    (GIRL, "make the frog bigger", GIRL.replace("small", "bigger"), ""),
    (OWL, "give the pig a guitar", f"{OWL} holding a guitar", "a guitar"),
    (BOTH, "give the dog a ball", BOTH.replace("a cap", "a cap and holding a ball"), "a ball"),
    (HORSE, "the goat is lying down", "a brown horse next to a white goat lying down in a field", ""),
]
COMPANY = [
    (CAT, "without the dog", "a striped red cat in a cap, in autumn", ""),
    (CAT, "just the cat", "a striped red cat in a cap, in autumn", ""),
    (CAT, "only the dog", "a bigger blue dog holding a ball, in autumn", ""),
    (CAT, "without the cat", "a bigger blue dog holding a ball, in autumn", ""),
    (CAT, "a frog instead of the dog", CAT.replace("dog", "frog"), "a frog"),
    (CAT, "a rabbit instead of the cat", CAT.replace("cat", "rabbit"), "a rabbit"),
    (CAT, "the dog without the ball", CAT.replace(" holding a ball", ""), ""),
    (CAT, "add a yellow pig to its left", "a striped red cat in a cap with a yellow pig to its left, in autumn",
     "a yellow pig"),
    (GIRL, "without the frog", "a girl in blue sitting on the beach", ""),
    (GIRL, "remove the girl", "a small green frog on the beach", ""),
    (OWL, "without the pig", "a sad owl, a bicycle behind it", ""),
    (OWL, "without the bicycle", "a sad owl; on the right of it is a pink pig in a crown", ""),
    (BOTH, "without the bird", BOTH.replace(" with a bird on its left", ""), ""),
    (BOTH, "add a pig to its right", f"{BOTH}, with a pig to its right", "a pig"),
    ("a red cat in a city", "give the dog a hat", "a red cat in a city, with a dog next to it wearing a hat", "a hat"),
]  # fmt: skip
BETWEEN = [
    (CAT, "swap their colours", CAT.replace("red cat", "blue cat").replace("blue dog", "red dog"), ""),
    (CAT, "put the hat on the dog instead of the cat",
     "a striped red cat and, to its left, a bigger blue dog wearing a cap and holding a ball, in autumn", "a hat"),
    (CAT, "the dog wears the cap",
     "a striped red cat and, to its left, a bigger blue dog wearing a cap and holding a ball, in autumn", "a cap"),
    (CAT, "move the dog to the right", CAT.replace("left", "right"), ""),
    (CAT, "swap places", CAT.replace("left", "right"), ""),
    (CAT, "both wearing crowns", CAT.replace("a cap", "a crown").replace("holding", "wearing a crown and holding"),
     "crowns"),
    ("a pig in a crown, with a snowman on its right", "trade hats",
     "a pig, with a snowman on its right wearing a crown", ""),
    (GIRL, "the frog on its head", GIRL.replace("behind her", "on her head"), ""),
    (OWL, "the pig on the left", OWL.replace("on the right of it", "to its left"), ""),
    (OWL, "put the crown on the owl",
     "a sad owl wearing a crown, a bicycle behind it; on the right of it is a pink pig", "a crown"),
    (BOTH, "with the bird on its head", BOTH.replace("on its left", "on its head"), ""),
    (BOTH, "swap their hats", BOTH.replace("in a top hat", "wearing a cap").replace("a cap behind", "a top hat behind"),
     ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("caption", "edit_text", "edited", "objects"),
    [pytest.param(*case, id=case[1]) for case in (*TO_ONE, *COMPANY, *BETWEEN)],
)
def test_an_edit_of_a_caption_with_two_subjects(caption: str, edit_text: str, edited: str, objects: str) -> None:
    rewrite = REWRITER.rewrite([caption], edit_text)
    assert rewrite.edited_captions == (edited,)
    assert rewrite.added_objects == objects
    assert not rewrite.fallback


@pytest.mark.parametrize("caption", [CAT, GIRL, OWL, BOTH, HORSE])
def test_reading_and_rendering_keeps_every_word(caption: str) -> None:
    assert render(read(caption)) == caption


@pytest.mark.parametrize(
    ("caption", "said"),
    [
        (CAT, "holding a ball"),
        (OWL, "in a crown"),
        ("a man and a woman wearing a hat on a bench", "wearing a hat"),
        ("a cat; a red dog wearing a hat is to its left", "wearing a hat is to its left"),
        ("a cat in a room, with a bird next to it, holding a ball", ""),
        ("a cat in a room, with a bear next to it, holding a ball", ", holding a ball"),
    ],
)
def test_what_is_said_of_the_second_subject_is_kept_with_it(caption: str, said: str) -> None:
    second = next(phrase for phrase in read(caption) if phrase.kind == "friend")
    assert render(second.about) == said.removeprefix(", ")


_WORDS = st.sampled_from([
    "a", "the", "cat", "dog", "bird", "one", "other", "on", "its", "left", "to", "right",
    "behind", "it", "and", ",", ";", "is", "there", "also", "wearing", "hat", "holding", "ball",
    "asleep", "striped", "bigger", "give", "put", "swap", "their", "hats", "without", "just", "both", "in",
    "winter", "background", "with", "move", "head", "less", "more",
])  # fmt: skip
_TEXT = st.lists(_WORDS, max_size=16).map(" ".join)


@settings(max_examples=300, deadline=None)
@given(caption=_TEXT, edit_text=_TEXT)
def test_any_words_about_two_subjects_give_a_caption(caption: str, edit_text: str) -> None:
    if (caption + edit_text).strip():
        assert all(text.strip() for text in REWRITER.rewrite([caption], edit_text).edited_captions)


@settings(max_examples=200, deadline=None)
@example(caption="behind cat and and hat")
@given(caption=_TEXT)
def test_reading_any_words_about_two_subjects_keeps_them(caption: str) -> None:
    assert _plain_words(render(read(caption))) == _plain_words(caption)


def _plain_words(text: str) -> list[str]:
    """The words without marks; "an" counts as "a", which rendering may make of it, and a stammered "and" once."""
    words = re.sub(r"\ban\b", "a", re.sub("[,;]", " ", text)).split()
    return [word for word, before in zip(words, ["", *words], strict=False) if (before, word) != ("and", "and")]
