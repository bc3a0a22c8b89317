"""Weights that others publish: where the hub keeps them, under what licence, and how large they are.

Facts alone, so that they can be told without torch and without the network. Sizes are those of the weights in float32,
four bytes a parameter; the kilobytes of header, config and tokenizer beside them are not counted. Knows nothing about
bundles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Published:
    """One set of weights. `repo` is its repository on the hub; `size_bytes` is None where we do not know it."""

    repo: str
    licence: str
    size_bytes: int | None = None


def _repo(name: str, licence: str, parameters: int) -> tuple[str, Published]:
    return name, Published(name, licence, 4 * parameters)


PUBLISHED: Mapping[str, Published] = MappingProxyType(
    {
        "ViT-B-32/openai": Published("timm/vit_base_patch32_clip_224.openai", "MIT", 4 * 151_277_313),
        "ViT-L-14/openai": Published("timm/vit_large_patch14_clip_224.openai", "MIT", 4 * 427_616_513),
        "ViT-L-14/datacomp_xl_s13b_b90k": Published(
            "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K", "MIT", 4 * 427_616_513
        ),
        "ViT-bigG-14/laion2b_s39b_b160k": Published(
            "laion/CLIP-ViT-bigG-14-laion2B-39B-b160k", "MIT", 4 * 2_539_567_105
        ),
        **dict(
            (
                _repo("Salesforce/blip-image-captioning-base", "BSD-3-Clause", 247_414_076),
                _repo("Salesforce/blip-image-captioning-large", "BSD-3-Clause", 469_732_924),
                _repo("Salesforce/blip2-opt-6.7b", "MIT", 7_750_000_000),
            )
        ),
    }
)
"""By open_clip's ARCHITECTURE/TAG, or by the repository's name where that is how a bundle names it."""
