"""Captions of images from any transformers image-to-text model: BLIP, BLIP-2, or the starter's own captioner.

Takes PIL pictures with one seed string each, returns N captions per picture. A picture's captions depend on the
weights, the settings and its seed string, not on what else is in the batch (but a GPU rounds differently from one batch
size to another, which may change a token whose draw fell on the boundary).
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from cvsi_db.errors import ModelError
from cvsi_db.models.torchvision_shim import ensure_torchvision

ensure_torchvision()  # before transformers, which imports it

from transformers import (  # noqa: E402
    AutoImageProcessor,
    AutoModelForImageTextToText,
    AutoTokenizer,
    LogitsProcessor,
)

from cvsi_db.models.conv_encoder import register_conv_encoder  # noqa: E402
from cvsi_db.models.detokenise import detokenise  # noqa: E402
from cvsi_db.models.hub import require_hub  # noqa: E402
from cvsi_db.models.transformers_clip import without_progress_bars  # noqa: E402

if TYPE_CHECKING:
    from PIL.Image import Image

NOTHING_SAID = "a picture"
"""The caption in place of an empty one: there must be something to embed."""


@dataclass(frozen=True)
class SamplingSettings:
    """How captions are drawn: nucleus sampling (Holtzman et al., 2020) of at most `max_new_tokens` tokens.

    With `beams` above 1 it is beam search that samples, as LAVIS and with it CVSI's released code have it; the captions
    of a picture are then its best beams. `prompt` is what every caption goes on from and is not part of it.
    """

    captions: int = 5
    max_new_tokens: int = 60
    top_p: float = 0.9
    temperature: float = 0.7
    beams: int = 1
    prompt: str | None = None

    def __post_init__(self) -> None:
        if 1 < self.beams < self.captions:
            raise ModelError(f"{self.captions} captions need as many beams at least, or 1 beam, found {self.beams}")
        if self.captions < 1 or self.max_new_tokens < 1:
            raise ModelError(f"a captioner needs at least 1 caption and 1 token, found {self}")
        if not 0.0 < self.top_p <= 1.0 or self.temperature <= 0.0:
            raise ModelError(f"a captioner needs top_p above 0 and up to 1, and temperature above 0, found {self}")

    def __str__(self) -> str:
        beams = f"-b{self.beams}" if self.beams > 1 else ""
        prompt = f"-{self.prompt!r}" if self.prompt else ""
        return f"n{self.captions}-m{self.max_new_tokens}-p{self.top_p:g}-t{self.temperature:g}{beams}{prompt}"


class TransformersCaptioner:
    """A captioner over a transformers model; make one with `load`."""

    def __init__(self, model: Any, processor: Any, tokenizer: Any, *, name: str, settings: SamplingSettings) -> None:
        self._model = model
        self._processor = processor
        self._tokenizer = tokenizer
        self._name = name
        self._settings = settings

    @classmethod
    def load(
        cls,
        source: str,
        *,
        device: str = "cpu",
        captions: int = 5,
        name: str | None = None,
        max_new_tokens: int = 60,
        top_p: float = 0.9,
        temperature: float = 0.7,
        beams: int = 1,
        prompt: str | None = None,
    ) -> TransformersCaptioner:
        """The captioner in the folder `source`, or the one of that name in the local cache or on the hub.

        `name` identifies the weights (default: `source`); the captioner's own name adds the settings to it.
        Raises ModelError when the weights cannot be had or are not a captioner's, or a setting is out of range.
        """
        settings = SamplingSettings(captions, max_new_tokens, top_p, temperature, beams, prompt)
        model, processor, tokenizer = _load_parts(source, weights_dtype(device))
        model = model.to(device).eval()
        return cls(model, processor, tokenizer, name=f"{name or source}/{settings}", settings=settings)

    @property
    def name(self) -> str:
        """Identifies weights and sampling settings."""
        return self._name

    def caption(self, pictures: Sequence[Image], seeds: Sequence[str]) -> list[tuple[str, ...]]:
        """`captions` lower-case captions of each picture, in order; see Captioner.caption."""
        if len(pictures) != len(seeds):
            raise ValueError(f"{len(pictures)} pictures need as many seeds, found {len(seeds)}")
        if not pictures:
            return []
        tokens = self._sample(pictures, seeds)
        decoding = {"skip_special_tokens": True, "clean_up_tokenization_spaces": False}  # that is detokenise's task
        texts = [clean_caption(text) for text in self._tokenizer.batch_decode(tokens, **decoding)]
        n = self._settings.captions
        return [tuple(texts[start : start + n]) for start in range(0, len(texts), n)]

    @torch.inference_mode()
    def _sample(self, pictures: Sequence[Image], seeds: Sequence[str]) -> torch.Tensor:
        """(pictures · captions, tokens) new token ids; each picture passes through the vision tower once.

        Without a prompt BLIP starts at its first token, BLIP-2 after the image tokens that its Q-Former fills.
        """
        settings = self._settings
        start = self._start()
        pixels = self._processor(images=list(pictures), return_tensors="pt")["pixel_values"]
        if settings.beams > 1:
            return self._sample_beams(pixels, seeds, start)
        rows = [f"{seed}/{ordinal}" for seed in seeds for ordinal in range(settings.captions)]
        uniforms = draw_uniforms(rows, settings.max_new_tokens).to(self._model.device)
        sampler = SeededNucleus(uniforms, settings.top_p, settings.temperature)
        tokens: torch.Tensor = self._model.generate(
            pixel_values=pixels.to(self._model.device, weights_dtype(self._model.device.type)),
            **({"input_ids": start.repeat(len(pictures), 1)} if settings.prompt else {}),
            logits_processor=[sampler],
            num_return_sequences=settings.captions,
            max_new_tokens=settings.max_new_tokens,
            min_new_tokens=1,
            use_cache=True,
            # The processor has chosen: these leave its one finite score alone.
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            num_beams=1,
        )
        return tokens[:, tokens.shape[1] - sampler.steps :]  # what comes before is what the model began with

    def _sample_beams(self, pixels: torch.Tensor, seeds: Sequence[str], start: torch.Tensor) -> torch.Tensor:
        """The same by beam search, a picture at a time: its beams draw together, from a generator with its seed."""
        settings, device = self._settings, self._model.device
        found = []
        for row, seed in zip(pixels, seeds, strict=True):
            with torch.random.fork_rng([device] if device.type == "cuda" else []):
                torch.manual_seed(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big"))
                tokens = self._model.generate(
                    pixel_values=row[None].to(device, weights_dtype(device.type)),
                    **({"input_ids": start} if settings.prompt else {}),
                    num_return_sequences=settings.captions,
                    num_beams=settings.beams,
                    max_new_tokens=settings.max_new_tokens,
                    min_new_tokens=1,
                    use_cache=True,
                    do_sample=True,
                    temperature=settings.temperature,
                    top_k=50,
                    top_p=settings.top_p,
                )
            begun = start.shape[1] - (self._model.config.model_type == "blip")  # whose last token it leaves out
            found.append(tokens[:, begun:])
        width = max(tokens.shape[1] for tokens in found)
        pad = self._tokenizer.pad_token_id
        return torch.cat([torch.nn.functional.pad(each, (0, width - each.shape[1]), value=pad) for each in found])

    def _start(self) -> torch.Tensor:
        """(1, tokens) what the language model goes on from: the prompt, and what stands before it."""
        config, prompt = self._model.config, self._settings.prompt or ""
        if config.model_type == "blip-2":
            words = self._tokenizer(prompt, add_special_tokens=False).input_ids
            start = [config.image_token_index] * config.num_query_tokens + [config.text_config.bos_token_id, *words]
        elif config.model_type == "blip":
            start = self._tokenizer(prompt).input_ids
        elif prompt:
            raise ModelError(f"the captioner {self._name!r} takes no prompt: leave it out of the bundle file")
        else:
            start = [0]
        return torch.tensor([start], dtype=torch.long, device=self._model.device)


class SeededNucleus(LogitsProcessor):  # type: ignore[misc]  # transformers is untyped
    """Nucleus sampling by inverse transform from uniforms (rows, steps) drawn beforehand: column i serves step i.

    Every row keeps one finite score, so whatever samples afterwards must take it.
    """

    def __init__(self, uniforms: torch.Tensor, top_p: float, temperature: float) -> None:
        self._columns = iter(uniforms.T)
        self._top_p = top_p
        self._temperature = temperature
        self.steps = 0

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:  # noqa: ARG002  # by keyword
        """(rows, vocabulary) scores: 0 at the chosen token of each row, minus infinity elsewhere.

        Raises ModelError for scores that are not numbers.
        """
        kept = nucleus((scores.float() / self._temperature).softmax(-1), self._top_p)
        # In the order of token ids, not of probability: rounding may swap two near-equal tokens from batch to batch.
        cumulative = kept.cumsum(-1)
        if not bool(cumulative[:, -1].isfinite().all()):
            raise ModelError("the captioner gave scores that are not numbers: its weights or its device are at fault")
        targets = next(self._columns).unsqueeze(-1) * cumulative[:, -1:]
        self.steps += 1
        chosen = torch.searchsorted(cumulative, targets, right=True)
        return torch.full_like(scores, -torch.inf).scatter_(-1, chosen, 0.0)


def nucleus(probabilities: torch.Tensor, top_p: float) -> torch.Tensor:
    """(rows, vocabulary) probabilities with all but the likeliest tokens that make up `top_p` of each row set to 0."""
    ordered, tokens = probabilities.sort(dim=-1, descending=True, stable=True)
    mass_before = ordered.cumsum(-1) - ordered
    return torch.zeros_like(probabilities).scatter_(-1, tokens, ordered * (mass_before < top_p))


def draw_uniforms(rows: Sequence[str], steps: int) -> torch.Tensor:
    """(rows, steps) float32 in [0, 1), each row drawn from its own string alone."""
    seeds = [int.from_bytes(hashlib.sha256(row.encode()).digest()[:16], "big") for row in rows]
    draws = [np.random.default_rng(seed).random(steps, dtype=np.float32) for seed in seeds]
    below_one = np.minimum(np.stack(draws), np.float32(1 - 1e-6))  # rounding must not carry a draw to the far end
    return torch.from_numpy(below_one)


def clean_caption(text: str) -> str:
    """A decoded caption as one line in lower case, without the spaces that tokenizers set around marks."""
    printable = "".join(char if char.isprintable() else " " for char in text.lower())
    return detokenise(" ".join(printable.split())) or NOTHING_SAID


# --- loading ----------------------------------------------------------------------------------------------------


def weights_dtype(device: str) -> torch.dtype:
    """In what precision a captioner runs: float16 on CUDA, where it halves memory and time; float32 elsewhere.

    CPUs are slow at float16, and on MPS large language models overflow in it.
    """
    return torch.float16 if device.startswith("cuda") else torch.float32


def _load_parts(source: str, dtype: torch.dtype) -> tuple[Any, Any, Any]:
    """Model, image processor and tokenizer, from a folder or the cache, else from the hub."""
    register_conv_encoder()
    if Path(source).is_dir():
        return _read_here(source, dtype, "this folder holds no captioner for transformers")
    try:
        return _read_here(source, dtype, "it is not in the local cache")
    except ModelError:
        require_hub(f"the captioner {source!r}")  # now, because transformers would go on asking for half a minute
        return _read_parts(source, dtype, "it cannot be downloaded")


def _read_here(source: str, dtype: torch.dtype, failure: str) -> tuple[Any, Any, Any]:
    with without_progress_bars():
        return _read_parts(source, dtype, failure, local_files_only=True)


def _read_parts(source: str, dtype: torch.dtype, failure: str, **options: Any) -> tuple[Any, Any, Any]:
    try:
        model = AutoModelForImageTextToText.from_pretrained(source, dtype=dtype, **options)
        if model.config.model_type == "blip-2" and model.config.image_token_index is None:  # by an older transformers
            raise ValueError("its config.json has no image_token_index: take a newer copy of it")
        return (
            model,
            AutoImageProcessor.from_pretrained(source, backend="pil", **options),
            AutoTokenizer.from_pretrained(source, **options),
        )
    except (OSError, ValueError, KeyError, RuntimeError, pickle.UnpicklingError) as error:
        first_line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"cannot load the captioner {source!r}: {failure} ({first_line}); "
            "give the folder of a local copy, or do without captions (ingest --no-captions)"
        ) from error
