"""The models of the benchmarks: ViT-B/32 and BLIP base with random weights, an encoder that waits as another works."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from cvsi_db.models.clip import OpenClipEncoder
from cvsi_db.models.torchvision_shim import ensure_torchvision
from cvsi_db.records import FloatArray, PseudoText

if TYPE_CHECKING:
    from cvsi_db.models.captioner import TransformersCaptioner

LOOP_BATCH = 32
"""Images per batch of the plain loop."""


class WaitingEncoder:
    """Takes the time that another encoder takes for pictures like these, as if it were on a device of its own."""

    lanes = 1

    def __init__(self, encoder: OpenClipEncoder, pictures: Sequence[Image.Image]) -> None:
        self.dim, self.side, self.batch_size, self.prepare = encoder.dim, encoder.side, LOOP_BATCH, encoder.prepare
        batch = [encoder.prepare(pictures[number % len(pictures)]) for number in range(LOOP_BATCH)]
        encoder.encode_images(batch)
        started = time.perf_counter()
        encoder.encode_images(batch)
        self._seconds = (time.perf_counter() - started) / len(batch)

    def encode_images(self, pictures: Sequence[Image.Image]) -> FloatArray:
        """Vectors of ones, after that time."""
        time.sleep(self._seconds * len(pictures))
        return np.ones((len(pictures), self.dim), np.float32)

    def encode_texts(self, texts: Sequence[str | PseudoText]) -> FloatArray:
        """Vectors of ones."""
        return np.ones((len(texts), self.dim), np.float32)


def random_vit(device: str = "cpu") -> OpenClipEncoder:
    """ViT-B/32 as open_clip builds it, with random weights: its cost is the same."""
    ensure_torchvision()
    import open_clip

    logging.getLogger().setLevel(logging.ERROR)  # it warns that there are no weights
    model, _, transform = open_clip.create_model_and_transforms("ViT-B-32")
    return OpenClipEncoder(model.to(device), open_clip.get_tokenizer("ViT-B-32"), transform, device)


def random_blip() -> TransformersCaptioner:
    """BLIP base with random weights and a vocabulary of numbers: it never ends a caption before its longest length."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import BlipConfig, BlipForConditionalGeneration, BlipImageProcessor, PreTrainedTokenizerFast

    from cvsi_db.models.captioner import SamplingSettings, TransformersCaptioner

    config = BlipConfig()  # the base model's sizes are its defaults
    words = WordLevel({str(number): number for number in range(config.text_config.vocab_size)}, unk_token="0")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(words))
    model = BlipForConditionalGeneration(config).eval()
    processor = BlipImageProcessor(size={"height": 384, "width": 384})
    return TransformersCaptioner(model, processor, tokenizer, name="random BLIP", settings=SamplingSettings())
