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
    ],
)
def test_runs_become_one_dollar(caption: str, masked: str) -> None:
    assert mask_keywords(caption) == masked


@given(st.text())
def test_any_text_has_a_dollar_afterwards_and_masking_again_keeps_the_count(text: str) -> None:
    masked = mask_keywords(text.replace("$", ""))
    assert "$" in masked.split()
    assert "$ $" not in masked
