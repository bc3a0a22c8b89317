"""The bundles with a published phi, from an empty cache to a search: pulled, verified, and all three branches used.

The checkpoints are small and of random weights, in the layouts and under the names of the real ones; the architectures
are shrunk while the tests run.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from cvsi_db import Gallery
from cvsi_db.errors import ModelError
from cvsi_db.models.bundle import load_bundle
from cvsi_db.models.hashes import ledger
from cvsi_db.models.inventory import PUBLISHED, inventory, pull, state_of
from cvsi_db.models.phi import MappingNetwork
from cvsi_db.models.spec import BLIP_BASE, BLIP_LARGE, BUNDLES, LINCIR_L14, SEARLE_B32, SEARLE_L14
from cvsi_db.models.verify import verify
from tests.fakes import make_picture
from tests.models import small_captioners, small_clip
from tests.models.fake_hub import FakeHub, folder_files, serve_hub
from tests.models.small_clip import factory, open_clip

ARCHES = {"ViT-B-32": "timm/vit_base_patch32_clip_224.openai", "ViT-L-14": "timm/vit_large_patch14_clip_224.openai"}
PHIS = {SEARLE_B32: ("ViT-B-32", {"epoch": 50}), SEARLE_L14: ("ViT-L-14", {"epoch": 50}), LINCIR_L14: ("ViT-L-14", {})}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeHub]:
    """CLIP, captioner and phi of both bundles."""
    folder = tmp_path_factory.mktemp("published")
    repos: dict[str, dict[str, bytes]] = {}
    releases: dict[str, bytes] = {}
    with pytest.MonkeyPatch.context() as patch:
        for seed, (arch, repo) in enumerate(ARCHES.items()):
            config = small_clip.shrunk(arch)
            patch.setitem(factory._MODEL_CONFIGS, arch, config)
            model = small_clip.small_model(config, seed)
            small_clip.save_file(model.state_dict(), folder / f"{arch}.safetensors")
            repos[repo] = {"open_clip_model.safetensors": (folder / f"{arch}.safetensors").read_bytes()}
        for seed, (name, (arch, rest)) in enumerate(PHIS.items()):
            facts, content = PUBLISHED[name], _phi(open_clip.get_model_config(arch), rest, seed)
            if facts.tag:
                releases[f"{facts.repo}/{facts.tag}/{facts.file}"] = content
            else:
                repos[facts.repo] = {facts.file: content}
        (folder / "blip").mkdir()
        blip = folder_files(small_captioners.save_blip(folder / "blip"))
        with serve_hub({**repos, BLIP_BASE: blip, BLIP_LARGE: blip}, releases) as running:
            yield running


def _phi(config: dict[str, Any], rest: dict[str, Any], seed: int) -> bytes:
    """A published checkpoint for a CLIP of that config."""
    torch.manual_seed(seed)
    weights = MappingNetwork(config["embed_dim"], config["text_cfg"]["width"]).state_dict()
    buffer = io.BytesIO()
    torch.save({**rest, "Phi": weights}, buffer)
    return buffer.getvalue()


@pytest.fixture
def hub(served: FakeHub, connect: Callable[[FakeHub], FakeHub]) -> FakeHub:
    served.asked.clear()
    return connect(served)


@pytest.mark.parametrize("name", ["clip-b32", pytest.param("clip-l14", marks=pytest.mark.slow)])
def test_a_whole_bundle_is_pulled_verified_and_searched_with_three_branches(
    hub: FakeHub, name: str, tmp_path: Path, photos: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "cvsi_db")
    with Gallery.create(tmp_path / "db", model=name, device="cpu") as gallery:
        assert gallery.ingest(photos).new == 5
        phi = next(message for message in caplog.messages if message.startswith("pulling phi"))
        assert "licence: CC BY-NC 4.0" in phi
        explained = gallery.explain(make_picture("red"), "with a hat")
    assert f"model {name}" in explained.splitlines()
    assert [line for line in explained.splitlines() if line.startswith("branch")] == [
        "branch pseudo_token",
        "branch edited_captions",
        "branch image_objects",
    ]
    assert "missing" not in explained
    assert "warning: this bundle has no phi" not in explained
    assert {checked.verdict for checked in verify(inventory(BUNDLES[name]))} == {"ok"}
    assert state_of(inventory(BUNDLES[name])) == "fully"
    assert len(ledger().read_text().splitlines()) == len(hub.asked)


@pytest.mark.slow
def test_without_its_phi_a_bundle_runs_on_two_branches_and_stays_so(
    hub: FakeHub, tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Gallery.create(tmp_path / "db", model="clip-b32:no-phi", device="cpu") as gallery:
        gallery.ingest(photos)
    assert not any("SEARLE" in name for name in hub.asked)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with Gallery.open(tmp_path / "db", device="cpu") as gallery:
        result = gallery.search(make_picture("red"), "with a hat")
        assert gallery.stats()["model"] == "clip-b32:no-phi"
    assert result.compiled.logical.missing == ("pseudo_token",)
    with Gallery.open(tmp_path / "db", model="clip-b32", device="cpu") as gallery:
        assert gallery.search(edit_text="a red cat")  # which takes no phi
        with pytest.raises(ModelError, match=r"the phi 'searle-b32' is not on .* HF_HUB_OFFLINE is set: .*--no-phi"):
            gallery.search(make_picture("red"), "with a hat")
    with Gallery.open(tmp_path / "db", model=":no-phi", device="cpu") as gallery:
        assert gallery.search(make_picture("red"), "with a hat")


def test_a_bundle_file_names_a_published_phi(hub: FakeHub, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('arch = "ViT-L-14"\nweights = "openai"\nphi = "searle-l14"\n')
    bundle = load_bundle(str(tmp_path / "mine.toml"), "cpu")
    assert [(part.name, part.licence) for part in inventory(bundle.spec)][1] == ("phi", "CC BY-NC 4.0")
    bundle.check()
    assert bundle.phi is not None
    assert "miccunifi/SEARLE/weights/SEARLE_ViT-L14.pt" in hub.asked


def test_a_phi_that_was_replaced_after_its_first_use_is_not_used(hub: FakeHub) -> None:
    pull(inventory(BUNDLES["clip-b32"]))
    (path,) = inventory(BUNDLES["clip-b32"])[1].files
    shutil.copy(inventory(BUNDLES["clip-b32"])[0].files[0], path)
    with pytest.raises(ModelError, match=r"miccunifi/SEARLE/weights/SEARLE_ViT-B32.pt has changed: its sha256 is"):
        _ = load_bundle("clip-b32", "cpu").phi
