"""Fetches what a bundle still needs from the hub into its cache.

Takes Parts (inventory.py); knows nothing about models or printing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cvsi_db.models.hub import download
from cvsi_db.models.inventory import Part, require


def pull(parts: Sequence[Part], on_part: Callable[[Part], None] | None = None) -> list[Part]:
    """Downloads what is missing of these parts and returns those it had to fetch; `on_part` is called before each.

    Nothing is asked of the network when nothing is missing. Raises ModelError when the hub may not be asked, cannot be
    reached, or lacks a file.
    """
    fetched: list[Part] = []
    for part in parts:
        if part.repo is None or not part.missing:
            continue
        require(part)
        if on_part is not None:
            on_part(part)
        download(part.repo, part.missing)
        fetched.append(part)
    return fetched
