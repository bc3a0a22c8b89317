from __future__ import annotations

from pathlib import Path

import pytest
import torch

from cvsi_db.models.conv_encoder import ConvEncoder, ConvEncoderConfig, register_conv_encoder


@pytest.fixture(scope="module")
def encoder() -> ConvEncoder:
    torch.manual_seed(0)
    return ConvEncoder(ConvEncoderConfig(image_size=64, hidden_size=32, num_attention_heads=2)).eval()


def test_a_picture_becomes_a_summary_and_one_vector_per_cell(encoder: ConvEncoder) -> None:
    with torch.inference_mode():
        hidden = encoder(torch.randn(2, 3, 64, 64)).last_hidden_state
        (as_tuple,) = encoder(torch.randn(2, 3, 64, 64), return_dict=False)
    assert hidden.shape == as_tuple.shape == (2, 1 + 4 * 4, 32)
    assert torch.allclose(hidden.mean(-1), torch.zeros(2, 17), atol=1e-5)  # layer norm came last


def test_each_part_of_the_picture_reaches_its_own_cell_most(encoder: ConvEncoder) -> None:
    torch.manual_seed(1)
    before = torch.randn(1, 3, 64, 64)
    after = before.clone()
    after[..., :16, 48:] += 2.0  # the last cell of the first row
    with torch.inference_mode():
        moved = (encoder(after).last_hidden_state - encoder(before).last_hidden_state).norm(dim=-1)[0, 1:]
    assert int(moved.argmax()) == 3


def test_saved_weights_load_through_the_auto_classes(encoder: ConvEncoder, tmp_path: Path) -> None:
    from transformers import AutoModel

    register_conv_encoder()
    register_conv_encoder()
    encoder.save_pretrained(tmp_path)
    loaded = AutoModel.from_pretrained(tmp_path).eval()
    assert isinstance(loaded, ConvEncoder)
    picture = torch.randn(1, 3, 64, 64)
    saved = encoder.state_dict()
    assert loaded.state_dict().keys() == saved.keys()
    assert all(torch.equal(value, saved[name]) for name, value in loaded.state_dict().items())
    with torch.inference_mode():  # the last bit depends on where in memory the weights lie
        torch.testing.assert_close(loaded(picture).last_hidden_state, encoder(picture).last_hidden_state)
