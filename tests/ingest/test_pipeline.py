"""The pipeline and what writes behind it: the order of things, errors, interrupts, memory, and the models' lanes."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cvsi_db.errors import GalleryError, ImageError, UsageError
from cvsi_db.ingest import commit_thread, dry_run, ingest, load, pipeline, read_bytes
from cvsi_db.ingest.decode import read_picture
from cvsi_db.ingest.read_bytes import DecodedBatch
from cvsi_db.records import FloatArray, FoundFile, IngestFailure, IngestProgress, IngestSummary
from cvsi_db.store.catalog import Catalog
from cvsi_db.store.images import Store
from tests.fakes import FakeCaptioner, FakeEncoder, save_picture

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Thirty distinct pictures, a copy of every third one, and a bad file after every tenth."""
    folder = tmp_path / "many"
    for number in range(30):
        colour = ("red", "green", "blue")[number % 3]
        path = save_picture(folder / f"{number:02}.png", colour, (30 + number, 40))
        if number % 3 == 0:
            (folder / f"{number:02}-copy.png").write_bytes(path.read_bytes())
        if number % 10 == 9:
            (folder / f"{number:02}-bad.png").write_bytes(b"bad" * number)
    return folder


def take_in(folder: Path, store: Store, catalog: Catalog, **options: Any) -> IngestSummary:
    models = {"encoder": FakeEncoder(), "captioner": None}
    return ingest([folder], store=store, catalog=catalog, **models | options)


class Laned(FakeEncoder):
    """Encodes three batches at once, the earlier the slower, and notes how many it had at a time."""

    lanes = 3

    def __init__(self) -> None:
        super().__init__()
        self.busy = self.most = 0
        self.threads: set[str] = set()

    def encode_images(self, pictures: Sequence[Image.Image]) -> FloatArray:
        self.busy += 1
        self.most = max(self.most, self.busy)
        self.threads.add(threading.current_thread().name)
        time.sleep(0.05 / (1 + len(self.image_batches)))
        vectors = super().encode_images(pictures)
        self.busy -= 1
        return vectors


def test_lanes_and_threads_do_not_change_the_result(many: Path, store: Store, catalog: Catalog) -> None:
    laned, seen = Laned(), list[IngestProgress]()
    options = {"encoder": laned, "captioner": FakeCaptioner(), "batch_size": 4, "progress": seen.append}
    summary = take_in(many, store, catalog, **options)
    assert (summary.new, summary.duplicates, summary.embedded, summary.failed) == (30, 10, 30, 3)
    bad = [many / f"{number}-bad.png" for number in ("09", "19", "29")]
    assert summary.errors == tuple(IngestFailure(str(path), "not an image") for path in bad)
    assert [now.done for now in seen if now.phase == "embedding"] == [*range(4, 44, 4), 43]
    assert [(now.done, now.total) for now in seen if now.phase == "captioning"] == [(30, 30)]
    assert laned.most > 1
    assert threading.current_thread().name not in laned.threads
    for row in store.rows(store.ids()).values():
        with Image.open(row.path) as image:
            vector = FakeEncoder().encode_images([image.convert("RGB")])[0]
            assert row.captions == FakeCaptioner().caption([image], [row.image_id])[0]
        np.testing.assert_allclose(row.image_vector, vector / np.linalg.norm(vector), atol=1e-3)
        assert len(row.paths) == (2 if int(row.name[:2]) % 3 == 0 else 1)


def test_a_content_is_decoded_once_however_many_files_have_it(
    tmp_path: Path, store: Store, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = save_picture(tmp_path / "photos" / "00.png").read_bytes()
    for number in range(1, 20):
        (tmp_path / "photos" / f"{number:02}.png").write_bytes(content)
    decoded: list[str] = []
    real = load.decode_bytes
    monkeypatch.setattr(load, "decode_bytes", lambda *args, **kw: decoded.append(args[1]) or real(*args, **kw))
    assert take_in(tmp_path / "photos", store, catalog, batch_size=2).duplicates == 19
    assert len(decoded) == 1
    (row,) = store.rows(store.ids()).values()
    assert [Path(path).name for path in row.paths] == [f"{number:02}.png" for number in range(20)]


def test_images_are_decoded_at_the_size_the_models_need(
    photos: Path, store: Store, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides: list[int] = []
    real = load.decode_bytes
    recaption = import_module("cvsi_db.ingest.recaption")  # the package has a function of that name
    for module in (load, recaption):
        monkeypatch.setattr(module, "decode_bytes", lambda *args, side: sides.append(side) or real(*args, side=side))
    take_in(photos, store, catalog, captioner=FakeCaptioner())
    assert sides == [FakeEncoder.side] * 5 + [recaption.CAPTIONER_SIDE] * 5


class Preparing(FakeEncoder):
    """Sees nothing but what it prepared: pictures of 8 by 8 pixels, prepared in other threads."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: set[tuple[int, int]] = set()
        self.prepared_by: set[threading.Thread] = set()

    def prepare(self, picture: Image.Image) -> Image.Image:
        self.prepared_by.add(threading.current_thread())
        return picture.resize((8, 8))

    def encode_images(self, pictures: Sequence[Image.Image]) -> FloatArray:
        self.sizes |= {picture.size for picture in pictures}
        assert threading.current_thread() not in self.prepared_by
        return super().encode_images(pictures)


def test_pictures_are_prepared_ahead_and_captioned_with_all_pixels(
    photos: Path, store: Store, catalog: Catalog
) -> None:
    encoder = Preparing()
    take_in(photos, store, catalog, encoder=encoder, captioner=FakeCaptioner())
    assert encoder.sizes == {(8, 8)}
    captions = {row.name: row.captions[1] for row in store.rows(store.ids()).values()}
    assert (captions["red.png"], captions["green.png"]) == ("a wide red image", "a tall green image")


def test_what_waits_for_the_model_is_bounded(
    tmp_path: Path, store: Store, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        save_picture(tmp_path / "photos" / f"{number:02}.png", "red", (30 + number, 40))
    begun: list[Path] = []
    real = read_bytes.read_file
    monkeypatch.setattr(load, "read_file", lambda path: begun.append(path) or real(path))
    ahead: list[int] = []

    class Slow(FakeEncoder):
        def encode_images(self, pictures: Sequence[Image.Image]) -> FloatArray:
            time.sleep(0.03)
            ahead.append(len(begun) - sum(self.image_batches) - len(pictures))
            return super().encode_images(pictures)

    take_in(tmp_path / "photos", store, catalog, encoder=Slow(), batch_size=2)
    assert 2 < max(ahead) <= 2 * pipeline.AHEAD
    ahead.clear()
    monkeypatch.setattr(pipeline, "ROOM", 13 * FakeEncoder.side**2)  # of which a small picture takes a good 4
    begun.clear()
    for path in (tmp_path / "photos").iterdir():
        path.write_bytes(path.read_bytes() + b" ")
    take_in(tmp_path / "photos", store, catalog, encoder=Slow(), batch_size=2)
    assert 0 < max(ahead) <= 3


# --- errors and interrupts ------------------------------------------------------------------------------------------


def test_an_error_in_a_worker_is_raised_and_ends_all_threads(
    many: Path, store: Store, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(data: bytes, image_id: str, where: str, **options: Any) -> None:
        if where.endswith("20.png"):
            raise RuntimeError("a fault of ours")
        return real(data, image_id, where, **options)

    real = load.decode_bytes
    monkeypatch.setattr(load, "decode_bytes", broken)
    before = {thread for thread in threading.enumerate() if not thread.name.startswith("cvsi-read")}
    with pytest.raises(RuntimeError, match="a fault of ours"):
        take_in(many, store, catalog, batch_size=4)
    after = {thread for thread in threading.enumerate() if not thread.name.startswith("cvsi-read")}
    assert after <= before
    assert store.count() == 19  # the whole batches before it


def test_an_error_of_the_writer_stops_the_ingest(
    many: Path, store: Store, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*rows: Any) -> None:
        raise GalleryError("no space left")

    monkeypatch.setattr(commit_thread, "COMMIT_S", 0)
    monkeypatch.setattr(store, "upsert", full)
    encoder = Laned()
    with pytest.raises(GalleryError, match="no space left"):
        take_in(many, store, catalog, encoder=encoder, batch_size=1)
    assert (store.count(), catalog.source_files()) == (0, {})


def test_a_file_that_hangs_is_counted_and_the_ingest_goes_on(
    photos: Path, store: Store, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = read_bytes.read_file

    def hanging(path: Path) -> read_bytes.Content:
        if path.name == "green.png":
            raise ImageError(str(path), "no answer for 30 seconds: is its drive connected?")
        return real(path)

    monkeypatch.setattr(load, "read_file", hanging)
    summary = take_in(photos, store, catalog)
    assert (summary.new, summary.failed) == (4, 1)
    assert summary.errors[0].reason.startswith("no answer for 30 seconds")


PRESSED = """
import os, signal, sys, time
from pathlib import Path
from cvsi_db.ingest import ingest
from cvsi_db.store.folder import open_gallery_folder
from tests.fakes import FakeEncoder

class Slow(FakeEncoder):
    def encode_images(self, pictures):
        if len(self.image_batches) == 1:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.3)
        return super().encode_images(pictures)

store, catalog = open_gallery_folder(Path(sys.argv[1]))
try:
    ingest([Path(sys.argv[2])], store=store, catalog=catalog, encoder=Slow(), captioner=None, batch_size=4)
except KeyboardInterrupt:
    print(store.count(), len(catalog.source_files()), signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""


def test_ctrl_c_finishes_the_batches_in_work_and_writes_them(
    many: Path, store: Store, catalog: Catalog, gallery_folder: Path
) -> None:
    command = [sys.executable, "-c", PRESSED, str(gallery_folder), str(many)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, timeout=60, check=True)
    images, files, is_restored = done.stdout.split()
    assert 8 <= int(files) < 43
    assert int(images) == store.count() > 4
    assert is_restored == "True"
    assert catalog.runs()[0].finished_at is None
    again = take_in(many, store, catalog)
    assert (again.new, again.unchanged, store.count()) == (30 - int(images), again.unchanged, 30)


def test_ingest_works_outside_the_main_thread(photos: Path, store: Store, catalog: Catalog) -> None:
    found: list[IngestSummary] = []
    thread = threading.Thread(target=lambda: found.append(take_in(photos, store, catalog)))
    thread.start()
    thread.join()
    assert found[0].new == 5


# --- writing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "commits"), [(60.0, "one"), (0.0, "several")])
def test_batches_are_written_together(
    many: Path, store: Store, catalog: Catalog, monkeypatch: pytest.MonkeyPatch, seconds: float, commits: str
) -> None:
    calls: list[int] = []
    real = store.upsert
    monkeypatch.setattr(store, "upsert", lambda rows, texts: calls.append(len(rows)) or real(rows, texts))
    monkeypatch.setattr(commit_thread, "COMMIT_S", seconds)
    take_in(many, store, catalog, batch_size=4, encoder=Laned())
    assert sum(calls) == 30
    assert (len(calls) > 1) == (commits == "several")


def test_pixels_are_dropped_while_a_batch_waits_for_the_writer(photos: Path) -> None:
    picture = read_picture(photos / "red.png")
    file = read_bytes.ReadFile(FoundFile(photos / "red.png", 1, 1), picture.image_id, picture)
    pending = commit_thread._Pending()
    pending.add(commit_thread.EmbeddedBatch(DecodedBatch((file,), ()), {}))
    (kept,) = pending.merged().batch.files
    assert kept.picture is not None
    assert (kept.picture.image.size, kept.picture.width, pending.files) == ((1, 1), 64, 1)


# --- options --------------------------------------------------------------------------------------------------------


def test_a_dry_run_counts_and_changes_nothing(photos: Path, store: Store, catalog: Catalog) -> None:
    assert dry_run([photos]).new == 5
    take_in(photos, store, catalog)
    (photos / "red.png").unlink()
    save_picture(photos / "black.png", "black")
    (photos / "notes.txt").write_text("no picture")
    version, runs = store.version, catalog.runs()
    told = dry_run([photos], store, catalog)
    assert (told.new, told.unchanged, told.removed, told.skipped, told.embedded) == (1, 4, 1, 1, 0)
    assert (store.version, catalog.runs()) == (version, runs)


def test_tags_and_prune_reach_the_writer(photos: Path, store: Store, catalog: Catalog) -> None:
    take_in(photos, store, catalog, tags=["summer", " the  sea "])
    assert {row.tags for row in store.rows(store.ids()).values()} == {("summer", "the sea")}
    (photos / "red.png").unlink()
    summary = take_in(photos, store, catalog, prune=True)
    assert (summary.removed, summary.pruned, store.ids("removed")) == (1, 1, set())
    with pytest.raises(UsageError, match="cannot use the tag"):
        take_in(photos, store, catalog, tags=[" "])
