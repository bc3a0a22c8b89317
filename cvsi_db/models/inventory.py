"""What a bundle needs and what of it is on this machine, part by part; `pull` fetches what is missing from the hub.

Takes a BundleSpec; returns Parts, with source, licence, size and files. No model is loaded, and the network is asked by
`require` and `pull` alone. Imports torch only for a tag of open_clip that PUBLISHED lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from cvsi_db.models.hub import (
    CAPTIONER_FILES,
    CLIP_FOLDER_FILES,
    OPEN_CLIP_FILES,
    cached_files,
    download,
    require_hub,
)
from cvsi_db.models.spec import HF_HUB, LOCAL_DIR, BundleSpec

State = Literal["fully", "partly", "not"]
"""How much of something is on this machine."""

UNKNOWN = "unknown"
READABLE = {".json", ".safetensors", ".bin", ".pt", ".pth", ".txt", ".model"}
"""The suffixes of files that a model in a folder may be read from."""
SUMS = "sha256sums.txt"
"""Where a folder's files, and those of its folders, are recorded, as `sha256sum` writes it."""


@dataclass(frozen=True)
class Published:
    """Weights that others publish: their repository on the hub, and the bytes of the weights alone, in float32."""

    repo: str
    licence: str
    size_bytes: int


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
        **{
            name: Published(name, licence, 4 * parameters)
            for name, licence, parameters in (
                ("Salesforce/blip-image-captioning-base", "BSD-3-Clause", 247_414_076),
                ("Salesforce/blip-image-captioning-large", "BSD-3-Clause", 469_732_924),
                ("Salesforce/blip2-opt-6.7b", "MIT", 7_750_000_000),
            )
        },
    }
)
"""By open_clip's ARCHITECTURE/TAG, or by the repository's name where that is how a bundle names it. Known without torch
and without the network."""


@dataclass(frozen=True)
class Part:
    """One model of a bundle.

    `source` is how the bundle names it, `repo` the hub's repository that has it (None: it is a file or folder here, or
    code). `files` are the ones on this machine; `missing` is what of the repository is still to be had, as groups of
    names of which one will do. `size_bytes` is what there is to download, or None where that is not known.
    """

    name: str
    source: str
    licence: str
    size_bytes: int | None = 0
    repo: str | None = None
    files: tuple[Path, ...] = ()
    missing: tuple[tuple[str, ...], ...] = ()

    @property
    def state(self) -> State:
        """How much of it is here."""
        return "fully" if not self.missing else "partly" if self.files else "not"


def inventory(spec: BundleSpec) -> tuple[Part, ...]:
    """A bundle's parts: clip, phi and captioner if it has them, rewriter. Raises ModelError as `clip_part` does."""
    phi = () if spec.phi is None else (_local("phi", spec.phi, spec.licence),)
    captioner = () if spec.captioner is None else (captioner_part(spec.captioner, spec.licence),)
    return clip_part(spec), *phi, *captioner, Part("rewriter", spec.rewriter, "MIT")


def clip_part(spec: BundleSpec) -> Part:
    """The towers: a folder, a file, a repository, or one of open_clip's tags.

    Raises ModelError for an architecture or a tag that open_clip does not know.
    """
    if spec.arch.startswith(LOCAL_DIR):
        return _local("clip", spec.arch.removeprefix(LOCAL_DIR), spec.licence)
    if spec.arch.startswith(HF_HUB):
        return _published("clip", spec.arch, spec.arch.removeprefix(HF_HUB), CLIP_FOLDER_FILES)
    source = f"{spec.arch}/{spec.weights}"
    if source in PUBLISHED:
        return _published("clip", source, PUBLISHED[source].repo, (OPEN_CLIP_FILES,))
    if spec.weights and Path(spec.weights).expanduser().is_file():
        return _local("clip", spec.weights, spec.licence)
    from cvsi_db.models.clip_weights import find_repo

    repo, names = find_repo(spec.arch, spec.weights)
    return _published("clip", source, repo, (names,))


def captioner_part(source: str, licence: str) -> Part:
    """The captioner: a folder, which has this licence, or a repository that transformers can read."""
    if Path(source).is_dir():
        return _local("captioner", source, licence)
    return _published("captioner", source, source, CAPTIONER_FILES)


def require(part: Part) -> None:
    """Raises ModelError, within seconds, when some of this part is missing and the hub may not or cannot be asked."""
    if part.repo is not None and part.missing:
        require_hub(f"the {part.name} {part.source!r}" if part.name == "captioner" else repr(part.source))


def pull(parts: Sequence[Part], on_part: Callable[[Part], None] | None = None) -> list[Part]:
    """Downloads what is missing of these parts and returns those it had to fetch; `on_part` is called before each.

    Nothing is asked of the network when nothing is missing. Raises ModelError when the hub may not be asked, cannot be
    reached, or lacks a file.
    """
    fetched: list[Part] = []
    for part in parts:
        if part.repo is None or not part.missing:
            continue
        require(part)
        if on_part is not None:
            on_part(part)
        download(part.repo, part.missing)
        fetched.append(part)
    return fetched


def state_of(parts: Sequence[Part]) -> State:
    """How much of all of them is here; the rewriter is code and does not count."""
    states = {part.state for part in parts if part.name != "rewriter"}
    return states.pop() if len(states) == 1 else "partly"


def size_of(parts: Sequence[Part]) -> int | None:
    """Bytes to download for all of them, with an empty cache; None where that of one is not known."""
    sizes = [part.size_bytes for part in parts]
    return None if None in sizes else sum(size for size in sizes if size is not None)


def licence_of(parts: Sequence[Part]) -> str:
    """The licences of all models, each once, with the parts that have it."""
    models = [part for part in parts if part.name != "rewriter"]
    licences = dict.fromkeys(part.licence for part in models)
    if len(licences) == 1:
        return models[0].licence
    named = {licence: [part.name for part in models if part.licence == licence] for licence in licences}
    return ", ".join(f"{licence} ({', '.join(names)})" for licence, names in named.items())


def _published(name: str, source: str, repo: str, groups: Sequence[tuple[str, ...]]) -> Part:
    """A part from the hub; `source` is its key in PUBLISHED."""
    facts = PUBLISHED.get(source)
    files, missing = cached_files(repo, groups)
    licence, size = (facts.licence, facts.size_bytes) if facts else (UNKNOWN, None)
    return Part(name, source, licence, size, repo, files, missing)


def _local(name: str, place: str, licence: str) -> Part:
    """A part that is a file or a folder of this machine: nothing of it can be downloaded."""
    path = Path(place).expanduser()
    files = sorted(file for file in path.iterdir() if file.suffix in READABLE) if path.is_dir() else [path]
    found = tuple(file for file in files if file.is_file() and file.name != SUMS)
    return Part(name, place, licence or UNKNOWN, files=found, missing=() if found else ((path.name,),))
