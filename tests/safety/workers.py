"""What the processes of these tests do. They are forked from one that has imported everything: many cost little.

The gallery is a real one with the fakes for models. Every function here is the target of a `start`.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cvsi_db.gallery import Gallery
from cvsi_db.ingest import commit_thread, load, read_bytes
from cvsi_db.search.compile import compiler  # noqa: F401  a search imports them late
from cvsi_db.search.plan import build  # noqa: F401  a search imports them late
from cvsi_db.search.run import executor, rerank  # noqa: F401  a search imports them late
from cvsi_db.store.catalog import GalleryInfo
from cvsi_db.store.folder import create_gallery_folder, is_gallery, open_gallery_folder
from cvsi_db.store.images import Store, widened
from cvsi_db.store.lance import connect, open_table
from tests.fakes import DIM, FakeCaptioner, FakeEncoder, FakePhi, FakeRewriter
from tests.processes import context
from tests.safety.photos import Photos
from tests.search.conftest import assert_exact, brute_force

warnings.filterwarnings("ignore", "lancedb fork support")

INFO = GalleryInfo("fake", "fake-1", DIM, "2024-01-01T00:00:00+00:00")


def start(work: Callable[..., None], *args: Any) -> BaseProcess:
    """A process that does `work`; it dies with the tests."""
    process = context.Process(target=work, args=args, daemon=True)
    process.start()
    return process


def gallery_in(folder: Path, encoder: FakeEncoder | None = None) -> Gallery:
    """The gallery in `folder`, made if there is none."""
    models = {"encoder": encoder or FakeEncoder(), "captioner": FakeCaptioner(), "phi": FakePhi()}
    bundle: Any = SimpleNamespace(**models, device="cpu", spec=SimpleNamespace(preset="default"), source="fake")
    opened = open_gallery_folder(folder) if is_gallery(folder) else create_gallery_folder(folder, INFO)
    return Gallery(folder, *opened, bundle, FakeRewriter())


def take_in(folder: Path, photos: Path, prune: bool, tend: bool) -> None:
    """Ingest with as many commits as there can be, and then optimize."""
    commit_thread.COMMIT_S = 0
    with gallery_in(folder) as gallery:
        gallery.ingest(photos, batch_size=2, prune=prune)
        if tend:
            gallery.optimize()


class Waiting(FakeEncoder):
    """Says when its first batch is there, and waits with it until it may go on."""

    def __init__(self, begun: Event, go: Event) -> None:
        super().__init__()
        self._begun, self._go = begun, go

    def encode_images(self, pictures: Sequence[Any]) -> Any:
        self._begun.set()
        self._go.wait(60)
        return super().encode_images(pictures)


def take_in_slowly(folder: Path, photos: Path, begun: Event, go: Event) -> None:
    """Ingest, and be in the middle of it from `begun` until `go`."""
    with gallery_in(folder, Waiting(begun, go)) as gallery:
        gallery.ingest(photos, batch_size=4)


def take_in_though_one_hangs(folder: Path, photos: Path, answers: Queue[Any]) -> None:
    """Ingest while reading `hangs.png` takes an hour; answers with how many were new, and the failures."""
    real = read_bytes._read

    def hanging(path: Path, note: Callable[[], None]) -> read_bytes.Content:
        time.sleep(3600 if path.name == "hangs.png" else 0)
        return real(path, note)

    read_bytes._read = hanging
    load.read_file = lambda path: read_bytes.read_file(path, patience=0.5)
    with gallery_in(folder) as gallery:
        done = gallery.ingest(photos)
    answers.put((done.new, [(Path(failure.path).name, failure.reason) for failure in done.errors]))


# --- a writer and its searchers -------------------------------------------------------------------------------------


def keep_changing(folder: Path, photos: Path, seconds: float, answers: Queue[Any]) -> None:
    """Change the photos, ingest and optimize, three times and over and over; answers with the number of ingests."""
    commit_thread.COMMIT_S = 0
    end, changing, rounds = time.monotonic() + seconds, Photos(photos, seed=2), 0
    with gallery_in(folder) as gallery:
        while time.monotonic() < end or rounds < 3:
            changing.change(20)
            gallery.ingest(photos, batch_size=4, prune=rounds % 4 == 3)
            if rounds % 3 == 2:
                gallery.optimize()
            rounds += 1
        answers.put((rounds, gallery.check()))


def keep_searching(folder: Path, references: Path, seconds: float, number: int, answers: Queue[Any]) -> None:
    """Search over and over; answers with the number of searches, how many met a write, and what was wrong."""
    end, files, searches, met, faults = time.monotonic() + seconds, sorted(references.rglob("*.png")), 0, 0, list[str]()
    with gallery_in(folder) as gallery:
        past = _Past(gallery._store, folder)
        while time.monotonic() < end and not faults:
            reference, before = files[(searches + number) % len(files)], gallery._store.version
            try:
                found = gallery.search(reference, "with a red hat", k=12, exclude_reference=bool(searches % 2))
            except Exception as error:
                faults.append(f"{type(error).__name__}: {error}")
                break
            after = gallery._store.version
            searches, met = searches + 1, met + (after != before)
            faults += [f"{hit.path}: {hit.metadata}" for hit in found if not _is_complete(hit)]
            if not past.has_given(found, range(before, after + 1)):
                faults.append(f"no version from {before} to {after} answers so: {[hit.path for hit in found]}")
    answers.put((searches, met, faults))


def _is_complete(hit: Any) -> bool:
    named = hit.metadata
    told = (named["name"], named["width"]) == (os.path.basename(hit.path), 8)
    return told and len(named["captions"]) in (0, 3)  # none until the second phase of the ingest writes all of them


class _Past:
    """The tables as they were at each version."""

    def __init__(self, store: Store, folder: Path) -> None:
        self._lance, self._folder = connect(folder / "lance"), folder
        self._versions: dict[int, Any] = {}

    def has_given(self, found: Any, versions: range) -> bool:
        """Whether brute force over one of the versions gives the same hits."""
        return any(self._agrees(found, version) for version in versions)

    def _agrees(self, found: Any, version: int) -> bool:
        rows: Any = SimpleNamespace(scan=lambda columns, where: self._rows(version))
        logical = found.compiled.logical
        try:
            assert_exact([(hit.image_id, hit.score) for hit in found], brute_force(rows, logical), logical.k)
        except (AssertionError, KeyError):  # KeyError: a hit that is not there at all
            return False
        return True

    def _rows(self, version: int) -> Any:
        if version not in self._versions:
            table = open_table(self._lance, "images", self._folder)
            table.checkout(version)
            columns = ["image_id", "image_vector", "caption_vector"]
            self._versions = {version: widened(table.search().select(columns).to_arrow())}
        return self._versions[version]
