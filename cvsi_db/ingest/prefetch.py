"""Prefetch: an ordered map in threads that works ahead of its consumer, within a bound.

Takes a function and its arguments; an iterator over the results, in the arguments' order. An error of the function, or
of the iterable of arguments, is raised in the result's place.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_PATIENCE_S = 10.0
"""How long `close` waits for a thread: one that hangs in a read must not keep the caller."""


class Prefetch(Generic[T, R], Iterator[R]):
    """`work` of each of `items`, in `threads` threads that take the items one after another.

    `room` bounds what is begun and not consumed yet, as `weigh` weighs the items; an item heavier than all of it waits
    until it is alone. `begin` is called first in each thread. One consumer at a time. The threads end with the items,
    with `stop` or with `close`; they are daemons, so that none keeps the process alive.
    """

    def __init__(
        self,
        work: Callable[[T], R],
        items: Iterable[T],
        *,
        threads: int,
        room: int,
        weigh: Callable[[T], int] = lambda _item: 1,
        begin: Callable[[], None] = lambda: None,
    ) -> None:
        self._work, self._items, self._begin = work, iter(items), begin
        self._weigh, self._room = weigh, _Room(room)
        self._turn = threading.Lock()  # held by the thread that takes the next item
        self._over = False
        self._begun: SimpleQueue[tuple[Future[R], int] | None] = SimpleQueue()
        self._stopped: Future[None] = Future()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def __next__(self) -> R:
        begun = self._begun.get()
        if begun is not None:
            result, weight = begun
            if not result.done():
                either: list[Future[Any]] = [result, self._stopped]
                wait(either, return_when=FIRST_COMPLETED)
            if result.done():
                self._room.leave(weight)
                return result.result()
        self._begun.put(None)  # for the next call
        raise StopIteration

    def stop(self) -> None:
        """Begin nothing more, and return at once: the results end before the first that is not there yet."""
        self._room.close()
        if not self._stopped.done():
            self._stopped.set_result(None)
        self._begun.put(None)

    def close(self) -> None:
        """Stop, and wait until the threads have finished what they have begun, unless they hang."""
        self.stop()
        for thread in self._threads:
            thread.join(_PATIENCE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        self._begin()
        while (begun := self._next_item()) is not None:
            item, result = begun
            try:
                result.set_result(self._work(item))
            except BaseException as error:
                result.set_exception(error)
            del begun, item, result  # else they stay in memory while the next item is worked on

    def _next_item(self) -> tuple[T, Future[R]] | None:
        """The next item and where its result goes, or None at the end."""
        with self._turn:
            if self._over:
                return None
            result: Future[R] = Future()
            try:
                item = next(self._items)
                weight = self._weigh(item)
                if self._room.enter(weight):
                    self._begun.put((result, weight))
                    return item, result
            except StopIteration:
                self._begun.put(None)
            except BaseException as error:
                result.set_exception(error)
                self._begun.put((result, 0))
            self._over = True
            return None


class _Room:
    """An amount that is taken and given back; once closed, nothing can be taken."""

    def __init__(self, size: int) -> None:
        self._size, self._left, self._closed = size, size, False
        self._changed = threading.Condition()

    def enter(self, weight: int) -> bool:
        """Wait for room, and take it; False once it is closed."""
        weight = min(weight, self._size)
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._left >= weight)
            self._left -= weight
            return not self._closed

    def leave(self, weight: int) -> None:
        """Give back what was taken."""
        with self._changed:
            self._left += min(weight, self._size)
            self._changed.notify()

    def close(self) -> None:
        """Wake who waits: there is no more room."""
        with self._changed:
            self._closed = True
            self._changed.notify()
