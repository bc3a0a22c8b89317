"""A search is answered anew when another process forgets an image between its being found and its being shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from cvsi_db.errors import ImageGoneError
from cvsi_db.records import ComposedQuery
from cvsi_db.search import ATTEMPTS, SearchContext, SearchResult, search, search_many
from cvsi_db.store.images import Store
from tests.fakes import make_picture
from tests.search.conftest import fill, random_vectors

QUERY = ComposedQuery(make_picture(), "with a hat", k=4)


class Forgetful:
    """A store in which the first image asked for is forgotten, so many `times`, just before it would be shown."""

    def __init__(self, store: Store, times: int) -> None:
        self._store, self._times = store, times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def take(self, image_ids: Sequence[str], columns: Sequence[str], row_ids: Any = None) -> Any:
        if self._times:
            self._times -= 1
            self._store.delete([image_ids[0]])
        return self._store.take(image_ids, columns, row_ids)


def ids(result: SearchResult) -> list[str]:
    return [hit.image_id for hit in result]


def forgetful(context: SearchContext, times: int) -> SearchContext:
    return replace(context, store=cast(Store, Forgetful(context.store, times)))


def test_search_retries_when_an_image_is_forgotten_under_it(context: SearchContext) -> None:
    fill(context.store, random_vectors(40, seed=4))
    before = ids(search(QUERY, context))
    assert ids(search(QUERY, forgetful(context, 2))) == ids(search(QUERY, context))
    assert ids(search(QUERY, context))[:2] == before[2:]


def test_search_many_retries_when_an_image_is_forgotten_under_it(context: SearchContext) -> None:
    fill(context.store, random_vectors(40, seed=4))
    found = search_many([QUERY, replace(QUERY, edit_text="at night")], forgetful(context, 1))
    assert [ids(each) for each in found] == [
        ids(search(QUERY, context)),
        ids(search(replace(QUERY, edit_text="at night"), context)),
    ]


def test_search_raises_image_gone_error_after_the_last_attempt(context: SearchContext) -> None:
    fill(context.store, random_vectors(40, seed=4))
    with pytest.raises(ImageGoneError, match=r"image '\w+' is not \(or no longer\) in .*: search again"):
        search(QUERY, forgetful(context, ATTEMPTS))
