"""The store: the gallery's Lance tables `images`, `captions` and `removed`, as the stages see them.

Takes and returns the records of records/ and Arrow tables; vectors are float16 on disk and float32 in every answer.
An image whose last file is gone lies in `removed` until its content turns up again: no search sees it, its captions
stay; a row in both tables counts as in `images`. Knows nothing about models, files, SQL statements or how scores are
combined. The tables themselves are made by the migrations, which hold their schemas. A condition (`where`) is
LanceDB's own SQL and is passed on as it is: what a person wrote goes through search.sql.check_where first, because
LanceDB drops whatever follows a complete condition.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cvsi_db.errors import GalleryError, ImageGoneError, QueryError
from cvsi_db.records import CaptionRow, ColumnName, FloatArray, ImageRow
from cvsi_db.store.arrow_rows import (
    IMAGE_FIELDS,
    VECTORS,
    caption_batch,
    check_captions,
    check_vector,
    image_batch,
    image_rows,
    matrix,
)
from cvsi_db.store.indexes import KEEP, IndexEffort, IndexFacts, OptimizeSummary, indexes_of, optimize
from cvsi_db.store.lance import (
    TABLE_NAMES,
    TableName,
    any_of,
    connect,
    index_kinds,
    lance_errors,
    lance_write_errors,
    merge,
    open_table,
    widened,
)

__all__ = ["Store", "TableName", "matrix"]

_UNCAPTIONED = "coalesce(array_length(captions), 0) = 0"


class Store:
    """The images of one gallery and their captions, with their vectors, on disk."""

    def __init__(self, folder: Path, lance: Any) -> None:
        self._folder = folder
        self._tables: dict[TableName, Any] = {name: open_table(lance, name, folder) for name in TABLE_NAMES}
        self._images, self._captions, self._removed = (self._tables[name] for name in TABLE_NAMES)
        schema = self._images.schema
        self.dim: int = schema.field("image_vector").type.list_size
        self.columns: Mapping[str, pa.DataType] = {
            field.name: field.type for field in schema if field.name not in (*VECTORS, "image_norm")
        }
        self._counted: tuple[int, int] | None = None

    @classmethod
    def create(cls, folder: Path, dim: int) -> Store:
        """Make the tables in `folder` for vectors of width `dim`; tables that are there already stay."""
        from cvsi_db.migrations import upgrade_lance

        lance = connect(folder)
        upgrade_lance(lance, dim)
        return cls(folder, lance)

    @classmethod
    def open(cls, folder: Path) -> Store:
        """Open the tables in `folder`. Raises GalleryError when they are not there."""
        if not folder.is_dir():  # connecting would make it
            raise GalleryError(f"no image tables in {str(folder)!r}: ingest pictures first")
        return cls(folder, connect(folder))

    @property
    def version(self) -> int:
        """The version of the images table: it changes with every write, by whichever process."""
        return int(self._images.version)

    # --- writing ------------------------------------------------------------------------------------------------

    def upsert(self, images: Sequence[ImageRow], captions: Sequence[CaptionRow]) -> None:
        """Write images with all of their captions, replacing what was there under the same image_id.

        Captions go first, so that an image is never found without its captions. Raises ModelError for a vector
        that is zero, not finite or of the wrong width, GalleryError for a repeated key, a caption of another image
        or a failed write; nothing is written unless all rows are sound.
        """
        image_table = image_batch(images, self._images.schema)
        caption_table = caption_batch(captions, self._captions.schema)
        named = any_of(image.image_id for image in images)
        check_captions(images, captions)
        if images:
            with lance_write_errors(self._folder):
                merge(self._captions, caption_table, "caption_id", replacing=named)
                merge(self._images, image_table, "image_id")

    def update(self, images: Sequence[ImageRow]) -> None:
        """Rewrite images that are there already; their captions stay as they are. Raises as `upsert` does."""
        if images:
            with lance_write_errors(self._folder):
                merge(self._images, image_batch(images, self._images.schema), "image_id")

    def remove(self, images: Sequence[ImageRow]) -> None:
        """Take images whose last file is gone out of every search; what is there of them stays, but for their paths.

        A removed row's `path` says where it was last. Safe to repeat. Raises as `upsert` does.
        """
        if images:
            rows = image_batch([replace(image, paths=()) for image in images], self._removed.schema)
            with lance_write_errors(self._folder):
                merge(self._removed, rows, "image_id")
                self._images.delete(any_of(image.image_id for image in images))

    def bring_back(self, images: Sequence[ImageRow]) -> None:
        """Put removed images, whose captions are still there, back among the images. Safe to repeat."""
        self.update(images)
        self.drop_removed([image.image_id for image in images])

    def drop_removed(self, image_ids: Collection[str]) -> None:
        """Take rows out of `removed` alone; unknown ids are no error."""
        if image_ids:
            with lance_write_errors(self._folder):
                self._removed.delete(any_of(image_ids))

    def delete(self, image_ids: Collection[str]) -> None:
        """Delete images for good, removed or not, and last their captions; unknown ids are no error."""
        if image_ids:
            with lance_write_errors(self._folder):
                for name in ("images", "removed", "captions"):
                    self._tables[name].delete(any_of(image_ids))

    def optimize(
        self, *, keep: timedelta = KEEP, on_step: Callable[[int, int, str], None] | None = None
    ) -> OptimizeSummary:
        """Compact the tables, drop versions older than `keep`, build the indexes that such a gallery should have.

        Safe to repeat; one process at a time. `on_step` is told the steps done, their total and the next one.
        """
        with lance_write_errors(self._folder):
            self._removed.optimize(cleanup_older_than=keep)
            return optimize((self._images, self._captions), self._folder, index_kinds(), keep, on_step)

    # --- reading ------------------------------------------------------------------------------------------------

    def search(
        self,
        column: ColumnName,
        vector: FloatArray,
        limit: int,
        where: str | None = None,
        *,
        effort: IndexEffort | None = None,
    ) -> pa.Table:
        """The `limit` images nearest to `vector` (dim,) by inner product, out of those that meet `where`.

        Columns: image_id, image_vector, caption_vector, similarity (float32); best first, ties by image_id. Without
        `effort` every image is compared, whatever indexes there are; with them the column's index is asked, and near
        images may be missing. LanceDB rounds the query to float16, so it is searched for at unit
        length and the similarity scaled back; the error against the stored row is at most 2⁻¹¹ · |vector| · |row|
        (4.9e-4 for unit vectors; 7e-5 measured). Raises ModelError for a zero, infinite or misshapen vector,
        QueryError for a limit below 1, FilterError for an unusable filter, GalleryError for effort without an index.
        """
        if limit < 1:
            raise QueryError(f"cannot search for {limit!r} images: ask for at least 1")
        check_vector(vector, self.dim, "the query vector")
        length = float(np.linalg.norm(vector))
        search = self._images.search(vector / length, vector_column_name=column, query_type="vector")
        search = self._through(search.distance_type("dot").limit(limit), column, effort)
        return _ranked(self._run(search.select(["image_id", *VECTORS, "_distance"]), where), length)

    def take(self, image_ids: Sequence[str], columns: Sequence[str]) -> pa.Table:
        """`columns` of the named images, in the order given, also of those removed since they were found.

        Raises ImageGoneError when one is not there.
        """
        found = self._named(image_ids, list({"image_id": None} | dict.fromkeys(columns)))
        for table in ("removed", "images") * 4:  # to and fro: it may have been moved in between
            if lacking := set(image_ids).difference(found["image_id"].to_pylist()):
                found = pa.concat_tables([found, self._named(lacking, found.column_names, table)])
        position = {image_id: row for row, image_id in enumerate(found["image_id"].to_pylist())}
        missing = next((image_id for image_id in image_ids if image_id not in position), None)
        if missing is not None:
            raise ImageGoneError(f"image {missing!r} is not (or no longer) in {str(self._folder)!r}: search again")
        return found.take(pa.array([position[image_id] for image_id in image_ids], pa.int64())).select(list(columns))

    def rows(self, image_ids: Collection[str], table: TableName = "images") -> dict[str, ImageRow]:
        """The named images that are there (in `images`, or in `removed`), by image_id."""
        return {row.image_id: row for row in image_rows(self._named(image_ids, IMAGE_FIELDS, table))}

    def scan(self, columns: Sequence[str], where: str | None = None, table: TableName = "images") -> pa.Table:
        """`columns` of every row of `table` that meets `where`, in no particular order."""
        return self._run(self._tables[table].search().select(list(columns)), where)

    def ids(self, table: TableName = "images") -> set[str]:
        """The image_ids in `table`."""
        return set(self.scan(["image_id"], table=table)["image_id"].unique().to_pylist())

    def orphans(self) -> set[str]:
        """The image_ids of captions whose image is in neither table, as an ingest leaves that was cut short."""
        return self.ids("captions") - self.ids() - self.ids("removed")

    def batches(self, columns: Sequence[str], size: int, table: TableName = "images") -> Iterator[pa.RecordBatch]:
        """`columns` of every row of one version, as stored (vectors float16), at most `size` rows at a time."""
        with lance_errors(self._folder):
            rows = open_table(connect(self._folder), table, self._folder)
            rows.checkout(rows.version)  # whatever is written in between
            # One query per batch: a single one would read ahead, into memory, whatever its reader is too slow for.
            for start in range(0, rows.count_rows(), size):
                yield from rows.search().select(list(columns)).offset(start).limit(size).to_batches()

    def count(self, where: str | None = None, table: TableName = "images") -> int:
        """The number of rows of `table` that meet `where`."""
        with lance_errors(self._folder, where):
            return int(self._tables[table].count_rows(where))

    def indexes(self, table: TableName = "images") -> tuple[IndexFacts, ...]:
        """The indexes on `table`, by column."""
        with lance_errors(self._folder):
            return indexes_of(self._tables[table])

    def count_uncaptioned(self) -> int:
        """The number of images without captions; counted once per version of the table, so that searches may ask."""
        version = self.version
        if self._counted is None or self._counted[0] != version:
            self._counted = (version, self.count(_UNCAPTIONED))
        return self._counted[1]

    def uncaptioned(self) -> list[str]:
        """The image_ids of the images without captions, ascending."""
        return sorted(self.scan(["image_id"], _UNCAPTIONED)["image_id"].to_pylist())

    def check_filter(self, where: str) -> None:
        """Dry-run a filter. Raises FilterError, with the reason in one line, when it cannot be used."""
        self._run(self._images.search().select(["image_id"]).limit(1), where)

    def _through(self, search: Any, column: ColumnName, effort: IndexEffort | None) -> Any:
        if effort is None:
            return search.bypass_vector_index()
        if column not in {facts.column for facts in self.indexes()}:  # LanceDB would compare every row without a word
            raise GalleryError(f"no index on {column!r} in {str(self._folder)!r}: run `cvsi-db optimize`")
        # No most: a narrow filter may leave fewer rows than the limit in the partitions nearest to the query.
        search = search.minimum_nprobes(effort.partitions).maximum_nprobes(0)
        return search.refine_factor(effort.refine)

    def _named(self, image_ids: Collection[str], columns: Sequence[str], table: TableName = "images") -> pa.Table:
        with lance_errors(
            self._folder
        ):  # the condition is ours: whatever goes wrong, a person's filter is not at fault
            return widened(self._tables[table].search().select(list(columns)).where(any_of(image_ids)).to_arrow())

    def _run(self, query: Any, condition: str | None) -> pa.Table:
        with lance_errors(self._folder, condition):
            return widened((query.where(condition) if condition else query).to_arrow())


def _ranked(found: pa.Table, length: float) -> pa.Table:
    """`found` with the similarity in place of LanceDB's `_distance` = 1 - dot, best first, ties by image_id."""
    similarity = length * (1 - found["_distance"].to_numpy().astype(np.float32))
    ranked = found.drop_columns("_distance").append_column("similarity", pa.array(similarity, pa.float32()))
    return ranked.sort_by([("similarity", "descending"), ("image_id", "ascending")])
