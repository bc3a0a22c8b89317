"""The starter's tokenizer: `$` on its own, no unknown text, the end token last."""

from __future__ import annotations

from typing import Any

import pytest


def test_dollar_is_always_its_own_token(tokenizer: Any) -> None:
    for text in ("a photo of $ that", "a photo of $.", "a$b", "$"):
        assert tokenizer.tokenize(text).count("$") == 1


def test_end_has_the_highest_id(tokenizer: Any) -> None:
    ids = tokenizer("a red cat")["input_ids"]
    assert ids[0] == tokenizer.bos_token_id == 1
    assert ids[-1] == tokenizer.eos_token_id == len(tokenizer) - 1
    assert tokenizer.pad_token_id == 0


@pytest.mark.parametrize("text", ["zebra crossing", "Ünïcödé", "日本", "🙂", "x1y2"])
def test_every_text_encodes(tokenizer: Any, text: str) -> None:
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids).replace(" ", "") == text.lower().replace(" ", "")


def test_case_and_spacing_do_not_matter(tokenizer: Any) -> None:
    assert tokenizer("A  Red\tCat.")["input_ids"] == tokenizer("a red cat .")["input_ids"]


def test_words_of_the_world_are_tokens(tokenizer: Any) -> None:
    words = ["a", "red", "cat", "wearing", "a", "hat", "on", "the", "beach"]
    assert tokenizer.tokenize(" ".join(words)) == words


def test_long_texts_keep_their_end(tokenizer: Any) -> None:
    ids = tokenizer("cat " * 200, truncation=True)["input_ids"]
    assert len(ids) == 64
    assert ids[-1] == tokenizer.eos_token_id
