"""The doctor: what it finds of the installation, the models and the gallery."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from cvsi_db import Gallery
from cvsi_db.manage.doctor import Finding, examine
from cvsi_db.settings import Settings
from tests.fakes import save_picture


def found(folder: Path, device: str = "cpu") -> dict[str, Finding]:
    return {finding.about: finding for finding in examine(Settings(folder, device=device))}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_picture(tmp_path / "pictures" / "red.png", "red")
    with Gallery.create(tmp_path / "gallery", model="starter", device="cpu") as gallery:
        gallery.ingest(tmp_path / "pictures", caption=False)
    return tmp_path / "gallery"


def test_it_tells_versions_models_and_a_gallery_in_good_order(folder: Path) -> None:
    told = found(folder)
    assert told["lancedb"] == Finding("lancedb", version("lancedb"))
    assert told["model starter"] == Finding("model starter", "fully on this machine, MIT")
    assert told["gallery"].found == f"{folder}: 1 images, model starter"
    assert told["health"] == Finding("health", "no problem found")
    assert told["captions"].remedy == f"cvsi-db caption --db {folder}"
    assert not [finding for finding in told.values() if finding.verdict == "problem"]


def test_what_is_missing_comes_with_the_command_that_mends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    told = found(tmp_path / "none")
    assert told["gallery"].verdict == "note"
    assert told["gallery"].remedy.startswith("cvsi-db ingest FOLDER")
    assert told["model clip-l14-datacomp"].remedy.startswith("cvsi-db models pull clip-l14-datacomp")


def test_a_damaged_gallery_and_an_absent_device_are_problems(folder: Path) -> None:
    (folder.parent / "pictures" / "red.png").unlink()
    (folder / "catalog.sqlite").write_bytes(b"damaged")
    told = found(folder, device="tpu")
    assert told["gallery"].verdict == "problem"
    assert told["gallery"].remedy == f"cvsi-db check --repair --db {folder}"
    assert told["device"].verdict == "problem"
    assert "unknown device 'tpu'" in told["device"].found
