"""What a bundle is made of, as data: the declaration, and the bundles that come with the package.

Knows nothing about loading, the hub or galleries; imports nothing heavy.

**Which CLIP.** `clip-b32`, `clip-l14` and `clip-bigg14` are the three backbones that composed retrieval is measured
with, and those for which phi checkpoints (SEARLE, LinCIR, CVSI) are published. `clip-l14-datacomp` is the one to take
for photos today: the size and speed of `clip-l14`, the same kind of text tower and the same vocabulary (so a lone `$`
is one token, and phi can be trained for it from text alone), the MIT licence, and far better with words, which is what
edited captions need. Recall@1 of COCO pictures by caption, in open_clip's docs/openclip_retrieval_results.csv: OpenAI
B/32 .304, OpenAI L/14 .365, DataComp-XL L/14 .457, LAION-2B bigG/14 .514. That is retrieval by words alone: we know of
no table of composed retrieval with DataComp's weights. Not taken: SigLIP and SigLIP 2, stronger still (.478 for SigLIP
B/16), because their tokenizers drop punctuation, `$` included, so no pseudo-token can stand in a sentence; MetaCLIP and
DFN, because their licences (CC BY-NC, Apple's own) are narrower than MIT.

**Which captioner.** Captioning takes most of an ingest's time. `clip-b32`, the bundle for machines without a GPU, uses
BLIP base: its vision tower does a third of BLIP large's work (ViT-B/16 instead of L/16, both at 384 pixels) for some
three points of CIDEr less on COCO (133 instead of 137 in the paper of Li et al., ICML 2022). The larger bundles use
BLIP large. CVSI's paper uses 15 captions of BLIP-2 (`Salesforce/blip2-opt-6.7b`, 31 GB): two lines of a bundle file
(bundle_file.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

STARTER = Path(__file__).parent / "starter"
LOCAL_DIR = "local-dir:"
"""open_clip's mark for a folder that holds config, weights and tokenizer."""
HF_HUB = "hf-hub:"
"""open_clip's mark for a repository of the hub that holds the same."""

BLIP_BASE = "Salesforce/blip-image-captioning-base"
BLIP_LARGE = "Salesforce/blip-image-captioning-large"


@dataclass(frozen=True)
class BundleSpec:
    """What a bundle is made of.

    `arch` and `weights` are open_clip's: a model name with a pretrained tag or a file, or `local-dir:FOLDER` or
    `hf-hub:OWNER/NAME` and no weights. `phi` is a checkpoint file or None (then there is no pseudo_token branch).
    `captioner` is a transformers folder or hub name, which samples `captions` captions per image from the nucleus
    `top_p` at `temperature`. `preset` and `rewriter` are what searches use unless they say otherwise; `circo` holds
    the paper's weights, while `default` was tuned on the starter. `licence` is that of the parts that are files and
    folders: what the hub keeps has its own (published.py).
    """

    name: str
    summary: str
    licence: str
    arch: str
    weights: str | None
    phi: str | None
    captioner: str
    captions: int = 5
    top_p: float = 0.9
    temperature: float = 0.7
    preprocess: Literal["clip", "targetpad"] = "clip"
    preset: str = "circo"
    rewriter: str = "rules"


def _real(name: str, summary: str, arch: str, weights: str, captioner: str = BLIP_LARGE) -> BundleSpec:
    """A bundle of published weights."""
    return BundleSpec(name=name, summary=summary, licence="", arch=arch, weights=weights, phi=None, captioner=captioner)


BUNDLES: dict[str, BundleSpec] = {
    spec.name: spec
    for spec in (
        BundleSpec(
            name="starter",
            summary="small models trained on our own drawings; knows drawings of its world only; ships in the package",
            licence="MIT",
            arch=f"{LOCAL_DIR}{STARTER / 'clip'}",
            weights=None,
            phi=str(STARTER / "phi.safetensors"),
            captioner=str(STARTER / "captioner"),
            preset="default",
        ),
        _real(
            "clip-b32",
            "OpenAI CLIP ViT-B/32 with BLIP base captions, for photos; the quickest without a GPU",
            "ViT-B-32",
            "openai",
            BLIP_BASE,
        ),
        _real("clip-l14", "OpenAI CLIP ViT-L/14 with BLIP captions, for photos", "ViT-L-14", "openai"),
        _real(
            "clip-l14-datacomp",
            "OpenCLIP ViT-L/14 (DataComp-XL) with BLIP captions, for photos; better with words than clip-l14",
            "ViT-L-14",
            "datacomp_xl_s13b_b90k",
        ),
        _real(
            "clip-bigg14",
            "OpenCLIP ViT-bigG/14 (LAION-2B) with BLIP captions, for photos; wants a GPU",
            "ViT-bigG-14",
            "laion2b_s39b_b160k",
        ),
    )
}
