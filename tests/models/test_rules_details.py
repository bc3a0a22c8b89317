"""The rules rewriter on patterns, poses, expressions, seasons, scenery and cut: the new one in, the old one out."""

from __future__ import annotations

import pytest

from cvsi_db.models.rules import RulesRewriter
from cvsi_db.models.rules.wording import plain_wording

REWRITER = RulesRewriter()

CAT = "a striped red cat in a cap, in autumn"
OWL = "a sad owl next to a bench on the beach"
GIRL = "a girl in blue sitting on the beach at night"
DOG = "a brown dog sitting on the grass"
DRESS = "a red sleeveless dress"

CASES = [
    (CAT, "with spots", "a spotted red cat in a cap, in autumn"),
    (CAT, "plain instead of striped", "a plain red cat in a cap, in autumn"),
    (CAT, "without stripes", "a red cat in a cap, in autumn"),
    (CAT, "a dog instead of the cat", "a striped red dog in a cap, in autumn"),
    (CAT, "make it jump", "a jumping striped red cat in a cap, in autumn"),
    (CAT, "in winter", "a striped red cat in a cap, in winter"),
    (CAT, "it should be summer", "a striped red cat in a cap, in summer"),
    (CAT, "with a tent in the background", "a striped red cat in a cap, in autumn with a tent in the background"),
    ("a cat in the snow", "in summer", "a cat in summer"),
    (OWL, "happy", "a happy owl next to a bench on the beach"),
    (OWL, "with a smile", "a smiling owl next to a bench on the beach"),
    (OWL, "asleep", "a sleeping owl next to a bench on the beach"),
    (OWL, "next to a tent", "a sad owl next to a tent on the beach"),
    (CAT, "the cat wears nothing on its head", "a striped red cat, in autumn"),
    (OWL, "remove the bench", "a sad owl on the beach"),
    (GIRL, "striped", "a girl in striped blue clothes sitting on the beach at night"),
    (GIRL, "standing", "a girl in blue standing on the beach at night"),
    (GIRL, "looking surprised", "a surprised girl in blue sitting on the beach at night"),
    (GIRL, "not at night but by day", "a girl in blue sitting on the beach by day"),
    ("a cat in the city in the rain", "no longer raining", "a cat in the city"),
    ("a cat with a bench in the background", "add a tent in the background", "a cat with a tent in the background"),
    (DOG, "look left", "a brown dog sitting looking left on the grass"),
    (DOG, "facing the camera", "a brown dog sitting facing the camera on the grass"),
    (DOG, "open the laptop", "a brown dog sitting on the grass with the laptop open"),
    (DOG, "put a lamp above the bed", "a brown dog sitting on the grass with a lamp above the bed"),
    (DOG, "shot from a different angle", "a brown dog sitting on the grass, seen from a different angle"),
    (DOG, "change the breed", "a brown dog of a different breed sitting on the grass"),
    (DOG, "more dogs", "several brown dogs sitting on the grass"),
    (DOG, "person pets a small dog on the grass", "a person pets a small dog on the grass"),
    (DOG, "the same", DOG),
    (DRESS, "has long sleeves", "a red dress with long sleeves"),
    (DRESS, "is a blue dress and is longer", "a longer sleeveless blue dress"),
    (DRESS, "is more revealing and has a logo on it", "a more revealing red sleeveless dress with a logo"),
    ("a dress with long sleeves", "has no sleeves", "a sleeveless dress"),
    ("a woman wearing a long black dress", "is shorter", "a woman wearing a shorter black dress"),
    ("a man in a blue plaid shirt", "the shirt is white in color", "a man in a white plaid shirt"),
]


@pytest.mark.parametrize(("caption", "edit_text", "edited"), [pytest.param(*case, id=case[1]) for case in CASES])
def test_a_detail_takes_the_place_of_another(caption: str, edit_text: str, edited: str) -> None:
    rewrite = REWRITER.rewrite([caption], edit_text)
    assert rewrite.edited_captions == (edited,)
    assert not rewrite.fallback


def test_what_there_shall_be_less_of_is_no_added_object() -> None:
    assert REWRITER.rewrite([DRESS], "has less text and a bow").added_objects == "a bow"
    assert REWRITER.rewrite([DRESS], "has more buttons").added_objects == "buttons"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("has short sleeve and off the shoulder", "has short-sleeved and off-the-shoulder"),
        ("reduce the number of dogs to one", "one dogs"),
        ("a thinner version of the same dog", "a thinner dog"),
        ("is green in color & shorter", "is green and shorter"),
        ("unlike the reference image, i want the target image to show a bus", "show a bus"),
    ],
)
def test_roundabout_wordings_are_made_plain(text: str, plain: str) -> None:
    assert plain_wording(text) == plain
