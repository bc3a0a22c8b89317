"""Tags: names that people give images, in the column `tags`, beside those that the files themselves bring.

Takes the store and what names the images; writes their rows again. A tag belongs to the content, not to a file: it
stays when the file moves, and goes when the file's content changes. Knows nothing about files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cvsi_db.errors import UsageError
from cvsi_db.manage.selection import select_named

if TYPE_CHECKING:
    from cvsi_db.records import ImageRow
    from cvsi_db.store.images import Store

_CHUNK = 1000
MAX_LENGTH = 100
"""More characters than any tag of sense has."""


@dataclass(frozen=True)
class TagSummary:
    """What tagging did, in images: those that were named, and those whose tags are others now."""

    images: int
    changed: int


def tag(
    store: Store, paths: Sequence[Path], where: str | None, add: Sequence[str], remove: Sequence[str]
) -> TagSummary:
    """Add tags to the images at or under `paths` that satisfy `where`, and remove others from them.

    The caller holds the gallery's write lock. An image has a tag once, however often it is added; removing one that it
    lacks changes nothing. May be interrupted and repeated. Raises UsageError for no images, a path that names none, no
    tag at all, an unusable tag, or one that is both added and removed; FilterError for an unusable condition.
    """
    new, old = tidy_tags(add), frozenset(tidy_tags(remove))
    if not new and not old:
        raise UsageError("no tag is named: say which to add or to remove")
    if both := old.intersection(new):
        raise UsageError(f"the tag {min(both)!r} is both added and removed: give it once")
    named, changed = sorted(select_named(store, paths, where).images), 0
    for start in range(0, len(named), _CHUNK):
        rows = store.rows(named[start : start + _CHUNK]).values()
        tagged = [row for row in rows if _tagged(row, new, old) is not row]
        store.update([_tagged(row, new, old) for row in tagged])
        changed += len(tagged)
    return TagSummary(len(named), changed)


def count_tags(store: Store, paths: Sequence[Path], where: str | None) -> dict[str, int]:
    """How many of the images have each tag, by name; of all, without paths and condition. Raises as `tag` does."""
    chosen = select_named(store, paths, where, all_without=True).images
    counts: Counter[str] = Counter()
    for batch in store.scan(["image_id", "tags"]).to_batches():
        for image_id, tags in zip(batch["image_id"].to_pylist(), batch["tags"].to_pylist(), strict=True):
            if image_id in chosen:
                counts.update(tags)
    return dict(sorted(counts.items()))


def tidy_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """The tags as they are stored: white space as single blanks, each once, in their order.

    Raises UsageError for one without a printable character, with others than these, or longer than MAX_LENGTH.
    """
    tidy = {" ".join(tag.split()): tag for tag in tags}
    for name, given in tidy.items():
        if not name or not name.isprintable() or len(name) > MAX_LENGTH:
            raise UsageError(f"{given[:200]!r} is no tag: give 1 to {MAX_LENGTH} printable characters")
    return tuple(tidy)


def _tagged(row: ImageRow, new: Sequence[str], old: frozenset[str]) -> ImageRow:
    tags = tuple(dict.fromkeys([*(tag for tag in row.tags if tag not in old), *new]))
    return row if tags == row.tags else replace(row, tags=tags)
