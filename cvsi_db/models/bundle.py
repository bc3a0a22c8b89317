"""Bundles: a named set of models (CLIP, phi, captioner) that a gallery is made and searched with.

A bundle is declared as data (`BundleSpec`), in the table below or in a user's TOML file, and loads part by part on
first use. Knows nothing about galleries; imports torch only when a part is loaded.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cvsi_db.device import choose_device
from cvsi_db.errors import BundleError
from cvsi_db.models.protocols import Captioner, Encoder, Phi

if TYPE_CHECKING:
    from PIL.Image import Image

    from cvsi_db.models.clip import OpenClipEncoder

STARTER = Path(__file__).parent / "starter"
LOCAL_DIR = "local-dir:"
"""open_clip's mark for a folder that holds config, weights and tokenizer."""


@dataclass(frozen=True)
class BundleSpec:
    """What a bundle is made of.

    `arch` and `weights` are open_clip's: a model name with a pretrained tag or a file, or `local-dir:FOLDER` and no
    weights. `phi` is a checkpoint file or None (then there is no pseudo_token branch). `captioner` is a transformers
    folder or hub name, which samples `captions` captions per image from the nucleus `top_p` at `temperature`.
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


BLIP = "Salesforce/blip-image-captioning-large"

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
        ),
        BundleSpec(
            name="clip-b32",
            summary="OpenAI CLIP ViT-B/32 with BLIP captions, for photos",
            licence="MIT (CLIP), BSD-3-Clause (BLIP)",
            arch="ViT-B-32",
            weights="openai",
            phi=None,
            captioner=BLIP,
        ),
        BundleSpec(
            name="clip-l14",
            summary="OpenAI CLIP ViT-L/14 with BLIP captions, for photos",
            licence="MIT (CLIP), BSD-3-Clause (BLIP)",
            arch="ViT-L-14",
            weights="openai",
            phi=None,
            captioner=BLIP,
        ),
        BundleSpec(
            name="clip-bigg14",
            summary="OpenCLIP ViT-bigG/14 (LAION-2B) with BLIP captions, for photos; wants a GPU",
            licence="MIT (CLIP), BSD-3-Clause (BLIP)",
            arch="ViT-bigG-14",
            weights="laion2b_s39b_b160k",
            phi=None,
            captioner=BLIP,
        ),
    )
}


class Bundle:
    """The models of one bundle on one device, each loaded when it is first asked for.

    `source` is what load_bundle takes to find the bundle again: its name, or its file's absolute path.
    """

    def __init__(self, spec: BundleSpec, device: str, source: str) -> None:
        self.spec = spec
        self.device = device
        self.source = source

    @cached_property
    def fingerprint(self) -> str:
        """Identifies the CLIP weights: vectors of different fingerprints must never meet in one search."""
        return f"{self.spec.name}:{_digest(self.spec.arch, self.spec.weights, self.spec.preprocess)}"

    @cached_property
    def encoder(self) -> Encoder:
        """The CLIP towers. Raises ModelError when the weights cannot be had."""
        return self._clip

    @cached_property
    def phi(self) -> Phi | None:
        """The mapping network, or None when the bundle has none. Raises ModelError when the file does not fit."""
        if self.spec.phi is None:
            return None
        from cvsi_db.models.phi import load_phi

        clip = self._clip
        return load_phi(Path(self.spec.phi), dim=clip.dim, token_dim=clip.token_dim, device=self.device)

    @cached_property
    def captioner(self) -> Captioner:
        """The captioner; its weights load with the first picture that has no captions in the cache."""
        spec = self.spec
        sampling: dict[str, Any] = {"captions": spec.captions, "top_p": spec.top_p, "temperature": spec.temperature}
        name = f"{Path(spec.captioner).name}:{_digest(spec.captioner, repr(sampling))}"

        def load() -> Captioner:
            from cvsi_db.models.captioner import TransformersCaptioner

            return TransformersCaptioner.load(spec.captioner, device=self.device, name=name, **sampling)

        return LazyCaptioner(name, load)

    @cached_property
    def _clip(self) -> OpenClipEncoder:
        from cvsi_db.models.clip import OpenClipEncoder

        spec = self.spec
        return OpenClipEncoder.load(spec.arch, spec.weights, device=self.device, preprocess=spec.preprocess)


class LazyCaptioner:
    """A captioner that is loaded when it first has to caption."""

    def __init__(self, name: str, load: Callable[[], Captioner]) -> None:
        self._name = name
        self._load = load

    @property
    def name(self) -> str:
        """Identifies model, weights and sampling settings."""
        return self._name

    @cached_property
    def _captioner(self) -> Captioner:
        return self._load()

    def caption(self, pictures: Sequence[Image], seeds: Sequence[str]) -> list[tuple[str, ...]]:
        """See Captioner.caption. Raises ModelError when the weights cannot be had."""
        return self._captioner.caption(pictures, seeds)


def load_bundle(name: str, device: str = "auto") -> Bundle:
    """The bundle called `name`, or the one that the TOML file `name` declares; no weights are loaded yet.

    Raises BundleError for an unknown name or an unusable file, UsageError for a device this machine lacks.
    """
    if name.endswith(".toml"):
        return Bundle(read_bundle(Path(name)), choose_device(device), str(Path(name).resolve()))
    if name not in BUNDLES:
        raise BundleError(f"unknown model {name!r}: choose one of {', '.join(BUNDLES)}, or a bundle.toml file")
    return Bundle(BUNDLES[name], choose_device(device), name)


def read_bundle(path: Path) -> BundleSpec:
    """A user's own bundle: a TOML file with BundleSpec's fields, of which arch and captioner must be there.

    Paths in it are relative to the file. Raises BundleError.
    """
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        if unknown := set(values) - {field.name for field in fields(BundleSpec)}:
            raise ValueError(f"unknown key {min(unknown)!r}")
        if missing := {"arch", "captioner"} - set(values):
            raise ValueError(f"the key {min(missing)!r} is missing")
        given = {key: _checked(path, key, value) for key, value in values.items()}
    except (OSError, ValueError) as error:
        raise BundleError(f"cannot use the bundle {str(path)!r}: {error}") from error
    return BundleSpec(**({"name": path.stem, "summary": "", "licence": "", "weights": None, "phi": None} | given))


def _checked(path: Path, key: str, value: Any) -> Any:
    """A value of a bundle file if its type fits, a path that exists beside the file made absolute."""
    kind = {"captions": int, "top_p": float, "temperature": float}.get(key, str)
    if not isinstance(value, kind) or value in (0, ""):
        raise ValueError(f"{key} cannot be {value!r}")
    if key == "preprocess" and value not in ("clip", "targetpad"):
        raise ValueError(f"{key} is 'clip' or 'targetpad', not {value!r}")
    if key not in ("arch", "weights", "phi", "captioner") or not isinstance(value, str):
        return value
    scheme = LOCAL_DIR if value.startswith(LOCAL_DIR) else ""
    beside = (path.parent / value.removeprefix(LOCAL_DIR)).resolve()
    return f"{scheme}{beside}" if beside.exists() else value


def _digest(*parts: str | None) -> str:
    """16 hex digits that change with the parts, and with the weight files and folders that the parts name.

    Of a file the size and both ends are read: weights of gigabytes must not be hashed whole at every start.
    """
    digest = hashlib.sha256()
    for part in parts:
        path = Path((part or "").removeprefix(LOCAL_DIR))
        files = sorted(path.rglob("*.safetensors")) if part and path.is_dir() else [path]
        found = [file for file in files if part and file.is_file()]
        for file in found:
            digest.update(f"{file.name}:{file.stat().st_size}:".encode())
            digest.update(_ends(file))
        if not found:
            digest.update(repr(part).encode())
    return digest.hexdigest()[:16]


def _ends(file: Path, size: int = 1 << 20) -> bytes:
    """The first and the last `size` bytes of a file."""
    with file.open("rb") as opened:
        head = opened.read(size)
        opened.seek(max(len(head), file.stat().st_size - size))
        return head + opened.read(size)
