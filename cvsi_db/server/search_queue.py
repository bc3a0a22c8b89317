"""The search queue: queries of many clients wait in it, and one thread answers all that wait together.

Takes the gallery; gives each query its result, or the error that it caused. So the models run in one thread, and what
waits shares their forwards and the scan of the rows. The queue is bounded: BusyError beyond it. Results that are to be
verified then wait for a thread of their own, so that an endpoint's answers delay no other search.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Condition, Thread
from typing import Protocol

from cvsi_db.errors import CvsiError
from cvsi_db.records import ComposedQuery
from cvsi_db.search.result import SearchResult

TOGETHER = 64
"""The most queries answered at once: as many as share a forward."""

LOOKS = 4
"""Searches that are verified at once; each asks the verifier from as many threads as that takes."""

_Job = tuple[ComposedQuery, "Future[SearchResult]"]


class Searches(Protocol):
    """What the queue asks: a Gallery."""

    def search_many(self, queries: Sequence[ComposedQuery], *, verified: bool) -> list[SearchResult]:
        """The result of each query."""

    def verify(self, results: Sequence[SearchResult]) -> list[SearchResult]:
        """The results, verified."""


class BusyError(CvsiError):
    """More waits than may wait: ask again in a moment."""


class SearchQueue:
    """The queries that wait, at most `bound`, and the thread that answers them.

    `on_batch` is told how many queries are answered together.
    """

    def __init__(self, gallery: Searches, bound: int, on_batch: Callable[[int], None] = lambda _: None) -> None:
        self._gallery = gallery
        self._bound = bound
        self._on_batch = on_batch
        self._jobs: deque[_Job] = deque()
        self._changed = Condition()
        self._closed = False
        self._thread = Thread(target=self._work, name="cvsi-db-search", daemon=True)
        self._thread.start()
        self._found: SimpleQueue[tuple[SearchResult, Future[SearchResult]] | None] = SimpleQueue()
        self._looks = [Thread(target=self._look, name="cvsi-db-looks", daemon=True) for _ in range(LOOKS)]
        for thread in self._looks:
            thread.start()

    def __len__(self) -> int:
        """How many queries wait."""
        return len(self._jobs)

    def close(self) -> None:
        """Answer what waits, and nothing more; waits for it."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()
        for _ in self._looks:
            self._found.put(None)
        for thread in self._looks:
            thread.join()

    async def search(self, queries: Sequence[ComposedQuery]) -> list[SearchResult]:
        """As `search_many`, for a coroutine; what it waits for no longer is not answered."""
        futures = self._put(queries)
        try:
            await asyncio.gather(*map(asyncio.wrap_future, futures), return_exceptions=True)
        finally:
            for future in futures:
                future.cancel()
        return _results(futures)

    def search_many(self, queries: Sequence[ComposedQuery]) -> list[SearchResult]:
        """The results, in order, for another thread; many queries take several turns.

        Raises what the first query caused that caused an error, whose `position` is its place among `queries`;
        BusyError when they do not fit into the queue.
        """
        found: list[SearchResult] = []
        for start in range(0, len(queries), TOGETHER):
            try:
                found += _results(self._put(queries[start : start + TOGETHER]))
            except CvsiError as error:
                error.position = None if error.position is None else start + error.position
                raise
        return found

    def _put(self, queries: Sequence[ComposedQuery]) -> list[Future[SearchResult]]:
        jobs: list[_Job] = [(query, Future()) for query in queries]
        with self._changed:
            if self._closed or len(self._jobs) + len(jobs) > self._bound:
                raise BusyError("the server has too many searches waiting: ask again in a moment")
            self._jobs += jobs
            self._changed.notify()
        return [future for _, future in jobs]

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._jobs and not self._closed:
                    self._changed.wait()
                if not self._jobs:
                    return
                taken = [self._jobs.popleft() for _ in range(min(len(self._jobs), TOGETHER))]
            if jobs := [job for job in taken if job[1].set_running_or_notify_cancel()]:
                self._on_batch(len(jobs))
                self._answer(jobs)

    def _answer(self, jobs: list[_Job]) -> None:
        """Give every job its result. The one that causes an error fails alone, and the others are answered anew."""
        try:
            results = self._gallery.search_many([query for query, _ in jobs], verified=False)
        except BaseException as error:
            at = error.position if isinstance(error, CvsiError) else None
            if len(jobs) == 1:
                jobs[0][1].set_exception(error)
            elif at is None:
                for job in jobs:
                    self._answer([job])
            else:
                jobs[at][1].set_exception(error)
                self._answer([*jobs[:at], *jobs[at + 1 :]])
        else:
            for (query, future), result in zip(jobs, results, strict=True):
                if query.verify:
                    self._found.put((result, future))
                else:
                    future.set_result(result)

    def _look(self) -> None:
        while found := self._found.get():
            result, future = found
            try:
                future.set_result(self._gallery.verify([result])[0])
            except BaseException as error:
                future.set_exception(error)


def _results(futures: Sequence[Future[SearchResult]]) -> list[SearchResult]:
    found = []
    for position, future in enumerate(futures):
        try:
            found.append(future.result())
        except CvsiError as error:
            error.position = position
            raise
    return found
