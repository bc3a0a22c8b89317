"""Ctrl-C that ends work between two steps instead of within one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stop_between_steps(
    *signals: signal.Signals, on_stop: Callable[[], None] | None = None
) -> Iterator[threading.Event]:
    """An event that the first of the signals sets, after calling `on_stop`; the second raises KeyboardInterrupt.

    The block looks at the event between two steps and decides what to do then. Only signals that have their default
    handler are caught, and only in the main thread. A caller's own handler stays in charge, and an ignored signal stays
    ignored: a process started that way (`command &` in a script, some CI runners) is to survive a Ctrl-C that was meant
    for another one.
    """
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        if stopped.is_set():
            raise KeyboardInterrupt
        stopped.set()
        if on_stop is not None:
            on_stop()

    is_main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in signals if is_main}
    caught = {
        number: handler for number, handler in before.items() if handler in (signal.SIG_DFL, signal.default_int_handler)
    }
    for number in caught:
        signal.signal(number, stop)
    try:
        yield stopped
    finally:
        for number, handler in caught.items():
            signal.signal(number, handler)
