"""A benchmark's images go into an ordinary gallery once, with the real starter models."""

from __future__ import annotations

from pathlib import Path

import pytest

from cvsi_db.errors import BundleError, ModelError, RewriteError
from cvsi_db.evaluation.annotations import read_circo
from cvsi_db.evaluation.field_gallery import bundle_for, opened, take_in
from cvsi_db.models.bundle import Bundle
from cvsi_db.models.phi import MappingNetwork, save_phi
from cvsi_db.models.rewriters import make_rewriter
from tests.evaluation import field_data
from tests.evaluation.conftest import silent


@pytest.fixture(scope="module")
def starter() -> Bundle:
    return bundle_for(Path("nowhere"), None, "starter", "cpu")


def test_taken_in_once_and_read_by_whole_folders(starter: Bundle, tmp_path: Path) -> None:
    benchmark = read_circo(field_data.circo(tmp_path / "circo", images=7), "val")
    broken = benchmark.paths["6"]
    whole = broken.read_bytes()
    broken.write_bytes(b"no picture")
    assert take_in(benchmark, tmp_path / "db", starter, None, silent) == {"6": "not an image"}

    broken.write_bytes(whole)
    stages: list[tuple[str, int, int]] = []
    assert take_in(benchmark, tmp_path / "db", starter, None, lambda *now: stages.append(now)) == {}
    assert dict.fromkeys(stages) == {("embedding", 7, 7): None, ("captioning", 1, 1): None}
    with opened(tmp_path / "db") as (store, catalog):
        assert store.count() == 7
        assert {run.roots for run in catalog.runs()} == {(str(broken.parent),)}

    stages.clear()
    fresh = bundle_for(tmp_path / "db", None, "clip-b32", "cpu")  # a gallery knows its bundle
    assert fresh.source == "starter"
    take_in(benchmark, tmp_path / "db", fresh, None, lambda *now: stages.append(now))
    assert stages == []
    assert not {"clip", "encoder"} & vars(fresh).keys()  # nothing to do loads nothing


def test_pictures_beside_the_wanted_ones_are_left_alone(starter: Bundle, tmp_path: Path) -> None:
    benchmark = read_circo(field_data.circo(tmp_path / "circo", images=7), "val")
    field_data.draw(benchmark.paths["1"].with_name("mine.png"))
    take_in(benchmark, tmp_path / "db", starter, None, silent)
    with opened(tmp_path / "db") as (store, catalog):
        assert sorted(Path(path).name for path in store.scan(["path"])["path"].to_pylist()) == [
            f"{number:012d}.jpg" for number in range(1, 8)
        ]
        assert [len(run.roots) for run in catalog.runs()] == [7]


def test_captions_that_a_run_did_not_come_to_are_written_by_the_next(starter: Bundle, tmp_path: Path) -> None:
    benchmark = read_circo(field_data.circo(tmp_path / "circo", images=7), "val")
    (tmp_path / "bare.toml").write_text(f'arch = "{starter.spec.arch}"\n')
    take_in(benchmark, tmp_path / "db", bundle_for(tmp_path, str(tmp_path / "bare.toml"), None, "cpu"), None, silent)
    with opened(tmp_path / "db") as (store, _):
        assert len(store.uncaptioned()) == 7
    stages: list[tuple[str, int, int]] = []
    model = tmp_path / "captions.toml"
    model.write_text(f'arch = "{starter.spec.arch}"\ncaptioner = "{starter.spec.captioner}"\ncaptions = 1\n')
    captioned = bundle_for(tmp_path, str(model), None, "cpu")
    take_in(benchmark, tmp_path / "db", captioned, None, lambda *now: stages.append(now))
    assert stages[-1] == ("captioning", 7, 7)
    with opened(tmp_path / "db") as (store, _):
        assert store.uncaptioned() == []


def test_another_bundle_needs_another_gallery(starter: Bundle, tmp_path: Path) -> None:
    benchmark = read_circo(field_data.circo(tmp_path / "circo", images=7), "val")
    take_in(benchmark, tmp_path / "db", starter, None, silent)
    other = tmp_path / "other.toml"
    spec = starter.spec
    other.write_text(f'arch = "{spec.arch}"\ncaptioner = "{spec.captioner}"\npreprocess = "targetpad"\n')
    with pytest.raises(BundleError, match=r"was made with starter.* use --model starter, or change its model with"):
        take_in(benchmark, tmp_path / "db", bundle_for(tmp_path, str(other), "starter", "cpu"), None, silent)


@pytest.mark.parametrize(
    ("phi", "said"),
    [
        ("phi.safetensor", "does not exist"),
        ("small.safetensors", "maps width 8 over 32 to 4, but this CLIP needs 256 over 1024 to 192"),
    ],
)
def test_wrong_phi_is_found_before_the_first_image(phi: str, said: str, starter: Bundle, tmp_path: Path) -> None:
    benchmark = read_circo(field_data.circo(tmp_path / "circo", images=7), "val")
    save_phi(MappingNetwork(8, 4), tmp_path / "small.safetensors")
    spec = starter.spec
    file = tmp_path / "mine.toml"
    file.write_text(f'arch = "{spec.arch}"\ncaptioner = "{spec.captioner}"\nphi = "{tmp_path / phi}"\n')
    with pytest.raises(ModelError, match=said):
        take_in(benchmark, tmp_path / "db", bundle_for(tmp_path, str(file), "starter", "cpu"), None, silent)
    assert not (tmp_path / "db").exists()


def test_missing_api_key_is_found_before_the_first_image(
    starter: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    benchmark = read_circo(field_data.circo(tmp_path / "circo", images=7), "val")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(RewriteError, match="the API key of the openai rewriter is missing: set OPENAI_API_KEY"):
        take_in(benchmark, tmp_path / "db", starter, make_rewriter("openai"), silent)
    assert not (tmp_path / "db").exists()
    take_in(benchmark, tmp_path / "db", starter, make_rewriter("openai,rules"), silent)  # the second can answer
    take_in(benchmark, tmp_path / "db", starter, make_rewriter("openai"), silent)  # answers may be in the gallery
