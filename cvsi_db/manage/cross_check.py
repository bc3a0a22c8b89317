"""Cross-check: what a gallery's catalog and its tables say of the same images, side by side, with the differences.

Takes the rows batch by batch and writes them to temporary Arrow files, one for each range of image_ids; compares one
range at a time, with joins. An image_id is a sha256 in hex, so a range of its first digits holds a known share of the
images, and memory does not grow with the gallery.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, Literal, Self

import pyarrow as pa
import pyarrow.compute as pc

Relation = Literal["files", "images", "held", "captions", "thumbnails"]

RANGE_IMAGES = 25_000
"""About how many images are compared at a time."""
MOST_RANGES = 32
"""Each range keeps five files open, so beyond some 800,000 images the ranges grow instead."""

_DIGITS = 4
_SCHEMAS = MappingProxyType(
    {
        "files": pa.schema([("path", pa.string()), ("image_id", pa.string())]),
        "images": pa.schema([("image_id", pa.string()), ("table", pa.string()), ("captions", pa.int32())]),
        "held": pa.schema([("path", pa.string()), ("image_id", pa.string())]),
        "captions": pa.schema([("image_id", pa.string())]),
        "thumbnails": pa.schema([("image_id", pa.string())]),
    }
)


class CrossCheck:
    """Collects records of a gallery of about `images` images, then yields them by range. A context manager.

    `files` are the catalog's; `images` the rows of both tables, with their numbers of captions; `held` the paths in the
    rows of `images`; `captions` the image_ids in the captions table, one per caption; `thumbnails` those in that table.
    """

    def __init__(self, images: int) -> None:
        parts = min(1 + images // RANGE_IMAGES, MOST_RANGES)
        inner = [f"{part * 16**_DIGITS // parts:0{_DIGITS}x}" for part in range(1, parts)]
        self._ranges = list(pairwise([None, *inner, None]))
        self._open = ExitStack()
        self._folder = Path(self._open.enter_context(TemporaryDirectory(prefix="cvsi-check-")))
        self._writers = {
            (kind, part): self._open.enter_context(pa.ipc.new_stream(str(self._path(kind, part)), schema))
            for kind, schema in _SCHEMAS.items()
            for part in range(parts)
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def add(self, kind: Relation, *columns: Any) -> None:
        """Add rows, as one list or Arrow array for each column of that kind."""
        rows = pa.table(list(columns), _SCHEMAS[kind])
        for part, (low, high) in enumerate(self._ranges):
            chosen = rows if low is None else rows.filter(pc.greater_equal(rows["image_id"], low))
            chosen = chosen if high is None else chosen.filter(pc.less(chosen["image_id"], high))
            if len(chosen):
                self._writers[kind, part].write_table(chosen)

    def each_range(self) -> Iterator[Records]:
        """What was added, a range of image_ids after the other; nothing can be added any more."""
        for writer in self._writers.values():
            writer.close()
        for part in range(len(self._ranges)):
            tables = {}
            for kind in _SCHEMAS:
                with pa.memory_map(str(self._path(kind, part))) as source:
                    tables[kind] = pa.ipc.open_stream(source).read_all()
            counted = tables["captions"].group_by("image_id").aggregate([([], "count_all")])
            tables["captions"] = counted.rename_columns({"count_all": "there"})
            yield Records(**tables)

    def _path(self, kind: str, part: int) -> Path:
        return self._folder / f"{kind}-{part}.arrow"


@dataclass(frozen=True)
class Records:
    """The records of the image_ids in one range; the columns are those of _SCHEMAS, and `there` in `captions`."""

    files: pa.Table
    images: pa.Table
    held: pa.Table
    captions: pa.Table
    thumbnails: pa.Table

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

    def thumbnails_without_image(self) -> list[dict[str, Any]]:
        """The image_ids of thumbnails whose image has no row in either table."""
        return _rows(self.thumbnails.join(self.images, "image_id", join_type="left anti"))

    def captions_differing(self) -> list[dict[str, Any]]:
        """The rows whose number of captions is not that of the captions table."""
        both = self.images.join(self.captions, "image_id", join_type="left outer")
        there = pc.fill_null(both["there"], 0)
        both = both.set_column(both.column_names.index("there"), "there", there)
        return _rows(both.filter(pc.not_equal(both["captions"], there)))

    @property
    def _shown(self) -> pa.Table:
        return self.images.filter(pc.equal(self.images["table"], "images")).select(["image_id"])


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows
