"""A composer of random weights, as sentence-transformers saves one; and a stand-in of that package's own interface."""

from __future__ import annotations

import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.fakes import FakeEncoder

MARKS = ("<pad>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{% if message.content is string %}"
    "{{ message.content }}{% else %}{% for part in message.content %}{% if part.type == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% elif part.type == 'text' %}{{ part.text }}{% endif %}{% endfor %}"
    "{% endif %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def save_bundle(folder: Path) -> Path:
    """A bundle file in the folder, of a stand-in's model beside it."""
    save_stand_in(folder / "composer")
    (folder / "mine.toml").write_text('arch = "st:composer"\ninstruction = "as told"\n')
    return folder / "mine.toml"


def stand_in(
    version: str = "6.2.0", dim: int = 32, modalities: Sequence[Any] = ("text", "image", "message")
) -> types.ModuleType:
    """A module like sentence_transformers: `SentenceTransformer` takes and gives what the real one does.

    What it is asked is in `calls`: the kinds of the inputs and the prompt. An input's embedding is the sum of those of
    its parts and of the prompt, by FakeEncoder.
    """
    module = types.ModuleType("sentence_transformers")
    module.__version__ = version  # type: ignore[attr-defined]
    module.calls = []  # type: ignore[attr-defined]
    fake = FakeEncoder(dim)

    class SentenceTransformer:
        def __init__(
            self,
            model_name_or_path: str,
            *,
            device: str,
            trust_remote_code: bool,
            local_files_only: bool,
            truncate_dim: int | None,
            model_kwargs: dict[str, Any],
        ) -> None:
            assert Path(model_name_or_path, "modules.json").is_file()
            assert (trust_remote_code, local_files_only, model_kwargs) == (False, True, {"use_safetensors": True})
            self.truncate_dim = truncate_dim
            self.modalities = list(modalities)

        def supports(self, modality: Any) -> bool:
            return modality in self.modalities or (
                isinstance(modality, tuple) and {*modality, "message"} <= {*self.modalities}
            )

        def get_embedding_dimension(self) -> int:
            return min(dim, self.truncate_dim or dim)

        def encode(
            self,
            inputs: list[Any],
            prompt: str | None = None,
            *,
            batch_size: int,
            show_progress_bar: bool,
            convert_to_numpy: bool,
        ) -> Any:
            assert (show_progress_bar, convert_to_numpy) == (False, True)
            module.calls.append((["+".join(each) for each in inputs], prompt))  # type: ignore[attr-defined]
            rows = []
            for each in inputs:
                parts = [fake.encode_images([each["image"]])[0]] if "image" in each else []
                parts += [fake.encode_texts([each["text"]])[0]] if "text" in each else []
                parts += [0.1 * fake.encode_texts([prompt])[0]] if prompt else []
                rows.append(np.sum(parts, axis=0)[: self.truncate_dim])
            return np.stack(rows)

    module.SentenceTransformer = SentenceTransformer  # type: ignore[attr-defined]
    return module


def save_stand_in(folder: Path, weights: bytes = b"\0" * 64) -> Path:
    """The files that a composer of the stand-in has."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("modules.json", "config.json", "tokenizer.json"):
        (folder / name).write_text("{}")
    (folder / "model.safetensors").write_bytes(weights)
    return folder


def save_composer(folder: Path) -> Path:
    """A Qwen2-VL of one layer, width 32, with last-token pooling, as sentence-transformers saves it; its folder.

    Needs the real sentence-transformers.
    """
    import torch

    from cvsi_db.models.torchvision_shim import ensure_torchvision

    ensure_torchvision()
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Normalize, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import (
        PreTrainedTokenizerFast,
        Qwen2VLConfig,
        Qwen2VLForConditionalGeneration,
        Qwen2VLImageProcessor,
        Qwen2VLProcessor,
        Qwen2VLVideoProcessor,
    )

    ids = {piece: at for at, piece in enumerate([*MARKS, *sorted(pre_tokenizers.ByteLevel.alphabet())])}
    bpe = Tokenizer(models.BPE(vocab=ids, merges=[]))
    bpe.pre_tokenizer, bpe.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, pad_token="<pad>", eos_token="<|im_end|>", additional_special_tokens=list(MARKS[1:]),
        chat_template=TEMPLATE,
    )  # fmt: skip
    rope = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0}
    config = Qwen2VLConfig(
        text_config={
            "vocab_size": len(tokenizer), "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1,
            "num_attention_heads": 2, "num_key_value_heads": 2, "rope_parameters": rope, "bos_token_id": None,
            "eos_token_id": ids["<|im_end|>"], "initializer_range": 0.3,
        },
        vision_config={"depth": 1, "embed_dim": 32, "hidden_size": 32, "num_heads": 2, "mlp_ratio": 2},
        image_token_id=ids["<|image_pad|>"], video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"], vision_end_token_id=ids["<|vision_end|>"],
    )  # fmt: skip
    torch.manual_seed(0)
    raw = folder.parent / f"{folder.name}-raw"
    Qwen2VLForConditionalGeneration(config).save_pretrained(raw)
    images = Qwen2VLImageProcessor(min_pixels=28 * 28, max_pixels=56 * 56)
    processor = Qwen2VLProcessor(images, tokenizer, Qwen2VLVideoProcessor(), chat_template=TEMPLATE)
    processor.save_pretrained(raw)
    tower = Transformer(str(raw))
    modules = [tower, Pooling(tower.get_embedding_dimension(), pooling_mode="lasttoken"), Normalize()]
    SentenceTransformer(modules=modules).save_pretrained(str(folder))
    return folder
