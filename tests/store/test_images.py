"""The store on real LanceDB tables: what goes in comes out, search is brute force, bad rows are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import lancedb
import numpy as np
import pyarrow as pa
import pytest

from cvsi_db.errors import CvsiError, FilterError, GalleryError, ModelError, QueryError
from cvsi_db.query.where import check_where
from cvsi_db.records import CaptionRow, ColumnName, FloatArray, ImageRow
from cvsi_db.store.images import Store, any_of, matrix
from tests.processes import context

DIM = 16


def unit(seed: int, n: int = 1, dim: int = DIM) -> FloatArray:
    vectors = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


VECTOR = unit(0)[0]


def image(number: int, *, dim: int = DIM, captions: tuple[str, ...] = ("a cat",)) -> ImageRow:
    image_vector, caption_vector = unit(number, 2, dim)
    return ImageRow(
        image_id=f"id{number:04}",
        path=f"/photos/it's {number}.jpg",
        paths=(f"/photos/it's {number}.jpg", "/copy.jpg"),
        folder="photos",
        name=f"it's {number}.jpg",
        format="JPEG",
        width=number,
        height=480,
        size_bytes=2**33 + number,
        modified_at=f"2024-01-{1 + number % 28:02}T12:00:00+00:00",
        taken_at=f"2023-06-{1 + number % 28:02}T08:30:00" if number % 5 else None,
        camera="Acme 1" if number % 2 else None,
        captions=captions,
        tags=("even",) if number % 2 == 0 else (),
        image_vector=image_vector,
        caption_vector=caption_vector * 0.7,
    )


def captions_of(row: ImageRow) -> list[CaptionRow]:
    dim = len(row.image_vector)
    return [CaptionRow(row.image_id, i, text, unit(i, dim=dim)[0]) for i, text in enumerate(row.captions)]


def put(store: Store, *rows: ImageRow) -> None:
    store.upsert(rows, [caption for row in rows for caption in captions_of(row)])


def stored_captions(folder: Path) -> list[tuple[str, int, str]]:
    rows = lancedb.connect(str(folder)).open_table("captions").to_arrow().to_pylist()
    return sorted((row["image_id"], row["ordinal"], row["text"]) for row in rows)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "lance"


@pytest.fixture
def store(folder: Path) -> Store:
    return Store.create(folder, DIM)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store.create(tmp_path_factory.mktemp("full"), 64)
    put(store, *(image(number, dim=64) for number in range(500)))
    return store


def test_a_new_store_is_empty_and_reads_its_width_from_the_tables(store: Store, folder: Path) -> None:
    again = Store.open(folder)
    assert (again.dim, again.count()) == (DIM, 0)
    assert not {"image_vector", "caption_vector", "image_norm"} & again.columns.keys()
    assert again.columns["taken_at"] == pa.timestamp("us")
    assert Store.create(folder, DIM).version == again.version  # what is there already stays


def test_opening_a_missing_folder_is_an_error_and_makes_none(tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match="are gone: `cvsi-db check --repair` makes new ones"):
        Store.open(tmp_path / "none")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(GalleryError, match="cannot open the table 'images'"):
        Store.open(tmp_path)


def test_rows_come_back_as_they_went_in_with_vectors_rounded_to_float16(store: Store) -> None:
    put(store, image(3), image(5))
    rows = store.rows(["id0005", "id0003", "unknown"])
    assert rows.keys() == {"id0003", "id0005"}
    for number in (3, 5):
        given, found = image(number), rows[f"id{number:04}"]
        for name in ("image_vector", "caption_vector"):
            vector = getattr(found, name)
            assert vector.dtype == np.float32
            np.testing.assert_array_equal(vector, getattr(given, name).astype(np.float16).astype(np.float32))
            np.testing.assert_allclose(vector, getattr(given, name), rtol=2**-11, atol=2**-24)
        assert replace(found, image_vector=VECTOR, caption_vector=VECTOR) == replace(
            given, image_vector=VECTOR, caption_vector=VECTOR
        )
    assert store.rows([]) == {}


def test_upsert_replaces_and_drops_the_surplus_captions(store: Store, folder: Path) -> None:
    put(store, image(1, captions=("a", "b", "c")), image(2, captions=("x", "y")))
    before = store.version
    put(store, replace(image(1, captions=("d",)), width=77))
    assert store.version > before
    assert store.count() == 2
    assert store.rows(["id0001"])["id0001"].width == 77
    assert stored_captions(folder) == [("id0001", 0, "d"), ("id0002", 0, "x"), ("id0002", 1, "y")]
    put(store, image(1, captions=()))
    assert stored_captions(folder) == [("id0002", 0, "x"), ("id0002", 1, "y")]


def test_delete_removes_images_and_their_captions(store: Store, folder: Path) -> None:
    put(store, image(1), image(2))
    store.delete(["id0001", "never there"])
    store.delete([])
    assert store.count() == 1
    assert stored_captions(folder) == [("id0002", 0, "a cat")]


def test_a_store_sees_what_another_one_writes(store: Store, folder: Path) -> None:
    other = Store.open(folder)
    assert other.count() == 0
    put(store, image(1))
    assert (other.count(), other.version) == (1, store.version)


@pytest.mark.parametrize(
    ("vector", "said"),
    [
        (np.zeros(DIM), "is zero"),
        (np.full(DIM, 1e-9), "is zero"),
        (np.full(DIM, np.nan), "holds NaN"),
        (np.full(DIM, 1e5), "beyond ±65504"),
        (np.ones(DIM - 1), "has shape (15,)"),
        (np.ones((1, DIM)), "has shape (1, 16)"),
    ],
)
def test_unusable_vectors_are_neither_written_nor_searched_for(
    store: Store, folder: Path, vector: FloatArray, said: str
) -> None:
    bad = vector.astype(np.float32)
    put(store, image(1))
    writes = [
        lambda: put(store, image(2), replace(image(3), image_vector=bad)),
        lambda: put(store, replace(image(3), caption_vector=bad)),
        lambda: store.upsert([image(3)], [CaptionRow("id0003", 0, "a", bad)]),
    ]
    for attempt in (*writes, lambda: store.search("image_vector", bad, 5)):
        with pytest.raises(ModelError) as refusal:
            attempt()
        assert said in str(refusal.value)
    assert (store.count(), stored_captions(folder)) == (1, [("id0001", 0, "a cat")])


def test_an_image_without_captions_may_have_a_caption_vector_of_zero(store: Store, folder: Path) -> None:
    nothing = np.zeros(DIM, np.float32)
    put(store, image(1), replace(image(2, captions=()), caption_vector=nothing), image(3, captions=()))
    assert (store.count_uncaptioned(), store.uncaptioned()) == (2, ["id0002", "id0003"])
    assert not store.rows(["id0002"])["id0002"].caption_vector.any()
    assert store.count_uncaptioned() == 2
    Store.open(folder).upsert([image(3)], captions_of(image(3)))
    assert store.count_uncaptioned() == 1  # another handle's writing is seen
    found = store.search("caption_vector", image(1).caption_vector, 3)
    assert found["similarity"].to_pylist()[found["image_id"].to_pylist().index("id0002")] == pytest.approx(0, abs=1e-6)
    for row in (
        replace(image(4, captions=()), image_vector=nothing),
        replace(image(4, captions=()), caption_vector=nothing[1:]),
        replace(image(4, captions=()), caption_vector=nothing * np.nan),
    ):
        with pytest.raises(ModelError):
            put(store, row)
    assert store.count() == 3


def test_a_batch_with_repeated_keys_or_foreign_captions_is_an_error(store: Store) -> None:
    caption = captions_of(image(1))[0]
    for images, captions, said in (
        ([image(1), image(1)], [], "'id0001' is in one batch more than once"),
        ([image(1)], [caption, caption], "'id0001/0' is in one batch more than once"),
        ([image(2)], [caption], "captions of image 'id0001' without its row"),
        ([replace(image(1), taken_at="2024:01:01")], [], "'2024:01:01' is not ISO 8601"),
    ):
        with pytest.raises(GalleryError, match=said):
            store.upsert(images, captions)
    store.upsert([], [])
    assert store.count() == 0


# --- search -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["image_vector", "caption_vector"])
@pytest.mark.parametrize(("where", "chosen"), [(None, lambda n: True), ("width < 200", lambda n: n < 200)])
@pytest.mark.parametrize("length", [1.0, 0.01, 300.0])
def test_search_is_brute_force(
    full: Store, column: ColumnName, where: str | None, chosen: object, length: float
) -> None:
    numbers = [n for n in range(500) if chosen(n)]  # type: ignore[operator]
    rows = np.stack([getattr(image(n, dim=64), column) for n in numbers]).astype(np.float16).astype(np.float32)
    query = unit(9000, dim=64)[0] * np.float32(length)
    scores = dict(zip((f"id{n:04}" for n in numbers), rows @ query, strict=True))

    found = full.search(column, query, len(numbers), where)
    assert found.column_names == ["image_id", "image_vector", "caption_vector", "similarity"]
    similarity = found["similarity"].to_numpy()
    ids = found["image_id"].to_pylist()
    assert sorted(ids) == sorted(scores)
    assert (np.diff(similarity) <= 0).all()
    np.testing.assert_allclose(similarity, [scores[i] for i in ids], rtol=0, atol=2**-11 * length)
    np.testing.assert_allclose(matrix(found, column) @ query, [scores[i] for i in ids], rtol=1e-5, atol=1e-6 * length)

    best = full.search(column, query, 20, where)["image_id"].to_pylist()
    exact = sorted(scores, key=lambda i: -scores[i])
    assert best == ids[:20]
    assert len(set(best) & set(exact[:20])) >= 19  # the last place may go to a neighbour within the rounding


def test_an_index_does_not_change_the_answers(store: Store) -> None:
    put(store, *(image(number) for number in range(40)))
    before = store.search("image_vector", unit(7)[0], 10)
    store.optimize()
    store.optimize()
    assert store.search("image_vector", unit(7)[0], 10).equals(before)
    put(store, replace(image(7), width=9999), image(41))  # an indexed key and a new one
    assert (store.count(), store.count("width = 9999"), store.count("image_id = 'id0041'")) == (41, 1, 1)


def test_search_limits(store: Store) -> None:
    query = unit(1)[0]
    assert len(store.search("image_vector", query, 10)) == 0
    put(store, image(1))
    assert len(store.search("image_vector", query, 10_000)) == 1
    assert len(store.search("image_vector", query, 3, "width > 5")) == 0
    with pytest.raises(QueryError, match="at least 1"):
        store.search("image_vector", query, 0)


def test_equal_similarities_are_ordered_by_image_id(store: Store) -> None:
    same = unit(1)[0]
    put(store, *(replace(image(number), image_vector=same) for number in (3, 1, 2)))
    assert store.search("image_vector", same, 3)["image_id"].to_pylist() == ["id0001", "id0002", "id0003"]


def test_a_search_writes_nothing_to_stderr(store: Store, capfd: pytest.CaptureFixture[str]) -> None:
    put(store, image(1))
    store.search("image_vector", unit(1)[0], 1)
    assert capfd.readouterr().err == ""


# --- take, scan, filters ----------------------------------------------------------------------------------------


def test_take_keeps_the_order_given(full: Store) -> None:
    taken = full.take(["id0300", "id0002", "id0300"], ["name", "image_vector"])
    assert taken.column_names == ["name", "image_vector"]
    assert taken["name"].to_pylist() == ["it's 300.jpg", "it's 2.jpg", "it's 300.jpg"]
    assert matrix(taken, "image_vector").dtype == np.float32
    assert full.take([], ["name"]).num_rows == 0
    with pytest.raises(GalleryError, match="'gone' is not"):
        full.take(["id0300", "gone"], ["name"])


def test_scan_returns_every_row(full: Store) -> None:
    assert sorted(full.scan(["width"])["width"].to_pylist()) == list(range(500))
    vectors = matrix(full.scan(["caption_vector"], "width >= 490"), "caption_vector")
    assert vectors.shape == (10, 64)
    assert vectors.dtype == np.float32


def test_a_quote_in_an_image_id_is_escaped_in_conditions() -> None:
    assert any_of(["it's", "b"]) == "image_id IN ('it''s', 'b')"
    assert any_of([]) == "false"


def test_filters_over_every_kind_of_column(full: Store) -> None:
    def count(where: str) -> int:
        return full.count(check_where(where, full.columns))

    assert count("taken_at IS NULL") == 100
    assert count("taken_at >= '2023-06-28'") == sum(n % 28 == 27 and n % 5 > 0 for n in range(500))
    assert count("modified_at < '2024-01-02'") == sum(n % 28 == 0 for n in range(500))
    assert count("modified_at = '2024-01-01T13:00:00+01:00'") == sum(n % 28 == 0 for n in range(500))
    assert count("array_has(tags, 'even') AND camera IS NULL") == 250
    assert count("name = 'it''s 7.jpg'") == 1
    full.check_filter("width / height > 1.5 AND name LIKE 'it%'")


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("width = 'wide'", "could not convert to literal of type 'Int32'"),
        ("width", "does not return a boolean"),
        ("levitate(width) > 1", "Invalid function 'levitate'"),
        ("depth > 1", "No field named depth"),
        ("width = name", "Cannot cast string"),
        ("CAST(name AS INT) > 3", "Cannot cast string"),
    ],
)
def test_an_unusable_filter_is_named_in_one_line(full: Store, where: str, said: str) -> None:
    for attempt in (full.check_filter, full.count, lambda w: full.search("image_vector", unit(1, dim=64)[0], 1, w)):
        with pytest.raises(FilterError) as refusal:
            attempt(where)
        message = str(refusal.value)
        assert said in message
        assert where in message
        assert "\n" not in message
        assert ".rs:" not in message


# --- removed images ---------------------------------------------------------------------------------------------


def test_a_removed_image_is_in_no_search_and_keeps_its_captions(store: Store, folder: Path) -> None:
    put(store, *(image(number) for number in (1, 2, 3)))
    rows = store.rows(["id0001", "id0002"])
    for _ in range(2):  # repeating a step changes nothing
        store.remove(list(rows.values()))
        assert (store.ids(), store.ids("removed")) == ({"id0003"}, {"id0001", "id0002"})
    assert store.search("image_vector", unit(1)[0], 10)["image_id"].to_pylist() == ["id0003"]
    kept = store.rows(["id0001", "id0003"], "removed")
    assert kept.keys() == {"id0001"}
    assert (kept["id0001"].path, kept["id0001"].paths) == (rows["id0001"].path, ())
    np.testing.assert_array_equal(kept["id0001"].image_vector, rows["id0001"].image_vector)
    assert [key for key, _, _ in stored_captions(folder)] == ["id0001", "id0002", "id0003"]
    assert store.orphans() == set()


def test_a_removed_image_comes_back(store: Store) -> None:
    put(store, image(1), image(2))
    row = store.rows(["id0001"])["id0001"]
    store.remove([row])
    for _ in range(2):
        store.bring_back([row])
        assert (store.ids(), store.ids("removed")) == ({"id0001", "id0002"}, set())
    assert store.rows(["id0001"])["id0001"].paths == row.paths


def test_a_search_that_began_before_a_removal_ends_as_it_began(store: Store) -> None:
    put(store, image(1), image(2))
    best = store.search("image_vector", image(1).image_vector, 2)["image_id"].to_pylist()
    _, row_ids = store.addresses()
    assert store.take(best, ["image_id"], row_ids)["image_id"].to_pylist() == best
    store.remove(list(store.rows(["id0001"]).values()))
    assert store.take(best, ["image_id", "name"]).to_pylist() == [
        {"image_id": "id0001", "name": "it's 1.jpg"},
        {"image_id": "id0002", "name": "it's 2.jpg"},
    ]
    assert store.take(best, ["name"], row_ids)["name"].to_pylist() == ["it's 1.jpg", "it's 2.jpg"]
    store.delete(["id0001"])
    for known in (None, row_ids):
        with pytest.raises(GalleryError, match="'id0001' is not"):
            store.take(best, ["name"], known)


def test_delete_removes_an_image_from_every_table(store: Store, folder: Path) -> None:
    put(store, image(1), image(2), image(3))
    store.remove(list(store.rows(["id0001"]).values()))
    store.delete(["id0001", "id0002"])
    assert (store.ids(), store.ids("removed"), store.ids("captions")) == ({"id0003"}, set(), {"id0003"})


def test_captions_without_an_image_are_orphans(store: Store) -> None:
    put(store, image(1), image(2))
    store._images.delete("image_id = 'id0002'")
    assert store.orphans() == {"id0002"}
    store.delete(store.orphans())
    assert (store.orphans(), store.ids()) == (set(), {"id0001"})


def test_removed_and_captions_can_be_scanned(store: Store) -> None:
    put(store, *(image(number, captions=("a", "b")) for number in range(5)))
    store.remove(list(store.rows([f"id{n:04}" for n in range(3)]).values()))
    texts = [batch["text"].to_pylist() for batch in store.batches(["text"], 4, "captions")]
    assert [len(some) for some in texts] == [4, 4, 2]
    assert [text for some in texts for text in some] == ["a", "b"] * 5
    assert sorted(store.scan(["width"], "width > 0", "removed")["width"].to_pylist()) == [1, 2]
    store.optimize()
    assert {facts.column for facts in store.indexes("captions")} == {"caption_id", "image_id", "text"}
    assert store.ids("removed") == {"id0000", "id0001", "id0002"}


# --- several writers --------------------------------------------------------------------------------------------


def _upsert_all(folder: Path, writer: int) -> None:
    store = Store.open(folder)
    for start in range(0, 40, 20):
        put(store, *(replace(image(n, captions=("a", "b")), height=writer) for n in range(start, start + 20)))


def test_four_processes_that_write_the_same_images_leave_no_duplicates(store: Store, folder: Path) -> None:
    writers = [context.Process(target=_upsert_all, args=(folder, writer)) for writer in range(4)]
    for process in writers:
        process.start()
    for process in writers:
        process.join(120)
    assert [process.exitcode for process in writers] == [0, 0, 0, 0]
    assert sorted(store.scan(["image_id"])["image_id"].to_pylist()) == [f"id{n:04}" for n in range(40)]
    assert stored_captions(folder) == [(f"id{n:04}", i, text) for n in range(40) for i, text in enumerate("ab")]


def _remove_and_bring_back(folder: Path, times: int) -> None:
    store = Store.open(folder)
    rows = list(store.rows([f"id{n:04}" for n in range(0, 40, 2)]).values())
    for _ in range(times):
        store.remove(rows)
        store.bring_back(rows)


def test_searches_beside_a_writer_see_whole_commits(store: Store, folder: Path) -> None:
    put(store, *(image(number) for number in range(40)))
    everyone = store.ids()
    stay = {f"id{n:04}" for n in range(1, 40, 2)}
    writer = context.Process(target=_remove_and_bring_back, args=(folder, 15))
    writer.start()
    seen = set()
    while writer.is_alive():
        best = store.search("image_vector", unit(7)[0], 40)["image_id"].to_pylist()
        assert (len(best), set(best)) in ((40, everyone), (20, stay))
        assert store.take(best, ["image_id"])["image_id"].to_pylist() == best
        seen.add(len(best))
    assert (writer.exitcode, store.ids()) == (0, everyone)
    assert seen


def test_every_unreadable_image_raises_image_error(store: Store, folder: Path) -> None:
    for path in (folder / "images.lance" / "_versions").iterdir():
        path.unlink()
    with pytest.raises(CvsiError):
        store.count()
