"""Full text over captions: as brute force says, with an index and without; endings, case and order of words."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from cvsi_db.records import CaptionRow, ImageRow
from cvsi_db.store import images
from cvsi_db.store.full_text import call_of, without_calls
from cvsi_db.store.images import Store
from tests.fakes import DIM

WORDS = ("frog", "boat", "lantern", "violin", "cliff")
Fill = Callable[[list[list[str]]], Store]


@pytest.fixture
def fill(store: Store) -> Fill:
    """Makes a gallery of images with these captions, named 0, 1, …"""

    def filled(captions: list[list[str]]) -> Store:
        vector = np.eye(DIM, dtype=np.float32)[0]
        rows = [
            ImageRow(
                image_id=str(number), path=f"/{number}.png", paths=(f"/{number}.png",), folder="", name=f"{number}.png",
                format="png", width=1, height=1, size_bytes=1, modified_at="2024-01-01", taken_at=None, camera=None,
                captions=tuple(texts), tags=(), image_vector=vector, caption_vector=vector if texts else 0 * vector,
            )
            for number, texts in enumerate(captions)
        ]  # fmt: skip
        said = [
            CaptionRow(row.image_id, place, text, vector) for row in rows for place, text in enumerate(row.captions)
        ]
        store.upsert(rows, said)
        return store

    return filled


def test_an_image_matches_when_one_of_its_captions_has_all_words(fill: Fill) -> None:
    rng = np.random.default_rng(2)
    captions = [[" ".join(rng.choice(WORDS, rng.integers(1, 4))) for _ in range(rng.integers(0, 3))] for _ in range(60)]
    store = fill(captions)
    asked = [" ".join(rng.choice(WORDS, size, replace=False)) for size in (1, 1, 2, 2, 3) for _ in range(3)]
    expected = {
        text: {
            str(number)
            for number, texts in enumerate(captions)
            if any(set(text.split()) <= set(each.split()) for each in texts)
        }
        for text in asked
    }
    assert {text: set(store.matching(text).to_pylist()) for text in asked} == expected
    store.optimize()
    assert [facts.kind for facts in store.indexes("captions") if facts.column == "text"] == ["FTS"]
    assert {text: set(store.matching(text).to_pylist()) for text in asked} == expected


@pytest.mark.parametrize("index", [False, True])
def test_words_match_whatever_their_endings_and_quotes_keep_their_order(fill: Fill, index: bool) -> None:
    store = fill([["Two red Frogs at the cliff"], ["a frog, red"], ["red cliff", "a frog"], [], ["crème brûlée"]])
    if index:
        store.optimize()
    found = {
        text: sorted(store.matching(text).to_pylist())
        for text in ("FROG", "frogs red", '"red frog"', '"frog red"', 'cliff "red frogs"', "creme", "frog zebra", "the")
    }
    assert found == {
        "FROG": ["0", "1", "2"],
        "frogs red": ["0", "1"],
        '"red frog"': ["0"],
        '"frog red"': ["1"],
        'cliff "red frogs"': ["0"],
        "creme": ["4"],
        "frog zebra": [],
        "the": [],
    }


def test_captions_written_later_match_too(fill: Fill) -> None:
    store = fill([["a frog"]])
    assert store.matching("boat").to_pylist() == []
    fill([["a frog"], ["a boat"]])
    assert store.matching("boat").to_pylist() == ["1"]


def test_a_gallery_without_captions_matches_nothing(fill: Fill) -> None:
    assert fill([[], []]).matching("frog").to_pylist() == []


@pytest.mark.parametrize("named", [images.NAMED, 0])
def test_a_condition_with_a_match_is_read_by_all_that_reads(
    fill: Fill, named: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "NAMED", named)
    store = fill([[f"a frog {'boat' * (number % 3 == 0)}"] for number in range(20)] + [["a cliff"]])
    for where, expected in (
        (store.match_condition("frog"), set(range(20))),
        (store.match_condition("zebra"), set()),
        (f"(name < '15.png') AND {store.match_condition('frog')}", {0, 1, 10, 11, 12, 13, 14}),
        (f"({store.match_condition('frog')}) AND {store.match_condition('boat')}", {0, 3, 6, 9, 12, 15, 18}),
    ):
        ids = {str(number) for number in expected}
        assert store.count(where) == len(ids)
        assert set(store.scan(["image_id"], where)["image_id"].to_pylist()) == ids
        assert {name for batch in store.stream(["name"], where) for name in batch["name"].to_pylist()} == {
            f"{each}.png" for each in ids
        }
        assert sum(len(batch) for batch in store.batches(["width"], 6, where=where)) == len(ids)
        for unit in (False, True):
            found = store.search("image_vector", np.ones(DIM, np.float32), 50, where, unit=unit)
            assert found["image_id"].to_pylist() == sorted(ids)  # all are equally near
            assert found["similarity"].to_numpy() == pytest.approx(1.0, abs=1e-3)


def test_what_a_person_writes_is_no_match() -> None:
    for text in ("it's", "a'b''c", "x */ y", "ä\\n"):
        call = call_of(text, 1234)
        assert without_calls(f"(width > 1) AND {call}") == ("(width > 1) AND true", [text])
    for literal in ("captions_match(''a'') /* 1 */", "captions_match('''') /* 1 */", "captions_match('') /* 1 */"):
        assert without_calls(f"name = '{literal}'") == (f"name = '{literal}'", [])
