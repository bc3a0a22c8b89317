"""Keyword masking for phi."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvsi_db.training.keywords import NO_KEYWORD, mask_keywords


@pytest.mark.parametrize(
    ("caption", "masked"),
    [
        ("A red cat on the beach at night", "$ on $ at $"),
        ("two girls in blue, each wearing a cap", "$ in $ , each wearing $"),
        ("it is standing", NO_KEYWORD),
        ("", NO_KEYWORD),
        ("the", NO_KEYWORD),
        ("a wizard's hat", "$"),
        ("a $5 bill on $ 3", "$ on $"),
    ],
)
def test_runs_become_one_dollar(caption: str, masked: str) -> None:
    assert mask_keywords(caption) == masked


@pytest.mark.parametrize(
    ("caption", "masked"),
    [
        ("a man riding a wave on top of a surfboard", "$ riding $ on $ of $"),
        ("two giraffes grazing in a field next to trees", "$ grazing in $ next to $"),
        ("people flying kites on the beach at sunset", "$ flying $ on $ at $"),
        ("a young boy swinging a baseball bat", "$ swinging $"),
        ("a woman is cutting vegetables on a cutting board", "$ is cutting $ on $"),
        ("a dog that barks loudly at a barking man's cat", "$ that $ loudly at $"),
        ("a vase filled with flowers sitting on a dining table", "$ filled with $ sitting on $"),
        ("the ceiling of a tall building in the morning", "$ of $ in $"),
        ("there's a clock tower towering over the city", "there's $ towering over $"),
        ("a curly dog on a red bus parked slightly behind a butterfly", "$ on $ parked slightly behind $"),
    ],
)
def test_captions_of_photographs(caption: str, masked: str) -> None:
    assert mask_keywords(caption) == masked


@pytest.mark.parametrize(
    ("edit_text", "masked"),
    [
        ("Put the dog against a white background.", "put $ against $ ."),
        ("Remove the cradle and add images and a towel hanger", "remove $ and add $ and $"),
        ("has longer sleeves and is much darker", "has $ and is much $"),
        ("doesn't have a logo but more buttons", "doesn't have $ but more $"),
        ("both are the same but both dogs face another direction", "both are $ but $"),
    ],
)
def test_edit_texts_that_people_wrote(edit_text: str, masked: str) -> None:
    assert mask_keywords(edit_text) == masked


@pytest.mark.parametrize(
    ("caption", "masked"),
    [
        ("it is raining on a smiling cat, jumping just too far away", "it is $ on $ , $"),
        ("a leaping fox, all alone and asleep in a snowy forest", "$ , $ and $ in $"),
        ("a sad robot, seated, wearing its hat in springtime", "$ , $ , wearing $ in $"),
        ("a woolly hat and a butterfly, close up", "$ and $ , $ up"),
        ("the back of a surprised duckling, also frowning", "$ of $ , $"),
    ],
)
def test_words_of_scenes_are_masked_as_they_were_for_the_starters_phi(caption: str, masked: str) -> None:
    assert mask_keywords(caption) == masked


@given(st.text())
def test_any_text_has_a_dollar_afterwards_and_masking_again_keeps_the_count(text: str) -> None:
    masked = mask_keywords(text.replace("$", ""))
    assert "$" in masked.split()
    assert "$ $" not in masked
