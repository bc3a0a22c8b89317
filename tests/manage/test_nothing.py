"""Why nothing was found: each reason is told apart from the others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cvsi_db.manage.nothing import close_path, why_no_hit, why_no_image
from cvsi_db.query.where import check_where
from cvsi_db.records import ComposedQuery
from cvsi_db.store.images import Store
from tests.search.conftest import image_row, new_store, random_vectors


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Three images, of which the first has tags, a camera and a date."""
    store = new_store(tmp_path_factory.mktemp("three"))
    rows = [image_row(number, *pair) for number, pair in enumerate(random_vectors(3, seed=2))]
    path = "/photos/trip/beach-1.png"
    rows[0] = replace(rows[0], path=path, paths=(path,), folder="trip", tags=("Sea", "two words"), camera="Canon EOS")
    store.upsert(rows, [])
    return store


@pytest.mark.parametrize(
    ("where", "filters", "said"),
    [
        (None, {"folder": "tripp"}, "none of the 3 images satisfies folder 'tripp': did you mean '/photos/trip'?"),
        (None, {"folder": "/photos/tirp"}, "… folder '/photos/tirp': did you mean '/photos/trip'?"),
        (None, {"folder": "elsewhere"}, "… folder 'elsewhere'"),
        (None, {"tag": ("Sea", "sae")}, "… tag 'sae': did you mean 'Sea'?"),
        (None, {"tag": "two wrods"}, "… tag 'two wrods': did you mean 'two words'?"),
        (None, {"camera": "cannon"}, "… camera 'cannon': did you mean 'Canon'?"),
        (None, {"after": "2024"}, "… after '2024': their dates are from 2023-06-01 00:00:00 to 2023-06-01 00:00:00"),
        (None, {"rating": 4}, "… rating '4'"),
        (None, {"near": "48.8,2.3,5"}, "… near '48.8,2.3,5'"),
        ("width > 9999", {}, "… the condition 'width > 9999'"),
        ("width > 100 AND folder = 'tripp'", {}, "… the condition \"folder = 'tripp'\": did you mean 'trip'?"),
        ("taken_at >= '2024'", {"folder": "trip"}, "… the condition \"taken_at >= '2024'\""),
        ("array_has(tags, 'see')", {}, "… the condition \"array_has(tags, 'see')\": did you mean 'Sea'?"),
        (
            "width > 100 AND width < 102",
            {"folder": "trip"},
            "… all that is asked; what each leaves alone: the condition 'width > 100' 2, "
            "the condition 'width < 102' 2, folder 'trip' 1",
        ),
        ("width < 102", {"folder": "/photos"}, None),
        (None, {}, None),
    ],
)
def test_the_filter_that_leaves_none_is_named(
    store: Store, where: str | None, filters: dict[str, object], said: str | None
) -> None:
    said = said and said.replace("…", "none of the 3 images satisfies")
    assert why_no_image(store, where, filters) == said


def test_a_condition_that_is_sound_already(store: Store) -> None:
    where = check_where("width > 100 AND folder = 'tripp'", store.columns)
    assert why_no_image(store, where, {}) == (
        "none of the 3 images satisfies the condition \"folder = 'tripp'\": did you mean 'trip'?"
    )


def test_an_empty_gallery_and_one_whose_files_are_gone(store: Store, tmp_path: Path) -> None:
    empty = new_store(tmp_path)
    assert why_no_image(empty, "width > 5", {}) == "the gallery is empty: `cvsi-db ingest FOLDER` takes images in"
    assert why_no_image(empty, None, {}, "removed") == "no image of the gallery has lost its files"
    empty.upsert([image_row(1, *random_vectors(1, seed=2)[0])], [])
    assert why_no_image(empty, "width > 999", {}) == "the only image does not satisfy the condition 'width > 999'"
    empty.remove(list(empty.rows(empty.ids()).values()))
    assert why_no_image(empty, None, {}) == (
        "the gallery has no image whose file is there, and 1 whose files are gone: "
        "`cvsi-db ingest FOLDER` takes images in"
    )


def test_a_miss_and_a_page_too_far(store: Store) -> None:
    scores = np.array([0.5, 0.25], np.float32)
    assert why_no_hit(store, ComposedQuery("a.png", min_score=0.9), scores) == (
        "the best image scores 0.5000, less than the least score 0.9 (--min-score)"
    )
    far = ComposedQuery("a.png", min_score=0.3, offset=20)
    assert why_no_hit(store, far, scores) == "no hit has a rank above 20: ask for an earlier page (--offset)"
    assert why_no_hit(store, ComposedQuery("a.png"), scores[:0]).startswith("only the reference and the examples could")


@pytest.mark.parametrize(
    ("wanted", "asked"),
    [
        ("/a/photos/beech-1.png", "did you mean '/a/photos/beach-1.png'?"),
        ("/elsewhere/beach-1.png", "did you mean '/a/photos/beach-1.png'?"),
        ("/a/phots", "did you mean '/a/photos'?"),
        ("/a/zzz", ""),
    ],
)
def test_paths_that_are_nearly_the_one_named(wanted: str, asked: str) -> None:
    assert close_path(wanted, ["/a/photos/beach-1.png", "/a/photos/city.png"]) == asked
