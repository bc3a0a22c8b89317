"""Each family of text towers that open_clip has, small: its own config with widths, depths and image tower made small.

`save_family` writes one as a `local-dir:` folder. Where the real tokenizer is a download, a local one of the same kind
(pieces, special tokens, their ids and order) with a few words stands in for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors.torch import save_file

from cvsi_db.models.torchvision_shim import ensure_torchvision

ensure_torchvision()
import open_clip  # noqa: E402  # importable only after the line above
import transformers  # noqa: E402
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors  # noqa: E402

WORDS = "a photo of that is the on in and with it not red blue cat dog bird man hat beach night wet costs should have"


@dataclass(frozen=True)
class Family:
    """An architecture of open_clip's, and what is not read from it here.

    `marks` are the local tokenizer's special tokens by their ids, `template` how it puts them around a text; without
    marks the tokenizer is OpenAI's, which comes with open_clip. `text` is the config of a tower of transformers.
    """

    arch: str
    marks: tuple[str, ...] = ()
    template: str = ""
    pieces: str = "▁"
    text: Mapping[str, Any] | None = None


_BERT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
_T5 = {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2}
_M2M = {"d_model": 32, "encoder_layers": 2, "decoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 64}
_XLM_R = ("<s>", "<pad>", "</s>", "<unk>")

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "CLIP": Family("ViT-B-32"),
        "EVA-CLIP": Family("EVA02-B-16"),
        "PE-Core": Family("PE-Core-B-16"),
        "MobileCLIP 2": Family("MobileCLIP2-S2"),
        "CoCa": Family("coca_ViT-B-32"),
        "SigLIP": Family("ViT-B-16-SigLIP", ("<unk>", "</s>"), "$A </s>"),
        "SigLIP 2": Family("ViT-B-16-SigLIP2", ("<pad>", "<eos>", "<bos>", "<unk>"), "$A <eos>"),
        "CLIPA": Family("ViT-L-14-CLIPA", ("[PAD]", "[UNK]", "[CLS]", "[SEP]"), "[CLS] $A [SEP]", "##"),
        "MetaCLIP 2": Family("ViT-H-14-worldwide", _XLM_R, "<s> $A </s>"),
        "MetaCLIP 2, mT5": Family("ViT-L-14-worldwide", ("<pad>", "</s>", "<unk>"), "$A </s>"),
        "XLM-R": Family(
            "xlm-roberta-base-ViT-B-32", _XLM_R, "<s> $A </s>",
            text={"model_type": "xlm-roberta", **_BERT, "pad_token_id": 1, "max_position_embeddings": 80},
        ),
        "CoCa, RoBERTa": Family(
            "coca_roberta-ViT-B-32", _XLM_R, "<s> $A </s>",
            text={"model_type": "roberta", **_BERT, "pad_token_id": 1, "max_position_embeddings": 80},
        ),
        "mT5": Family(
            "mt5-base-ViT-B-32", ("<pad>", "</s>", "<unk>"), "$A </s>", text={"model_type": "mt5", **_T5},
        ),
        "NLLB": Family(
            "nllb-clip-base", _XLM_R, "<s> $A </s>", text={"model_type": "m2m_100", **_M2M, "pad_token_id": 1},
        ),
    }
)  # fmt: skip


def save_family(family: Family, folder: Path) -> Path:
    """The folder that `local-dir:` reads, with random weights far from zero, so that every part matters."""
    folder.mkdir(parents=True, exist_ok=True)
    config = shrunk(family, folder)
    (folder / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": config, "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3}})
    )
    torch.manual_seed(3)
    if family.text:
        config = {**config, "text_cfg": config["text_cfg"] | {"hf_model_pretrained": False}}
    custom = config.pop("custom_text", False) or family.text
    kind = open_clip.CoCa if "multimodal_cfg" in config else open_clip.CustomTextCLIP if custom else open_clip.CLIP
    model = kind(**config).eval()
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "visual" not in name:
                value.mul_(20 if "embed" in name else 3 if value.ndim == 2 else 1)
    save_file(
        {name: value.contiguous() for name, value in model.state_dict().items()}, folder / "open_clip_model.safetensors"
    )
    return folder


def shrunk(family: Family, folder: Path) -> dict[str, Any]:
    config: dict[str, Any] = open_clip.get_model_config(family.arch)
    config["embed_dim"] = 24
    whole = {
        key: config["vision_cfg"][key] for key in ("attentional_pool", "output_tokens") if key in config["vision_cfg"]
    }
    vision = {"image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 16}
    config["vision_cfg"] = vision | whole | ({"attn_pooler_heads": 2} if whole else {})
    if "multimodal_cfg" in config:
        config["multimodal_cfg"] |= {"width": 24, "heads": 2, "layers": 1, "attn_pooler_heads": 2}
    text = config["text_cfg"]
    if not family.text:
        text |= {"width": 32, "heads": 2, "layers": 2}
    if family.marks:
        tokenizer = small_tokenizer(family)
        tokenizer.save_pretrained(folder)
        text |= {"vocab_size": len(tokenizer)}
        if family.text:
            text["hf_model_name"] = str(folder / "text")
            inner = transformers.AutoConfig.for_model(**family.text, vocab_size=len(tokenizer))
            inner.save_pretrained(folder / "text")
    return config


def small_tokenizer(family: Family) -> Any:
    """Of a few words and all letters; where the real one is SentencePiece, words begin with its mark."""
    words, letters = WORDS.split(), "abcdefghijklmnopqrstuvwxyz.,$"
    if family.pieces == "##":
        vocabulary = [*family.marks, *words, *letters, *(f"##{letter}" for letter in letters)]
        inner = Tokenizer(models.WordPiece({piece: at for at, piece in enumerate(vocabulary)}, unk_token="[UNK]"))
        inner.normalizer, inner.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.BertPreTokenizer()
    else:
        vocabulary = [*family.marks, *(f"▁{word}" for word in words), *letters, "▁"]
        scores = [(piece, -1.0 if piece.startswith("▁") else -10.0) for piece in vocabulary]
        inner = Tokenizer(models.Unigram(scores, unk_id=family.marks.index("<unk>")))
        inner.pre_tokenizer = pre_tokenizers.Metaspace()
    ids = [(mark, at) for at, mark in enumerate(family.marks)]
    inner.post_processor = processors.TemplateProcessing(single=family.template, special_tokens=ids)
    # SigLIP's text rows are filled up with the end token.
    padding = next((mark for mark in ("<pad>", "[PAD]") if mark in family.marks), "</s>")
    named = {"cls_token": "[CLS]", "sep_token": "[SEP]"} if "[CLS]" in family.marks else {}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=inner, pad_token=padding, **named)
