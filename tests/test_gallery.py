"""Gallery: the folder with its bundle. What search and ingest do is tested with their stages."""

from __future__ import annotations

from pathlib import Path

import pytest

from cvsi_db import Gallery
from cvsi_db.errors import BundleError, GalleryError, IngestError, QueryError, RankError
from tests.fakes import save_picture


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for colour in ("red", "green", "blue"):
        save_picture(folder / f"{colour}.png", colour)
    return folder


@pytest.fixture(scope="module")
def folder(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of three pictures, made with the starter bundle."""
    folder = tmp_path_factory.mktemp("made") / "gallery"
    done: list[int] = []
    with Gallery.create(folder, device="cpu") as gallery:
        summary = gallery.ingest(pictures, on_progress=lambda now: done.append(now.done), batch_size=2)
    assert (summary.new, summary.embedded, summary.failed) == (3, 3, 0)
    assert done == [2, 3]
    return folder


def test_stats_and_images(folder: Path, pictures: Path) -> None:
    with Gallery.open(folder, device="cpu") as gallery:
        stats = gallery.stats()
        names = [image["name"] for image in gallery.images("width > 10")]
        assert gallery.check() == []
    assert (stats["images"], stats["files"], stats["model"], stats["dim"]) == (3, {"ok": 3}, "starter", 256)
    assert names == ["blue.png", "green.png", "red.png"]


def test_open_or_create_opens_what_is_there(folder: Path, pictures: Path) -> None:
    with Gallery.open_or_create(folder, device="cpu") as gallery:
        assert gallery.ingest(pictures).embedded == 0


def test_a_gallery_is_not_made_twice_nor_opened_where_there_is_none(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match="holds a gallery already"):
        Gallery.create(folder, device="cpu")
    with pytest.raises(GalleryError, match=r"no gallery in .*cvsi-db ingest"):
        Gallery.open(tmp_path / "none")


def test_another_bundle_is_refused_with_both_fingerprints(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text('arch = "ViT-B-32"\nweights = "openai"\ncaptioner = "x"\n')
    with pytest.raises(BundleError, match=r"made with starter:\w{16}, not with other:\w{16}: use --model starter"):
        Gallery.open(folder, model=str(tmp_path / "other.toml"))


def test_a_query_that_cannot_be_meant_fails_before_any_model_loads(folder: Path) -> None:
    with Gallery.open(folder, device="cpu") as gallery:
        with pytest.raises(QueryError, match="k is 0"):
            gallery.search("red.png", "with a hat", k=0)
        with pytest.raises(RankError, match="unknown preset"):
            gallery.search("red.png", "with a hat", preset="best")
        with pytest.raises(RankError, match="unknown term"):
            gallery.search("red.png", "with a hat", rank="beauty")
        assert "encoder" not in vars(gallery._bundle)


def test_nothing_to_ingest(folder: Path, tmp_path: Path) -> None:
    with Gallery.open(folder, device="cpu") as gallery, pytest.raises(IngestError, match="no picture"):
        gallery.ingest(tmp_path)


def test_two_writers(folder: Path, pictures: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from cvsi_db.storage import write_lock

    with (
        Gallery.open(folder, device="cpu") as gallery,
        write_lock(folder),
        ThreadPoolExecutor(1) as other,
        pytest.raises(GalleryError, match="another process is writing"),
    ):
        other.submit(gallery.ingest, pictures).result()


def test_a_gallery_remembers_a_bundle_of_the_users_own(pictures: Path, tmp_path: Path) -> None:
    from cvsi_db.models.starter import FOLDER

    spec = f'arch = "local-dir:{FOLDER / "clip"}"\ncaptioner = "{FOLDER / "captioner"}"\ncaptions = 2\n'
    (tmp_path / "mine.toml").write_text(spec)
    with Gallery.create(tmp_path / "gallery", model=str(tmp_path / "mine.toml"), device="cpu") as gallery:
        gallery.ingest(pictures)
    with Gallery.open(tmp_path / "gallery", device="cpu") as gallery:
        hits = gallery.search(pictures / "red.png", "make it blue", k=2)
        assert len(hits) == 2
        assert "this bundle has no phi" in hits.warnings[0]
        assert all(len(image["captions"]) == 2 for image in gallery.images())
