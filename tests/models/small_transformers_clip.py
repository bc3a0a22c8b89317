"""A CLIP in transformers' layout with random weights, as BGE-VL is published: `auto_map` and code that must not run."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from cvsi_db.models.torchvision_shim import ensure_torchvision

ensure_torchvision()
from open_clip.tokenizer import SimpleTokenizer  # noqa: E402  # importable only after the line above
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel  # noqa: E402

SIDE, DIM = 32, 24


def small_clip_model(seed: int = 3) -> CLIPModel:
    """The model, with weights far from zero, so that embeddings differ."""
    tower = {"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = CLIPConfig(
        text_config={**tower, "hidden_size": 16, "bos_token_id": 49406, "eos_token_id": 49407},
        vision_config={**tower, "hidden_size": 32, "image_size": SIDE, "patch_size": 8},
        projection_dim=DIM,
    )
    torch.manual_seed(seed)
    model = CLIPModel(config).eval()
    with torch.no_grad():
        for value in model.parameters():
            value.mul_(8 if value.ndim > 1 else 1)
    return model


def save_transformers_clip(folder: Path, seed: int = 3) -> Path:
    """The folder with config, weights, tokenizer (OpenAI's vocabulary), preprocessing, and a module that raises."""
    folder.mkdir(parents=True, exist_ok=True)
    small_clip_model(seed).save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModel": "modeling_theirs.CLIPModel", "AutoConfig": "modeling_theirs.CLIPConfig"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "modeling_theirs.py").write_text('raise SystemExit("code of a checkpoint ran")\n')
    CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    bpe = SimpleTokenizer()
    marks = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    (folder / "vocab.json").write_text(json.dumps({marks.get(word, word): at for word, at in bpe.encoder.items()}))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(map(" ".join, bpe.bpe_ranks)))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "CLIPTokenizer"}))
    return folder
