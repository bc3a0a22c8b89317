"""torchvision imports, whether or not its operators fit this torch."""

from __future__ import annotations

import sys

from cvsi_db.models.torchvision_shim import ensure_torchvision


def test_torchvision_is_whole_afterwards_and_a_second_call_changes_nothing() -> None:
    ensure_torchvision()
    first = sys.modules["torchvision"]
    assert first.transforms.Compose([]) is not None
    ensure_torchvision()
    assert sys.modules["torchvision"] is first
