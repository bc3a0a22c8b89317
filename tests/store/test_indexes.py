"""Indexes: who gets which, and a gallery that has them answers as one that has none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from cvsi_db.errors import GalleryError
from cvsi_db.query.where import check_where
from cvsi_db.records import ImageRow
from cvsi_db.store import indexes
from cvsi_db.store.images import Store
from cvsi_db.store.indexes import IndexEffort, IndexFacts, wanted_indexes
from tests.store.test_images import image, put, unit

ROWS, DIM = 600, 64
FILTERS = (
    "width < 7",
    "folder = 'photos' AND width >= 590",
    "name LIKE 'it%' AND height = 480",
    "taken_at IS NULL",
    "taken_at >= '2023-06-28'",
    "modified_at < '2024-01-02'",
    "array_has(tags, 'even') AND camera IS NULL",
    "path IN ('/photos/it''s 3.jpg', '/nowhere')",
    "NOT (width > 100 OR camera IS NOT NULL)",
    "rating >= 4",
    "rating IS NULL AND lens LIKE 'EF%'",
    "date_source = 'exif' AND rating < 3",
    "latitude BETWEEN 10.05 AND 20 AND longitude IS NOT NULL",
)


@pytest.fixture(scope="module")
def rows() -> list[ImageRow]:
    """One image in ten has no captions, and so a caption vector of zero; one in seven has no place nor rating."""
    bare = {"captions": (), "caption_vector": np.zeros(DIM, np.float32)}
    images = []
    for n in range(ROWS):
        told = {"rating": n % 5 + 1, "lens": "EF 50", "date_source": "exif"} if n % 7 else {"lens": "EF 85"}
        place = {"latitude": n / 10, "longitude": -n / 5} if n % 7 else {}
        images.append(replace(image(n, dim=DIM), **told, **place, **(bare if n % 10 == 0 else {})))  # type: ignore[arg-type]
    return images


@pytest.fixture(scope="module")
def plain(rows: list[ImageRow], tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store.create(tmp_path_factory.mktemp("plain"), DIM)
    put(store, *rows)
    return store


@pytest.fixture(scope="module")
def indexed(rows: list[ImageRow], tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The same rows under every index, the last hundred and a rewritten one written after they were built."""
    store = Store.create(tmp_path_factory.mktemp("indexed"), DIM)
    put(store, *rows[:-100])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(indexes, "VECTOR_INDEX_ROWS", 400)
        patch.setattr(indexes, "SCALAR_INDEX_ROWS", 400)
        store.optimize()
    put(store, *rows[-100:], rows[7])
    return store


def kinds(store: Store) -> dict[str, str]:
    return {facts.column: facts.kind for facts in store.indexes()}


def test_small_galleries_get_key_indexes_only(plain: Store) -> None:
    assert [spec.column for spec in wanted_indexes("images", 9_999)] == ["image_id"]
    assert [spec.kind for spec in wanted_indexes("captions", 0)] == ["BTree", "BTree", "FTS"]
    assert {spec.kind for spec in wanted_indexes("images", 49_999)} == {"BTree", "Bitmap", "LabelList"}
    vectors = [spec for spec in wanted_indexes("images", 50_000) if spec.column.endswith("_vector")]
    assert [(spec.column, spec.kind) for spec in vectors] == [("image_vector", "IvfRq"), ("caption_vector", "IvfRq")]


def test_optimize_builds_every_wanted_index_once(indexed: Store, rows: list[ImageRow]) -> None:
    assert kinds(indexed)["image_vector"] == kinds(indexed)["caption_vector"] == "IvfRq"
    assert {"image_id", "folder", "name", "width", "taken_at", "tags", "rating", "lens"} <= kinds(indexed).keys()
    facts = next(facts for facts in indexed.indexes() if facts.column == "image_vector")
    assert (facts.rows, facts.rows_since) == (ROWS - 101, 101)


@pytest.mark.parametrize("where", [None, *FILTERS])
@pytest.mark.parametrize("column", ["image_vector", "caption_vector"])
def test_a_search_without_effort_stays_exact_with_indexes(
    plain: Store, indexed: Store, column: str, where: str | None
) -> None:
    condition = where and check_where(where, plain.columns)
    for seed in range(3):
        query = unit(seed, dim=DIM)[0]
        expected = plain.search(column, query, ROWS + 1, condition)  # type: ignore[arg-type]
        found = indexed.search(column, query, ROWS + 1, condition)  # type: ignore[arg-type]
        assert found.equals(expected)
        assert indexed.search(column, query, 20, condition).equals(expected.slice(0, 20))  # type: ignore[arg-type]


@pytest.mark.parametrize("where", FILTERS)
def test_filters_find_the_same_rows_with_and_without_indexes(plain: Store, indexed: Store, where: str) -> None:
    condition = check_where(where, plain.columns)
    expected = sorted(plain.scan(["image_id"], condition)["image_id"].to_pylist())
    assert expected
    assert sorted(indexed.scan(["image_id"], condition)["image_id"].to_pylist()) == expected
    assert indexed.count(condition) == len(expected)


def test_an_indexed_search_finds_near_and_new_rows_with_exact_similarities(
    indexed: Store, rows: list[ImageRow]
) -> None:
    for number in (3, 7, ROWS - 5):
        query = rows[number].image_vector
        exact, found = (indexed.search("image_vector", query, 20, effort=p) for p in (None, IndexEffort(50, 30)))
        assert found["image_id"][0].as_py() == f"id{number:04}"
        ids = set(found["image_id"].to_pylist())
        assert len(ids & set(exact["image_id"].to_pylist())) >= 19
        by_id = dict(zip(exact["image_id"].to_pylist(), exact["similarity"].to_pylist(), strict=True))
        for image_id, similarity in zip(found["image_id"].to_pylist(), found["similarity"].to_pylist(), strict=True):
            assert similarity == pytest.approx(by_id.get(image_id, similarity), abs=5e-4)


@pytest.mark.parametrize("where", FILTERS)
def test_an_indexed_search_finds_every_row_of_a_narrow_filter(plain: Store, indexed: Store, where: str) -> None:
    condition = check_where(where, plain.columns)
    expected = plain.scan(["image_id"], condition)["image_id"].to_pylist()
    for column in ("image_vector", "caption_vector"):
        found = indexed.search(column, unit(1, dim=DIM)[0], ROWS + 1, condition, effort=IndexEffort(1, 1))  # type: ignore[arg-type]
        assert sorted(found["image_id"].to_pylist()) == sorted(expected)


def test_effort_without_an_index_is_an_error(plain: Store) -> None:
    with pytest.raises(GalleryError, match=r"no index on 'image_vector' in .*: run `cvsi-db optimize`"):
        plain.search("image_vector", unit(1, dim=DIM)[0], 5, effort=IndexEffort())


@pytest.mark.filterwarnings("ignore:optimize.cleanup_older_than=0.:UserWarning")
def test_a_second_optimize_finds_nothing_to_do(tmp_path: Path) -> None:
    store = Store.create(tmp_path, DIM)
    for number in range(5):
        put(store, image(number, dim=DIM))
    steps: list[tuple[int, int, str]] = []
    first = store.optimize(keep=timedelta(0), on_step=lambda *step: steps.append(step))
    assert first.rows == 5
    assert first.built == (
        "images.image_id BTree",
        *("captions.caption_id BTree", "captions.image_id BTree", "captions.text FTS"),
    )
    assert first.versions_removed > 0
    assert first.bytes_after > 0
    assert steps[0] == (0, 6, "compact images")
    assert steps[-1] == (5, 6, "index captions.text")
    version = store.version
    second = store.optimize()
    assert (second.built, sorted(second.kept)) == ((), sorted(first.built))
    assert (second.versions_removed, store.version) == (0, version)


def test_optimize_keeps_recent_versions_for_their_readers(tmp_path: Path) -> None:
    store = Store.create(tmp_path, DIM)
    for number in range(3):
        put(store, image(number, dim=DIM))
    assert store.optimize().versions_removed == 0


@pytest.mark.parametrize(
    ("facts", "outgrown"),
    [
        (IndexFacts("image_vector", "IvfRq", 100, 101, 1), True),
        (IndexFacts("image_vector", "IvfRq", 100, 100, 1), False),
        (IndexFacts("width", "BTree", 100, 101, 1), False),
    ],
)
def test_a_vector_index_is_outgrown_when_most_rows_are_newer(facts: IndexFacts, outgrown: bool) -> None:
    assert indexes.is_outgrown(facts) is outgrown


def test_an_outgrown_index_is_built_again(
    rows: list[ImageRow], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexes, "VECTOR_INDEX_ROWS", 256)
    store = Store.create(tmp_path, DIM)
    put(store, *rows[:260])
    store.optimize()
    put(store, *rows[260:])
    again = store.optimize()
    assert again.built == ("images.image_vector IvfRq", "images.caption_vector IvfRq")
    assert {facts.rows for facts in store.indexes()} == {ROWS}
