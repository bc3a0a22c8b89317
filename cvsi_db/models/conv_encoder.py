"""A convolutional image encoder for transformers' VisionEncoderDecoderModel: that of the starter's captioner.

`ConvEncoder` takes normalised pixels and returns a summary vector followed by one vector per cell of a coarse grid:
the features of a timm trunk, cut after its stride-16 stage, with those of its stride-8 stage folded in (small things
live there), position embeddings and one layer of self-attention. `register_conv_encoder` makes transformers' Auto
classes know it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from cvsi_db.models.torchvision_shim import ensure_torchvision

ensure_torchvision()  # before transformers and timm, which import it

import timm  # noqa: E402
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel  # noqa: E402
from transformers.modeling_outputs import BaseModelOutput  # noqa: E402

_STAGES = (2, 3)  # of timm's feature pyramid: strides 8 and 16
_STRIDE = 16


class ConvEncoderConfig(PreTrainedConfig):  # type: ignore[misc]  # transformers is untyped
    """Shape of a ConvEncoder: timm's name of the trunk, side of the image in pixels, width of the vectors."""

    model_type = "cvsi-conv-encoder"

    def __init__(
        self,
        trunk: str = "resnet10t",
        image_size: int = 96,
        hidden_size: int = 256,
        num_attention_heads: int = 4,
        intermediate_size: int = 384,
        **kwargs: Any,
    ) -> None:
        self.trunk = trunk
        self.image_size = image_size
        self.hidden_size = hidden_size
        self.num_attention_heads = num_attention_heads
        self.intermediate_size = intermediate_size
        super().__init__(**kwargs)

    @property
    def grid(self) -> int:
        """Cells along one side of the grid."""
        return self.image_size // _STRIDE


class ConvEncoder(PreTrainedModel):  # type: ignore[misc]
    """Pixels (n, 3, side, side) become `last_hidden_state` (n, 1 + cells, hidden_size): summary, cells row by row."""

    config_class = ConvEncoderConfig
    base_model_prefix = "encoder"
    main_input_name = "pixel_values"

    def __init__(self, config: ConvEncoderConfig) -> None:
        super().__init__(config)
        width = config.hidden_size
        self.trunk = timm.create_model(config.trunk, features_only=True, out_indices=_STAGES)
        fine, coarse = self.trunk.feature_info.channels()
        self.project = nn.Linear(4 * fine + coarse, width)
        self.summarise = nn.Linear(width, width)
        self.position = nn.Parameter(torch.zeros(1, 1 + config.grid**2, width))
        self.attend = nn.TransformerEncoderLayer(
            width, config.num_attention_heads, config.intermediate_size, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.norm = nn.LayerNorm(width)
        self.post_init()

    def forward(
        self, pixel_values: torch.Tensor, return_dict: bool | None = True, **_: Any
    ) -> BaseModelOutput | tuple[torch.Tensor]:
        """See the class; other arguments, which transformers passes to encoders, are ignored."""
        fine, coarse = self.trunk(pixel_values)
        features = torch.cat([functional.pixel_unshuffle(fine, 2), coarse], dim=1)  # (n, channels, grid, grid)
        cells = self.project(features.flatten(2).transpose(1, 2))
        pooled = (cells.mean(1, keepdim=True) + cells.amax(1, keepdim=True)) / 2
        hidden = torch.cat([self.summarise(pooled), cells], dim=1) + self.position
        hidden = self.norm(self.attend(hidden))
        return BaseModelOutput(last_hidden_state=hidden) if return_dict else (hidden,)

    def _init_weights(self, module: nn.Module) -> None:
        """Only for weights a checkpoint lacks: torch and timm have already drawn sensible ones."""


def register_conv_encoder() -> None:
    """Lets AutoConfig and AutoModel, hence VisionEncoderDecoderModel, make and load a ConvEncoder."""
    AutoConfig.register(ConvEncoderConfig.model_type, ConvEncoderConfig, exist_ok=True)
    AutoModel.register(ConvEncoderConfig, ConvEncoder, exist_ok=True)
