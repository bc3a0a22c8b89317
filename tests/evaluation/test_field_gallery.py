"""A benchmark's images go into an ordinary gallery once, with the real starter models."""

from __future__ import annotations

from pathlib import Path

import pytest

from cvsi_db.errors import BundleError, GalleryError
from cvsi_db.evaluation.circo import read_circo
from cvsi_db.evaluation.field_gallery import bundle_for, opened, take_in
from cvsi_db.models.bundle import Bundle
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
    with pytest.raises(GalleryError, match=r"CIRCO val needs '.*06\.jpg', which cannot be read \(not an image\): repl"):
        take_in(benchmark, tmp_path / "db", starter, silent)

    broken.write_bytes(whole)
    told: list[tuple[str, int, int]] = []
    take_in(benchmark, tmp_path / "db", starter, lambda *now: told.append(now))
    assert told == [("ingesting", 7, 7)]
    with opened(tmp_path / "db") as (store, catalog):
        assert store.count() == 7
        assert {run.roots for run in catalog.runs()} == {(str(broken.parent),)}

    told.clear()
    fresh = bundle_for(tmp_path / "db", None, "clip-b32", "cpu")  # a gallery knows its bundle
    assert fresh.source == "starter"
    take_in(benchmark, tmp_path / "db", fresh, lambda *now: told.append(now))
    assert told == []
    assert "_clip" not in vars(fresh)  # nothing to do loads nothing


def test_pictures_beside_the_wanted_ones_are_left_alone(starter: Bundle, tmp_path: Path) -> None:
    benchmark = read_circo(field_data.circo(tmp_path / "circo", images=7), "val")
    field_data.draw(benchmark.paths["1"].with_name("mine.png"))
    take_in(benchmark, tmp_path / "db", starter, silent)
    with opened(tmp_path / "db") as (store, catalog):
        assert sorted(Path(path).name for path in store.scan(["path"])["path"].to_pylist()) == [
            f"{number:012d}.jpg" for number in range(1, 8)
        ]
        assert [len(run.roots) for run in catalog.runs()] == [7]


def test_another_bundle_needs_another_gallery(starter: Bundle, tmp_path: Path) -> None:
    benchmark = read_circo(field_data.circo(tmp_path / "circo", images=7), "val")
    take_in(benchmark, tmp_path / "db", starter, silent)
    other = tmp_path / "other.toml"
    spec = starter.spec
    other.write_text(f'arch = "{spec.arch}"\ncaptioner = "{spec.captioner}"\npreprocess = "targetpad"\n')
    with pytest.raises(BundleError, match=r"was made with starter.* use --model starter, or another --db"):
        take_in(benchmark, tmp_path / "db", bundle_for(tmp_path, str(other), "starter", "cpu"), silent)
