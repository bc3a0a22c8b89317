"""The search queue: what waits is answered together, and one error is one query's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from threading import Event
from typing import Any, cast

import pytest

from cvsi_db.errors import ModelError, QueryError, VerifyError
from cvsi_db.records import ComposedQuery
from cvsi_db.search.result import SearchResult
from cvsi_db.server.search_queue import TOGETHER, BusyError, SearchQueue


class Searching:
    """Answers a query with its edit text, once it is let; "bad" is an error of its own, "odd" one of nobody."""

    def __init__(self) -> None:
        self.let, self.began, self.look = Event(), Event(), Event()
        self.batches: list[list[str | None]] = []

    def search_many(self, queries: Sequence[ComposedQuery], *, verified: bool) -> list[SearchResult]:
        assert not verified
        self.began.set()
        assert self.let.wait(30)
        texts = [query.edit_text for query in queries]
        self.batches.append(texts)
        if "bad" in texts:
            error = QueryError("bad")
            error.position = texts.index("bad")
            raise error
        if "odd" in texts:
            raise ModelError("odd")
        return cast(list[SearchResult], texts)

    def verify(self, results: Sequence[SearchResult]) -> list[SearchResult]:
        """Answers with the text and a mark; "slow" once it is let look, "wrong" never."""
        texts = cast(list[str], list(results))
        if "wrong" in texts:
            raise VerifyError("wrong")
        if "slow" in texts:
            assert self.look.wait(30)
        return cast(list[SearchResult], [f"{text}, seen" for text in texts])


def asked(*texts: str) -> list[ComposedQuery]:
    return [ComposedQuery(None, text) for text in texts]


def test_what_waits_is_answered_together_and_an_error_is_one_querys() -> None:
    searching = Searching()
    queue = SearchQueue(searching, 10)

    async def ask() -> list[Any]:
        first = asyncio.create_task(queue.search(asked("first")))
        await asyncio.to_thread(searching.began.wait, 30)
        others = [asyncio.create_task(queue.search(asked(text))) for text in ("a", "bad", "b", "c")]
        left = asyncio.create_task(queue.search(asked("left")))
        await asyncio.sleep(0)
        left.cancel()
        await asyncio.sleep(0)
        searching.let.set()
        return await asyncio.gather(first, *others, left, return_exceptions=True)

    first, a, bad, b, c, left = asyncio.run(ask())
    assert (first, a, b, c) == (["first"], ["a"], ["b"], ["c"])
    assert isinstance(bad, QueryError)
    assert isinstance(left, asyncio.CancelledError)
    assert searching.batches == [["first"], ["a", "bad", "b", "c"], ["a", "b", "c"]]
    queue.close()


def test_an_error_of_nobody_is_found_by_asking_one_by_one() -> None:
    searching = Searching()
    searching.let.set()
    queue = SearchQueue(searching, 10)
    with pytest.raises(ModelError) as caught:
        queue.search_many(asked("a", "odd", "b"))
    assert caught.value.position == 1
    assert searching.batches[-3:] == [["a"], ["odd"], ["b"]]
    queue.close()


def test_beyond_its_bound_it_is_busy_and_many_take_turns() -> None:
    searching = Searching()
    queue = SearchQueue(searching, TOGETHER)

    async def ask() -> list[Any]:
        tasks = [asyncio.create_task(queue.search(asked("first")))]
        await asyncio.to_thread(searching.began.wait, 30)
        tasks += [asyncio.create_task(queue.search(asked(str(place)))) for place in range(TOGETHER + 1)]
        await asyncio.sleep(0)
        searching.let.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    answers = asyncio.run(ask())
    assert answers[1:-1] == [[str(place)] for place in range(TOGETHER)]
    assert isinstance(answers[-1], BusyError)
    texts = [str(place) for place in range(2 * TOGETHER + 1)]
    assert queue.search_many(asked(*texts)) == texts
    with pytest.raises(QueryError) as caught:
        queue.search_many(asked(*texts[:-1], "bad"))
    assert caught.value.position == 2 * TOGETHER
    queue.close()
    with pytest.raises(BusyError):
        queue.search_many(asked("late"))


def test_a_search_that_is_verified_delays_no_other() -> None:
    searching = Searching()
    searching.let.set()
    queue = SearchQueue(searching, 10)

    async def ask() -> list[Any]:
        slow = asyncio.create_task(queue.search([ComposedQuery(None, "slow", verify=3)]))
        await asyncio.to_thread(searching.began.wait, 30)
        others = [
            await queue.search(asked("plain")),
            await queue.search([ComposedQuery(None, "quick", verify=3)]),
        ]
        with pytest.raises(VerifyError, match="wrong"):
            await queue.search([ComposedQuery(None, "wrong", verify=3)])
        assert not slow.done()
        searching.look.set()
        return [await slow, *others]

    assert asyncio.run(ask()) == [["slow, seen"], ["plain"], ["quick, seen"]]
    queue.close()
