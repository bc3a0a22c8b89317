"""Facets: how many images have which folder, camera, year, tag, rating and format, among those that satisfy conditions.

Takes the store, a condition and filters; returns plain values. Reads the metadata of these images once, as it streams.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from cvsi_db.errors import QueryError
from cvsi_db.manage.selection import wanted_rows

if TYPE_CHECKING:
    from cvsi_db.store.images import Store

_COLUMNS = ("path", "paths", "camera", "taken_at", "tags", "rating", "format")
_NAME = r"[/\\][^/\\]*$" if os.sep == "\\" else "/[^/]*$"
"""A path's last part, as a regular expression."""


def facets(store: Store, where: str | None, filters: Mapping[str, Any], limit: int) -> dict[str, Any]:
    """Counts of the images that satisfy `where` and the filters (query/filters.py).

    images: how many there are, total: how many the gallery holds; folders, cameras, years, tags, ratings and formats:
    at most `limit` of {value, count} each, the most frequent first, years the newest first; unknown: how many images
    have no camera, year, rating or tag. A folder, an absolute path or an address from its bucket on, counts what is in
    it or below; those that only lead to one other are left out. A rating counts the images with that one. Raises
    FilterError and QueryError as a listing.
    """
    if limit < 1:
        raise QueryError(f"cannot show {limit!r} values: ask for at least 1")
    wanted = wanted_rows(store, where, filters)
    images, direct, counts = 0, Counter[str](), Counter[str]()
    cameras, years, tags, ratings, formats = (Counter[Any]() for _ in range(5))
    untagged = 0
    for batch in store.stream(_COLUMNS, wanted):
        images += len(batch)
        alone = pc.less_equal(pc.list_value_length(batch["paths"]), 1)
        direct.update(_counted(pc.replace_substring_regex(batch["path"].filter(alone), _NAME, "")))
        for paths in batch["paths"].filter(pc.invert(alone)).to_pylist():
            within = {os.path.dirname(path) for path in paths}
            direct.update(dict.fromkeys(within, 0))
            counts.update({above for folder in within for above in _upwards(folder)})
        cameras.update(_counted(batch["camera"]))
        years.update(_counted(pc.year(batch["taken_at"])))
        tags.update(_counted(batch["tags"].flatten()))
        untagged += len(batch) - pc.sum(pc.greater(pc.list_value_length(batch["tags"]), 0)).as_py()
        ratings.update(_counted(batch["rating"]))
        formats.update(_counted(batch["format"]))
    unknown = {"cameras": cameras.pop(None, 0), "years": years.pop(None, 0), "ratings": ratings.pop(None, 0)}
    return {
        "images": images,
        "total": store.count(),
        "folders": _frequent(_folders(direct, counts), limit),
        "cameras": _frequent(cameras, limit),
        "years": [{"value": str(year), "count": years[year]} for year in sorted(years, reverse=True)][:limit],
        "tags": _frequent(tags, limit),
        "ratings": _frequent(ratings, limit),
        "formats": _frequent(formats, limit),
        "unknown": {**unknown, "tags": untagged},
    }


def _folders(direct: Counter[str], counts: Counter[str]) -> dict[str, int]:
    """`counts` with the images of `direct`, by their only folder, in it and all above it; without what leads to one."""
    for folder, count in direct.items():
        counts.update(dict.fromkeys(_upwards(folder or os.sep), count))
    below = Counter(_above(folder) for folder in counts if folder != _above(folder))
    return {folder: count for folder, count in counts.items() if folder in direct or below[folder] != 1}


def _upwards(folder: str) -> Iterator[str]:
    """The folder and all above it."""
    yield folder
    while (above := _above(folder)) != folder:
        yield above
        folder = above


def _above(folder: str) -> str:
    """The folder that it is in; the same for a bucket and for the root."""
    _, address, key = folder.partition("://")
    return folder if address and "/" not in key else os.path.dirname(folder)


def _counted(values: Any) -> dict[Any, int]:
    return {each["values"]: each["counts"] for each in pc.value_counts(values).to_pylist()}


def _frequent(counts: Mapping[Any, int], limit: int) -> list[dict[str, Any]]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{"value": str(value), "count": count} for value, count in ordered[:limit]]
