"""The starter's towers: the lean text forward is open_clip's own, and what is saved open_clip reads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from cvsi_db.models.clip import OpenClipEncoder, encode_tokens
from cvsi_db.records import PseudoText
from cvsi_db.training.towers import new_clip, save_clip, tokenize

TEXTS = ["a red cat", "three blue penguins on the beach at night, each wearing a hat", "$"]


@pytest.fixture(scope="module")
def model(tokenizer: Any) -> Any:
    torch.manual_seed(0)
    return new_clip(len(tokenizer)).eval()


@pytest.fixture(scope="module")
def encoder(model: Any, tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> OpenClipEncoder:
    folder = tmp_path_factory.mktemp("clip")
    save_clip(model, tokenizer, folder)
    return OpenClipEncoder.load(f"local-dir:{folder}", None, device="cpu")


@torch.inference_mode()
def test_lean_forward_equals_open_clip_s(model: Any, tokenizer: Any) -> None:
    padded = tokenizer(TEXTS, padding="max_length", max_length=64, return_tensors="pt")["input_ids"]
    for tokens in (padded, tokenize(tokenizer, TEXTS)):
        torch.testing.assert_close(encode_tokens(model, tokens), model.encode_text(padded))


def test_saved_model_loads_in_open_clip(encoder: OpenClipEncoder, model: Any, tokenizer: Any) -> None:
    assert (encoder.dim, encoder.token_dim) == (256, 192)
    with torch.inference_mode():
        expected = encode_tokens(model, tokenize(tokenizer, TEXTS)).numpy()
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), expected, atol=0.05)  # float16 on disk


def test_words_stand_at_every_dollar_as_in_the_encoder(encoder: OpenClipEncoder, tokenizer: Any) -> None:
    word = np.random.default_rng(0).normal(size=192).astype(np.float32)
    tokens = tokenize(tokenizer, ["a photo of $ that is red"])
    places = tokens.eq(tokenizer.convert_tokens_to_ids("$"))
    with torch.inference_mode():
        lean = encode_tokens(encoder.model, tokens, torch.from_numpy(word)[None], places).numpy()
    np.testing.assert_allclose(lean, encoder.encode_texts([PseudoText("a photo of $ that is red", word)]), atol=1e-5)
