"""The bundles: which there are, what identifies them, and what loads when."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from cvsi_db.errors import BundleError, ModelError, UsageError
from cvsi_db.models.bundle import Bundle, load_bundle
from cvsi_db.models.hashes import digest_weights
from cvsi_db.models.rewriters import make_rewriter
from cvsi_db.models.spec import BUNDLES, STARTER, load_spec
from cvsi_db.query.weights import find_preset

SAMPLING = {"captions": 5, "top_p": 0.9, "temperature": 0.7}


def starter_with(folder: Path, **changed: str) -> Bundle:
    """A bundle of the starter's parts, with some of them changed."""
    parts = {"arch": f"local-dir:{STARTER / 'clip'}", "captioner": str(STARTER / "captioner")} | changed
    (folder / "mine.toml").write_text("".join(f'{key} = "{value}"\n' for key, value in parts.items()))
    return load_bundle(str(folder / "mine.toml"), "cpu")


def test_the_declared_bundles() -> None:
    assert list(BUNDLES) == [
        "starter", "photos-lite", "bge-vl-base", "bge-vl-large",
        "clip-b32", "clip-l14", "clip-l14-datacomp", "clip-bigg14",
    ]  # fmt: skip
    assert (BUNDLES["clip-bigg14"].arch, BUNDLES["clip-bigg14"].weights) == ("ViT-bigG-14", "laion2b_s39b_b160k")


def test_the_declared_presets_and_rewriters_exist() -> None:
    for spec in BUNDLES.values():
        assert find_preset(spec.preset).name == spec.preset
        assert make_rewriter(spec.rewriter).name


def test_an_unknown_bundle_names_the_known_ones() -> None:
    with pytest.raises(
        BundleError, match="unknown model 'clip-b23': choose one of starter, photos-lite, bge"
    ) as caught:
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


def test_bundles_that_differ_only_in_name_and_phi_fit_the_same_gallery(tmp_path: Path) -> None:
    same = f'arch = "local-dir:{STARTER / "clip"}"\ncaptioner = "{STARTER / "captioner"}"\n'
    (tmp_path / "plain.toml").write_text(same)
    (tmp_path / "other-phi.toml").write_text(same + 'phi = "phi.pt"\n')
    (tmp_path / "padded.toml").write_text(same + 'preprocess = "targetpad"\n')
    plain, other, padded = (load_bundle(str(tmp_path / f"{name}.toml")) for name in ("plain", "other-phi", "padded"))
    assert plain.fits(other.fingerprint)
    assert other.fits(load_bundle("starter").fingerprint)
    assert plain.fits(plain.clip_digest)
    assert not plain.fits(padded.fingerprint)
    assert not plain.fits("plain:0123456789abcdef")


def test_the_starters_captions_keep_their_name_and_others_tell_that_they_are_detokenised(tmp_path: Path) -> None:
    name = load_bundle("starter", "cpu").captioner.name
    assert name == f"captioner:{digest_weights(str(STARTER / 'captioner'), repr(SAMPLING))}"
    shutil.copytree(STARTER / "captioner", tmp_path / "captioner")
    assert starter_with(tmp_path, captioner="captioner").captioner.name != name


# --- check --------------------------------------------------------------------------------------------------------


def test_check_finds_nothing_wrong_with_the_starter() -> None:
    load_bundle("starter", "cpu").check()


def test_check_finds_a_mistyped_phi_before_clip_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cvsi_db.models.clip", None)  # importing it would be an error
    with pytest.raises(ModelError, match=r"phi 'no-such-phi.pt' does not exist"):
        starter_with(tmp_path, phi="no-such-phi.pt").check()


def test_check_finds_a_phi_of_other_widths(tmp_path: Path) -> None:
    from cvsi_db.models.phi import MappingNetwork, save_phi

    save_phi(MappingNetwork(8, 6), tmp_path / "narrow.safetensors")
    with pytest.raises(ModelError, match="maps width 8 over 32 to 6, but this CLIP needs 256 over 1024 to 192"):
        starter_with(tmp_path, phi="narrow.safetensors").check()


@pytest.mark.parametrize(
    ("captioner", "said"),
    [
        ("/no/such/folder", "neither a path on this machine nor OWNER/NAME on the hub"),
        ("nobody/no-such-captioner", "the captioner 'nobody/no-such-captioner' are not in the local cache"),
    ],
)
def test_check_finds_a_captioner_that_cannot_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, captioner: str, said: str
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    bundle = starter_with(tmp_path, captioner=captioner)
    with pytest.raises(ModelError, match=said):
        bundle.check()
    bundle.check(captioner=False)


def test_a_bundle_says_where_to_find_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.toml").write_text('arch = "local-dir:."\ncaptioner = "c"\n')
    monkeypatch.chdir(tmp_path)
    assert load_bundle("mine.toml", "cpu").source == str(tmp_path / "mine.toml")
    assert load_bundle("starter", "cpu").source == "starter"
    assert load_bundle("mine.toml:no-phi", "cpu").source == f"{tmp_path / 'mine.toml'}:no-phi"
    without = load_bundle("starter:no-phi", "cpu")
    assert (without.source, without.phi, without.spec.captioner) == (
        "starter:no-phi",
        None,
        BUNDLES["starter"].captioner,
    )
    assert without.fits(load_bundle("starter", "cpu").fingerprint)


def test_the_fingerprint_follows_bin_weights(tmp_path: Path) -> None:
    prints = []
    for weights in (b"one", b"two"):
        (tmp_path / "open_clip_pytorch_model.bin").write_bytes(weights)
        (tmp_path / "mine.toml").write_text('arch = "local-dir:."\ncaptioner = "c"\n')
        prints.append(load_bundle(str(tmp_path / "mine.toml"), "cpu").fingerprint)
    assert prints[0] != prints[1]


def test_auto_device_is_chosen_late_and_an_unknown_one_refused_early() -> None:
    assert load_bundle("starter").device in ("cpu", "cuda", "mps")
    with pytest.raises(UsageError, match="unknown device 'abacus'"):
        load_bundle("starter", "abacus")


def test_load_spec_by_name() -> None:
    assert load_spec("clip-l14") is BUNDLES["clip-l14"]
    with pytest.raises(BundleError, match="unknown model"):
        load_spec("clip")


def test_missing_weights_are_told_before_open_clip_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setitem(sys.modules, "cvsi_db.models.clip", None)  # importing it would be an error
    with pytest.raises(ModelError, match="'ViT-B-32/openai' are not in the local cache"):
        _ = load_bundle("clip-b32").encoder
