"""Bundles: a named set of models (CLIP, phi, captioner) that a gallery is made and searched with.

A bundle is declared as data (spec.py) and loads part by part on first use. torch is imported only when a part is
loaded, so that an error about missing weights comes at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvsi_db.errors import ModelError
from cvsi_db.models.device import choose_device
from cvsi_db.models.hashes import check_first_use, digest_weights
from cvsi_db.models.inventory import captioner_part, clip_parts, inventory, phi_part, pull, require
from cvsi_db.models.protocols import Captioner, Encoder, Phi
from cvsi_db.models.spec import NO_PHI, PHOTOS_LITE, ST, STARTER, TRANSFORMERS, BundleSpec, load_spec

if TYPE_CHECKING:
    from PIL.Image import Image

    from cvsi_db.models.clip import OpenClipEncoder


class Bundle:
    """The models of one bundle on one device, each loaded when it is first asked for.

    `source` is what load_bundle takes to find the bundle again: its name, or its file's absolute path.
    """

    def __init__(self, spec: BundleSpec, device: str, source: str) -> None:
        self.spec = spec
        self.source = source
        self._device = device

    @cached_property
    def device(self) -> str:
        """Where the models run; "auto" is decided when this is first read, because only torch knows what there is."""
        return choose_device(self._device)

    @property
    def fingerprint(self) -> str:
        """NAME:DIGEST. The digest identifies the CLIP weights and the preprocessing; the name is for people to read."""
        return f"{self.spec.name}:{self.clip_digest}"

    @cached_property
    def clip_digest(self) -> str:
        """Changes with the CLIP weights and the preprocessing, and with nothing else of the bundle."""
        spec, more = self.spec, list[str]()
        if spec.composes:  # what goes into the vectors of a gallery
            more = [repr((spec.width, spec.text_instruction, spec.image_instruction))]
        return digest_weights(spec.arch, spec.weights, spec.preprocess, *more)

    def fits(self, fingerprint: str) -> bool:
        """Whether vectors made under `fingerprint` may be compared with this bundle's: the digests must be equal.

        Bundles that differ only in name, phi, captioner or settings fit the same galleries.
        """
        return fingerprint.rpartition(":")[2] == self.clip_digest

    def check(self, *, captioner: bool = True) -> None:
        """Load CLIP and phi, and see that the captioner can be had, so that a long run does not fail half-way.

        A run that writes no captions passes captioner=False. Raises ModelError for a part that is missing, cannot be
        read or does not fit the others.
        """
        for part in inventory(self.spec if captioner else replace(self.spec, captioner=None)):
            if part.name != "rewriter":  # which `check_rewriter` does, where one is needed
                require(part)
        _ = self.phi, self.encoder

    @cached_property
    def encoder(self) -> Encoder:
        """The image and text towers. Raises ModelError when the weights cannot be had."""
        if self.spec.arch == PHOTOS_LITE:
            from cvsi_db.models.photos_lite.encoder import PhotosLiteEncoder

            return PhotosLiteEncoder(self.device)
        if self.spec.composes:
            pull(clip_parts(self.spec))
            from cvsi_db.models.composer import load_composer

            return load_composer(
                self.spec.arch.removeprefix(ST),
                device=self.device,
                width=self.spec.width,
                instruction=self.spec.instruction,
                text_instruction=self.spec.text_instruction,
                image_instruction=self.spec.image_instruction,
            )
        return self.clip

    @cached_property
    def clip(self) -> OpenClipEncoder:
        """The towers of a bundle of open_clip's or in transformers' format.

        Raises ModelError when it is of another kind, or as `encoder` does.
        """
        if self.spec.arch == PHOTOS_LITE or self.spec.composes:
            raise ModelError(f"the model {self.spec.name} has no CLIP to train a phi for: name another")
        pull(clip_parts(self.spec))  # before torch and open_clip are imported: that takes seconds
        spec = self.spec
        if spec.arch.startswith(TRANSFORMERS):
            from cvsi_db.models.transformers_clip import load_transformers_clip

            place = spec.arch.removeprefix(TRANSFORMERS)
            return load_transformers_clip(place, device=self.device, preprocess=spec.preprocess)
        from cvsi_db.models.clip import OpenClipEncoder

        return OpenClipEncoder.load(spec.arch, spec.weights, device=self.device, preprocess=spec.preprocess)

    @cached_property
    def phi(self) -> Phi | None:
        """The mapping network, or None when the bundle has none; a published one is fetched when it is not here.

        Raises ModelError when it cannot be had, is not what it was at its first use, or does not fit.
        """
        if self.spec.phi is None:
            return None
        if self.spec.phi == PHOTOS_LITE:
            from cvsi_db.models.photos_lite.encoder import PhotosLitePhi

            return PhotosLitePhi()
        from cvsi_db.models.phi import build_phi, read_phi

        path, part = Path(self.spec.phi).expanduser(), phi_part(self.spec.phi, self.spec.licence)
        if part.repo or part.release:
            pull([part])
            (path,) = phi_part(self.spec.phi, self.spec.licence).files
            check_first_use(part.release or f"{part.repo}/{path.name}", path)
        weights = read_phi(path)  # before CLIP, which may have to be downloaded
        clip = self.clip
        return build_phi(path, weights, dim=clip.dim, token_dim=clip.token_dim, device=self.device)

    @cached_property
    def captioner(self) -> Captioner | None:
        """The captioner, or None when the bundle has none; its weights load with the first image that it captions."""
        spec, source = self.spec, self.spec.captioner
        if source is None:
            return None
        if source == PHOTOS_LITE:
            from cvsi_db.models.photos_lite.captioner import PhotosLiteCaptioner

            return PhotosLiteCaptioner(self.device)
        sampling: dict[str, Any] = {"captions": spec.captions, "top_p": spec.top_p, "temperature": spec.temperature}
        more = {"beams": spec.beams, "max_new_tokens": spec.max_tokens, "prompt": spec.prompt}
        # Captions keep their name, and stay in use, where nothing is asked that could not be asked when they were made.
        sampling |= more if (spec.beams, spec.max_tokens, spec.prompt) != (1, 60, None) else {}
        # The starter's captions are what they were before captions were detokenised: its old ones stay in use.
        cleaning = [] if Path(source) == STARTER / "captioner" else ["detokenised"]
        name = f"{Path(source).name}:{digest_weights(source, repr(sampling), *cleaning)}"

        def load() -> Captioner:
            pull([captioner_part(source, spec.licence)])
            from cvsi_db.models.captioner import TransformersCaptioner

            return TransformersCaptioner.load(source, device=self.device, name=name, **sampling)

        return LazyCaptioner(name, load)


class LazyCaptioner:
    """A captioner that is loaded when it first has to caption."""

    def __init__(self, name: str, load: Callable[[], Captioner]) -> None:
        self.name = name  # identifies model, weights and sampling settings
        self._load = load
        self._loading = threading.Lock()  # several lanes of an ingest may ask for the first caption at once

    @cached_property
    def _captioner(self) -> Captioner:
        return self._load()

    def caption(self, pictures: Sequence[Image], seeds: Sequence[str]) -> list[tuple[str, ...]]:
        """See Captioner.caption. Raises ModelError when the weights cannot be had."""
        with self._loading:
            captioner = self._captioner
        return captioner.caption(pictures, seeds)


def load_bundle(name: str, device: str = "auto") -> Bundle:
    """The bundle called `name`, or the one that the TOML file `name` declares; no weights are loaded yet.

    With `:no-phi` behind it, the bundle without its phi. Raises BundleError for an unknown name or an unusable file,
    UsageError for a device this machine lacks.
    """
    if device != "auto":
        choose_device(device)
    base = name.removesuffix(NO_PHI)
    place = str(Path(base).resolve()) if base.endswith(".toml") else base
    return Bundle(load_spec(name), device, place + name.removeprefix(base))
