"""The filters: what they find in a gallery, and what they refuse."""

from __future__ import annotations

import math
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cvsi_db.errors import FilterError, QueryError
from cvsi_db.manage.listing import each_image
from cvsi_db.query.options import FILTERS, check_query, condition
from cvsi_db.records import ComposedQuery, ImageRow
from cvsi_db.store.images import Store
from tests.fakes import DIM

PARIS, SYDNEY, FIJI = (48.8584, 2.2945), (-33.8568, 151.2153), (-17.7, 179.9)


@pytest.fixture
def photos_of(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Store:
    """Four images; the current folder is /p/a for those that a relative path names."""

    def row(name: str, *paths: str, **columns: Any) -> ImageRow:
        vector = np.eye(1, DIM, dtype=np.float32)[0]
        return ImageRow(
            image_id=name, path=paths[0], paths=paths, folder="", name=name, format="png", width=1, height=1,
            size_bytes=1, modified_at="2024-01-01", captions=(), image_vector=vector, caption_vector=vector * 0,
            **{"taken_at": None, "camera": None, "tags": (), **columns},
        )  # fmt: skip

    store.upsert(
        [
            row("paris", "/p/trip/1.png", "/q/it's/1.png", taken_at="2024-10-31T23:59:59.5", rating=5,
                camera="Canon EOS 5D", latitude=PARIS[0], longitude=PARIS[1], tags=("sea", "it's")),
            row("sydney", "/p/trip/day 2/2.png", taken_at="2024-11-01T00:00:00", rating=3, camera="CANON é",
                latitude=SYDNEY[0], longitude=SYDNEY[1], tags=("sea",)),
            row("fiji", "/p/tripod/3.png", taken_at="2023-01-01T00:00:00", rating=-1, latitude=FIJI[0],
                longitude=FIJI[1]),
            row("bare", "/p/a/x/trip.png"),
        ],
        [],
    )  # fmt: skip
    return store


def found(store: Store, **filters: Any) -> set[str]:
    return {Path(row["path"]).name[0] for row in list(each_image(store, columns=("path",), filters=filters))}


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"after": "2024-10-31"}, {"1", "2"}),
        ({"after": "2024-11"}, {"2"}),
        ({"before": "2024-11-01"}, {"1", "3"}),
        ({"after": "2024", "before": "2025"}, {"1", "2"}),
        ({"after": "2024-10-31", "before": "2024-11-01"}, {"1"}),
        ({"after": date(2024, 11, 1)}, {"2"}),
        ({"before": datetime(2024, 10, 31, 12)}, {"3"}),
        ({"near": "48.86,2.3,5"}, {"1"}),
        ({"near": (48.86, 2.3, 0.1)}, set()),
        ({"near": [-17.7, -179.9, 30]}, {"3"}),  # across the line of 180 degrees
        ({"near": "0,0,20038"}, {"1", "2", "3"}),
        ({"near": (89.9, 0, 20000)}, {"1", "2", "3"}),
        ({"folder": "/p/trip"}, {"1", "2"}),
        ({"folder": "/p/trip/"}, {"1", "2"}),
        ({"folder": "/p/trip/day 2"}, {"2"}),
        ({"folder": Path("/q")}, {"1"}),  # by its other path
        ({"folder": "trip"}, {"1", "2"}),
        ({"folder": "it's"}, {"1"}),
        ({"folder": "/"}, {"1", "2", "3", "t"}),
        ({"folder": "/p/tri"}, set()),
        ({"camera": "canon"}, {"1", "2"}),
        ({"camera": "É"}, {"2"}),
        ({"camera": "%"}, set()),
        ({"tag": "sea"}, {"1", "2"}),
        ({"tag": ["sea", "it's"]}, {"1"}),
        ({"rating": 3}, {"1", "2"}),
        ({"rating": 1, "camera": "eos", "folder": "trip"}, {"1"}),
        ({"after": None, "tag": ()}, {"1", "2", "3", "t"}),
    ],
)
def test_filters_find_what_they_say(photos_of: Store, filters: dict[str, Any], names: set[str]) -> None:
    assert found(photos_of, **filters) == names


def test_a_relative_folder_is_below_the_current_one(photos_of: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getcwd", lambda: "/p/a")
    assert found(photos_of, folder="./x") == found(photos_of, folder=".") == {"t"}
    assert found(photos_of, folder="../trip") == {"1", "2"}


def test_distances_are_those_of_the_sphere(photos_of: Store) -> None:
    """Paris to Sydney by the law of cosines."""
    a, b = (tuple(map(math.radians, place)) for place in (PARIS, SYDNEY))
    cosine = math.sin(a[0]) * math.sin(b[0]) + math.cos(a[0]) * math.cos(b[0]) * math.cos(a[1] - b[1])
    km = 6371.0088 * math.acos(cosine)
    assert found(photos_of, near=(*PARIS, km * 0.9999)) == {"1", "3"}
    assert found(photos_of, near=(*PARIS, km * 1.0001)) == {"1", "2", "3"}


def test_filters_and_a_condition_hold_together(photos_of: Store) -> None:
    where = "width = 1 OR height = 1"
    rows = list(each_image(photos_of, where, columns=("name",), filters={"rating": 5}))
    assert rows == [{"name": "paris"}]
    query = check_query(ComposedQuery(edit_text="x", where=where, rating=5, tag=("sea",)), photos_of.columns)
    assert query.where == "(width = 1 OR height = 1) AND (array_has(tags, 'sea')) AND (rating >= 5)"
    assert photos_of.count(query.where) == 1


def test_no_filter_is_no_condition(photos_of: Store) -> None:
    assert condition(None, photos_of.columns, {option.field: option.default for option in FILTERS}) is None


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"after": "soon"}, "after is 'soon': give a date such as 2024, 2024-10 or 2024-10-31"),
        ({"before": 2024}, "before is 2024: give a date such as 2024, 2024-10 or 2024-10-31"),
        ({"near": "Paris"}, "near is 'Paris': give latitude, longitude and kilometres, such as 48.858,2.294,5"),
        ({"near": (91, 0, 1)}, "near is (91, 0, 1): give latitude, longitude and kilometres, such as 48.858,2.294,5"),
        ({"near": "1,2,-3"}, "near is '1,2,-3': give latitude, longitude and kilometres, such as 48.858,2.294,5"),
        ({"near": "1,2,nan"}, "near is '1,2,nan': give latitude, longitude and kilometres, such as 48.858,2.294,5"),
        ({"folder": ""}, "folder is '': give a folder's path or name"),
        ({"folder": "a\0"}, "folder is 'a\\x00': give a folder's path or name"),
        ({"camera": 5}, "camera is 5: give a text"),
        ({"tag": [1]}, "tag is (1,): give a text or a list of texts"),
        ({"rating": 6}, "rating is 6: give a whole number from 1 to 5"),
        ({"rating": "5"}, "rating is '5': give a whole number from 1 to 5"),
        (
            {"colour": "red"},
            "unknown filter 'colour': the filters are after, before, near, folder, camera, tag, rating, match",
        ),
    ],
)
def test_a_value_that_cannot_be_used_is_refused(store: Store, filters: dict[str, Any], message: str) -> None:
    with pytest.raises(QueryError) as caught:
        condition(None, store.columns, filters)
    assert str(caught.value) == message


def test_a_condition_is_checked_as_before(store: Store) -> None:
    with pytest.raises(FilterError, match="colour"):
        condition("colour = 1", store.columns, {"rating": 5})


def test_no_value_says_more_than_its_filter(photos_of: Store) -> None:
    """A quote ends no string."""
    for text in ("x') OR (1 = 1", "') OR true --", "'"):
        assert found(photos_of, folder=text) == found(photos_of, camera=text) == found(photos_of, tag=text) == set()
