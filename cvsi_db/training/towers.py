"""The starter CLIP's two towers: their shape, their precision in training, and saving for open_clip."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from cvsi_db.models.torchvision_shim import ensure_torchvision
from cvsi_db.training.data import PICTURE_SIZE
from cvsi_db.training.vocabulary import CONTEXT_LENGTH

EMBED_DIM, TEXT_WIDTH, TEXT_LAYERS, TEXT_HEADS = 256, 192, 4, 3
MODEL_FILE, CONFIG_FILE = "open_clip_model.safetensors", "open_clip_config.json"


def starter_config(vocab_size: int) -> dict[str, Any]:
    """The starter's open_clip_config.json."""
    vision = {
        "timm_model_name": "resnet10t",
        "timm_pool": "avgmax",
        "timm_proj": "linear",
        "timm_proj_bias": True,
        "image_size": PICTURE_SIZE,
    }
    text = {
        "context_length": CONTEXT_LENGTH,
        "vocab_size": vocab_size,
        "hf_tokenizer_name": "starter",  # open_clip reads the tokenizer beside the config instead
        "width": TEXT_WIDTH,
        "heads": TEXT_HEADS,
        "layers": TEXT_LAYERS,
        "proj_bias": True,
    }
    half = [0.5, 0.5, 0.5]
    preprocess = {"mean": half, "std": half, "interpolation": "bicubic", "resize_mode": "shortest"}
    model = {"embed_dim": EMBED_DIM, "vision_cfg": vision, "text_cfg": text}
    return {"model_cfg": model, "preprocess_cfg": preprocess}


def new_clip(vocab_size: int) -> Any:
    """An untrained starter CLIP (an open_clip.CLIP), float32, channels last."""
    ensure_torchvision()
    import open_clip

    model = open_clip.model.CLIP(**starter_config(vocab_size)["model_cfg"])
    return model.to(memory_format=torch.channels_last)


def save_clip(model: Any, tokenizer: Any, folder: Path) -> None:
    """Writes what open_clip's `local-dir:` schema reads: config, float16 weights, tokenizer files."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    config = starter_config(len(tokenizer))
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=2) + "\n")
    weights = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in model.state_dict().items()
    }
    save_file(weights, folder / MODEL_FILE)
    (folder / MODEL_FILE).chmod(0o644)  # safetensors leaves it to its owner alone
    tokenizer.save_pretrained(str(folder))


def tokenize(tokenizer: Any, texts: list[str]) -> torch.Tensor:
    """(n, longest) token ids, padded only as far as the longest text needs."""
    encoded = tokenizer(texts, padding=True, truncation=True, max_length=CONTEXT_LENGTH, return_tensors="pt")
    ids: torch.Tensor = encoded["input_ids"]
    return ids
