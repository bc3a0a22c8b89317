"""SIGKILL in the middle of an ingest: the next one ends in the gallery that one without the kill would have made."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from cvsi_db.catalog import Catalog, GalleryInfo
from cvsi_db.check import find_problems
from cvsi_db.ingest import ingest
from cvsi_db.storage import create_gallery_folder
from cvsi_db.store import Store
from tests.fakes import DIM, FakeCaptioner, FakeEncoder, save_picture

REPOSITORY = Path(__file__).parents[2]


@contextmanager
def gallery_of(folder: Path) -> Iterator[tuple[Store, Catalog]]:
    store, catalog = create_gallery_folder(folder, GalleryInfo("fake", "fake-1", DIM, "2024-01-01T00:00:00+00:00"))
    yield store, catalog
    catalog.close()


def take_in(photos: Path, store: Store, catalog: Catalog) -> None:
    ingest([photos], store=store, catalog=catalog, encoder=FakeEncoder(), captioner=FakeCaptioner(), batch_size=2)


def change(photos: Path) -> None:
    """One of everything: a moved, a copied, a changed, a removed, a bad and three new files, in five batches."""
    (photos / "blue.png").rename(photos / "azure.png")
    (photos / "copy.png").write_bytes((photos / "green.png").read_bytes())
    save_picture(photos / "red.png", "orange", (80, 60))
    (photos / "trip" / "purple.png").unlink()
    (photos / "bad.png").write_bytes(b"bad")
    for colour in ("grey", "white", "black"):
        save_picture(photos / "new" / f"{colour}.png", colour)


def content(store: Store, catalog: Catalog) -> dict[str, Any]:
    """All that is in a gallery, in a form that compares."""
    rows = store.rows(store.scan(["image_id"])["image_id"].to_pylist())
    vectors = ("image_vector", "caption_vector")
    return {
        "rows": {
            key: asdict(row) | {name: getattr(row, name).tolist() for name in vectors} for key, row in rows.items()
        },
        "files": catalog.source_files(),
        "captions": catalog.captions(rows, FakeCaptioner().name),
        "problems": find_problems(store, catalog),
    }


def killed(gallery: Path, photos: Path, method: str, number: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.ingest.killed", str(gallery), str(photos), method, str(number)]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("method", "number"),
    [
        ("sleep", 0),
        ("keep_captions", 2),
        ("upsert", 1),
        ("update", 1),
        ("delete", 3),
        ("record_files", 3),
    ],
)
def test_after_a_kill_only_work_is_left(tmp_path: Path, photos: Path, method: str, number: int) -> None:
    with gallery_of(tmp_path / "whole") as whole, gallery_of(tmp_path / "killed") as cut:
        take_in(photos, *whole)
        take_in(photos, *cut)
        change(photos)
        with killed(tmp_path / "killed", photos, method, number) as process:
            if method == "sleep":
                assert process.stdout is not None
                assert process.stdout.readline() == "asleep\n"
                process.kill()
        assert process.returncode == -signal.SIGKILL
        take_in(photos, *whole)
        assert content(*cut) != content(*whole)
        take_in(photos, *cut)
        assert content(*cut) == content(*whole)
        assert content(*whole)["problems"] == []
