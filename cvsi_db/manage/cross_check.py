"""Cross-check: what a gallery's catalog and its tables say of the same images, side by side, with the differences.

An image_id is a sha256 in hex, so a range of its first digits holds a known share of the images. One range is read and
compared at a time: memory does not grow with the gallery.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from cvsi_db.store.catalog import Catalog
    from cvsi_db.store.images import Store

RANGE_IMAGES = 100_000
"""About how many images are compared at a time: some 100 MB with 15 captions each."""

_DIGITS = 4


def each_range(store: Store, catalog: Catalog) -> Iterator[Records]:
    """What is recorded of the images, a range of image_ids after the other."""
    parts = min(16**_DIGITS, 1 + (store.count() + store.count(table="removed")) // RANGE_IMAGES)
    bounds = [f"{part * 16**_DIGITS // parts:0{_DIGITS}x}" for part in range(1, parts)]
    for low, high in zip([None, *bounds], [*bounds, None], strict=True):
        yield Records.read(store, catalog, low, high)


@dataclass(frozen=True)
class Records:
    """The records of the image_ids in one range.

    `files` (path, image_id) are the catalog's; `images` (image_id, table, captions) the rows of both tables with their
    numbers of captions; `held` (path, image_id) the paths in the rows of `images`; `captions` (image_id, there) the
    numbers of captions in their own table.
    """

    files: pa.Table
    images: pa.Table
    held: pa.Table
    captions: pa.Table

    @classmethod
    def read(cls, store: Store, catalog: Catalog, low: str | None, high: str | None) -> Self:
        """The records from `low` (included) to `high` (not included); None is no bound."""
        bounds = [f"image_id >= '{low}'"] * (low is not None) + [f"image_id < '{high}'"] * (high is not None)
        where = " AND ".join(bounds) or None
        rows = {name: store.scan(["image_id", "paths", "captions"], where, name) for name in ("images", "removed")}
        images = [
            pa.table([table["image_id"], [name] * len(table), pc.list_value_length(table["captions"])], _IMAGES)
            for name, table in rows.items()
        ]
        paths = rows["images"]["paths"].combine_chunks()
        ids = rows["images"]["image_id"].combine_chunks()
        texts = store.scan(["image_id"], where, "captions").group_by("image_id").aggregate([([], "count_all")])
        return cls(
            files=pa.Table.from_pylist([{"path": path, "image_id": i} for path, i in catalog.paths(low, high)], _PATHS),
            images=pa.concat_tables(images),
            held=pa.table([paths.flatten(), ids.take(pc.list_parent_indices(paths))], _PATHS),
            captions=pa.table([texts["image_id"], texts["count_all"]], _CAPTIONS),
        )

    def images_twice(self) -> list[dict[str, Any]]:
        """The image_id and table of rows that are more than once in one table."""
        counts = self.images.group_by(["image_id", "table"]).aggregate([([], "count_all")])
        return _rows(counts.filter(pc.greater(counts["count_all"], 1)))

    def files_without_image(self) -> list[dict[str, Any]]:
        """The files whose image has no row in `images`."""
        return _rows(self.files.join(self._shown, "image_id", join_type="left anti"))

    def files_not_held(self) -> list[dict[str, Any]]:
        """The files whose image has a row that lacks their path."""
        known = self.files.join(self._shown, "image_id", join_type="left semi")
        return _rows(known.join(self.held, ["path", "image_id"], join_type="left anti"))

    def paths_unknown(self) -> list[dict[str, Any]]:
        """The paths in rows for which the catalog has no file with that image."""
        return _rows(self.held.join(self.files, ["path", "image_id"], join_type="left anti"))

    def captions_without_image(self) -> list[dict[str, Any]]:
        """The image_ids of captions whose image has no row in either table."""
        return _rows(self.captions.join(self.images, "image_id", join_type="left anti"))

    def captions_differing(self) -> list[dict[str, Any]]:
        """The rows whose number of captions is not that of the captions table."""
        both = self.images.join(self.captions, "image_id", join_type="left outer")
        there = pc.fill_null(both["there"], 0)
        both = both.set_column(both.column_names.index("there"), "there", there)
        return _rows(both.filter(pc.not_equal(both["captions"], there)))

    @property
    def _shown(self) -> pa.Table:
        return self.images.filter(pc.equal(self.images["table"], "images")).select(["image_id"])


_PATHS = pa.schema([("path", pa.string()), ("image_id", pa.string())])
_IMAGES = pa.schema([("image_id", pa.string()), ("table", pa.string()), ("captions", pa.int32())])
_CAPTIONS = pa.schema([("image_id", pa.string()), ("there", pa.int64())])


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows
