"""BLIP and BLIP-2 of random weights and a few words, in the layout of the real ones' folders."""

from __future__ import annotations

from pathlib import Path

import torch

from cvsi_db.models.torchvision_shim import ensure_torchvision

ensure_torchvision()  # before transformers, which imports it

from transformers import (  # noqa: E402
    BertTokenizer,
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2Processor,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessor,
    BlipTextConfig,
    BlipVisionConfig,
    GPT2Tokenizer,
)

WORDS = ("a", "red", "blue", "cat", "dog", "on", "the", "moon")
WORD_PIECES = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, "##s")
BYTE_PIECES = ("<s>", "<pad>", "</s>", "<unk>", "Ċ", *(f"Ġ{word}" for word in WORDS))
LAYERS = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
VISION = {**LAYERS, "image_size": 32, "patch_size": 16, "initializer_range": 0.3}
SIZE = {"height": 32, "width": 32}


def save_word_pieces(folder: Path) -> None:
    """A BERT tokenizer of a few words and an image processor, as BLIP's folder has them."""
    (folder / "vocab.txt").write_text("\n".join(WORD_PIECES) + "\n")
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    BlipImageProcessor(size=SIZE).save_pretrained(folder)


def save_blip(folder: Path) -> Path:
    """A BLIP; returns the folder."""
    torch.manual_seed(0)
    text = BlipTextConfig(
        **LAYERS, vocab_size=len(WORD_PIECES), encoder_hidden_size=32, projection_dim=32, pad_token_id=0,
        bos_token_id=2, eos_token_id=3, sep_token_id=3, max_position_embeddings=64, initializer_range=0.3,
    )  # fmt: skip
    vision = BlipVisionConfig(**VISION, projection_dim=32)
    config = BlipConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=32)
    BlipForConditionalGeneration(config).save_pretrained(folder)
    save_word_pieces(folder)
    return folder


def save_blip2(folder: Path) -> Path:
    """A BLIP-2 whose language model is an OPT that ends at a line end, four query tokens; returns the folder."""
    torch.manual_seed(0)
    vocabulary = {piece: number for number, piece in enumerate(BYTE_PIECES)}
    end = {"bos_token": "</s>", "eos_token": "</s>", "unk_token": "</s>", "pad_token": "<pad>"}
    tokenizer = GPT2Tokenizer(vocab=vocabulary, merges=[], additional_special_tokens=["<s>", "<unk>"], **end)
    # The processor adds the image token to the tokenizer, and saves that with itself.
    Blip2Processor(BlipImageProcessor(size=SIZE), tokenizer, num_query_tokens=4).save_pretrained(folder)
    text = {
        "model_type": "opt", "vocab_size": len(tokenizer), "hidden_size": 32, "word_embed_proj_dim": 32, "ffn_dim": 64,
        "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 128, "init_std": 0.3,
        "bos_token_id": 2, "pad_token_id": 1, "eos_token_id": vocabulary["Ċ"],
    }  # fmt: skip
    config = Blip2Config(
        vision_config=VISION,
        qformer_config={**LAYERS, "vocab_size": 30, "initializer_range": 0.3},
        text_config=text,
        num_query_tokens=4,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    Blip2ForConditionalGeneration(config).save_pretrained(folder)
    return folder
