"""watch: real file system events, a real gallery with fake models; each test waits for what it expects, not longer."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from cvsi_db.errors import GalleryError, IngestError, ModelError
from cvsi_db.ingest import ingest
from cvsi_db.manage.watch import Listener, WatchOptions, _Filter, watch
from cvsi_db.records import IngestProgress, IngestSummary
from cvsi_db.store.catalog import Catalog
from cvsi_db.store.images import Store
from tests.fakes import FakeCaptioner, FakeEncoder, save_picture


class FakeGallery:
    """The one method of a gallery that a watcher calls; `raising` is raised once by the next ingest."""

    def __init__(self, folder: Path, store: Store, catalog: Catalog) -> None:
        self.folder = folder
        self.encoder = FakeEncoder()
        self.raising: list[Exception] = []
        self.options: list[dict[str, Any]] = []
        self._store, self._catalog = store, catalog

    def ingest(
        self, *paths: Path, on_progress: Callable[[IngestProgress], None], caption: bool, **options: Any
    ) -> IngestSummary:
        self.options.append({"caption": caption, **options})
        if self.raising:
            raise self.raising.pop()
        return ingest(
            paths,
            store=self._store,
            catalog=self._catalog,
            encoder=self.encoder,
            captioner=FakeCaptioner() if caption else None,
            progress=on_progress,
            **options,
        )


class Watching:
    """A watcher in a thread, and what it has told so far."""

    def __init__(self, gallery: FakeGallery) -> None:
        self.gallery = gallery
        self.stop = threading.Event()
        self.summaries: list[tuple[Sequence[Path], IngestSummary]] = []
        self.lines: list[str] = []
        self.error: BaseException | None = None
        self._seen = 0
        self._thread = threading.Thread()

    def start(self, folders: Sequence[Path], **options: Any) -> None:
        listener = Listener(lambda folders, summary: self.summaries.append((folders, summary)), self.lines.append)

        def run() -> None:
            try:
                watch(
                    self.gallery,  # type: ignore[arg-type]
                    folders,
                    options=WatchOptions(**options),
                    listener=listener,
                    stop=self.stop,
                )
            except BaseException as error:
                self.error = error

        self._thread = threading.Thread(target=run)
        self._thread.start()

    def wait_for(self, said: Callable[[], object], seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while not said():
            assert self._thread.is_alive(), self.error
            assert time.monotonic() < end, (self.summaries, self.lines, self.error)
            time.sleep(0.02)

    def wait_for_ingest(self, **counts: int) -> None:
        """Wait for an ingest with these counts, after the one that was waited for before."""

        def has_come() -> bool:
            fresh = [summary for _, summary in self.summaries[self._seen :]]
            for number, summary in enumerate(fresh, self._seen + 1):
                if {name: getattr(summary, name) for name in counts} == counts:
                    self._seen = number
                    return True
            return False

        self.wait_for(has_come)

    def join(self) -> None:
        if self._thread.ident:
            self._thread.join(20)
        assert not self._thread.is_alive()

    def end(self) -> None:
        self.stop.set()
        self.join()


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cvsi_db.manage.watch.TICK", 0.1)
    monkeypatch.setattr("cvsi_db.manage.watch.QUIET", 0.1)


@pytest.fixture
def watching(gallery_folder: Path, store: Store, catalog: Catalog) -> Iterator[Watching]:
    """Not started yet; ended after the test."""
    watching = Watching(FakeGallery(gallery_folder, store, catalog))
    yield watching
    watching.end()


def test_new_moved_changed_and_deleted_files(watching: Watching, store: Store, photos: Path) -> None:
    watching.start([photos])
    watching.wait_for_ingest(new=5)
    save_picture(photos / "new" / "orange.png", "orange")
    watching.wait_for_ingest(new=1, unchanged=5)
    (photos / "new" / "orange.png").rename(photos / "trip" / "moved.png")
    watching.wait_for_ingest(moved=1, embedded=0)
    save_picture(photos / "red.png", "grey")
    watching.wait_for_ingest(new=1, embedded=1)
    (photos / "blue.png").unlink()
    watching.wait_for_ingest(removed=1)
    names = set(store.scan(["name"])["name"].to_pylist())
    assert names == {"red.png", "green.png", "purple.png", "yellow.png", "moved.png"}
    assert watching.error is None
    assert watching.lines == []


def test_a_broken_file_is_reported_once_until_it_is_fixed(watching: Watching, photos: Path) -> None:
    (photos / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    watching.start([photos])
    watching.wait_for_ingest(new=5, failed=1)
    save_picture(photos / "orange.png", "orange")
    watching.wait_for_ingest(new=1, failed=1)
    assert len(watching.lines) == 1
    assert watching.lines[0].startswith(f"skipped {photos / 'broken.png'}: ")
    save_picture(photos / "broken.png", "grey")
    watching.wait_for_ingest(new=1, failed=0)


def test_watch_waits_for_images_in_an_empty_folder(watching: Watching, tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    watching.start([tmp_path / "inbox"])
    watching.wait_for(lambda: watching.lines)
    assert "no image" in watching.lines[0]
    save_picture(tmp_path / "inbox" / "red.png")
    watching.wait_for_ingest(new=1)


def test_what_moves_between_folders_keeps_its_row_even_when_pruning(
    watching: Watching, photos: Path, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    watching.start([photos, tmp_path / "other"], prune=True)
    watching.wait_for_ingest(new=5)
    assert "no image" in watching.lines[0]
    save_picture(tmp_path / "other" / "white.png", "white")
    watching.wait_for_ingest(new=1)
    (photos / "red.png").rename(tmp_path / "other" / "red.png")
    watching.wait_for_ingest(moved=1, embedded=0, pruned=0)
    assert store.count() == 6


def test_watch_waits_for_a_folder_that_vanishes(watching: Watching, store: Store, photos: Path, tmp_path: Path) -> None:
    save_picture(tmp_path / "other" / "white.png", "white")
    watching.start([photos, tmp_path / "other"])
    watching.wait_for_ingest(new=6)
    photos.rename(tmp_path / "away")
    watching.wait_for(lambda: watching.lines)
    assert watching.lines == [f"{photos} is gone: waiting until it is back"]
    save_picture(tmp_path / "other" / "black.png", "black")
    watching.wait_for_ingest(new=1, unchanged=1)
    assert store.count() == 7  # nothing was taken for deleted
    (tmp_path / "away").rename(photos)
    watching.wait_for_ingest(unchanged=5)
    save_picture(photos / "orange.png", "orange")
    watching.wait_for_ingest(new=1, unchanged=5)


def test_a_gallery_that_cannot_be_written_is_tried_again(
    watching: Watching, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cvsi_db.manage.watch.RETRY", 0.1)
    watching.gallery.raising = [GalleryError("another process is writing")] * 2
    watching.start([photos])
    watching.wait_for_ingest(new=5)
    assert watching.lines == ["another process is writing; trying again"]
    assert len(watching.gallery.options) == 3


def test_hidden_files_and_the_gallerys_own_trigger_no_ingest(
    watching: Watching, photos: Path, gallery_folder: Path, tmp_path: Path
) -> None:
    watching.start([tmp_path])  # the gallery is in it
    watching.wait_for_ingest(new=5)
    save_picture(photos / ".hidden.png", "orange")
    save_picture(photos / ".cache" / "orange.png", "orange")
    (gallery_folder / "note.txt").write_text("ours")
    time.sleep(0.6)
    assert len(watching.summaries) == 1
    (photos / ".cvsiignore").write_text("trip\n")
    watching.wait_for(lambda: len(watching.summaries) >= 2)


def test_options_reach_the_ingest(watching: Watching, photos: Path, store: Store) -> None:
    watching.start([photos], prune=True, caption=False, batch_size=2)
    watching.wait_for_ingest(new=5)
    assert watching.gallery.options == [{"caption": False, "batch_size": 2, "prune": True}]
    assert store.count_uncaptioned() == 5
    (photos / "red.png").unlink()
    watching.wait_for_ingest(pruned=1)
    assert store.ids("removed") == set()


def test_a_name_that_is_not_utf_8_does_not_end_watching(watching: Watching, photos: Path) -> None:
    watching.start([photos])
    watching.wait_for_ingest(new=5)
    Path(os.fsdecode(os.fsencode(photos / "n") + b"\xff.png")).write_bytes((photos / "red.png").read_bytes())
    watching.wait_for_ingest(failed=1, unchanged=5)
    assert "not UTF-8" in watching.lines[0]
    save_picture(photos / "orange.png", "orange")
    watching.wait_for_ingest(new=1)


def test_more_folders_than_the_system_can_watch(
    watching: Watching, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*paths: Path, **options: Any) -> Any:
        raise OSError("OS file watch limit reached.")

    monkeypatch.setattr("watchfiles.watch", refuse)
    watching.start([photos])
    watching.join()
    assert isinstance(watching.error, GalleryError)
    assert "limit reached.; watch fewer, or poll" in str(watching.error)


def test_polling_sees_changes_too(watching: Watching, photos: Path) -> None:
    watching.start([photos], poll=True)
    watching.wait_for_ingest(new=5)
    save_picture(photos / "orange.png", "orange")
    watching.wait_for_ingest(new=1, unchanged=5)


def test_watch_stops_after_the_current_batch(watching: Watching, photos: Path, store: Store) -> None:
    encode = watching.gallery.encoder.encode_images

    def slowly(pictures: Any) -> Any:
        watching.stop.set()
        return encode(pictures)

    watching.gallery.encoder.encode_images = slowly  # type: ignore[method-assign]
    watching.start([photos], batch_size=1)
    watching.join()
    assert watching.error is None
    assert watching.summaries == []
    assert 1 <= store.count() <= 5


def test_a_model_error_ends_watching(watching: Watching, photos: Path) -> None:
    watching.gallery.raising = [ModelError("broken")]
    watching.start([photos])
    watching.join()
    assert isinstance(watching.error, ModelError)


@pytest.mark.parametrize("name", ["none", "photos/red.png"])
def test_only_folders_are_watched(watching: Watching, photos: Path, name: str) -> None:
    watching.start([photos, photos.parent / name])
    watching.join()
    assert isinstance(watching.error, IngestError)
    assert "name an existing folder" in str(watching.error)


def test_a_changed_path_is_assigned_to_the_root_above_it(tmp_path: Path) -> None:
    (tmp_path / "a" / ".b").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    roots = (tmp_path / "a", tmp_path / "a" / ".b", tmp_path / "link")
    kept = _Filter(roots, tmp_path / "a" / "gallery")
    inside = {
        "a/x.png": roots[0],
        "a/c/x": roots[0],
        "a/.b/x.png": roots[1],
        "link/x.png": roots[2],
        "a": roots[0],
        "a/.cvsiignore": roots[0],
    }
    for name, root in inside.items():
        assert kept.root_of(str(tmp_path / name)) == root, name
    for name in ("a/.c/x.png", "a/.x.png", "a/gallery/lance/x", "b/x.png", "ab/x.png"):
        assert kept.root_of(str(tmp_path / name)) is None, name
