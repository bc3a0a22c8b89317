"""find_problems: silent on a sound gallery, one line for each thing that is wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cvsi_db.catalog import Catalog, SourceFile
from cvsi_db.check import find_problems
from cvsi_db.ingest import ingest
from cvsi_db.records import ImageRow
from cvsi_db.store import Store
from tests.fakes import FakeCaptioner, FakeEncoder


@pytest.fixture
def row(photos: Path, store: Store, catalog: Catalog, encoder: FakeEncoder, captioner: FakeCaptioner) -> ImageRow:
    """The row of red.png in a gallery of five ingested pictures."""
    ingest([photos], store=store, catalog=catalog, encoder=encoder, captioner=captioner)
    red = catalog.source_files()[str(photos / "red.png")].image_id
    assert red is not None
    return store.rows([red])[red]


def test_an_ingested_gallery_is_sound(row: ImageRow, store: Store, catalog: Catalog) -> None:
    assert find_problems(store, catalog) == []


def test_a_missing_row(row: ImageRow, store: Store, catalog: Catalog) -> None:
    store.delete([row.image_id])
    assert find_problems(store, catalog) == [f"{row.path}: its image is missing"]


def test_a_path_the_catalog_does_not_know(row: ImageRow, store: Store, catalog: Catalog) -> None:
    store.update([replace(row, paths=(*row.paths, "/elsewhere.png"))])
    assert find_problems(store, catalog) == [
        f"image {row.image_id} ({row.path}): the catalog does not know its path '/elsewhere.png'"
    ]


def test_a_vector_that_is_not_of_unit_length(row: ImageRow, store: Store, catalog: Catalog) -> None:
    store.update([replace(row, image_vector=row.image_vector * 2)])
    assert find_problems(store, catalog) == [
        f"image {row.image_id} ({row.path}): its image_vector is not of unit length"
    ]


def test_captions_and_their_vector_belong_together(row: ImageRow, store: Store, catalog: Catalog) -> None:
    store.update([replace(row, captions=())])
    assert find_problems(store, catalog) == [
        f"image {row.image_id} ({row.path}): it has a caption_vector but no captions"
    ]
    store.update([replace(row, captions=(), caption_vector=row.caption_vector * 0)])
    assert find_problems(store, catalog) == []


def test_a_file_whose_image_was_never_written(row: ImageRow, store: Store, catalog: Catalog) -> None:
    catalog.record_files([SourceFile("/ghost.png", 1, 1, "0" * 64, "ok", None)])
    assert find_problems(store, catalog) == ["/ghost.png: its image is missing"]
