"""Which weights open_clip shall load, and whether they can be had: found out before anything large is built.

Takes an architecture with a tag, a file, a folder or a repository; returns a WeightsSource that builds the model.
"""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvsi_db.errors import ModelError
from cvsi_db.models.hub import (
    CLIP_FOLDER_FILES,
    OPEN_CLIP_FILES,
    TOKENIZER_FILES,
    Group,
    cached_file,
    cached_files,
    require_hub,
)
from cvsi_db.models.torchvision_shim import ensure_torchvision

if TYPE_CHECKING:
    import torch
    from PIL import Image


_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WeightsSource:
    """What open_clip shall load: an architecture, a tag or a file, and the settings that go with the tag's weights."""

    arch: str
    pretrained: str | None
    settings: Mapping[str, Any]

    @property
    def what(self) -> str:
        """How to speak of it in a message."""
        return f"{self.arch!r}" if self.pretrained is None else f"{self.arch!r} with weights {self.pretrained!r}"

    def build(self) -> tuple[Any, Any, Callable[[Image.Image], torch.Tensor]]:
        """The model, its tokenizer, and its preprocessing of images."""
        import open_clip

        with _unfilled():
            model, _, transform = open_clip.create_model_and_transforms(
                self.arch,
                self.pretrained,
                pretrained_text=False,
                require_pretrained=True,
                weights_only=True,  # its default too, but no pickle may run because a default has changed
                **self.settings,
            )
        return model, open_clip.get_tokenizer(self.arch), transform


def _unfilled() -> AbstractContextManager[Any]:
    """While a model is built, its weights are not filled with random numbers: every one is read from a file.

    Random numbers take longer than the reading: 60 % of the time until the starter is ready.
    """
    from torch import Tensor
    from torch.overrides import TorchFunctionMode

    class Unfilled(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func in (Tensor.uniform_, Tensor.normal_) or getattr(func, "__module__", "") == "torch.nn.init":
                return args[0] if args else kwargs["tensor"]
            return func(*args, **(kwargs or {}))

    return Unfilled()


def cannot_load(source: WeightsSource, error: Exception) -> ModelError:
    """The error for weights that open_clip refuses, in one line, with a remedy for files of more than weights."""
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if isinstance(error, pickle.UnpicklingError) or "TorchScript" in reason:
        kind = "a scripted model, not plain weights" if "TorchScript" in reason else "more than plain weights"
        reason = f"the file holds {kind}: give safetensors, or a .pt file of a state dict"
    return ModelError(f"cannot load {source.what}: {reason}")


def find_weights(arch: str, weights: str | None) -> WeightsSource:
    """Checks that weights are at hand or can be fetched, before anything large is built.

    Raises ModelError at once, or within seconds where the hub must be asked.
    """
    ensure_torchvision()
    schema, _, place = arch.rpartition(":")
    if schema == "local-dir":
        folder = Path(place).expanduser()
        if not (folder / "open_clip_config.json").is_file():
            raise ModelError(f"{str(folder)!r} is not a CLIP folder: open_clip_config.json is missing")
        if not any(folder.glob("*.safetensors")) and not any(folder.glob("*.bin")):
            raise ModelError(f"CLIP folder {str(folder)!r} holds no weights: open_clip_model.safetensors is missing")
        return WeightsSource(f"local-dir:{folder}", None, {})
    if schema == "hf-hub":
        if cached_files(place, CLIP_FOLDER_FILES)[1]:
            require_hub(repr(arch))
        return WeightsSource(arch, None, {})
    if weights and Path(weights).expanduser().is_file():
        _check_known(arch)
        _warn_of_gelu(arch, weights)
        return WeightsSource(arch, str(Path(weights).expanduser()), {})
    tag = _find_tag(arch, weights)
    repo, names = _repo_of(tag)
    cached = cached_file(repo, names) if repo else None
    if cached is None:
        require_hub(repr(f"{arch}/{weights}"))
    # OpenAI's weights need the quick GELU that the plain architecture lacks: the tag says so.
    settings = {f"image_{key}": tag[key] for key in ("mean", "std", "interpolation", "resize_mode") if key in tag}
    settings["force_quick_gelu"] = bool(tag.get("quick_gelu", False)) or arch.endswith("-quickgelu")
    return WeightsSource(arch, str(cached) if cached else weights, settings)


def find_repo(arch: str, weights: str | None) -> tuple[str, tuple[str, ...]]:
    """The hub's repository that holds a tag's weights, and the names they may have there.

    Raises ModelError for an unknown architecture or tag, and for a tag that open_clip does not keep on the hub.
    """
    ensure_torchvision()
    repo, names = _repo_of(_find_tag(arch, weights))
    if not repo:
        raise ModelError(f"open_clip does not keep {arch!r} with weights {weights!r} on the hub: give a file")
    return repo, names


def find_text_repos(arch: str) -> dict[str, tuple[Group, ...]]:
    """The hub's repositories that an architecture's tokenizer, and the configuration of a text tower of transformers,
    are read from, each with what it must hold. Raises ModelError for an unknown architecture."""
    ensure_torchvision()
    import open_clip

    _check_known(arch)
    text = open_clip.get_model_config(arch)["text_cfg"]
    repos: dict[str, tuple[Group, ...]] = {}
    for key, group in (("hf_tokenizer_name", TOKENIZER_FILES), ("hf_model_name", ("config.json",))):
        if text.get(key):
            repos[text[key]] = (*repos.get(text[key], ()), group)
    return repos


def _repo_of(tag: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    repo, _, name = str(tag.get("hf_hub", "")).rpartition("/")
    return repo, (name,) if name else OPEN_CLIP_FILES


def _warn_of_gelu(arch: str, weights: str) -> None:
    """A file does not say with which GELU its weights were trained, and with the other one a model is merely worse."""
    import open_clip

    if f"{arch}-quickgelu" in open_clip.list_models():
        _log.warning(
            "%r is read with the plain GELU: if these are OpenAI's weights, or others trained with the quick GELU, "
            "name the arch %r",
            weights,
            f"{arch}-quickgelu",
        )


def _check_known(arch: str) -> None:
    import open_clip

    if arch not in open_clip.list_models():
        raise ModelError(f"{arch!r} is not an architecture that open_clip knows: see open_clip.list_models()")


def _find_tag(arch: str, weights: str | None) -> Mapping[str, Any]:
    """What open_clip knows of a tag's weights."""
    import open_clip

    _check_known(arch)
    if weights is None:
        raise ModelError(f"{arch!r} needs weights: give one of open_clip's tags or the path of a file")
    tag: Mapping[str, Any] = open_clip.get_pretrained_cfg(arch, weights)
    if not tag:
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(arch)) or "none"
        raise ModelError(f"{weights!r} is neither a file nor a tag of {arch!r} (its tags: {tags})")
    return tag
