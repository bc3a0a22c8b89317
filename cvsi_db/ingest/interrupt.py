"""Interrupt: Ctrl-C during an ingest stops it between two batches, not within one.

Takes what is to be done at the first Ctrl-C; the second one interrupts at once, as it does elsewhere. Knows nothing
about what is interrupted.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stopping(stop: Callable[[], None]) -> Iterator[None]:
    """At the first SIGINT within the block `stop` is called; KeyboardInterrupt is raised at its end, or at the second.

    Only where Python's own handler is in charge: in another thread than the first, or under a handler of the caller's,
    nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread() or not _is_pythons_own():
        yield
        return
    pressed = False

    def on_signal(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True
        stop()

    signal.signal(signal.SIGINT, on_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if pressed:
        raise KeyboardInterrupt


def _is_pythons_own() -> bool:
    return signal.getsignal(signal.SIGINT) is signal.default_int_handler
