"""The bundles: which there are, what identifies them, and what loads when."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cvsi_db.errors import BundleError, ModelError, UsageError
from cvsi_db.models.bundle import BUNDLES, load_bundle, load_spec
from cvsi_db.models.rewriters.choice import make_rewriter
from cvsi_db.query.checks import find_preset


def test_the_declared_bundles() -> None:
    assert list(BUNDLES) == ["starter", "clip-b32", "clip-l14", "clip-l14-datacomp", "clip-bigg14"]
    assert (BUNDLES["clip-bigg14"].arch, BUNDLES["clip-bigg14"].weights) == ("ViT-bigG-14", "laion2b_s39b_b160k")


def test_the_declared_presets_and_rewriters_exist() -> None:
    for spec in BUNDLES.values():
        assert find_preset(spec.preset).name == spec.preset
        assert make_rewriter(spec.rewriter).name


def test_an_unknown_bundle_names_the_known_ones() -> None:
    with pytest.raises(BundleError, match="unknown model 'clip-b23': choose one of starter, clip-b32") as caught:
        load_bundle("clip-b23")
    assert caught.value.exit_code == 2


def test_the_fingerprint_follows_the_weights_not_the_path(tmp_path: Path) -> None:
    prints = []
    for folder, weights in (("a", b"one"), ("b", b"one"), ("c", b"two")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "open_clip_model.safetensors").write_bytes(weights)
        (tmp_path / folder / "mine.toml").write_text('arch = "local-dir:."\ncaptioner = "c"\n')
        prints.append(load_bundle(str(tmp_path / folder / "mine.toml"), "cpu").fingerprint)
    assert prints[0] == prints[1] != prints[2]
    assert prints[0].startswith("mine:")


def test_a_bundle_says_where_to_find_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.toml").write_text('arch = "local-dir:."\ncaptioner = "c"\n')
    monkeypatch.chdir(tmp_path)
    assert load_bundle("mine.toml", "cpu").source == str(tmp_path / "mine.toml")
    assert load_bundle("starter", "cpu").source == "starter"


def test_weights_other_than_safetensors_count_too(tmp_path: Path) -> None:
    prints = []
    for weights in (b"one", b"two"):
        (tmp_path / "open_clip_pytorch_model.bin").write_bytes(weights)
        (tmp_path / "mine.toml").write_text('arch = "local-dir:."\ncaptioner = "c"\n')
        prints.append(load_bundle(str(tmp_path / "mine.toml"), "cpu").fingerprint)
    assert prints[0] != prints[1]


def test_a_device_is_chosen_late_but_refused_early() -> None:
    assert load_bundle("starter").device in ("cpu", "cuda", "mps")
    with pytest.raises(UsageError, match="unknown device 'abacus'"):
        load_bundle("starter", "abacus")


def test_what_a_name_declares() -> None:
    assert load_spec("clip-l14") is BUNDLES["clip-l14"]
    with pytest.raises(BundleError, match="unknown model"):
        load_spec("clip")


def test_missing_weights_are_told_before_open_clip_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setitem(sys.modules, "cvsi_db.models.clip", None)  # importing it would be an error
    with pytest.raises(ModelError, match="'ViT-B-32/openai' are not in the local cache"):
        _ = load_bundle("clip-b32").encoder
