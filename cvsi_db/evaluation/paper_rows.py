"""The rows of papers that can be run here: what stands for each, its published figures, and what a run costs.

PAPER_ROWS is the only declaration: `cvsi-db eval … --bundle-of` and `cvsi-db eval reproduce` choose from it, and the
tables of docs/reproduction.md are made of it. Loads nothing heavy.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cvsi_db.atomic_file import replace_file
from cvsi_db.errors import CvsiError
from cvsi_db.models.spec import BUNDLES, LINCIR_L14, SEARLE_B32, SEARLE_L14, BundleSpec

SIZES: Mapping[str, Mapping[str, tuple[int, int]]] = MappingProxyType(
    {
        "cirr": {"val": (2_297, 4_181), "test1": (2_315, 4_148)},
        "circo": {"val": (123_403, 220), "test": (0, 800)},  # over the images of val
        "fashioniq": {"val": (15_536, 6_016)},
    }
)
"""By benchmark and split, the images that no split before it has, and the queries."""

TITLES: Mapping[str, str] = MappingProxyType({"cirr": "CIRR", "circo": "CIRCO", "fashioniq": "FashionIQ"})

PUBLISHED_ON: Mapping[str, str] = MappingProxyType({"cirr": "test1", "circo": "test", "fashioniq": "val"})
"""The split that published figures are of."""


@dataclass(frozen=True)
class Paper:
    """A published method, and what stands for it: a method of baselines.py, and who rewrites (nobody when None).

    `verify` is how many of the best images a verifier looks at again; `differs` says what is not as published.
    """

    name: str
    source: str
    method: str
    rewriter: str | None
    differs: str
    verify: int = 0
    preset: str = ""


SEARLE = Paper(
    "SEARLE",
    "Baldrati et al., ICCV 2023",
    "pseudo_token_alone",
    None,
    "our sentence ends with a full stop; on FashionIQ SEARLE averages both orders of the two captions, we take one",
)
LINCIR = Paper(
    "LinCIR",
    "Gu et al., CVPR 2024",
    "pseudo_token_alone",
    None,
    "as SEARLE; the phi for G/14 is not published and has to be trained",
)
CIREVL = Paper(
    "CIReVL",
    "Karthik et al., ICLR 2024",
    "edited_caption",
    "openai",
    "captioner and prompt are ours; one sampled caption of BLIP-2; its FashionIQ rows are with OpenCLIP's weights, "
    "not OpenAI's",
)
LDRE = Paper("LDRE", "Yang et al., SIGIR 2024", "edited_captions", "openai", "the plain mean: LDRE weighs its captions")
CVSI = Paper(
    "CVSI",
    "Ye et al., ICDM 2025",
    "cvsi_paper",
    "openai",
    "the prompt is ours; weights and γ are the paper's; phi is SEARLE's for B/32, LinCIR's for L/14, and has to be "
    "trained for G/14",
    preset="the benchmark's own",
)
BGE_VL = Paper("BGE-VL", "Zhou et al., ACL 2025", "sum", None, "nothing that is known", preset="sum")
BGE_VL_MLLM = Paper(
    "BGE-VL-MLLM",
    "Zhou et al., ACL 2025",
    "composed",
    None,
    "run by sentence-transformers, not by the code that comes with the model; images keep their shape, 1,024 pixels at "
    "most, where it was trained on 512 by 512",
    preset="composed",
)
WISER = Paper(
    "WISER",
    "CVPR 2026",
    "edited_captions",
    "openai",
    "of WISER its verifier alone, on the first 50 of LDRE's row; an edit that no image fits is not tried again",
    verify=50,
)

_CLIPS: Mapping[str, Mapping[str, Any]] = {
    "b32": {"arch": "ViT-B-32", "weights": "openai"},
    "l14": {"arch": "ViT-L-14", "weights": "openai"},
    "g14": {"arch": "ViT-bigG-14", "weights": "laion2b_s39b_b160k"},
}
_CAPTIONS: Mapping[str, Any] = {
    "captioner": "Salesforce/blip2-opt-6.7b-coco",
    "captions": 15,
    "temperature": 1.0,
    "top_p": 0.9,
    "beams": 15,
    "max_tokens": 30,
    "prompt": "a photo of",
    "rewriter": "openai",
}
LINCIR_G14 = "lincir-g14.safetensors"
"""The phi that has to be trained, beside the bundle file that names it."""


def _file(clip: str, phi: str | None = None, *, captions: bool = False) -> dict[str, Any]:
    """The keys of a bundle file."""
    return {
        **_CLIPS[clip],
        **({"phi": phi} if phi else {}),
        "preprocess": "targetpad",
        **(_CAPTIONS if captions else {}),
        "preset": "circo",
    }


PAPER_BUNDLES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "b32-searle": _file("b32", SEARLE_B32),
        "l14-searle": _file("l14", SEARLE_L14),
        "l14-lincir": _file("l14", LINCIR_L14),
        "g14-lincir": _file("g14", LINCIR_G14),
        **{f"{clip}-captions": _file(clip, captions=True) for clip in _CLIPS},
        "b32-paper": _file("b32", SEARLE_B32, captions=True),
        "l14-paper": _file("l14", LINCIR_L14, captions=True),
        "g14-paper": _file("g14", LINCIR_G14, captions=True),
        "mllm-s1": {
            "arch": "st:BAAI/BGE-VL-MLLM-S1",
            "instruction": "Retrieve the target image that best meets the combined criteria by using both the provided "
            "image and the image retrieval instructions: ",
            "preset": "composed",
        },
    }
)
"""The keys of the bundle files that stand for rows, by name; the captioner is that of CVSI's released code, the
instruction the one that BGE-VL's authors give for composed retrieval."""


@dataclass(frozen=True)
class PaperRow:
    """One row of a paper's table: `bundle` is one of BUNDLES or of PAPER_BUNDLES, `published` are figures in percent by
    benchmark and metric, where they are known."""

    name: str
    paper: Paper
    backbone: str
    bundle: str
    published: Mapping[str, Mapping[str, float]]

    @property
    def spec(self) -> BundleSpec:
        """What its bundle declares."""
        if self.bundle in BUNDLES:
            return BUNDLES[self.bundle]
        absent = {"name": self.bundle, "summary": "", "licence": "", "weights": None, "phi": None, "captioner": None}
        return BundleSpec(**{**absent, **PAPER_BUNDLES[self.bundle]})

    @property
    def gallery(self) -> str:
        """Rows with the same share a gallery: their vectors and captions are the same."""
        if self.bundle in BUNDLES:
            return self.bundle
        return f"{self.spec.arch.rpartition('/')[2].lower()}{'-captions' if self.spec.captioner else ''}"


def _row(paper: Paper, backbone: str, bundle: str, *figures: float | None) -> PaperRow:
    """A row with its figures: CIRCO's mAP@5, CIRR's Recall@1, FashionIQ's Recall@10 and Recall@50."""
    where = (("circo", "map@5"), ("cirr", "recall@1"), ("fashioniq", "recall@10"), ("fashioniq", "recall@50"))
    published: dict[str, dict[str, float]] = {name: {} for name in SIZES}
    for (benchmark, metric), figure in zip(where, figures, strict=False):
        if figure is not None:
            published[benchmark][metric] = figure
    name = bundle if bundle in BUNDLES else f"{paper.name.lower()}-{backbone.replace('/', '').lower()}"
    return PaperRow(name, paper, backbone, bundle, MappingProxyType(published))


PAPER_ROWS: Mapping[str, PaperRow] = MappingProxyType(
    {
        row.name: row
        for row in (
            _row(BGE_VL, "B/16", "bge-vl-base", 34.3, 36.1, 31.9),
            _row(BGE_VL, "L/14", "bge-vl-large", 39.2, 38.0, 34.6),
            _row(BGE_VL_MLLM, "S1", "mllm-s1", 42.2, 46.7),
            _row(SEARLE, "B/32", "b32-searle", 9.35, 24.00, 22.89, 42.53),
            _row(SEARLE, "L/14", "l14-searle", 11.68, 24.24, 25.56, 46.23),
            _row(LINCIR, "L/14", "l14-lincir", 12.59, 25.04, 26.28, 46.49),
            _row(LINCIR, "G/14", "g14-lincir", 19.71, 35.25, 45.11, 65.69),
            _row(CIREVL, "B/32", "b32-captions", 14.94, 23.94, 28.29, 49.35),
            _row(CIREVL, "L/14", "l14-captions", 18.57, 24.55, 28.55, 48.57),
            _row(CIREVL, "G/14", "g14-captions", 26.77, 34.65, 32.19, 52.36),
            _row(LDRE, "B/32", "b32-captions", 17.96, 25.69, 24.81, 45.63),
            _row(LDRE, "L/14", "l14-captions", 23.35, 26.53, 28.51, 50.54),
            _row(LDRE, "G/14", "g14-captions", 31.12, 36.15, 32.49, 55.46),
            _row(CVSI, "B/32", "b32-paper"),
            _row(CVSI, "L/14", "l14-paper"),
            _row(CVSI, "G/14", "g14-paper"),
            _row(WISER, "B/32", "b32-captions", 32.23, 49.45, 41.99, 58.74),
            _row(WISER, "L/14", "l14-captions", 35.10, 49.23, 42.17, 58.51),
            _row(WISER, "G/14", "g14-captions", 36.53, 49.54, 44.59, 62.30),
        )
    }
)
"""By name, in the order in which they are run and shown. CVSI's own table was not at hand."""


# --- bundle files -----------------------------------------------------------------------------------------------


def bundle_text(name: str) -> str:
    """The bundle file of that name, as TOML."""
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in PAPER_BUNDLES[name].items())


def place_bundle(row: PaperRow, folder: Path) -> str:
    """What load_bundle takes for the row: the name of a bundle of ours, or its file in `folder`, which is written.

    Raises CvsiError when it cannot be written.
    """
    if row.bundle in BUNDLES:
        return row.bundle
    path, text = folder / f"{row.bundle}.toml", bundle_text(row.bundle)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text("utf-8") != text:
            with replace_file(path) as part:
                part.write_text(text, "utf-8")
    except OSError as error:
        raise CvsiError(f"cannot write the bundle file {str(path)!r}: {error.strerror or error}") from error
    return str(path)


# --- what a run costs -------------------------------------------------------------------------------------------

TERA_OPERATIONS: Mapping[str, float] = MappingProxyType(
    {
        "ViT-B-32": 0.0088,
        "ViT-L-14": 0.162,
        "ViT-bigG-14": 0.95,
        "transformers:BAAI/BGE-VL-base": 0.035,
        "transformers:BAAI/BGE-VL-large": 0.162,
        "st:BAAI/BGE-VL-MLLM-S1": 44.0,  # 2,880 tokens of an image, and 7.6 billion parameters
        "Salesforce/blip2-opt-6.7b-coco": 5.0,  # 15 captions
    }
)
"""For one image, by architecture or captioner: two for each multiplication with its addition."""

TERA_A_SECOND: Mapping[str, float] = MappingProxyType({"gpu": 30.0, "cpu": 0.178})
"""What is reckoned with: two CPU cores do that, measured with ViT-B/32 and ViT-L/14; of a GPU it is assumed."""

IMAGES_A_SECOND = 200
"""Files that are read and decoded in that time, at most."""

TOKENS: Mapping[str, int] = MappingProxyType({"edited_caption": 500, "edited_captions": 1_500, "cvsi_paper": 1_500})
"""Of one rewrite, by the method that needs it: one caption goes into the question, or 15."""

TOKENS_OF_A_LOOK = 700
"""Of one image that a verifier is asked about: two pictures at 255, and words."""


@dataclass(frozen=True)
class Cost:
    """An estimate of what one run takes: hours on a GPU or on two CPU cores, and what is downloaded and asked."""

    gpu_hours: float
    cpu_hours: float
    download_bytes: int
    requests: int
    tokens: int


def estimate_cost(row: PaperRow, benchmark: str | None = None) -> Cost:
    """What the row takes on all splits of one benchmark, or of all of them, where nothing was done before.

    Reckoned from the counts of images, queries and captions; downloads are those of the weights, with an empty cache. A
    composer sees the reference of each query again, with the edit text.
    """
    from cvsi_db.models.inventory import inventory, size_of

    sizes = [size for name, splits in SIZES.items() if benchmark in (None, name) for size in splits.values()]
    images, queries = (sum(counts) for counts in zip(*sizes, strict=True))
    spec = row.spec
    work = TERA_OPERATIONS[spec.arch] + (TERA_OPERATIONS[spec.captioner] if spec.captioner else 0)
    seconds = {where: max(work / rate, 1 / IMAGES_A_SECOND) for where, rate in TERA_A_SECOND.items()}
    seen = images + queries * spec.composes
    asked, looks = (queries if row.paper.rewriter else 0), queries * row.paper.verify
    return Cost(
        gpu_hours=seen * seconds["gpu"] / 3600,
        cpu_hours=seen * seconds["cpu"] / 3600,
        download_bytes=size_of(inventory(spec)) or 0,
        requests=asked + looks,
        tokens=asked * TOKENS.get(row.paper.method, 0) + looks * TOKENS_OF_A_LOOK,
    )


# --- the tables of docs/reproduction.md -------------------------------------------------------------------------


def papers_table() -> str:
    """Which method stands for which paper, and what differs, in Markdown."""
    lines = ["| paper | method here | preset | rewriter | verifier | differs in |", "|---|---|---|---|---|---|"]
    for paper in dict.fromkeys(row.paper for row in PAPER_ROWS.values()):
        method = f"`{paper.method}`"
        rewriter = f"`{paper.rewriter}`" if paper.rewriter else "nobody"
        verifier = f"`openai`, the first {paper.verify}" if paper.verify else "none"
        preset = f"`{paper.preset}`" if paper.preset in ("sum", "composed") else paper.preset or "none"
        lines.append(
            f"| {paper.name} ({paper.source}) | {method} | {preset} | {rewriter} | {verifier} | {paper.differs} |"
        )
    return "\n".join(lines)


def figures_table() -> str:
    """Every row with its bundle and its published figures, in Markdown."""
    lines = [
        "| row | backbone | bundle | gallery | CIRCO mAP@5 | CIRR Recall@1 | FashionIQ Recall@10 / @50 |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in PAPER_ROWS.values():
        told = [" / ".join(map(str, row.published[name].values())) for name in ("circo", "cirr", "fashioniq")]
        figures = " | ".join(each or "not known" for each in told)
        lines.append(f"| `{row.name}` | {row.backbone} | `{row.bundle}` | `{row.gallery}` | {figures} |")
    return "\n".join(lines)


def costs_table() -> str:
    """What every row is expected to take on all three benchmarks, in Markdown."""
    lines = [
        "| row | weights | one GPU | of it CIRCO | two CPU cores | LLM requests | tokens |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in PAPER_ROWS.values():
        cost, circo = estimate_cost(row), estimate_cost(row, "circo")
        lines.append(
            f"| `{row.name}` | {cost.download_bytes / 1e9:.1f} GB | {cost.gpu_hours:.1f} h | {circo.gpu_hours:.1f} h | "
            f"{cost.cpu_hours:,.0f} h | {cost.requests:,} | {cost.tokens / 1e6:,.1f} M |"
        )
    return "\n".join(lines)
