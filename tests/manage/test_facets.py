"""Facets: how many images have which values, under a filter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cvsi_db.errors import FilterError, QueryError
from cvsi_db.manage.facets import facets
from cvsi_db.manage.listing import each_image
from cvsi_db.store.images import Store
from tests.search.conftest import image_row, random_vectors


def counts(found: list[dict[str, Any]]) -> dict[str, int]:
    return {each["value"]: each["count"] for each in found}


@pytest.fixture
def filled(store: Store) -> Store:
    """Six images: years 2023 and 2024, two cameras, two tags, folders photos/{trip,trip/day 1,home} and a twin."""
    said: list[dict[str, Any]] = [
        {"paths": ("/p/photos/trip/a.jpg",), "camera": "Canon", "taken_at": "2024-05-01T12:00:00", "tags": ("sea",)},
        {"paths": ("/p/photos/trip/day 1/b.jpg",), "camera": "Canon", "taken_at": "2024-06-01T12:00:00", "rating": 5},
        {"paths": ("/p/photos/trip/day 1/c.jpg",), "camera": "Pixel", "taken_at": "2023-06-01T12:00:00"},
        {"paths": ("/p/photos/home/d.jpg",), "tags": ("sea", "cat"), "format": "png"},
        {"paths": ("/p/photos/home/e.jpg", "/p/photos/trip/e.jpg"), "rating": 5},
        {"paths": ("/p/photos/trip/f.jpg", "/p/photos/trip/twin.jpg"), "rating": 3},
    ]
    vectors = random_vectors(len(said), seed=3)
    rows = [
        replace(
            image_row(place, *vectors[place]), path=each["paths"][0], **{"format": "jpeg", "taken_at": None, **each}
        )
        for place, each in enumerate(said)
    ]
    store.upsert(rows, [])
    return store


def test_every_value_is_counted_the_most_frequent_first(filled: Store) -> None:
    found = facets(filled, None, {}, 100)
    assert (found["images"], found["total"]) == (6, 6)
    assert list(counts(found["cameras"]).items()) == [("Canon", 2), ("Pixel", 1)]
    assert list(counts(found["years"]).items()) == [("2024", 2), ("2023", 1)]
    assert list(counts(found["tags"]).items()) == [("sea", 2), ("cat", 1)]
    assert counts(found["ratings"]) == {"5": 2, "3": 1}
    assert counts(found["formats"]) == {"jpeg": 5, "png": 1}
    assert found["unknown"] == {"cameras": 3, "years": 3, "ratings": 3, "tags": 4}


def test_a_folder_counts_what_is_in_it_or_below_as_its_filter_does(filled: Store) -> None:
    folders = counts(facets(filled, None, {}, 100)["folders"])
    assert folders == {"/p/photos": 6, "/p/photos/trip": 5, "/p/photos/home": 2, "/p/photos/trip/day 1": 2}
    assert {folder: len(list(each_image(filled, filters={"folder": folder}))) for folder in folders} == folders


def test_folders_on_object_storage_end_at_their_bucket(store: Store) -> None:
    paths = ["s3://a/x/1.jpg", "s3://a/y/z/2.jpg", "s3://b/3.jpg", "gs://c/w/4.jpg", "gs://c/w/5.jpg", "/p/q/6.jpg"]
    vectors = random_vectors(len(paths), seed=3)
    rows = [replace(image_row(place, *vectors[place]), path=path, paths=(path,)) for place, path in enumerate(paths)]
    store.upsert([replace(rows[0], paths=(paths[0], "s3://b/twin.jpg")), *rows[1:]], [])
    folders = counts(facets(store, None, {}, 100)["folders"])
    assert folders == {"s3://a": 2, "s3://a/x": 1, "s3://a/y/z": 1, "s3://b": 2, "gs://c/w": 2, "/p/q": 1}
    assert {folder: len(list(each_image(store, filters={"folder": folder}))) for folder in folders} == folders


def test_filters_and_a_condition_hold_for_every_count(filled: Store) -> None:
    found = facets(filled, "rating IS NULL", {"folder": "/p/photos/trip", "after": "2024"}, 1)
    assert (found["images"], found["total"]) == (1, 6)
    assert found["cameras"] == [{"value": "Canon", "count": 1}]
    assert found["folders"] == [{"value": "/p/photos/trip", "count": 1}]
    assert found["ratings"] == []


def test_an_empty_gallery_has_no_values(store: Store) -> None:
    found = facets(store, None, {}, 10)
    assert (found["images"], found["folders"], found["unknown"]["tags"]) == (0, [], 0)


def test_facets_say_what_cannot_be_asked(filled: Store) -> None:
    with pytest.raises(QueryError, match="ask for at least 1"):
        facets(filled, None, {}, 0)
    with pytest.raises(FilterError, match="colour"):
        facets(filled, "colour = 'red'", {}, 10)
    with pytest.raises(QueryError, match="unknown filter 'colour'"):
        facets(filled, None, {"colour": "red"}, 10)
