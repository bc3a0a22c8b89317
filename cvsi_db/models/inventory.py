"""What a bundle needs and what of it is on this machine, part by part; `pull` fetches what is missing.

Takes a BundleSpec; returns Parts, with source, licence, size and files. No model is loaded, and the network is asked by
`require` and `pull` alone. Imports torch only for a tag of open_clip that PUBLISHED lacks.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from cvsi_db.errors import ModelError
from cvsi_db.models.hashes import check_first_use
from cvsi_db.models.hub import (
    CAPTIONER_FILES,
    CLIP_FOLDER_FILES,
    COMPOSER_FILES,
    LANGUAGE_MODEL_FILES,
    OPEN_CLIP_FILES,
    TRANSFORMERS_CLIP_FILES,
    cached_files,
    download,
    require_hub,
    why_unreachable,
)
from cvsi_db.models.release import fetch_release, release_file, server
from cvsi_db.models.rewriters import LOCAL
from cvsi_db.models.spec import (
    HF_HUB,
    LINCIR_L14,
    LOCAL_DIR,
    PHOTOS_LITE,
    SEARLE_B32,
    SEARLE_L14,
    ST,
    TRANSFORMERS,
    BundleSpec,
)

_log = logging.getLogger(__name__)

State = Literal["fully", "partly", "not"]
"""How much of something is on this machine."""

UNKNOWN = "unknown"
READABLE = {".json", ".safetensors", ".bin", ".pt", ".pth", ".txt", ".model"}
"""The suffixes of files that a model in a folder may be read from."""
SUMS = "sha256sums.txt"
"""Where a folder's files, and those of its folders, are recorded, as `sha256sum` writes it."""


@dataclass(frozen=True)
class Published:
    """Weights that others publish: their repository on the hub, and the bytes of the weights alone, in float32.

    `file` is the one that is wanted where the repository holds others. With a `tag` they stand in that release of a
    repository of GitHub's instead (release.py).
    """

    repo: str
    licence: str
    size_bytes: int
    file: str = ""
    tag: str = ""


NON_COMMERCIAL = "CC BY-NC 4.0"


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
                ("Salesforce/blip2-opt-6.7b-coco", "MIT", 7_750_000_000),
            )
        },
        "BAAI/BGE-VL-base": Published("BAAI/BGE-VL-base", "MIT", 2 * 149_620_737),  # published in float16
        "BAAI/BGE-VL-large": Published("BAAI/BGE-VL-large", "MIT", 2 * 427_616_513),
        "BAAI/BGE-VL-MLLM-S1": Published("BAAI/BGE-VL-MLLM-S1", "MIT", 2 * 7_570_000_000),
        SEARLE_B32: Published(
            "miccunifi/SEARLE", NON_COMMERCIAL, 4 * 6_296_064, file="SEARLE_ViT-B32.pt", tag="weights"
        ),
        SEARLE_L14: Published(
            "miccunifi/SEARLE", NON_COMMERCIAL, 4 * 14_162_688, file="SEARLE_ViT-L14.pt", tag="weights"
        ),
        LINCIR_L14: Published(
            "navervision/zeroshot-cir-models", NON_COMMERCIAL, 4 * 14_162_688, file="lincir_large.pt"
        ),
    }
)
"""By open_clip's ARCHITECTURE/TAG, or by the name that a bundle gives. Known without torch and without the network."""


@dataclass(frozen=True)
class Part:
    """One model of a bundle.

    `source` is how the bundle names it. `repo` is the hub's repository that has it, `release` the file REPO/TAG/FILE of
    a release; both None: it is a file or folder here, or code. `files` are the ones on this machine; `missing` is what
    is still to be had, as groups of names of which one will do. `size_bytes` is what there is to download, or None
    where that is not known.
    """

    name: str
    source: str
    licence: str
    size_bytes: int | None = 0
    repo: str | None = None
    files: tuple[Path, ...] = ()
    missing: tuple[tuple[str, ...], ...] = ()
    release: str | None = None

    @property
    def state(self) -> State:
        """How much of it is here."""
        return "fully" if not self.missing else "partly" if self.files else "not"


def inventory(spec: BundleSpec) -> tuple[Part, ...]:
    """A bundle's parts: clip, with its tokenizer where that has a repository of its own, phi and captioner if it has
    them, and its rewriters. Raises ModelError as `clip_part` does."""
    phi = () if spec.phi is None else (phi_part(spec.phi, spec.licence),)
    captioner = () if spec.captioner is None else (captioner_part(spec.captioner, spec.licence),)
    return *clip_parts(spec), *phi, *captioner, *rewriter_parts(spec.rewriter, spec.licence)


def clip_parts(spec: BundleSpec) -> tuple[Part, ...]:
    """The towers, and what open_clip reads beside their weights. Raises ModelError as `clip_part` does."""
    clip = clip_part(spec)
    if spec.weights is None or spec.arch == PHOTOS_LITE or clip.source in PUBLISHED:
        return (clip,)
    from cvsi_db.models.clip_weights import find_text_repos

    return clip, *(_published("tokenizer", repo, repo, groups) for repo, groups in find_text_repos(spec.arch).items())


def clip_part(spec: BundleSpec) -> Part:
    """The towers: a folder, a file, a repository, or one of open_clip's tags.

    Raises ModelError for an architecture or a tag that open_clip does not know.
    """
    if spec.arch == PHOTOS_LITE:
        from cvsi_db.models.photos_lite.layout import weights_file

        return replace(_local("clip", str(weights_file()), spec.licence), source=PHOTOS_LITE)
    if spec.arch.startswith(LOCAL_DIR):
        return _local("clip", spec.arch.removeprefix(LOCAL_DIR), spec.licence)
    if spec.arch.startswith(HF_HUB):
        return _published("clip", spec.arch, spec.arch.removeprefix(HF_HUB), CLIP_FOLDER_FILES)
    for scheme, groups in ((TRANSFORMERS, TRANSFORMERS_CLIP_FILES), (ST, COMPOSER_FILES)):
        if spec.arch.startswith(scheme):
            place = spec.arch.removeprefix(scheme)
            here = Path(place).expanduser().is_dir()
            return _local("clip", place, spec.licence) if here else _published("clip", place, place, groups)
    source = f"{spec.arch}/{spec.weights}"
    if source in PUBLISHED:
        return _published("clip", source, PUBLISHED[source].repo, (OPEN_CLIP_FILES,))
    if spec.weights and Path(spec.weights).expanduser().is_file():
        return _local("clip", spec.weights, spec.licence)
    from cvsi_db.models.clip_weights import find_repo

    repo, names = find_repo(spec.arch, spec.weights)
    return _published("clip", source, repo, (names,))


def phi_part(source: str, licence: str) -> Part:
    """phi: the name of a published one, photos-lite's, which is code, or a file, which has this licence."""
    if source == PHOTOS_LITE:
        return Part("phi", source, licence)
    facts = PUBLISHED.get(source)
    if facts is None:
        return _local("phi", source, licence)
    if not facts.tag:
        return _published("phi", source, facts.repo, ((facts.file,),))
    release = f"{facts.repo}/{facts.tag}/{facts.file}"
    path = release_file(release)
    files, missing = ((path,), ()) if path.is_file() else ((), ((facts.file,),))
    return Part("phi", source, facts.licence, facts.size_bytes, files=files, missing=missing, release=release)


def captioner_part(source: str, licence: str) -> Part:
    """The captioner: photos-lite's, a folder, which has this licence, or a repository that transformers can read."""
    if source == PHOTOS_LITE:
        return Part("captioner", source, licence)
    if Path(source).is_dir():
        return _local("captioner", source, licence)
    return _published("captioner", source, source, CAPTIONER_FILES)


def rewriter_parts(names: str, licence: str) -> tuple[Part, ...]:
    """The language models among the rewriters, each a folder of this licence or a repository; without any, the code."""
    models = [name.strip() for name in names.split(",") if name.strip().startswith(LOCAL)]
    return tuple(
        _local("rewriter", place, licence)
        if Path(place := model.removeprefix(LOCAL)).expanduser().is_dir()
        else _published("rewriter", place, place, LANGUAGE_MODEL_FILES)
        for model in models
    ) or (Part("rewriter", names, "MIT"),)


def require(part: Part) -> None:
    """Raises ModelError, within seconds, when some of this part is missing and nobody may or can be asked for it."""
    if part.name == "phi" and part.missing and (part.repo or part.release):
        if reason := why_unreachable(server() if part.release else None):
            raise ModelError(
                f"the phi {part.source!r} is not on this machine and {reason}: pull it where that can be had, or do "
                "without it: --no-phi"
            )
    elif part.repo is not None and part.missing and part.name == "rewriter":
        require_hub(f"the rewriter {part.source!r}", "use --rewriter rules")
    elif part.repo is not None and part.missing:
        require_hub(f"the {part.name} {part.source!r}" if part.name == "captioner" else repr(part.source))


def pull(parts: Sequence[Part]) -> list[Part]:
    """Downloads what is missing of these parts and returns those it had to fetch.

    What is fetched, its size and its licence are logged first. Nothing is asked of the network when nothing is missing.
    Raises ModelError when nobody may or can be asked, a file is lacking there, or a hash is wrong.
    """
    wanted = [part for part in parts if part.missing and (part.repo or part.release)]
    for part in wanted:
        require(part)
        _check_room(part)
    for part in wanted:
        narrow = ": not for commercial use; --no-phi does without it" if part.licence == NON_COMMERCIAL else ""
        what, size = part.repo or part.release, readable(part.size_bytes)
        _log.info("pulling %s %s (%s, licence: %s)%s", part.name, what, size, part.licence, narrow)
        if part.release:
            check_first_use(part.release, fetch_release(part.release))
        elif part.repo:
            download(part.repo, part.missing)
    return wanted


def _check_room(part: Part) -> None:
    """Raises ModelError when the disk has no room for a part of which nothing is here yet."""
    from huggingface_hub import constants

    place = release_file(part.release) if part.release else Path(constants.HF_HUB_CACHE)
    folder = next(each for each in (place, *place.parents) if each.is_dir())
    free = shutil.disk_usage(folder).free
    if part.state == "not" and part.size_bytes and free < part.size_bytes:
        variable = "XDG_CACHE_HOME" if part.release else "HF_HOME"
        raise ModelError(
            f"cannot download {part.source!r}: it needs {readable(part.size_bytes)}; the disk of {str(place)!r} has "
            f"{readable(free)} free: free some space, or set {variable} to a folder elsewhere"
        )


def readable(size: int | None) -> str:
    """Bytes as people write them: 605 MB."""
    if size is None:
        return "unknown size"
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size} B" if size else "none"


def state_of(parts: Sequence[Part]) -> State:
    """How much of all of them is here; a rewriter that is code does not count."""
    states = {part.state for part in parts if not _is_code(part)}
    return states.pop() if len(states) == 1 else "partly"


def size_of(parts: Sequence[Part]) -> int | None:
    """Bytes to download for all of them, with an empty cache; None where that of one is not known."""
    sizes = [part.size_bytes for part in parts]
    return None if None in sizes else sum(size for size in sizes if size is not None)


def licence_of(parts: Sequence[Part]) -> str:
    """The licences of all models, each once, with the parts that have it."""
    models = [part for part in parts if not _is_code(part)]
    licences = dict.fromkeys(part.licence for part in models)
    if len(licences) == 1:
        return models[0].licence
    named = {licence: [part.name for part in models if part.licence == licence] for licence in licences}
    return ", ".join(f"{licence} ({', '.join(names)})" for licence, names in named.items())


def _is_code(part: Part) -> bool:
    return part.name == "rewriter" and not part.files and not part.missing


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
