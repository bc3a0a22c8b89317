"""Ctrl-C during an ingest: the first one stops, the second one interrupts."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from cvsi_db.ingest.interrupt import stopping


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def press_in_block(times: int, reached: list[int]) -> None:
    with stopping(lambda: reached.append(0)):
        for number in range(times):
            press()
            reached.append(number + 1)


def test_the_first_ctrl_c_lets_the_block_end() -> None:
    reached: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        press_in_block(1, reached)
    assert reached == [0, 1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_second_one_interrupts_it() -> None:
    reached: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        press_in_block(3, reached)
    assert reached == [0, 1]


def test_nothing_is_raised_when_nothing_was_pressed() -> None:
    press_in_block(0, [])


def test_another_handler_or_thread_is_left_alone() -> None:
    caught: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: caught.append(number))
    try:
        with stopping(lambda: caught.append(-1)):
            press()
    finally:
        signal.signal(signal.SIGINT, before)
    assert caught == [signal.SIGINT]
    thread = threading.Thread(target=press_in_block, args=(0, []))
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGINT) is before
