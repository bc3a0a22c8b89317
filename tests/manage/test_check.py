"""find_problems: silent on a sound gallery, one problem for each thing that is wrong."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from cvsi_db.ingest import ingest
from cvsi_db.manage import check, cross_check
from cvsi_db.manage.check import REMEDIES, Kind, Problem, find_problems
from cvsi_db.records import CaptionRow, ImageRow
from cvsi_db.store.catalog import Catalog, SourceFile
from cvsi_db.store.images import Store
from tests.damage import double, spoil, widow
from tests.fakes import FakeCaptioner, FakeEncoder


@pytest.fixture
def row(photos: Path, store: Store, catalog: Catalog, encoder: FakeEncoder, captioner: FakeCaptioner) -> ImageRow:
    """The row of red.png in a gallery of five ingested pictures."""
    ingest([photos], store=store, catalog=catalog, encoder=encoder, captioner=captioner)
    red = catalog.source_files()[str(photos / "red.png")].image_id
    assert red is not None
    return store.rows([red])[red]


def found(store: Store, catalog: Catalog, files: bool = False) -> list[tuple[Kind, str | None, str | None]]:
    """Kind, image_id and path of each problem."""
    return [(one.kind, one.image_id, one.path) for one in find_problems(store, catalog, files=files)]


def test_an_ingested_gallery_has_no_problems(row: ImageRow, store: Store, catalog: Catalog) -> None:
    assert find_problems(store, catalog, files=True) == []


def test_a_problem_has_a_description_and_a_remedy(row: ImageRow, store: Store, catalog: Catalog) -> None:
    store.delete([row.image_id])
    (problem,) = find_problems(store, catalog)
    assert problem == Problem("image missing", f"{row.path}: its image is in no table", None, row.path)
    assert str(problem) == f"image missing: {row.path}: its image is in no table"
    assert problem.remedy == "`cvsi-db check --repair`, then `cvsi-db ingest` its folder"
    assert set(check.KINDS) == set(REMEDIES)


def test_a_path_unknown_to_the_catalog_is_found(row: ImageRow, store: Store, catalog: Catalog) -> None:
    store.update([replace(row, paths=(*row.paths, "/elsewhere.png"))])
    assert found(store, catalog) == [("path unknown", row.image_id, "/elsewhere.png")]


def test_a_path_missing_from_the_row_is_found(row: ImageRow, store: Store, catalog: Catalog) -> None:
    catalog.record_files([SourceFile("/other.png", 1, 1, row.image_id, "ok", None)])
    assert found(store, catalog) == [("path lost", row.image_id, "/other.png")]


@pytest.mark.parametrize("change", [{"path": "/else/red.png"}, {"folder": "else"}, {"name": "blue.png"}])
def test_a_primary_path_that_does_not_fit_is_found(
    row: ImageRow, store: Store, catalog: Catalog, change: dict[str, str]
) -> None:
    store.update([replace(row, **change)])  # type: ignore[arg-type]
    assert [kind for kind, *_ in found(store, catalog)] == ["row paths"]


def test_a_row_without_paths_is_found(row: ImageRow, store: Store, catalog: Catalog) -> None:
    store.update([replace(row, paths=())])
    assert [kind for kind, *_ in found(store, catalog)] == ["path lost", "row without file"]


def test_an_image_vector_not_of_unit_length_is_found(row: ImageRow, store: Store, catalog: Catalog) -> None:
    store.update([replace(row, image_vector=row.image_vector * 2)])
    assert found(store, catalog) == [("image vector", row.image_id, None)]


def test_a_caption_vector_without_captions_is_found(row: ImageRow, store: Store, catalog: Catalog) -> None:
    store.update([replace(row, captions=())])
    assert [one.what for one in find_problems(store, catalog)] == [
        f"image {row.image_id} has 0 captions in its row and 3 in their table",
        f"the caption vector of image {row.image_id} is not zero, without captions",
    ]
    store.upsert([replace(row, captions=(), caption_vector=row.caption_vector * 0)], [])
    assert find_problems(store, catalog) == []


def test_a_surplus_caption_and_a_caption_vector_not_of_unit_length_are_found(
    row: ImageRow, store: Store, catalog: Catalog
) -> None:
    vector = row.image_vector
    texts = [CaptionRow(row.image_id, 0, "a", vector), CaptionRow(row.image_id, 1, "b", vector * 3)]
    store.upsert([replace(row, captions=("a",))], texts)
    assert [one.what for one in find_problems(store, catalog)] == [
        f"a caption's vector of image {row.image_id} is not of unit length",
        f"image {row.image_id} has 1 captions in its row and 2 in their table",
    ]


def test_captions_without_an_image_are_found(row: ImageRow, store: Store, catalog: Catalog) -> None:
    catalog.forget_files([row.path])
    widow(store, row)
    problems = [("captions without image", row.image_id, None), ("thumbnail without image", row.image_id, None)]
    assert found(store, catalog) == problems


def test_an_image_with_two_rows_is_found(row: ImageRow, store: Store, catalog: Catalog) -> None:
    double(store, row)
    assert found(store, catalog) == [("image twice", row.image_id, None)]


def test_vectors_that_are_not_finite_are_found(row: ImageRow, store: Store, catalog: Catalog) -> None:
    spoil(store, row, "image_vector")
    spoil(store, row, "caption_vector")
    assert {kind for kind, *_ in found(store, catalog)} == {"image vector", "captions"}


def test_removed_images_are_checked_too(row: ImageRow, store: Store, catalog: Catalog) -> None:
    store.remove([row])
    assert found(store, catalog) == [("image missing", None, row.path)]
    catalog.forget_files([row.path])
    assert find_problems(store, catalog) == []
    store.drop([row.image_id], "removed")
    store.remove([replace(row, image_vector=row.image_vector / 2)])
    assert [(one.kind, one.table) for one in find_problems(store, catalog)] == [("image vector", "removed")]


def test_gone_and_changed_files_are_found(row: ImageRow, store: Store, catalog: Catalog, photos: Path) -> None:
    (photos / "red.png").unlink()
    os.utime(photos / "blue.png", (1, 1))
    assert find_problems(store, catalog) == []
    assert [(kind, Path(path or "").name) for kind, _, path in found(store, catalog, files=True)] == [
        ("file gone", "red.png"),
        ("file changed", "blue.png"),
    ]


def test_more_rows_than_a_batch_and_a_range(
    row: ImageRow, store: Store, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "BATCH", 2)
    monkeypatch.setattr(cross_check, "RANGE_IMAGES", 1)
    assert find_problems(store, catalog, files=True) == []
    store.update([replace(row, image_vector=row.image_vector * 2)])
    assert found(store, catalog) == [("image vector", row.image_id, None)]


def test_ranges_of_ids_together_find_what_one_range_finds(
    row: ImageRow, store: Store, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = min(store.ids() - {row.image_id})
    store.update([replace(row, paths=(*row.paths, "/elsewhere.png"))])
    catalog.record_files([SourceFile("/other.png", 1, 1, other, "ok", None), SourceFile("/z", 1, 1, "~", "ok", None)])
    double(store, store.rows([other])[other])
    at_once = found(store, catalog)
    assert {kind for kind, *_ in at_once} == {"path unknown", "path lost", "image missing", "image twice"}
    monkeypatch.setattr(cross_check, "RANGE_IMAGES", 1)
    assert found(store, catalog) == at_once


def test_an_ok_file_without_an_image_is_found(row: ImageRow, store: Store, catalog: Catalog) -> None:
    catalog.record_files([SourceFile("/none.png", 1, 1, None, "ok", None)])
    catalog.record_files([SourceFile("/bad.png", 1, 1, None, "failed", "damaged")])
    assert found(store, catalog) == [("image missing", None, "/none.png")]
