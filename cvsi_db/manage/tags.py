"""Tags: names that people give images, stored in the column `tags` beside the keywords from the image files.

Takes the store and what names the images (paths, a condition); rewrites their rows. A tag belongs to the content: it
stays when the file moves, and goes when the file's content changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cvsi_db.errors import UsageError
from cvsi_db.manage.selection import select_named
from cvsi_db.records.tags import normalise_tags
from cvsi_db.store.location import Location

if TYPE_CHECKING:
    from cvsi_db.store.images import Store

_CHUNK = 1000


@dataclass(frozen=True)
class TagSummary:
    """What tagging did: `images` is how many were named, `changed` how many have other tags now."""

    images: int
    changed: int


def tag(
    store: Store, paths: Sequence[Location], where: str | None, add: Sequence[str], remove: Sequence[str]
) -> TagSummary:
    """Add tags to the images at or under `paths` that satisfy `where`, and remove others from them.

    The caller holds the gallery's write lock. Adding a tag that an image has, or removing one that it lacks, changes
    nothing. Safe to interrupt and to repeat. Raises UsageError when no image or no tag is named, for a path without
    images, an unusable tag, and a tag that is both added and removed; FilterError for an unusable condition.
    """
    new, old = normalise_tags(add), frozenset(normalise_tags(remove))
    if not new and not old:
        raise UsageError("no tag is named: say which to add or to remove")
    if both := old.intersection(new):
        raise UsageError(f"the tag {min(both)!r} is both added and removed: give it once")
    named, changed = sorted(select_named(store, paths, where).images), 0
    for start in range(0, len(named), _CHUNK):
        tagged = []
        for row in store.rows(named[start : start + _CHUNK]).values():
            tags = tuple(dict.fromkeys([*(tag for tag in row.tags if tag not in old), *new]))
            if tags != row.tags:
                tagged.append(replace(row, tags=tags))
        store.update(tagged)
        changed += len(tagged)
    return TagSummary(len(named), changed)


def count_tags(store: Store, paths: Sequence[Location], where: str | None) -> dict[str, int]:
    """How many of the images have each tag, by name; of all images without paths and condition. Raises as `tag`."""
    chosen = select_named(store, paths, where, all_without=True).images
    counts: Counter[str] = Counter()
    for batch in store.scan(["image_id", "tags"]).to_batches():
        for image_id, tags in zip(batch["image_id"].to_pylist(), batch["tags"].to_pylist(), strict=True):
            if image_id in chosen:
                counts.update(tags)
    return dict(sorted(counts.items()))
