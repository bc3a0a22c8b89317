"""The whole ingest against a real store and catalog: what is written, counted, skipped, moved and survived."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cvsi_db.errors import IngestError, ModelError
from cvsi_db.ingest import ingest
from cvsi_db.ingest.decode import read_picture
from cvsi_db.manage.check import find_problems
from cvsi_db.records import FloatArray, ImageRow, IngestFailure, IngestProgress, IngestSummary
from cvsi_db.store.catalog import Catalog
from cvsi_db.store.images import Store
from tests.fakes import CutShort, FakeCaptioner, FakeEncoder, save_picture

Ingest = Callable[..., IngestSummary]


@pytest.fixture
def run(store: Store, catalog: Catalog, encoder: FakeEncoder, captioner: FakeCaptioner) -> Ingest:
    """Ingests into the test's gallery; the summary comes without its seconds."""

    def call(*paths: Path, **options: Any) -> IngestSummary:
        models = {"encoder": encoder, "captioner": captioner}
        return replace(ingest(paths, store=store, catalog=catalog, **models | options), seconds=0.0)

    return call


def rows(store: Store) -> dict[str, ImageRow]:
    """Every row by its primary path."""
    found = store.rows(store.scan(["image_id"])["image_id"].to_pylist())
    return {row.path: row for row in found.values()}


def row_of(store: Store, path: Path) -> ImageRow:
    """The one row that has `path`."""
    (row,) = [row for row in rows(store).values() if str(path) in row.paths]
    return row


def normalised(vectors: FloatArray) -> FloatArray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def states(catalog: Catalog) -> dict[str, str]:
    return {Path(path).name: file.state for path, file in catalog.source_files().items()}


# --- what is written ------------------------------------------------------------------------------------------------


def test_a_new_row_has_the_pictures_metadata(run: Ingest, store: Store, tmp_path: Path) -> None:
    path = save_picture(tmp_path / "trip" / "red.png", "red", (70, 40))
    os.utime(path, (1_700_000_000, 1_700_000_000))
    assert run(path) == IngestSummary(new=1, embedded=1, captioned=1)
    row = row_of(store, path)
    assert (row.path, row.paths, row.folder, row.name) == (str(path), (str(path),), "trip", "red.png")
    assert (row.format, row.width, row.height, row.size_bytes) == ("png", 70, 40, path.stat().st_size)
    assert (row.modified_at, row.taken_at, row.camera) == ("2023-11-14T22:13:20+00:00", None, None)
    assert (row.captions[:2], row.tags) == (("a red picture", "a wide red image"), ())


def test_vectors_are_those_of_the_encoder(run: Ingest, store: Store, photos: Path) -> None:
    run(photos, batch_size=2)
    for row in rows(store).values():
        image = FakeEncoder().encode_images([read_picture(Path(row.path)).image])
        texts = normalised(FakeEncoder().encode_texts(row.captions))
        np.testing.assert_allclose(row.image_vector, normalised(image)[0], atol=1e-3)
        np.testing.assert_allclose(row.caption_vector, texts.mean(axis=0), atol=1e-3)


def test_a_batch_takes_one_image_forward_and_one_text_forward(
    run: Ingest, encoder: FakeEncoder, captioner: FakeCaptioner, photos: Path
) -> None:
    run(photos, batch_size=3)
    assert (encoder.image_batches, encoder.text_batches, captioner.batches) == ([3, 2], [15], [5])


def test_a_bad_image_in_a_batch_does_not_shift_the_others(run: Ingest, store: Store, photos: Path) -> None:
    (photos / "green.png").write_bytes(b"no picture")
    (photos / "purple.png").write_bytes((photos / "red.png").read_bytes()[:60])
    summary = run(photos)
    assert (summary.new, summary.embedded, summary.failed) == (4, 4, 2)
    assert summary.errors == (
        IngestFailure(str(photos / "green.png"), "not an image"),
        IngestFailure(str(photos / "purple.png"), "truncated"),
    )
    found = rows(store)
    assert len(found) == 4
    for path, row in found.items():
        alone = normalised(FakeEncoder().encode_images([read_picture(Path(path)).image]))[0]
        np.testing.assert_allclose(row.image_vector, alone, atol=1e-3)
        assert Path(path).stem in row.captions[0]


def test_the_same_content_twice_in_a_batch_is_embedded_once(
    run: Ingest, store: Store, encoder: FakeEncoder, tmp_path: Path
) -> None:
    paths = [save_picture(tmp_path / "photos" / name, "red") for name in ("a.png", "b.png", "c.png")]
    assert run(tmp_path / "photos") == IngestSummary(new=1, duplicates=2, embedded=1, captioned=1)
    assert encoder.image_batches == [1]
    assert row_of(store, paths[0]).paths == tuple(map(str, paths))
    assert row_of(store, paths[0]).path == str(paths[0])


# --- a second time --------------------------------------------------------------------------------------------------


def test_a_second_run_asks_no_model(
    run: Ingest, store: Store, encoder: FakeEncoder, captioner: FakeCaptioner, photos: Path
) -> None:
    assert run(photos) == IngestSummary(new=5, embedded=5, captioned=5)
    version, calls = store.version, (list(encoder.image_batches), list(encoder.text_batches), list(captioner.batches))
    assert run(photos) == IngestSummary(unchanged=5)
    assert (encoder.image_batches, encoder.text_batches, captioner.batches) == calls
    assert store.version == version


def test_a_touched_file_is_unchanged(run: Ingest, encoder: FakeEncoder, photos: Path) -> None:
    run(photos)
    os.utime(photos / "red.png", (5, 5))
    assert run(photos) == IngestSummary(unchanged=5)
    assert encoder.image_batches == [5]


def test_a_copy_is_a_duplicate(run: Ingest, store: Store, encoder: FakeEncoder, photos: Path) -> None:
    run(photos)
    (photos / "a.png").write_bytes((photos / "red.png").read_bytes())
    assert run(photos) == IngestSummary(unchanged=5, duplicates=1)
    assert row_of(store, photos / "a.png").paths == (str(photos / "red.png"), str(photos / "a.png"))
    assert row_of(store, photos / "a.png").name == "red.png"
    assert encoder.image_batches == [5]


def test_a_renamed_file_has_moved(
    run: Ingest, store: Store, catalog: Catalog, encoder: FakeEncoder, photos: Path
) -> None:
    run(photos)
    before = row_of(store, photos / "red.png")
    (photos / "red.png").rename(photos / "trip" / "crimson.png")
    assert run(photos) == IngestSummary(unchanged=4, moved=1)
    row = row_of(store, photos / "trip" / "crimson.png")
    assert (row.image_id, row.paths, row.folder, row.name) == (before.image_id, (row.path,), "trip", "crimson.png")
    assert row.captions == before.captions
    np.testing.assert_array_equal(row.image_vector, before.image_vector)
    assert encoder.image_batches == [5]
    assert states(catalog)["red.png"] == "missing"
    assert run(photos) == IngestSummary(unchanged=5)


def test_moving_keeps_the_captions_table(run: Ingest, store: Store, catalog: Catalog, photos: Path) -> None:
    run(photos)
    (photos / "red.png").rename(photos / "crimson.png")
    run(photos)
    (photos / "crimson.png").rename(photos / "red.png")
    assert run(photos) == IngestSummary(unchanged=4, moved=1)
    assert row_of(store, photos / "red.png").name == "red.png"
    assert find_problems(store, catalog) == []


def test_a_changed_file_gets_a_new_row_and_loses_the_old_one(
    run: Ingest, store: Store, catalog: Catalog, photos: Path
) -> None:
    run(photos)
    before = row_of(store, photos / "red.png").image_id
    save_picture(photos / "red.png", "orange", (90, 90))
    assert run(photos) == IngestSummary(new=1, unchanged=4, embedded=1, captioned=1)
    row = row_of(store, photos / "red.png")
    assert (row.captions[0], row.width) == ("a orange picture", 90)
    assert store.count() == 5
    assert store.rows([before]) == {}
    assert find_problems(store, catalog) == []


def test_a_changed_file_leaves_the_row_to_its_other_path(run: Ingest, store: Store, photos: Path) -> None:
    (photos / "a.png").write_bytes((photos / "red.png").read_bytes())
    run(photos)
    save_picture(photos / "a.png", "orange")
    assert run(photos) == IngestSummary(new=1, unchanged=5, embedded=1, captioned=1)
    assert row_of(store, photos / "red.png").path == str(photos / "red.png")
    assert row_of(store, photos / "red.png").paths == (str(photos / "red.png"),)


@pytest.mark.parametrize("batch_size", [1, 32])
def test_two_files_that_swap_contents_swap_rows(
    run: Ingest, store: Store, catalog: Catalog, photos: Path, batch_size: int
) -> None:
    run(photos)
    red, blue = photos / "red.png", photos / "blue.png"
    contents = red.read_bytes(), blue.read_bytes()
    red.write_bytes(contents[1])
    blue.write_bytes(contents[0])
    run(photos, batch_size=batch_size)
    assert row_of(store, red).captions[0] == "a blue picture"
    assert row_of(store, blue).captions[0] == "a red picture"
    assert (store.count(), find_problems(store, catalog)) == (5, [])
    assert run(photos) == IngestSummary(unchanged=5)


def test_a_removed_file_is_reported_once_and_its_row_stays(
    run: Ingest, store: Store, catalog: Catalog, photos: Path
) -> None:
    run(photos)
    (photos / "red.png").unlink()
    assert run(photos / "trip") == IngestSummary(unchanged=2)
    assert run(photos) == IngestSummary(unchanged=4, removed=1)
    (removed,) = store.rows(store.ids("removed"), "removed").values()
    assert (removed.captions[0], removed.paths) == ("a red picture", ())
    assert (store.count(), states(catalog)["red.png"]) == (4, "missing")
    assert run(photos) == IngestSummary(unchanged=4)
    assert find_problems(store, catalog) == []


def test_a_removed_file_that_returns_is_known(
    run: Ingest, encoder: FakeEncoder, catalog: Catalog, photos: Path
) -> None:
    run(photos)
    content = (photos / "red.png").read_bytes()
    (photos / "red.png").unlink()
    run(photos)
    (photos / "red.png").write_bytes(content)
    assert run(photos) == IngestSummary(unchanged=5)
    assert (encoder.image_batches, states(catalog)["red.png"]) == ([5], "ok")


def test_when_the_primary_path_is_gone_the_next_one_is_primary(
    run: Ingest, store: Store, catalog: Catalog, photos: Path
) -> None:
    (photos / "trip" / "z.png").write_bytes((photos / "red.png").read_bytes())
    run(photos)
    (photos / "red.png").unlink()
    assert run(photos) == IngestSummary(unchanged=5, removed=1)
    row = row_of(store, photos / "trip" / "z.png")
    assert (row.path, row.paths, row.folder, row.name) == (str(photos / "trip/z.png"), (row.path,), "trip", "z.png")
    assert find_problems(store, catalog) == []


def test_a_failing_file_is_tried_and_counted_every_time(run: Ingest, catalog: Catalog, photos: Path) -> None:
    (photos / "bad.png").write_bytes(b"")
    for unchanged, new in ((0, 5), (5, 0)):
        summary = run(photos)
        assert (summary.unchanged, summary.new, summary.failed) == (unchanged, new, 1)
        assert summary.errors == (IngestFailure(str(photos / "bad.png"), "empty file"),)
    assert catalog.source_files()[str(photos / "bad.png")].error == "empty file"
    save_picture(photos / "bad.png", "white")
    assert run(photos) == IngestSummary(new=1, unchanged=5, embedded=1, captioned=1)


def test_a_file_that_breaks_keeps_its_row_until_its_content_changes(
    run: Ingest, store: Store, catalog: Catalog, photos: Path
) -> None:
    run(photos)
    (photos / "red.png").write_bytes(b"half a picture")
    assert run(photos).failed == 1
    assert row_of(store, photos / "red.png").captions[0] == "a red picture"
    assert find_problems(store, catalog) == []
    save_picture(photos / "red.png", "orange")
    assert run(photos) == IngestSummary(new=1, unchanged=4, embedded=1, captioned=1)
    assert (store.count(), row_of(store, photos / "red.png").captions[0]) == (5, "a orange picture")
    assert find_problems(store, catalog) == []


def test_a_lost_row_is_written_again(run: Ingest, store: Store, captioner: FakeCaptioner, photos: Path) -> None:
    run(photos)
    store.delete([row_of(store, photos / "red.png").image_id])
    assert run(photos) == IngestSummary(new=1, unchanged=4, embedded=1, captioned=1)
    assert captioner.batches == [5]  # its captions were kept


# --- paths that need care -------------------------------------------------------------------------------------------


def test_pipes_and_dangling_links_are_failed_files(run: Ingest, photos: Path) -> None:
    os.mkfifo(photos / "pipe.jpg")
    (photos / "dangling.jpg").symlink_to("nowhere")
    summary = run(photos)
    assert (summary.new, summary.errors) == (
        5,
        (
            IngestFailure(str(photos / "dangling.jpg"), "no such file"),
            IngestFailure(str(photos / "pipe.jpg"), "not a regular file"),
        ),
    )


def test_a_name_that_is_not_utf_8_is_a_failure(run: Ingest, catalog: Catalog, photos: Path) -> None:
    (photos / os.fsdecode(b"caf\xe9.png")).write_bytes((photos / "red.png").read_bytes())
    summary = run(photos)
    assert (summary.new, summary.errors) == (
        5,
        (IngestFailure(str(photos / "caf\\xe9.png"), "its name is not UTF-8: rename it"),),
    )
    failed = [file.path for file in catalog.each_file() if file.state == "failed"]
    assert (failed, len(catalog.source_files())) == ([str(photos / "caf\\xe9.png")], 6)
    assert (run(photos).failed, run(photos).removed) == (1, 0)


@pytest.mark.parametrize("name", ["it's.png", "日本 語.png", 'a"b;--.png', "e\u0301.png", "new\nline.png"])
def test_odd_names(run: Ingest, store: Store, tmp_path: Path, name: str) -> None:
    path = save_picture(tmp_path / "photos" / name)
    assert run(tmp_path / "photos").new == 1
    assert row_of(store, path).name == name
    assert run(tmp_path / "photos") == IngestSummary(unchanged=1)


@pytest.mark.parametrize(("seconds", "year"), [(9_000_000_000, "2255"), (15_000_000_000, "2262"), (-(10**9), "1970")])
def test_a_modification_time_out_of_bounds_is_clamped(
    run: Ingest, store: Store, catalog: Catalog, tmp_path: Path, seconds: int, year: str
) -> None:
    path = save_picture(tmp_path / "x.png")
    os.utime(path, ns=(0, seconds * 10**9))
    run(path)
    assert row_of(store, path).modified_at.startswith(year)
    assert run(path) == IngestSummary(unchanged=1)
    assert find_problems(store, catalog, files=True) == []


# --- progress, runs, and models that misbehave ----------------------------------------------------------------------


def test_progress_after_each_batch(run: Ingest, photos: Path) -> None:
    (photos / "a.png").write_bytes(b"bad")
    run(photos / "trip")
    seen: list[IngestProgress] = []
    run(photos, batch_size=3, progress=seen.append)
    assert seen == [
        IngestProgress(done=5, total=6, embedded=2, failed=1),
        IngestProgress(6, 6, 3, 1),
        IngestProgress(3, 3, 0, 0, phase="captioning"),
    ]


def test_the_run_is_recorded(run: Ingest, catalog: Catalog, photos: Path) -> None:
    summary = run(photos, photos / "red.png")
    (recorded,) = catalog.runs()
    assert recorded.roots == (str(photos), str(photos / "red.png"))
    assert recorded.finished_at is not None
    assert recorded.summary is not None
    assert replace(recorded.summary, seconds=0.0) == summary


def test_nothing_to_ingest_records_no_run(run: Ingest, catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(IngestError, match="no image"):
        run(tmp_path / "empty")
    assert catalog.runs() == []


def test_a_batch_size_below_one_is_an_error(run: Ingest, photos: Path) -> None:
    with pytest.raises(IngestError, match="cannot ingest 0 files at a time"):
        run(photos, batch_size=0)


# --- captions, the second half --------------------------------------------------------------------------------------


def test_every_image_can_be_searched_before_the_first_is_captioned(
    run: Ingest, store: Store, captioner: FakeCaptioner, photos: Path
) -> None:
    told: list[tuple[IngestSummary, int, int, list[int]]] = []

    def searchable(summary: IngestSummary, waiting: int) -> None:
        found = store.search("image_vector", rows(store)[str(photos / "red.png")].image_vector, 5)
        told.append((replace(summary, seconds=0.0), waiting, len(found), list(captioner.batches)))

    assert run(photos, on_searchable=searchable) == IngestSummary(new=5, embedded=5, captioned=5)
    assert told == [(IngestSummary(new=5, embedded=5), 5, 5, [])]
    run(photos, on_searchable=searchable)
    assert told[1:] == [(IngestSummary(unchanged=5), 0, 5, [5])]


def press_ctrl_c() -> None:
    raise KeyboardInterrupt


def test_an_ingest_interrupted_while_captioning_goes_on_with_the_rest(
    run: Ingest, store: Store, catalog: Catalog, captioner: FakeCaptioner, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_module("cvsi_db.ingest.recaption"), "AT_ONCE", 2)
    with pytest.raises(KeyboardInterrupt):
        run(photos, captioner=CutShort(captioner, "caption", 2, press_ctrl_c))
    assert (store.count(), store.count_uncaptioned(), len(catalog.source_files())) == (5, 3, 5)
    assert catalog.runs()[0].finished_at is None
    assert find_problems(store, catalog) == []
    assert run(photos) == IngestSummary(unchanged=5, captioned=3)
    assert (store.count_uncaptioned(), find_problems(store, catalog)) == (0, [])


def test_images_elsewhere_are_not_captioned(run: Ingest, store: Store, photos: Path, tmp_path: Path) -> None:
    other = save_picture(tmp_path / "other" / "black.png", "black")
    run(other, captioner=None)
    assert run(photos).captioned == 5
    assert run(tmp_path / "other") == IngestSummary(unchanged=1, captioned=1)
    assert store.count_uncaptioned() == 0


def test_a_file_that_is_gone_before_it_is_captioned_is_listed(run: Ingest, store: Store, photos: Path) -> None:
    summary = run(photos, on_searchable=lambda *_: (photos / "red.png").unlink())
    assert (summary.new, summary.failed, summary.captioned) == (5, 0, 4)
    assert summary.errors == (IngestFailure(str(photos / "red.png"), "no such file"),)
    assert row_of(store, photos / "red.png").captions == ()


def test_a_captioner_without_an_answer_leaves_a_gallery_that_searches(
    run: Ingest, store: Store, catalog: Catalog, photos: Path
) -> None:
    class Silent(FakeCaptioner):
        def caption(self, pictures: Sequence[Image.Image], seeds: Sequence[str]) -> list[tuple[str, ...]]:
            return [("a caption",), (" ",), *super().caption(pictures[2:], seeds[2:])]

    with pytest.raises(ModelError, match="wrote no caption for image"):
        run(photos, captioner=Silent())
    assert (store.count(), store.count_uncaptioned(), find_problems(store, catalog)) == (5, 5, [])


class Interrupting(FakeEncoder):
    """Presses Ctrl-C during the second batch."""

    def encode_images(self, pictures: Sequence[Image.Image]) -> FloatArray:
        if self.image_batches:
            raise KeyboardInterrupt
        return super().encode_images(pictures)


def test_an_interrupted_ingest_keeps_the_finished_batches(
    run: Ingest, store: Store, catalog: Catalog, photos: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(photos, batch_size=2, encoder=Interrupting())
    assert (store.count(), len(catalog.source_files())) == (2, 2)
    assert catalog.runs()[0].finished_at is None
    assert find_problems(store, catalog) == []
    assert run(photos) == IngestSummary(new=3, unchanged=2, embedded=3, captioned=5)


class Broken(FakeEncoder):
    """Gives one embedding of NaNs."""

    def encode_images(self, pictures: Sequence[Image.Image]) -> FloatArray:
        vectors = super().encode_images(pictures)
        vectors[0] = np.nan
        return vectors


class Short(FakeEncoder):
    """Forgets a picture."""

    def encode_images(self, pictures: Sequence[Image.Image]) -> FloatArray:
        return super().encode_images(pictures)[1:]


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ({"encoder": Broken()}, "zero or not finite"),
        ({"encoder": Short()}, r"shape \(4, 32\) for 5 inputs"),
        ({"encoder": FakeEncoder(dim=16)}, "shape"),
    ],
)
def test_unusable_model_output_writes_nothing(
    run: Ingest, store: Store, catalog: Catalog, photos: Path, models: dict[str, Any], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        run(photos, **models)
    assert (store.count(), catalog.source_files()) == (0, {})
