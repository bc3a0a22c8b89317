"""Bundles as data: what one declares (BundleSpec), those that come with the package, and a user's own in a TOML file.

Loads no weights and imports nothing heavy.

**Which CLIP.** `clip-b32`, `clip-l14` and `clip-bigg14` are the three backbones that composed retrieval is measured
with, and those for which phi checkpoints (SEARLE, LinCIR, CVSI) are published. `clip-l14-datacomp` is the one to take
for photos today: the size and speed of `clip-l14`, the same kind of text tower and the same vocabulary (so a lone `$`
is one token, and phi can be trained for it from text alone), the MIT licence, and far better with words, which is what
edited captions need. Recall@1 of COCO images by caption, in open_clip's docs/openclip_retrieval_results.csv: OpenAI
B/32 .304, OpenAI L/14 .365, DataComp-XL L/14 .457, LAION-2B bigG/14 .514. That is retrieval by words alone: we know of
no table of composed retrieval with DataComp's weights. Not taken: SigLIP and SigLIP 2, stronger still (.478 for SigLIP
B/16), for which nobody publishes a phi; MetaCLIP and DFN, because their licences (CC BY-NC, Apple's own) are narrower
than MIT. A bundle file names any of them, and `cvsi-db train phi` makes its phi (docs/models.md).

**Which captioner.** Captioning takes most of an ingest's time. `clip-b32`, the bundle for machines without a GPU, uses
BLIP base: its vision tower does a third of BLIP large's work (ViT-B/16 instead of L/16, both at 384 pixels) for some
three points of CIDEr less on COCO (133 instead of 137 in the paper of Li et al., ICML 2022). The larger bundles use
BLIP large. CVSI's paper uses 15 captions of BLIP-2 (`Salesforce/blip2-opt-6.7b`, 31 GB): two lines of a bundle file
(read_bundle).
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from cvsi_db.errors import BundleError, UsageError

STARTER = Path(__file__).parent / "starter"
LOCAL_DIR = "local-dir:"
"""open_clip's mark for a folder that holds config, weights and tokenizer."""
PHOTOS_LITE = "photos-lite"
"""The models of that package, as `arch`, `phi` and `captioner`; their `weights` are the form of their vectors."""
HF_HUB = "hf-hub:"
"""open_clip's mark for a repository of the hub that holds the same."""

TRANSFORMERS = "transformers:"
"""Our mark for a CLIP in transformers' format: a folder, or a repository of the hub."""

ST = "st:"
"""Our mark for a model of sentence-transformers that embeds image and text together: a folder, or a repository."""

NO_PHI = ":no-phi"
"""Behind a bundle's name: the bundle without its phi."""

SEARLE_B32, SEARLE_L14, LINCIR_L14 = "searle-b32", "searle-l14", "lincir-l14"
"""The phi checkpoints that others publish (inventory.PUBLISHED), as `phi` names them."""

COMPOSER_KEYS = {"width", "instruction", "text_instruction", "image_instruction"}
"""What a bundle file says of composers alone."""

BLIP_BASE = "Salesforce/blip-image-captioning-base"
BLIP_LARGE = "Salesforce/blip-image-captioning-large"


@dataclass(frozen=True)
class BundleSpec:
    """What a bundle is made of.

    `arch` and `weights` are open_clip's: a model name with a pretrained tag or a file, or `local-dir:FOLDER` or
    `hf-hub:OWNER/NAME` and no weights; or `transformers:FOLDER` or `transformers:OWNER/NAME`, a CLIPModel; or `st:` and
    either, a composer of sentence-transformers, of whose vectors the first `width` numbers are kept, and which is given
    `instruction` with image and text together, `text_instruction` and `image_instruction` with one alone. `phi` is a
    checkpoint file, the name of a published one, or None (then there is no pseudo_token branch). `captioner` is a
    transformers folder or hub name, which samples `captions` captions per image from the nucleus `top_p` at
    `temperature`, of at most `max_tokens` tokens after `prompt`, with `beams` (see captioner.SamplingSettings); or
    None: then images have no captions but imported ones. `preset` and `rewriter` are what searches use unless they say
    otherwise; `circo` holds the paper's weights, while `default` was tuned on the starter. `licence` is that of the
    parts that are files and folders: what the hub keeps has its own (inventory.py).
    """

    name: str
    summary: str
    licence: str
    arch: str
    weights: str | None
    phi: str | None
    captioner: str | None
    captions: int = 5
    top_p: float = 0.9
    temperature: float = 0.7
    beams: int = 1
    max_tokens: int = 60
    prompt: str | None = None
    preprocess: Literal["clip", "targetpad"] = "clip"
    preset: str = "circo"
    rewriter: str = "rules"
    width: int | None = None
    instruction: str | None = None
    text_instruction: str | None = None
    image_instruction: str | None = None

    @property
    def composes(self) -> bool:
        """Whether its encoder embeds image and text together."""
        return self.arch.startswith(ST)


def _real(
    name: str, summary: str, arch: str, weights: str, phi: str | None = None, captioner: str = BLIP_LARGE
) -> BundleSpec:
    """A bundle of published weights."""
    return BundleSpec(name=name, summary=summary, licence="", arch=arch, weights=weights, phi=phi, captioner=captioner)


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
        BundleSpec(
            name="photos-lite",
            summary="for photos, always there: things and places it has words for, no actions, no counting, no names",
            licence="MIT, its ImageNet weights Apache-2.0",
            arch=PHOTOS_LITE,
            weights="1",
            phi=PHOTOS_LITE,
            captioner=PHOTOS_LITE,
            captions=1,
            preset="photos-lite",
        ),
        *(
            BundleSpec(
                name=f"bge-vl-{size}",
                summary=f"BGE-VL, a CLIP {tower} trained for composed queries, for photos; {needs}",
                licence="",
                arch=f"{TRANSFORMERS}BAAI/BGE-VL-{size}",
                weights=None,
                phi=None,
                captioner=None,
                preset="sum",
            )
            for size, tower, needs in (
                ("base", "ViT-B/16", "needs no captions"),
                ("large", "ViT-L/14", "needs no captions; better, and three times as slow"),
            )
        ),
        _real(
            "clip-b32",
            "OpenAI CLIP ViT-B/32 with BLIP base captions, for photos; the quickest without a GPU",
            "ViT-B-32",
            "openai",
            SEARLE_B32,
            BLIP_BASE,
        ),
        _real("clip-l14", "OpenAI CLIP ViT-L/14 with BLIP captions, for photos", "ViT-L-14", "openai", LINCIR_L14),
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


def load_spec(name: str) -> BundleSpec:
    """What the bundle called `name`, or the TOML file `name`, declares; with NO_PHI behind it, without its phi.

    Raises BundleError.
    """
    if name.endswith(NO_PHI):
        return replace(load_spec(name.removesuffix(NO_PHI)), phi=None)
    if name.endswith(".toml"):
        return read_bundle(Path(name))
    if name not in BUNDLES:
        raise BundleError(f"unknown model {name!r}: choose one of {', '.join(BUNDLES)}, or a bundle.toml file")
    return BUNDLES[name]


def complete_name(name: str | None, default: str) -> str:
    """The bundle that was asked for, else `default`; NO_PHI alone asks for `default` without its phi."""
    return default.removesuffix(NO_PHI) + NO_PHI if name == NO_PHI else name or default


def read_bundle(path: Path) -> BundleSpec:
    """The bundle that a TOML file declares. It may set every field of BundleSpec; `arch` is required.

        arch = "ViT-L-14-quickgelu"        # open_clip's name, local-dir:FOLDER, hf-hub:OWNER/NAME, for a CLIP in
                                           # transformers' format transformers:FOLDER or :OWNER/NAME, for a composer
                                           # of sentence-transformers st:FOLDER or st:OWNER/NAME; required
        weights = "openai"                 # a tag of open_clip's, or a file (.safetensors, or a .pt of plain weights)
        phi = "phi-l14.pt"                 # a file of SEARLE's, LinCIR's or CVSI's layout, or searle-b32, searle-l14 or
                                           # lincir-l14, which are pulled (CC BY-NC 4.0); without it, two branches
        captioner = "Salesforce/blip2-opt-6.7b"   # a transformers folder or hub name; without it images get no captions
        captions = 15                      # per image, as in the paper; 5 by default; also top_p, temperature, beams,
                                           # max_tokens and prompt
        preprocess = "targetpad"           # or "clip"
        preset = "circo"                   # what searches use unless they name another; "composed" with st:
        rewriter = "openai,rules"          # likewise; local:FOLDER or local:OWNER/NAME is a language model
        licence = "MIT"                    # of the parts that are files and folders; shown by `cvsi-db models show`

    And for a composer:

        width = 512                        # keep the first numbers of each vector, where it was trained for that
        instruction = "Find the image that is like this one, changed as told."    # with image and text together
        text_instruction = "..."           # with a text alone, and image_instruction with an image

    Paths are relative to the file; a name that is not a path beside it is left to open_clip and transformers. OpenAI's
    weights were trained with the quick GELU: with a tag open_clip knows that, with a file the architecture has to name
    it (`ViT-B-32-quickgelu`, `ViT-L-14-quickgelu`). Raises BundleError.
    """
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        if unknown := set(values) - {field.name for field in fields(BundleSpec)}:
            raise ValueError(f"unknown key {min(unknown)!r}")
        if "arch" not in values:
            raise ValueError("the key 'arch' is missing")
        composer = str(values["arch"]).startswith(ST)
        if foreign := set(values) & ({"phi", "weights"} if composer else COMPOSER_KEYS):
            raise ValueError(f'{min(foreign)} is for {"all but " if composer else ""}composers (arch = "st:…") alone')
        usual: dict[str, Any] = {"preset": "composed"} if composer else {}
        values = usual | values
        for key, value in values.items():
            _check_value(key, value)
            if key in ("arch", "weights", "phi", "captioner"):
                scheme = next((each for each in (LOCAL_DIR, TRANSFORMERS, ST) if value.startswith(each)), "")
                beside = (path.parent / Path(value.removeprefix(scheme)).expanduser()).resolve()
                values[key] = f"{scheme}{beside}" if beside.exists() else value
            if key == "rewriter":
                values[key] = ",".join(_beside(path, each.strip()) for each in value.split(","))
    except (OSError, ValueError, UsageError) as error:
        raise BundleError(f"cannot use the bundle {str(path)!r}: {error}") from error
    absent = {"summary": "", "licence": "", "weights": None, "phi": None, "captioner": None}
    return BundleSpec(**({"name": path.stem} | absent | values))


def _beside(file: Path, rewriter: str) -> str:
    """The rewriter's name, where it is `local:` and a folder beside the bundle's file with that folder's path."""
    from cvsi_db.models.rewriters import LOCAL

    folder = (file.parent / Path(rewriter.removeprefix(LOCAL)).expanduser()).resolve()
    return f"{LOCAL}{folder}" if rewriter.startswith(LOCAL) and folder.is_dir() else rewriter


def _check_value(key: str, value: Any) -> None:
    """Raises ValueError or UsageError for a value of the wrong kind or out of range, or an unknown name."""
    kinds: dict[str, Any] = dict.fromkeys(("captions", "beams", "max_tokens", "width"), int)
    kinds |= dict.fromkeys(("top_p", "temperature"), (float, int))
    if not isinstance(value, kinds.get(key, str)) or isinstance(value, bool) or value in (0, ""):
        raise ValueError(f"{key} cannot be {value!r}")
    if key in ("captions", "beams", "max_tokens", "width") and value < 1:
        raise ValueError(f"{key} is at least 1, not {value}")
    if (key == "top_p" and not 0 < value <= 1) or (key == "temperature" and value <= 0):
        raise ValueError(f"{key} cannot be {value}: it is above 0" + (" and up to 1" if key == "top_p" else ""))
    if key == "preprocess" and value not in ("clip", "targetpad"):
        raise ValueError(f"{key} is 'clip' or 'targetpad', not {value!r}")
    if key == "preset":
        from cvsi_db.query.weights import find_preset

        find_preset(value)
    if key == "rewriter":
        from cvsi_db.models.rewriters import make_rewriter

        make_rewriter(value)
