"""Weights for open_clip: what cannot be meant or had, what is in the cache, and files that would run code."""

from __future__ import annotations

import json
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch

from cvsi_db.errors import ModelError
from cvsi_db.models import hub
from cvsi_db.models.clip import OpenClipEncoder
from cvsi_db.models.clip_weights import find_repo, find_weights
from tests.models.small_clip import open_clip


@pytest.mark.parametrize(
    ("arch", "weights", "message"),
    [
        ("local-dir:/nowhere", None, "is not a CLIP folder"),
        ("ViT-B-33", "openai", "not an architecture that open_clip knows"),
        ("ViT-B-32", None, "needs weights"),
        ("ViT-B-32", "openia", "neither a file nor a tag.*openai"),
    ],
)
def test_unknown_architectures_tags_and_folders_are_errors(arch: str, weights: str | None, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        OpenClipEncoder.load(arch, weights, device="cpu")


def test_folder_without_weights(tmp_path: Path) -> None:
    (tmp_path / "open_clip_config.json").write_text("{}")
    with pytest.raises(ModelError, match="holds no weights"):
        OpenClipEncoder.load(f"local-dir:{tmp_path}", None, device="cpu")


def test_damaged_folder_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "open_clip_config.json").write_text("{}")
    (tmp_path / "open_clip_model.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="cannot load 'local-dir:") as caught:
        OpenClipEncoder.load(f"local-dir:{tmp_path}", None, device="cpu")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("arch", "weights"), [("ViT-B-32", "openai"), ("hf-hub:someone/something", None)])
def test_offline_without_cache_names_the_two_ways_out(
    arch: str, weights: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=r"HF_HUB_OFFLINE is set: .*local copy.*--model photos-lite"):
        OpenClipEncoder.load(arch, weights, device="cpu")


def test_cached_weights_are_used_without_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = tmp_path / "models--timm--vit_base_patch32_clip_224.openai" / "snapshots" / "abc"
    cached.mkdir(parents=True)
    (cached / hub.OPEN_CLIP_FILES[0]).touch()
    refs = cached.parent.parent / "refs"
    refs.mkdir()
    (refs / "main").write_text("abc")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    source = find_weights("ViT-B-32", "openai")
    assert source.pretrained == str(cached / hub.OPEN_CLIP_FILES[0])
    assert source.settings["force_quick_gelu"] is True  # OpenAI's weights were trained with it
    assert source.settings["image_mean"] == (0.48145466, 0.4578275, 0.40821073)


def test_a_weights_file_loads(tmp_path: Path) -> None:
    (tmp_path / "mine.safetensors").touch()
    source = find_weights("ViT-B-32", str(tmp_path / "mine.safetensors"))
    assert source.pretrained == str(tmp_path / "mine.safetensors")


# --- files that would run code ----------------------------------------------------------------------------------


class Attack:
    """What unpickles to a file called `marker`, in the current folder."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("marker"),)


class Stumble:
    """What is allowed in a file of weights and raises a TypeError when it is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return OrderedDict, (1,)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_pickle_attack_runs_code_without_weights_only(here: Path) -> None:
    torch.save({"state_dict": Attack()}, "evil.pt")
    torch.load("evil.pt", weights_only=False)
    assert (here / "marker").exists()


@pytest.mark.parametrize("content", [{"state_dict": Attack()}, [Stumble(), Attack()]], ids=["attack", "stumble"])
@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("name", ["evil.pt", "evil.bin", "evil.safetensors"])
def test_a_weights_file_that_would_run_code_is_refused(here: Path, name: str, content: Any, zipped: bool) -> None:
    torch.save(content, name, _use_new_zipfile_serialization=zipped)
    with pytest.raises(ModelError, match="cannot load 'ViT-S-32-alt' with weights 'evil") as caught:
        OpenClipEncoder.load("ViT-S-32-alt", name, device="cpu")
    assert not (here / "marker").exists()
    assert "\n" not in str(caught.value)


def test_a_refused_pickle_is_told_with_the_remedy(here: Path) -> None:
    torch.save({"state_dict": Attack()}, "evil.pt")
    with pytest.raises(ModelError, match="holds more than plain weights: give safetensors, or a"):
        OpenClipEncoder.load("ViT-S-32-alt", "evil.pt", device="cpu")


def test_a_folder_whose_weights_would_run_code_is_refused(here: Path) -> None:
    config = open_clip.get_model_config("ViT-S-32-alt")
    (here / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {}}))
    torch.save(Attack(), "open_clip_pytorch_model.bin")
    with pytest.raises(ModelError, match="cannot load 'local-dir:"):
        OpenClipEncoder.load(f"local-dir:{here}", None, device="cpu")
    assert not (here / "marker").exists()


def test_a_captioner_whose_weights_would_run_code_is_refused(here: Path) -> None:
    from transformers import BlipConfig

    from cvsi_db.models.captioner import TransformersCaptioner

    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 16}
    BlipConfig(text_config={**small, "vocab_size": 40}, vision_config={**small, "image_size": 32}).save_pretrained(here)
    torch.save(Attack(), "pytorch_model.bin")
    with pytest.raises(ModelError):
        TransformersCaptioner.load(str(here))
    assert not (here / "marker").exists()


def test_a_scripted_model_is_told_apart_from_plain_weights(here: Path) -> None:
    torch.jit.script(torch.nn.Linear(2, 2)).save("ViT-B-32.pt")  # the form in which OpenAI published theirs
    with pytest.raises(ModelError, match=r"a scripted model, not plain weights.*safetensors"):
        OpenClipEncoder.load("ViT-S-32-alt", "ViT-B-32.pt", device="cpu")


# --- tags -------------------------------------------------------------------------------------------------------


def test_the_repository_of_a_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_repo("ViT-B-32", "openai") == ("timm/vit_base_patch32_clip_224.openai", hub.OPEN_CLIP_FILES)
    assert find_repo("ViTamin-S", "datacomp1b") == ("jienengchen/ViTamin-S", ("pytorch_model.bin",))
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda *_: {"url": "https://example.org/weights.pt"})
    with pytest.raises(ModelError, match="does not keep 'RN50' with weights 'openai' on the hub: give a file"):
        find_repo("RN50", "openai")


@pytest.mark.parametrize(
    ("arch", "warned"), [("ViT-B-32", True), ("ViT-B-32-quickgelu", False), ("ViT-B-16-SigLIP", False)]
)
def test_a_file_for_an_arch_with_a_quick_gelu_twin_is_warned_of(
    arch: str, warned: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "weights.safetensors"
    file.write_bytes(b"")
    assert find_weights(arch, str(file)).arch == arch
    assert ("name the arch 'ViT-B-32-quickgelu'" in caplog.text) == warned
