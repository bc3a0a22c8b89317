"""The precision of every training on each device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel


@contextmanager
def mixed_precision(device: str = "cpu") -> Iterator[None]:
    """Forward passes in bfloat16; on the CPU with plain attention, whose backward is far faster there."""
    with torch.autocast(torch.device(device).type, torch.bfloat16):
        if device != "cpu":
            yield
            return
        with sdpa_kernel(SDPBackend.MATH):
            yield
