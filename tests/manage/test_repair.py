"""repair: whatever a check finds is mended, or left for an ingest; nothing that a file still holds is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cvsi_db.ingest import ingest
from cvsi_db.manage.check import find_problems
from cvsi_db.manage.repair import repair
from cvsi_db.records import CaptionRow, ImageRow, IngestSummary
from cvsi_db.store.catalog import Catalog, SourceFile
from cvsi_db.store.images import Store
from tests.damage import double, spoil, widow
from tests.fakes import FakeCaptioner, FakeEncoder


@pytest.fixture
def again(
    photos: Path, store: Store, catalog: Catalog, encoder: FakeEncoder, captioner: FakeCaptioner
) -> Callable[[], IngestSummary]:
    """Ingests the five pictures; has done so once."""

    def take_in() -> IngestSummary:
        return ingest([photos], store=store, catalog=catalog, encoder=encoder, captioner=captioner)

    take_in()
    return take_in


@pytest.fixture
def row(again: Callable[[], IngestSummary], photos: Path, store: Store, catalog: Catalog) -> ImageRow:
    """The row of red.png."""
    red = catalog.source_files()[str(photos / "red.png")].image_id
    assert red is not None
    return store.rows([red])[red]


def test_repair_of_a_gallery_without_problems_does_nothing(row: ImageRow, store: Store, catalog: Catalog) -> None:
    version = store.version
    summary = repair(store, catalog)
    assert (summary.mended, summary.remaining, store.version) == ({}, (), version)


def test_an_image_in_no_table_is_read_again(
    row: ImageRow, store: Store, catalog: Catalog, again: Callable[[], IngestSummary]
) -> None:
    store.delete([row.image_id])
    summary = repair(store, catalog)
    assert (summary.mended, summary.remaining) == ({"image missing": 1}, ())
    assert again().embedded == 1
    assert store.rows([row.image_id])[row.image_id].path == row.path


def test_a_vector_with_a_direction_is_scaled_to_unit_length(row: ImageRow, store: Store, catalog: Catalog) -> None:
    store.update([replace(row, image_vector=row.image_vector * 2, tags=("mine",))])
    summary = repair(store, catalog)
    assert (summary.mended, summary.remaining) == ({"image vector": 1}, ())
    mended = store.rows([row.image_id])[row.image_id]
    assert mended.tags == ("mine",)
    np.testing.assert_allclose(mended.image_vector, row.image_vector, atol=1e-3)


def test_an_image_with_a_vector_of_infinities_is_read_again(
    row: ImageRow, store: Store, catalog: Catalog, again: Callable[[], IngestSummary]
) -> None:
    spoil(store, row, "image_vector")
    spoil(store, row, "caption_vector")
    summary = repair(store, catalog)
    assert summary.mended["image vector"] == 1
    assert (summary.remaining, store.count(), store.orphans()) == ((), 4, set())
    assert (again().embedded, find_problems(store, catalog)) == (1, [])


@pytest.mark.parametrize("scale", [1, 2])
def test_captions_with_unusable_vectors_are_deleted(row: ImageRow, store: Store, catalog: Catalog, scale: int) -> None:
    store.update([replace(row, image_vector=row.image_vector * scale)])
    spoil(store, row, "caption_vector")
    summary = repair(store, catalog)
    assert (summary.mended["captions"], summary.remaining) == (1, ())
    assert (store.uncaptioned(), store.count()) == ([row.image_id], 5)
    assert catalog.captions([row.image_id], "fake-captioner")[row.image_id] == row.captions


def test_surplus_captions_are_deleted(row: ImageRow, store: Store, catalog: Catalog) -> None:
    texts = [CaptionRow(row.image_id, ordinal, "a", row.image_vector * (ordinal + 1)) for ordinal in range(2)]
    store.upsert([replace(row, captions=("a",))], texts)
    assert (repair(store, catalog).remaining, store.uncaptioned()) == ((), [row.image_id])


def test_captions_without_an_image_are_deleted(row: ImageRow, store: Store, catalog: Catalog) -> None:
    catalog.forget_files([row.path])
    widow(store, row)
    summary = repair(store, catalog)
    mended = {"captions without image": 1, "thumbnail without image": 1}
    assert (summary.mended, summary.remaining, store.orphans()) == (mended, (), set())


def test_an_image_with_two_rows_is_read_again(
    row: ImageRow, store: Store, catalog: Catalog, again: Callable[[], IngestSummary]
) -> None:
    double(store, row)
    summary = repair(store, catalog)
    assert (summary.mended, summary.remaining, store.count()) == ({"image twice": 1}, (), 4)
    assert (again().embedded, store.count(), find_problems(store, catalog)) == (1, 5, [])


def test_a_path_is_known_again_when_its_file_holds_the_image(row: ImageRow, store: Store, catalog: Catalog) -> None:
    known = catalog.source_files()[row.path]
    catalog.forget_files([row.path])
    summary = repair(store, catalog)
    assert (summary.mended, summary.remaining) == ({"path unknown": 1}, ())
    assert catalog.source_files()[row.path] == known


def test_a_path_that_holds_something_else_leaves_the_row(
    row: ImageRow, store: Store, catalog: Catalog, photos: Path
) -> None:
    strange = (str(photos / "nowhere.png"), str(photos / "blue.png"), str(photos))
    store.update([replace(row, paths=(*strange, *row.paths), path=strange[0], name="nowhere.png")])
    summary = repair(store, catalog)
    assert (summary.mended, summary.remaining) == ({"path unknown": 3}, ())
    mended = store.rows([row.image_id])[row.image_id]
    assert (mended.path, mended.paths, mended.name) == (row.path, row.paths, "red.png")


def test_an_image_without_a_file_is_moved_to_removed(
    row: ImageRow, store: Store, catalog: Catalog, photos: Path, again: Callable[[], IngestSummary]
) -> None:
    catalog.forget_files([row.path])
    (photos / "red.png").rename(photos.parent / "red.png")
    summary = repair(store, catalog)
    assert (summary.mended, summary.remaining, store.ids("removed")) == ({"path unknown": 1}, (), {row.image_id})
    (photos.parent / "red.png").rename(photos / "red.png")
    assert (again().embedded, store.ids("removed"), store.count()) == (0, set(), 5)


def test_placed_takes_the_first_existing_path_as_primary(row: ImageRow, store: Store, catalog: Catalog) -> None:
    store.update([replace(row, path="/else/x.png", folder="else", name="x.png")])
    summary = repair(store, catalog)
    assert (summary.mended, summary.remaining) == ({"row paths": 1}, ())
    mended = store.rows([row.image_id])[row.image_id]
    assert (mended.path, mended.folder, mended.name) == (row.path, "photos", "red.png")


def test_a_file_recorded_with_another_image_is_read_again(
    row: ImageRow, store: Store, catalog: Catalog, photos: Path, again: Callable[[], IngestSummary]
) -> None:
    (photos / "twin.png").write_bytes((photos / "red.png").read_bytes())
    catalog.record_files([SourceFile(str(photos / "twin.png"), 1, 1, row.image_id, "ok", None)])
    summary = repair(store, catalog)
    assert (summary.mended, summary.remaining) == ({"path lost": 1}, ())
    assert (again().duplicates, find_problems(store, catalog)) == (1, [])


def test_repair_leaves_gone_and_changed_files_to_an_ingest(
    row: ImageRow, store: Store, catalog: Catalog, photos: Path, again: Callable[[], IngestSummary]
) -> None:
    (photos / "red.png").unlink()
    assert [one.kind for one in repair(store, catalog).remaining] == ["file gone"]
    assert store.count() == 5
    again()
    assert find_problems(store, catalog, files=True) == []
