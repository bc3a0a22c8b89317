"""Several processes at one gallery: one writes, a second one waits or is refused, and searches meet whole states."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cvsi_db.errors import GalleryError
from tests.safety.photos import Photos
from tests.safety.workers import (
    context,
    gallery_in,
    keep_changing,
    keep_searching,
    start,
    take_in,
    take_in_slowly,
)


@pytest.fixture
def photos(tmp_path: Path) -> Photos:
    made = Photos(tmp_path / "photos", 1)
    made.add(40)
    return made


def test_a_second_ingest_is_refused_or_waits(photos: Photos, tmp_path: Path) -> None:
    folder, begun, go = tmp_path / "gallery", context.Event(), context.Event()
    with gallery_in(folder) as gallery:
        first = start(take_in_slowly, folder, photos.folder, begun, go)
        assert begun.wait(60)
        said = rf"^another process is writing to '.*gallery' \(process {first.pid} on .+\): wait until it is done, then"
        with pytest.raises(GalleryError, match=said):
            gallery.ingest(photos.folder)
        second = start(take_in, folder, photos.folder, False, False)
        second.join(0.5)
        assert second.exitcode is None
        go.set()
        second.join(30)
        first.join(30)
        assert (first.exitcode, second.exitcode) == (0, 0)
        assert gallery._store.count() == 40
        assert [run.summary and run.summary.new for run in gallery._catalog.runs()] == [0, 40]
        assert gallery.check() == []


@pytest.mark.parametrize("seconds", [3, pytest.param(60, marks=pytest.mark.slow)])
def test_searches_during_ingests_see_whole_commits(photos: Photos, tmp_path: Path, seconds: int) -> None:
    folder, references = tmp_path / "gallery", Photos(tmp_path / "references", 9)
    references.add(10)
    with gallery_in(folder) as gallery:
        gallery.ingest(photos.folder)
    for number, path in enumerate(sorted(photos.folder.rglob("*.png"))[:10]):  # what the gallery holds, for a while
        shutil.copy(path, references.folder / f"known-{number}.png")
    written, found = context.Queue(), context.Queue()
    writer = start(keep_changing, folder, photos.folder, seconds, written)
    searchers = [start(keep_searching, folder, references.folder, seconds, number, found) for number in range(4)]
    for process in (writer, *searchers):
        process.join(seconds + 60)
        assert process.exitcode == 0
    answers = [found.get(timeout=10) for _ in searchers]
    rounds, problems = written.get(timeout=10)
    assert [faults for _, _, faults in answers] == [[]] * 4
    assert problems == []
    print(
        f"{rounds} ingests, {sum(a[0] for a in answers)} searches, {sum(a[1] for a in answers)} of them across a write"
    )
    assert rounds > 2
    assert sum(met for _, met, _ in answers) > 0
