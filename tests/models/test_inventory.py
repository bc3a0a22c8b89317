"""What of a bundle is here, found out without a model and without the network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cvsi_db.errors import ModelError
from cvsi_db.models.inventory import (
    captioner_part,
    clip_part,
    inventory,
    licence_of,
    require,
    size_of,
    state_of,
)
from cvsi_db.models.spec import BUNDLES, BundleSpec


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "no-cache"))


def spec(**values: str | None) -> BundleSpec:
    given: dict[str, str | None] = {"arch": "ViT-B-32", "weights": "openai", "phi": None, "captioner": "a/b"} | values
    return BundleSpec("mine", "", "my own", **given)  # type: ignore[arg-type]


def test_the_starter_is_here_and_free() -> None:
    parts = inventory(BUNDLES["starter"])
    assert [part.name for part in parts] == ["clip", "phi", "captioner", "rewriter"]
    assert (state_of(parts), size_of(parts), licence_of(parts)) == ("fully", 0, "MIT")
    assert "README.md" not in {path.name for part in parts for path in part.files}


def test_a_real_bundle_with_nothing_cached() -> None:
    parts = inventory(BUNDLES["clip-b32"])
    assert [(part.name, part.state) for part in parts] == [
        ("clip", "not"),
        ("phi", "not"),
        ("captioner", "not"),
        ("rewriter", "fully"),
    ]
    assert state_of(parts) == "not"
    assert size_of(parts) == 605_109_252 + 25_184_256 + 989_656_304
    assert licence_of(parts) == "MIT (clip), CC BY-NC 4.0 (phi), BSD-3-Clause (captioner)"


def test_files_and_folders_have_the_bundles_own_licence(tmp_path: Path) -> None:
    (tmp_path / "mine.safetensors").write_bytes(b"weights")
    part = clip_part(spec(weights=str(tmp_path / "mine.safetensors")))
    assert (part.repo, part.licence, part.state, part.size_bytes) == (None, "my own", "fully", 0)
    assert part.files == (tmp_path / "mine.safetensors",)


def test_an_unpublished_captioners_licence_and_size_are_unknown() -> None:
    part = captioner_part("someone/captioner", "MIT")
    assert (part.licence, part.size_bytes, part.repo) == ("unknown", None, "someone/captioner")
    assert size_of(inventory(spec(captioner="someone/captioner"))) is None


def test_another_tag_is_looked_up_in_open_clip() -> None:
    part = clip_part(spec(arch="ViT-B-16", weights="datacomp_xl_s13b_b90k"))
    assert part.repo == "laion/CLIP-ViT-B-16-DataComp.XL-s13B-b90K"
    assert part.source == "ViT-B-16/datacomp_xl_s13b_b90k"
    with pytest.raises(ModelError, match="neither a file nor a tag"):
        clip_part(spec(weights="openia"))


def test_a_phi_that_is_not_there_is_missing(tmp_path: Path) -> None:
    phi = inventory(spec(phi=str(tmp_path / "phi.pt")))[1]
    assert (phi.state, phi.missing) == ("not", (("phi.pt",),))


def test_require_names_the_part_and_the_ways_out() -> None:
    with pytest.raises(ModelError, match=r"'ViT-B-32/openai' are not in the local cache and HF_HUB_OFFLINE is set"):
        require(clip_part(BUNDLES["clip-b32"]))
    with pytest.raises(ModelError, match=r"the captioner 'Salesforce/\S+' are not .*local copy.*--model photos-lite"):
        require(captioner_part(BUNDLES["clip-b32"].captioner or "", ""))
    require(clip_part(BUNDLES["starter"]))


def test_the_inventory_of_every_bundle_needs_no_torch() -> None:
    script = (
        "import sys; from cvsi_db.models.spec import BUNDLES; from cvsi_db.models.inventory import inventory\n"
        "for spec in BUNDLES.values(): inventory(spec)\n"
        "print([name for name in ('torch', 'open_clip', 'transformers', 'lancedb') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
