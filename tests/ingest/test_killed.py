"""SIGKILL in the middle of an ingest: the next one ends in the gallery that one without the kill would have made."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from cvsi_db.ingest import ingest
from cvsi_db.manage.check import find_problems
from cvsi_db.store.catalog import Catalog, GalleryInfo
from cvsi_db.store.folder import create_gallery_folder
from cvsi_db.store.images import Store
from tests.fakes import DIM, FakeCaptioner, FakeEncoder, save_picture
from tests.ingest.killed import ingest_and_die
from tests.processes import context


@contextmanager
def gallery_of(folder: Path) -> Iterator[tuple[Store, Catalog]]:
    store, catalog = create_gallery_folder(folder, GalleryInfo("fake", "fake-1", DIM, "2024-01-01T00:00:00+00:00"))
    yield store, catalog
    catalog.close()


def take_in(photos: Path, store: Store, catalog: Catalog, prune: bool = False) -> None:
    models = {"encoder": FakeEncoder(), "captioner": FakeCaptioner()}
    ingest([photos], store=store, catalog=catalog, batch_size=2, prune=prune, **models)


def start(photos: Path, *galleries: tuple[Store, Catalog]) -> None:
    """Two ingests, of which the second finds two files gone: one will return, the other be pruned."""
    for name, size in (("returning.png", (20, 30)), ("forgotten.png", (30, 20))):
        save_picture(photos / name, "orange", size)
    for gallery in galleries:
        take_in(photos, *gallery)
    for name in ("returning.png", "forgotten.png"):
        (photos / name).rename(photos.parent / name)
    for gallery in galleries:
        take_in(photos, *gallery)


def change(photos: Path) -> None:
    """One of everything: a returned, moved, copied, changed, removed and bad file, and three new ones, in batches."""
    (photos.parent / "returning.png").rename(photos / "trip" / "returned.png")
    (photos / "blue.png").rename(photos / "azure.png")
    (photos / "copy.png").write_bytes((photos / "green.png").read_bytes())
    save_picture(photos / "red.png", "orange", (80, 60))
    (photos / "trip" / "purple.png").unlink()
    (photos / "bad.png").write_bytes(b"bad")
    for colour in ("grey", "white", "black"):
        save_picture(photos / "new" / f"{colour}.png", colour)


def content(store: Store, catalog: Catalog) -> dict[str, Any]:
    """All that is in a gallery, in a form that compares."""
    rows, removed = store.rows(store.ids()), store.rows(store.ids("removed"), "removed")
    vectors = ("image_vector", "caption_vector")
    return {
        "rows": {
            key: asdict(row) | {name: getattr(row, name).tolist() for name in vectors} for key, row in rows.items()
        },
        "removed": {key: row.path for key, row in removed.items()},
        "spoken": sorted(store.scan(["caption_id"], table="captions")["caption_id"].to_pylist()),
        "files": catalog.source_files(),
        "captions": catalog.captions(rows, FakeCaptioner().name),
        "problems": find_problems(store, catalog),
    }


@pytest.mark.parametrize(
    ("method", "number"),
    [
        pytest.param("sleep", 0, marks=pytest.mark.slow),
        ("merge captions", 1),
        pytest.param("update", 2, marks=pytest.mark.slow),
        pytest.param("record_files", 1, marks=pytest.mark.slow),
        pytest.param("delete removed", 2, marks=pytest.mark.slow),
        pytest.param("keep_captions", 2, marks=pytest.mark.slow),
        pytest.param("merge images", 2, marks=pytest.mark.slow),
        pytest.param("uncaptioned", 1, marks=pytest.mark.slow),
        pytest.param("bring_back", 1, marks=pytest.mark.slow),
        pytest.param("merge removed", 1, marks=pytest.mark.slow),
        pytest.param("remove", 1, marks=pytest.mark.slow),
        pytest.param("forget_captions", 1, marks=pytest.mark.slow),
    ],
)
def test_after_a_kill_the_next_ingest_completes_the_gallery(
    tmp_path: Path, photos: Path, method: str, number: int
) -> None:
    with gallery_of(tmp_path / "whole") as whole, gallery_of(tmp_path / "killed") as cut:
        start(photos, whole, cut)
        change(photos)
        asleep = context.Event()
        told = (tmp_path / "killed", photos, method, number, asleep)
        process = context.Process(target=ingest_and_die, args=told, daemon=True)
        process.start()
        if method == "sleep":
            assert asleep.wait(60)
            process.kill()
        process.join(60)
        assert process.exitcode == -signal.SIGKILL
        take_in(photos, *whole, prune=True)
        assert content(*cut) != content(*whole)
        take_in(photos, *cut, prune=True)
        assert content(*cut) == content(*whole)
        assert content(*whole)["problems"] == []
