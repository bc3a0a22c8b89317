"""What the starter CLIP is trained for: contrast, composition, attributes, and embeddings that stay centred.

Takes embeddings and labels, returns scalar losses by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812  # torch's own convention

from cvsi_db.models.clip import encode_tokens
from cvsi_db.scenes.scene import ATTRIBUTES, DEPENDENTS, NONE
from cvsi_db.training.batches import Batch, PictureBatch
from cvsi_db.training.precision import mixed_precision

WEIGHTS = {"clip": 1.0, "composed": 1.0, "picture": 6.0, "caption": 3.0, "settled": 3.0, "centre": 2.0, "norm": 0.5}
"""Attribute heads on pictures weigh most: with them a small model learns far faster than by contrast alone."""

TARGET_NORM = 16.0
"""Both towers' un-normalised embeddings are kept near this length: phi learns on texts and is fed pictures."""


_NAMES = tuple(ATTRIBUTES)
_PARENTS = [(_NAMES.index(name), _NAMES.index(parent)) for name, parent in DEPENDENTS.items()]


def applicable(labels: torch.Tensor) -> torch.Tensor:
    """(n, attributes) bool: which attributes mean something, for labels (n, attributes). See scene.DEPENDENTS."""
    means = torch.ones_like(labels, dtype=torch.bool)
    for name, parent in _PARENTS:
        means[:, name] = labels[:, parent] != ATTRIBUTES[_NAMES[parent]].index(NONE)
    return means


class AttributeHeads(nn.Module):
    """One linear classifier per attribute, shared by picture and text embeddings, on normalised embeddings."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.sizes = [len(values) for values in ATTRIBUTES.values()]
        self.linear = nn.Linear(dim, sum(self.sizes))

    def forward(self, embeddings: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The logits of each attribute: a tuple of (n, values) tensors."""
        return self.linear(16.0 * embeddings).split(self.sizes, dim=-1)  # type: ignore[no-any-return]

    def loss(self, embeddings: torch.Tensor, labels: torch.Tensor, stated: torch.Tensor | None = None) -> torch.Tensor:
        """Mean cross-entropy over the attributes that apply; with `stated` (n, attributes), over those stated alone."""
        logits = self(embeddings)
        each = torch.stack([F.cross_entropy(one, labels[:, i], reduction="none") for i, one in enumerate(logits)], 1)
        counted = applicable(labels) if stated is None else applicable(labels) & stated
        return (each * counted).sum() / counted.sum().clamp(min=1)


def clip_losses(model: Any, heads: AttributeHeads, batch: PictureBatch) -> dict[str, torch.Tensor]:
    """The unweighted losses of a batch, by the names in WEIGHTS; without sentences, those of pictures alone."""
    if not isinstance(batch, Batch):
        with mixed_precision():
            alone = model.visual(batch.pictures.contiguous(memory_format=torch.channels_last)).float()
        image = F.normalize(alone, dim=-1)
        return {"picture": heads.loss(image, batch.labels), "centre": off_centre([image]), "norm": off_length([alone])}
    with mixed_precision():
        pictures = model.visual(batch.pictures.contiguous(memory_format=torch.channels_last))
        captions, composed = encode_tokens(model, batch.captions), encode_tokens(model, batch.composed)
    raw = [pictures.float(), captions.float(), composed.float()]
    image, text, sentence = (F.normalize(embeddings, dim=-1) for embeddings in raw)
    scale = model.logit_scale.exp().clamp(max=100.0)
    after = batch.labels[len(sentence) :]
    return {
        "clip": contrast(scale * image @ text.T),
        "composed": composed_contrast(scale * sentence @ image.T),
        "picture": heads.loss(image, batch.labels),
        "caption": heads.loss(text, batch.labels, batch.stated),
        "settled": heads.loss(sentence, after, batch.composed_stated),
        "centre": off_centre([image, text, sentence]),
        "norm": off_length(raw),
    }


def off_centre(embeddings: Sequence[torch.Tensor]) -> torch.Tensor:
    """How far the means of normalised embeddings lie from the origin, squared and summed."""
    return sum((one.mean(0).square().sum() for one in embeddings), torch.zeros(()))


def off_length(raw: Sequence[torch.Tensor]) -> torch.Tensor:
    """How far un-normalised embeddings are from TARGET_NORM in length, as mean squared shares, summed."""
    return sum(((one.norm(dim=-1) / TARGET_NORM - 1).square().mean() for one in raw), torch.zeros(()))


def total(losses: dict[str, torch.Tensor]) -> torch.Tensor:
    """The weighted sum that is minimised."""
    return sum((WEIGHTS[name] * loss for name, loss in losses.items()), torch.zeros(()))


def contrast(logits: torch.Tensor) -> torch.Tensor:
    """CLIP's symmetric cross-entropy (Radford et al. 2021, section 2.3) of (n, n) logits."""
    own = torch.arange(len(logits))
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


def composed_contrast(logits: torch.Tensor) -> torch.Tensor:
    """The same for (B, 2B) logits of composed sentences against A's and B's pictures: sentence i belongs to B_i."""
    n = len(logits)
    own = torch.arange(n)
    return (F.cross_entropy(logits, own + n) + F.cross_entropy(logits[:, n:].T, own)) / 2
