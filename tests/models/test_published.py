"""The facts about published weights, against open_clip's table and the architectures themselves."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from cvsi_db.models.clip_weights import find_repo
from cvsi_db.models.inventory import PUBLISHED
from cvsi_db.models.phi import MappingNetwork
from cvsi_db.models.spec import BLIP_BASE, BLIP_LARGE, BUNDLES, LINCIR_L14, SEARLE_B32, SEARLE_L14
from cvsi_db.models.torchvision_shim import ensure_torchvision

ensure_torchvision()
import open_clip  # noqa: E402  # importable only after the line above

TAGGED = [f"{spec.arch}/{spec.weights}" for spec in BUNDLES.values() if spec.captioner in (BLIP_BASE, BLIP_LARGE)]


@pytest.mark.parametrize("key", TAGGED)
def test_the_repository_is_the_one_that_open_clip_takes(key: str) -> None:
    arch, tag = key.split("/")
    assert find_repo(arch, tag)[0] == PUBLISHED[key].repo


@pytest.mark.parametrize("key", TAGGED)
def test_a_clips_size_is_that_of_its_weights_in_float32(key: str) -> None:
    with torch.device("meta"):
        weights = open_clip.CLIP(**open_clip.get_model_config(key.split("/")[0])).state_dict()
    assert PUBLISHED[key].size_bytes == 4 * sum(value.numel() for value in weights.values())


@pytest.mark.parametrize(
    ("name", "vision"),
    [
        (BLIP_BASE, {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12}),
        (BLIP_LARGE, {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16}),
    ],
)
def test_a_blips_size_is_that_of_its_weights_in_float32(name: str, vision: dict[str, Any]) -> None:
    from transformers import BlipConfig, BlipForConditionalGeneration

    width = vision["hidden_size"]
    eyes = {**vision, "intermediate_size": 4 * width, "image_size": 384, "patch_size": 16}
    words = {"vocab_size": 30524, "hidden_size": 768, "encoder_hidden_size": width}
    with torch.device("meta"):
        model = BlipForConditionalGeneration(BlipConfig(text_config=words, vision_config=eyes))
    vocabulary = 30524 * 768  # its checkpoints hold the input and the output embedding, which are one in memory
    assert PUBLISHED[name].size_bytes == 4 * (sum(value.numel() for value in model.parameters()) + vocabulary)


@pytest.mark.parametrize(
    ("name", "arch"), [(SEARLE_B32, "ViT-B-32"), (SEARLE_L14, "ViT-L-14"), (LINCIR_L14, "ViT-L-14")]
)
def test_a_phis_size_is_that_of_a_mapping_network_of_its_clips_widths(name: str, arch: str) -> None:
    config = open_clip.get_model_config(arch)
    with torch.device("meta"):
        network = MappingNetwork(config["embed_dim"], config["text_cfg"]["width"])
    assert PUBLISHED[name].size_bytes == 4 * sum(value.numel() for value in network.parameters())
    assert PUBLISHED[name].licence == "CC BY-NC 4.0"


def test_every_real_bundle_is_published() -> None:
    for spec in BUNDLES.values():
        if spec.captioner in (BLIP_BASE, BLIP_LARGE):
            assert f"{spec.arch}/{spec.weights}" in PUBLISHED
    assert BUNDLES["starter"].preset == "default"
    assert {name: spec.phi for name, spec in BUNDLES.items() if spec.phi in PUBLISHED} == {
        "clip-b32": SEARLE_B32,
        "clip-l14": LINCIR_L14,
    }
