"""Chooses the torch device, and shares the cores of a CPU among threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cvsi_db.errors import UsageError

DEVICES = ("auto", "cpu", "cuda", "mps")


def choose_device(name: str) -> str:
    """The device to use for `name`: "auto" takes cuda, then mps, then cpu.

    Raises UsageError for an unknown device, and for one that this machine does not have.
    """
    if name not in DEVICES:
        raise UsageError(f"unknown device {name!r}: choose one of {', '.join(DEVICES)}")
    if name == "cpu":
        return name
    import torch

    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return next(device for device, is_there in present.items() if is_there)
    if not present[name]:
        raise UsageError(f"this machine has no device {name!r} that torch can use: try --device cpu")
    return name


@contextmanager
def cores_shared(lanes: int) -> Iterator[Callable[[], None]]:
    """Gives a function that each of `lanes` threads calls first, so that torch uses only its share of the cores in it.

    torch keeps a number of threads for each thread that calls it, and starts new threads with the one set last: that
    is restored at the end. A single lane has all cores, and torch is not imported for it.
    """
    if lanes == 1:
        yield lambda: None
        return
    import torch

    before = torch.get_num_threads()
    try:
        yield lambda: torch.set_num_threads(max(1, before // lanes))
    finally:
        torch.set_num_threads(before)
