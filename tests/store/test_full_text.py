"""Full text over captions: as brute force says, with an index and without; endings, case and order of words."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from cvsi_db.records import CaptionRow, ImageRow
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
    assert {text: store.matching(text) for text in asked} == expected
    store.optimize()
    assert [facts.kind for facts in store.indexes("captions") if facts.column == "text"] == ["FTS"]
    assert {text: store.matching(text) for text in asked} == expected


@pytest.mark.parametrize("index", [False, True])
def test_words_match_whatever_their_endings_and_quotes_keep_their_order(fill: Fill, index: bool) -> None:
    store = fill([["Two red Frogs at the cliff"], ["a frog, red"], ["red cliff", "a frog"], [], ["crème brûlée"]])
    if index:
        store.optimize()
    found = {
        text: sorted(store.matching(text))
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
    assert store.matching("boat") == set()
    fill([["a frog"], ["a boat"]])
    assert store.matching("boat") == {"1"}


def test_a_gallery_without_captions_matches_nothing(fill: Fill) -> None:
    assert fill([[], []]).matching("frog") == set()
