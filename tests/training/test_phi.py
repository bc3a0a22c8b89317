"""Training phi: it learns, and nothing else does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cvsi_db.models.clip import OpenClipEncoder
from cvsi_db.models.phi import MappingNetwork, load_phi, save_phi
from cvsi_db.training.phi import PhiRun, embed_sentences, log_to, masked_loss, scene_captions, train_phi
from cvsi_db.training.towers import new_clip, save_clip


@pytest.fixture(scope="module")
def encoder(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> OpenClipEncoder:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("clip")
    save_clip(new_clip(len(tokenizer)), tokenizer, folder)
    return OpenClipEncoder.load(f"local-dir:{folder}", None, device="cpu")


def loss_of(encoder: OpenClipEncoder, network: MappingNetwork, captions: list[str]) -> float:
    """The masked loss over all captions, with the same noise for every network."""
    sentences = embed_sentences(encoder, captions, PhiRun())
    torch.manual_seed(5)
    with torch.inference_mode():
        return masked_loss(encoder, network.eval(), sentences, torch.arange(len(captions))).item()


def test_loss_falls_and_the_text_tower_stays(encoder: OpenClipEncoder, tmp_path: Path) -> None:
    before = {name: value.clone() for name, value in encoder.model.state_dict().items()}
    captions, steps = scene_captions(40, seed=1), []
    run = PhiRun(steps=40, batch=40, learning_rate=1e-3, report_every=20)
    network = train_phi(encoder, captions, run, lambda step, _loss, _phi: steps.append(step))
    assert steps == [20, 40]
    assert loss_of(encoder, network, captions) < 0.9 * loss_of(encoder, MappingNetwork(256, 192), captions)
    assert all(value.equal(before[name]) for name, value in encoder.model.state_dict().items())
    save_phi(network, tmp_path / "phi.safetensors")
    phi = load_phi(tmp_path / "phi.safetensors", dim=256, token_dim=192, device="cpu")
    assert phi(np.zeros((2, 256), np.float32)).shape == (2, 192)


def test_sentences_pair_embeddings_with_masked_tokens(encoder: OpenClipEncoder) -> None:
    captions = ["a red cat on the beach", "two dogs"]
    sentences = embed_sentences(encoder, captions, PhiRun(whole=0.0), chunk=1)
    np.testing.assert_allclose(sentences.embeddings, encoder.encode_texts(captions), rtol=0.1, atol=0.1)  # bfloat16
    assert (sentences.masked == encoder.dollar_id).sum(dim=1).tolist() == [2, 1]


def test_some_captions_are_masked_as_a_whole(encoder: OpenClipEncoder) -> None:
    sentences = embed_sentences(encoder, ["a red cat on the beach"] * 40, PhiRun(whole=0.5))
    dollars = (sentences.masked == encoder.dollar_id).sum(dim=1)
    assert 8 < (dollars == 1).sum() < 32
    assert set(dollars.tolist()) == {1, 2}


def test_scene_captions_repeat() -> None:
    assert scene_captions(3, seed=2) == scene_captions(5, seed=2)[:3]
    assert scene_captions(3, seed=2) != scene_captions(3, seed=3)


def test_log_is_one_json_object_a_line(tmp_path: Path) -> None:
    report = log_to(tmp_path / "phi.jsonl")
    report(100, 0.5, MappingNetwork(2, 2))
    assert '"step": 100, "loss": 0.5' in (tmp_path / "phi.jsonl").read_text()
