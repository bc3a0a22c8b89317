"""Checkpoints of open_clip's real classes with random weights, small enough for tests, in the layouts people have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from cvsi_db.models.torchvision_shim import ensure_torchvision

ensure_torchvision()
import open_clip  # noqa: E402  # importable only after the line above
from open_clip import factory  # noqa: E402
from open_clip.model import set_model_preprocess_cfg  # noqa: E402
from open_clip.push_to_hf_hub import save_config_for_hf  # noqa: E402

CONFIG: dict[str, Any] = {
    "embed_dim": 48,
    "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "patch_size": 16, "head_width": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
"""A CLIP of 1.8 million parameters with OpenAI's vocabulary; joint width 48, text width 32."""


def shrunk(arch: str) -> dict[str, Any]:
    """A backbone's own config with every width, depth and number of heads made small; all else as it is."""
    config: dict[str, Any] = open_clip.get_model_config(arch)
    config["embed_dim"] = 48
    config["vision_cfg"] |= {"layers": 1, "width": 64, "head_width": 16, "image_size": 56}
    config["text_cfg"] |= {"layers": 3, "width": 64, "heads": 4}
    return config


def small_model(config: dict[str, Any] = CONFIG, seed: int = 7) -> Any:
    """The model, with weights far from zero, so that every part of a forward matters."""
    torch.manual_seed(seed)
    model = open_clip.CLIP(**json.loads(json.dumps(config))).eval()
    with torch.no_grad():
        model.token_embedding.weight.mul_(30)
        model.positional_embedding.mul_(30)
        for name, value in model.transformer.named_parameters():
            if name.endswith("weight") and value.ndim == 2:
                value.mul_(3)
    set_model_preprocess_cfg(model, {"mean": open_clip.OPENAI_DATASET_MEAN, "std": open_clip.OPENAI_DATASET_STD})
    return model


def save_folder(model: Any, folder: Path, config: dict[str, Any] = CONFIG) -> Path:
    """As open_clip writes a model for the hub: open_clip_config.json and open_clip_model.safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    save_config_for_hf(model, folder / "open_clip_config.json", model_config=config)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    return folder


@contextmanager
def known_to_open_clip(name: str, folder: Path, config: dict[str, Any] = CONFIG) -> Iterator[None]:
    """While this lasts, open_clip lists `name` among its architectures."""
    (folder / f"{name}.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder / f"{name}.json")
    try:
        yield
    finally:
        factory._MODEL_CONFIG_PATHS.remove(folder / f"{name}.json")
        factory._MODEL_CONFIGS.pop(name)


def save_transformers_clip(folder: Path) -> Path:
    """A CLIPModel of random weights as transformers writes it, its tokenizer of single bytes; returns the folder."""
    from open_clip.tokenizer import bytes_to_unicode
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTokenizerFast

    torch.manual_seed(5)
    pieces = [letter + end for end in ("", "</w>") for letter in bytes_to_unicode().values()]
    vocabulary = {piece: number for number, piece in enumerate([*pieces, "<|startoftext|>", "<|endoftext|>"])}
    CLIPTokenizerFast(vocab=vocabulary, merges=[]).save_pretrained(folder)
    CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(folder)
    layers = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    ends = {"bos_token_id": len(pieces), "eos_token_id": len(pieces) + 1, "vocab_size": len(vocabulary)}
    config = CLIPConfig(
        text_config={**layers, **ends},
        vision_config={**layers, "image_size": 32, "patch_size": 16},
        projection_dim=24,
    )
    CLIPModel(config).half().save_pretrained(folder)
    return folder
