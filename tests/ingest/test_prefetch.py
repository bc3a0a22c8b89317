"""Threads that work ahead: order, bounds, errors, and their end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from cvsi_db.ingest.prefetch import Prefetch


def test_results_come_in_the_order_of_the_items() -> None:
    def slower_first(number: int) -> int:
        time.sleep((20 - number) / 2000)
        return number**2

    with Prefetch(slower_first, range(20), threads=4, room=8) as squares:
        assert list(squares) == [number**2 for number in range(20)]
        assert list(squares) == []


def until(condition: object, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.005)


def test_work_in_progress_is_bounded_by_room() -> None:
    begun: list[int] = []
    with Prefetch(begun.append, range(10, 100, 10), threads=3, room=60, weigh=lambda item: item) as done:
        until(lambda: len(begun) == 3)  # 10 + 20 + 30
        time.sleep(0.05)
        assert sorted(begun) == [10, 20, 30]
        next(done)
        next(done)
        time.sleep(0.05)
        assert sorted(begun) == [10, 20, 30]  # 40 has no room beside 30
        next(done)
        until(lambda: 40 in begun)


def test_an_item_heavier_than_the_room_waits_until_it_is_alone() -> None:
    begun: list[int] = []
    with Prefetch(begun.append, [1, 99, 1], threads=2, room=5, weigh=lambda item: item) as done:
        until(lambda: begun)
        time.sleep(0.05)
        assert begun == [1]
        assert len(list(done)) == 3
    assert begun == [1, 99, 1]


def test_an_error_takes_the_place_of_its_result() -> None:
    with Prefetch(lambda number: 6 // number, [1, 0, 2], threads=2, room=3) as done:
        assert next(done) == 6
        with pytest.raises(ZeroDivisionError):
            next(done)
        assert next(done) == 3


def test_an_error_of_the_iterable_comes_after_the_results_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    with Prefetch(lambda number: number, items(), threads=2, room=3) as done:
        assert next(done) == 1
        with pytest.raises(OSError, match="gone"):
            next(done)


def test_begin_is_called_first_in_each_thread() -> None:
    names: set[str] = set()
    told: set[str] = set()
    both = threading.Barrier(2, timeout=5)

    def work(_: int) -> None:
        both.wait()
        names.add(threading.current_thread().name)

    with Prefetch(work, range(2), threads=2, room=2, begin=lambda: told.add(threading.current_thread().name)) as done:
        list(done)
    assert len(names) == 2
    assert names == told


def test_stop_ends_after_the_finished_results_without_waiting() -> None:
    wake = threading.Event()
    done = Prefetch(lambda number: number if number < 2 else wake.wait(10), range(9), threads=1, room=4)
    assert next(done) == 0
    until(lambda: done._begun.qsize() == 2)
    done.stop()
    assert list(done) == [1]
    wake.set()
    done.close()


def test_no_thread_is_left_after_an_error_of_the_consumer() -> None:
    done = Prefetch(time.sleep, [0.01] * 100, threads=3, room=5)
    with pytest.raises(TypeError), done:
        done + 1  # type: ignore[operator]
    assert not any(thread.is_alive() for thread in done._threads)


def test_stopping_the_inner_prefetch_ends_the_outer_one() -> None:
    wake = threading.Event()
    inner = Prefetch(lambda number: wake.wait(10), range(3), threads=1, room=2)
    outer = Prefetch(lambda item: item, inner, threads=2, room=2)
    inner.stop()
    assert list(outer) == []
    wake.set()
    inner.close()
    outer.close()
    assert not any(thread.is_alive() for thread in (*inner._threads, *outer._threads))
