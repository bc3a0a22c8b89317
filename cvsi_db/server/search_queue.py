"""The search queue: queries of many clients wait in it, and one thread answers all that wait together.

Takes the gallery's search_many; gives each query its result, or the error that it caused. So the models run in one
thread, and what waits shares their forwards and the scan of the rows. The queue is bounded: BusyError beyond it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Condition, Thread

from cvsi_db.errors import CvsiError
from cvsi_db.records import ComposedQuery
from cvsi_db.search.result import SearchResult

TOGETHER = 64
"""The most queries answered at once: as many as share a forward."""

SearchMany = Callable[[Sequence[ComposedQuery]], list[SearchResult]]
_Job = tuple[ComposedQuery, "Future[SearchResult]"]


class BusyError(CvsiError):
    """More waits than may wait: ask again in a moment."""


class SearchQueue:
    """The queries that wait, at most `bound`, and the thread that answers them.

    `on_batch` is told how many queries are answered together.
    """

    def __init__(self, search_many: SearchMany, bound: int, on_batch: Callable[[int], None] = lambda _: None) -> None:
        self._search_many = search_many
        self._bound = bound
        self._on_batch = on_batch
        self._jobs: deque[_Job] = deque()
        self._changed = Condition()
        self._closed = False
        self._thread = Thread(target=self._work, name="cvsi-db-search", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        """How many queries wait."""
        return len(self._jobs)

    def close(self) -> None:
        """Answer what waits, and nothing more; waits for it."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

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
            results = self._search_many([query for query, _ in jobs])
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
            for (_, future), result in zip(jobs, results, strict=True):
                future.set_result(result)


def _results(futures: Sequence[Future[SearchResult]]) -> list[SearchResult]:
    found = []
    for position, future in enumerate(futures):
        try:
            found.append(future.result())
        except CvsiError as error:
            error.position = position
            raise
    return found
