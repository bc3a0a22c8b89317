"""Ctrl-C between two steps: the first signal stops, the second interrupts, and what others decided stays."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from cvsi_db.interrupt import stop_between_steps

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there is no SIGINT to send")


def press(number: signal.Signals = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)


def test_the_first_signal_calls_on_stop_and_sets_the_event() -> None:
    calls: list[str] = []
    with stop_between_steps(signal.SIGINT, on_stop=lambda: calls.append("stop")) as stopped:
        assert not stopped.is_set()
        press()
        calls.append("after")
    assert (calls, stopped.is_set()) == (["stop", "after"], True)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_second_signal_raises_keyboard_interrupt_at_once() -> None:
    reached = 0
    with pytest.raises(KeyboardInterrupt), stop_between_steps(signal.SIGINT):  # noqa: PT012  # how far it gets
        for _ in range(3):
            press()
            reached += 1
    assert reached == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_every_named_signal_is_caught_and_put_back() -> None:
    with stop_between_steps(signal.SIGINT, signal.SIGTERM) as stopped:
        press(signal.SIGTERM)
    assert stopped.is_set()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_callers_own_handler_stays_in_charge() -> None:
    caught: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: caught.append(number))
    try:
        with stop_between_steps(signal.SIGINT) as stopped:
            press()
    finally:
        signal.signal(signal.SIGINT, before)
    assert (caught, stopped.is_set()) == ([signal.SIGINT], False)


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stop_between_steps(signal.SIGINT) as stopped:
            press()
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert not stopped.is_set()


def test_in_another_thread_nothing_is_caught() -> None:
    handlers: list[object] = []

    def block() -> None:
        with stop_between_steps(signal.SIGINT):
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=block)
    thread.start()
    thread.join()
    assert handlers == [signal.default_int_handler]
