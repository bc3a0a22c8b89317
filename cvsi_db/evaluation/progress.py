"""What an evaluation tells of itself while it runs; knows nothing about who listens or how it is shown."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Told after each batch: the stage, how many are done, of how many."""
