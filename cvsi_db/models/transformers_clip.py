"""CLIP in transformers' format, from a folder or the hub's cache, as the encoder of a bundle.

Takes a folder or OWNER/NAME; returns an OpenClipEncoder over transformers' own CLIPModel, so that preprocessing,
pseudo-tokens and the training of phi are those of every other CLIP. Code that comes with a checkpoint (`auto_map`)
never runs, and only safetensors are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from cvsi_db.errors import ModelError
from cvsi_db.models.clip import OpenClipEncoder, Preprocess, padded, quiet_libraries
from cvsi_db.models.hub import TRANSFORMERS_CLIP_FILES, cached_files
from cvsi_db.models.torchvision_shim import ensure_torchvision


def load_transformers_clip(source: str, *, device: str, preprocess: Preprocess = "clip") -> OpenClipEncoder:
    """The encoder of a folder, or of a repository of the hub that is in the cache.

    Raises ModelError when a file is missing, damaged, or not that of a CLIP.
    """
    ensure_torchvision()
    from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizerFast

    place = Path(source).expanduser()
    if not place.is_dir():
        files, missing = cached_files(source, TRANSFORMERS_CLIP_FILES)
        if missing:
            raise ModelError(f"the CLIP {source!r} is not on this machine, {missing[0][0]} is missing: pull its model")
        place = files[0].parent
    with quiet_libraries(), without_progress_bars():
        try:
            # The classes are named: the Auto classes would look for what `auto_map` names.
            model, report = CLIPModel.from_pretrained(place, use_safetensors=True, output_loading_info=True)
            tokenizer = CLIPTokenizerFast.from_pretrained(place)
            transform = _transform(CLIPImageProcessor.from_pretrained(place))
        except Exception as error:  # transformers raises whatever its readers stumble over
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ModelError(f"cannot load the CLIP {source!r} of transformers' format: {reason}") from error
    unlike = [*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])]
    if unlike:
        raise ModelError(
            f"cannot load the CLIP {source!r}: {len(unlike)} of its weights are missing or of another shape, such as "
            f"{min(unlike)!r}: the folder must hold a CLIPModel of transformers"
        )
    clip = TransformersClip(model)
    chosen = padded(transform) if preprocess == "targetpad" else transform
    return OpenClipEncoder(clip, _Tokenizer(tokenizer, clip.context_length), chosen, device)


@contextmanager
def without_progress_bars() -> Iterator[None]:
    """Without the bar that transformers draws for every model that it reads."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


class TransformersClip(torch.nn.Module):
    """A CLIPModel with the parts of open_clip's CLIP, under their names, that OpenClipEncoder and training use."""

    def __init__(self, clip: Any) -> None:
        super().__init__()
        self.clip = clip
        self.visual = _Visual(clip.config.vision_config.image_size)
        text = clip.text_model
        self.token_embedding, self.ln_final = text.embeddings.token_embedding, text.final_layer_norm
        self.text_projection = clip.text_projection
        self.context_length = int(clip.config.text_config.max_position_embeddings)
        mask = torch.full((self.context_length, self.context_length), float("-inf")).triu(1)
        self.register_buffer("attn_mask", mask, persistent=False)
        # `encode_tokens` reads a text at its highest id; a vocabulary with words added behind the end token cannot be.
        end, size = clip.config.text_config.eos_token_id, clip.config.text_config.vocab_size
        self.text_pool_type = "argmax" if end in (2, size - 1) else "eos"  # 2: what CLIP's first configs say by mistake
        self.text_eos_id = end

    @property
    def positional_embedding(self) -> torch.Tensor:
        """(context, width)."""
        weight: torch.Tensor = self.clip.text_model.embeddings.position_embedding.weight
        return weight

    def transformer(self, hidden: torch.Tensor, attn_mask: torch.Tensor) -> torch.Tensor:
        """(n, length, width): the text tower's layers, with an additive mask (length, length)."""
        out: torch.Tensor = self.clip.text_model.encoder(
            inputs_embeds=hidden, attention_mask=attn_mask[None, None].to(hidden.dtype)
        )[0]
        return out

    def encode_image(self, pixels: torch.Tensor, normalize: bool = False) -> torch.Tensor:  # noqa: ARG002
        """(n, dim) un-normalised image features, whatever open_clip's switch says."""
        features: torch.Tensor = self.clip.visual_projection(self.clip.vision_model(pixel_values=pixels)[1])
        return features

    def encode_text(self, tokens: torch.Tensor) -> torch.Tensor:
        """(n, dim) un-normalised text features of (n, length) token ids."""
        features: torch.Tensor = self.clip.text_projection(self.clip.text_model(input_ids=tokens)[1])
        return features


class _Visual:
    """Where open_clip says what an image tower sees."""

    def __init__(self, image_size: int) -> None:
        self.image_size = image_size


class _Tokenizer:
    """transformers' CLIP tokenizer as OpenClipEncoder calls one: rows of token ids, filled with zeros."""

    def __init__(self, tokenizer: Any, context_length: int) -> None:
        self.tokenizer = tokenizer
        self.context_length = context_length

    def __call__(self, texts: Sequence[str], context_length: int | None = None) -> torch.Tensor:
        length = context_length or self.context_length
        rows = torch.zeros(len(texts), length, dtype=torch.long)
        cut = self.tokenizer(list(texts), truncation=True, max_length=length).input_ids
        for row, ids in zip(rows, cut, strict=True):
            row[: len(ids)] = torch.tensor(ids)
        return rows


def _transform(processor: Any) -> Any:
    """What an image processor of CLIP does to an RGB picture, as a torchvision Compose of the same settings."""
    from torchvision.transforms import Compose, InterpolationMode, Normalize, Resize, ToTensor

    size, crop, steps = processor.size, processor.crop_size, list[Any]()

    def crop_centre(picture: Image.Image) -> Image.Image:
        """torchvision's rounds an odd margin the other way, one pixel off."""
        left, top = (picture.width - crop["width"]) // 2, (picture.height - crop["height"]) // 2
        return picture.crop((left, top, left + crop["width"], top + crop["height"]))

    if processor.do_resize:
        edge = size["shortest_edge"] if "shortest_edge" in size else (size["height"], size["width"])
        steps.append(Resize(edge, InterpolationMode.BICUBIC))
    if processor.do_center_crop:
        steps.append(crop_centre)
    return Compose([*steps, ToTensor(), Normalize(processor.image_mean, processor.image_std)])
