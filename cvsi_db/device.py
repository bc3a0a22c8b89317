"""Chooses the torch device; knows nothing about what runs there."""

from __future__ import annotations

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
