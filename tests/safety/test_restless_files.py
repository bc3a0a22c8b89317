"""Files and folders that change, go or hang while an ingest looks at them: each is counted, the rest is taken in."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cvsi_db.errors import IngestError
from cvsi_db.gallery import Gallery
from cvsi_db.ingest import read_bytes, walk
from cvsi_db.records import IngestSummary
from tests.fakes import picture_bytes, save_picture
from tests.safety.workers import context, gallery_in, start, take_in_though_one_hangs

OTHER = picture_bytes("orange", (31, 29))


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[Gallery]:
    with gallery_in(tmp_path / "gallery") as gallery:
        yield gallery


def meanwhile(monkeypatch: pytest.MonkeyPatch, path: Path, happen: Callable[[Path], object], times: int) -> None:
    """Call `happen` with `path` after its bytes were read, while it is still open, the first `times` times."""
    real, inode, left = read_bytes._whole, path.stat().st_ino, [times]

    def read_it(descriptor: int, size: int, note: Callable[[], None]) -> bytes:
        data = real(descriptor, size, note)
        if os.fstat(descriptor).st_ino == inode and left[0]:
            left[0] -= 1
            happen(path)
        return data

    monkeypatch.setattr(read_bytes, "_whole", read_it)


def failures(summary: IngestSummary) -> dict[str, str]:
    return {Path(failure.path).name: failure.reason for failure in summary.errors}


def held(gallery: Gallery) -> dict[str, str]:
    """The image_id of each path that a row holds, by name."""
    return {
        Path(path).name: row.image_id
        for row in gallery._store.rows(gallery._store.ids()).values()
        for path in row.paths
    }


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def test_a_file_that_keeps_growing_fails_until_it_stops(
    photos: Path, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        meanwhile(patch, photos / "red.png", grow, times=2)
        first = gallery.ingest(photos)
    assert failures(first) == {"red.png": "changed while it was read: ingest it again"}
    assert (first.new, gallery.ingest(photos).new) == (4, 1)
    assert held(gallery)["red.png"] == hashlib.sha256((photos / "red.png").read_bytes()).hexdigest()
    assert gallery.check() == []


def test_a_file_that_changes_during_the_read_gets_its_new_content(
    photos: Path, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile(monkeypatch, photos / "red.png", lambda path: path.write_bytes(OTHER), times=1)
    assert gallery.ingest(photos).new == 5
    assert held(gallery)["red.png"] == hashlib.sha256(OTHER).hexdigest()
    assert gallery.check() == []


def test_a_file_that_vanishes_during_the_read_is_missing_in_the_next_ingest(
    photos: Path, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile(monkeypatch, photos / "red.png", lambda path: path.unlink(), times=1)
    assert gallery.ingest(photos).new == 5
    assert gallery.ingest(photos).removed == 1
    assert "red.png" not in held(gallery)
    assert gallery.check() == []


def become_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("become", "reason"),
    [
        (become_a_pipe, "not a regular file"),
        (lambda path: (path.unlink(), path.mkdir()), "not a regular file"),
        (lambda path: path.unlink(), "no such file"),
        (lambda path: (path.unlink(), path.symlink_to(path)), "Too many levels of symbolic links"),
    ],
)
def test_a_file_that_becomes_something_else_is_a_failure(
    photos: Path, gallery: Gallery, monkeypatch: pytest.MonkeyPatch, become: Callable[[Path], object], reason: str
) -> None:
    real = read_bytes._read

    def late(path: Path, note: Callable[[], None]) -> read_bytes.Content:
        if path.name == "red.png":
            become(path)
        return real(path, note)

    with monkeypatch.context() as patch:
        patch.setattr(read_bytes, "_read", late)
        summary = gallery.ingest(photos)
    assert (summary.new, failures(summary)) == (4, {"red.png": reason})
    assert gallery.check() == []


def test_a_folder_that_vanishes_between_its_name_and_its_files(
    photos: Path, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery.ingest(photos)
    real, trip = walk._listed, photos / "trip"

    def listed(folder: str) -> object:
        found = real(folder)
        if folder == str(photos):
            shutil.rmtree(trip)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(walk, "_listed", listed)
        summary = gallery.ingest(photos)
    assert (summary.unchanged, summary.removed, failures(summary)) == (3, 2, {"trip": "no such file"})
    assert (gallery._store.count(), gallery.check()) == (3, [])


def test_a_folder_that_vanishes_after_its_files_were_listed(
    photos: Path, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = walk._listed

    def listed(folder: str) -> object:
        found = real(folder)
        if folder == str(photos / "trip"):
            shutil.rmtree(folder)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(walk, "_listed", listed)
        summary = gallery.ingest(photos)
    assert (summary.new, failures(summary)) == (3, {"purple.png": "no such file", "yellow.png": "no such file"})
    assert gallery.check() == []


def test_a_root_that_vanishes_during_the_ingest_removes_nothing(
    photos: Path, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery.ingest(photos)
    save_picture(photos / "black.png", "black")
    real = walk._listed

    def listed(folder: str) -> object:
        if folder == str(photos / "trip"):
            photos.rename(photos.with_name("unplugged"))
        return real(folder)

    with monkeypatch.context() as patch:
        patch.setattr(walk, "_listed", listed)
        with pytest.raises(IngestError, match=r"photos' does not exist, where 5 images were: they stay"):
            gallery.ingest(photos, prune=True)
    photos.with_name("unplugged").rename(photos)
    assert gallery.ingest(photos).embedded == 1
    assert (gallery._store.count(), gallery.check()) == (6, [])


@pytest.mark.parametrize("prune", [False, True])
def test_a_disk_unplugged_during_reading_loses_nothing(
    photos: Path, gallery: Gallery, monkeypatch: pytest.MonkeyPatch, prune: bool
) -> None:
    gallery.ingest(photos)
    before = held(gallery)
    for name in ("red.png", "blue.png", "trip/yellow.png"):
        os.utime(photos / name, (1, 1))
    real, unplugged = read_bytes._read, photos.with_name("unplugged")

    def late(path: Path, note: Callable[[], None]) -> read_bytes.Content:
        if photos.exists():
            photos.rename(unplugged)
        return real(path, note)

    with monkeypatch.context() as patch:
        patch.setattr(read_bytes, "_read", late)
        summary = gallery.ingest(photos, prune=prune)
    assert (summary.failed, summary.unchanged, summary.removed, summary.pruned) == (3, 2, 0, 0)
    assert held(gallery) == before
    unplugged.rename(photos)
    assert gallery.ingest(photos).embedded == 0
    assert gallery.check() == []


def test_a_read_that_hangs_is_given_up_and_does_not_keep_the_process(photos: Path, tmp_path: Path) -> None:
    save_picture(photos / "hangs.png", "grey")
    answers, began = context.Queue(), time.monotonic()
    process = start(take_in_though_one_hangs, tmp_path / "gallery", photos, answers)
    process.join(60)
    assert process.exitcode == 0
    assert time.monotonic() - began < 30
    assert answers.get(timeout=5) == (5, [("hangs.png", "no answer for 0.5 seconds: is its drive connected?")])
