"""The store: the gallery's Lance tables `images` and `captions`. The only module that imports lancedb.

Takes and returns the records of records.py and Arrow tables; vectors are float16 on disk and float32 in every answer.
Knows nothing about models, files, SQL statements or how scores are combined. The tables themselves are made by the
migrations, which hold their schemas. A condition (`where`) is LanceDB's own SQL and is passed on as it is: what a
person wrote goes through search.sql.check_where first, because LanceDB drops whatever follows a complete condition.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cvsi_db.errors import FilterError, GalleryError, QueryError
from cvsi_db.indexing import KEEP, IndexFacts, OptimizeSummary, Probes, indexes_of, tend
from cvsi_db.records import CaptionRow, ColumnName, FloatArray, ImageRow
from cvsi_db.rows import IMAGE_FIELDS, VECTORS, caption_batch, check_vector, image_batch, image_rows, matrix

os.environ.setdefault("LANCEDB_LOG", "error")  # LanceDB reads it when imported; without it every search warns
import lancedb

__all__ = ["Store", "connect", "literal", "matrix", "restoring"]

_TABLES = ("images", "captions")
_UNCAPTIONED = "coalesce(array_length(captions), 0) = 0"


def connect(folder: Path) -> Any:
    """A LanceDB connection to `folder` whose handles see what other processes write."""
    return lancedb.connect(str(folder), read_consistency_interval=timedelta(0))


def literal(value: str) -> str:
    """`value` as a quoted SQL string, safe to put into a filter."""
    return "'" + value.replace("'", "''") + "'"


@contextmanager
def restoring(folder: Path) -> Iterator[None]:
    """Put the tables in `folder` back to the versions they have now if the block raises."""
    lance = connect(folder)
    tables = [_open_table(lance, name, folder) for name in _TABLES]
    versions = [table.version for table in tables]
    try:
        yield
    except BaseException:
        for table, version in zip(tables, versions, strict=True):
            if table.version != version:
                table.restore(version)
        raise


class Store:
    """The images of one gallery and their captions, with their vectors, on disk."""

    def __init__(self, folder: Path, lance: Any) -> None:
        self._folder = folder
        self._images, self._captions = (_open_table(lance, name, folder) for name in _TABLES)
        schema = self._images.schema
        self.dim: int = schema.field("image_vector").type.list_size
        self.columns: Mapping[str, pa.DataType] = {
            field.name: field.type for field in schema if field.name not in VECTORS
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
        named = _any_of(image.image_id for image in images)
        _refuse_strangers(images, captions)
        if images:
            with self._writing():
                _merge(self._captions, caption_table, "caption_id", replacing=named)
                _merge(self._images, image_table, "image_id")

    def update(self, images: Sequence[ImageRow]) -> None:
        """Rewrite images that are there already; their captions stay as they are. Raises as `upsert` does."""
        if images:
            with self._writing():
                _merge(self._images, image_batch(images, self._images.schema), "image_id")

    def delete(self, image_ids: Collection[str]) -> None:
        """Remove images, then their captions; unknown ids are no error."""
        if image_ids:
            with self._writing():
                self._images.delete(_any_of(image_ids))
                self._captions.delete(_any_of(image_ids))

    def optimize(
        self, *, keep: timedelta = KEEP, on_step: Callable[[int, int, str], None] | None = None
    ) -> OptimizeSummary:
        """Compact both tables, drop versions older than `keep`, build the indexes that such a gallery should have.

        Safe to repeat; one process at a time. `on_step` is told the steps done, their total and the next one.
        """
        import lancedb.index

        with self._writing():
            return tend((self._images, self._captions), self._folder, lancedb.index, keep, on_step)

    # --- reading ------------------------------------------------------------------------------------------------

    def search(
        self,
        column: ColumnName,
        vector: FloatArray,
        limit: int,
        where: str | None = None,
        *,
        probes: Probes | None = None,
    ) -> pa.Table:
        """The `limit` images nearest to `vector` (dim,) by inner product, out of those that meet `where`.

        Columns: image_id, image_vector, caption_vector, similarity (float32); best first, ties by image_id. Without
        `probes` every image is compared, whatever indexes there are; with them the column's index is asked, and near
        images may be missing. LanceDB rounds the query to float16, so it is searched for at unit
        length and the similarity scaled back; the error against the stored row is at most 2⁻¹¹ · |vector| · |row|
        (4.9e-4 for unit vectors; 7e-5 measured). Raises ModelError for a zero, infinite or misshapen vector,
        QueryError for a limit below 1, FilterError for an unusable filter, GalleryError for probes without an index.
        """
        if limit < 1:
            raise QueryError(f"cannot search for {limit!r} images: ask for at least 1")
        check_vector(vector, self.dim, "the query vector")
        length = float(np.linalg.norm(vector))
        search = self._images.search(vector / length, vector_column_name=column, query_type="vector")
        search = self._through(search.distance_type("dot").limit(limit), column, probes)
        return _ranked(self._run(search.select(["image_id", *VECTORS, "_distance"]), where), length)

    def take(self, image_ids: Sequence[str], columns: Sequence[str]) -> pa.Table:
        """`columns` of the named images, in the order given. Raises GalleryError when one is not there."""
        found = self._named(image_ids, list({"image_id": None} | dict.fromkeys(columns)))
        position = {image_id: row for row, image_id in enumerate(found["image_id"].to_pylist())}
        missing = next((image_id for image_id in image_ids if image_id not in position), None)
        if missing is not None:
            raise GalleryError(f"image {missing!r} is not (or no longer) in {str(self._folder)!r}: search again")
        return found.take(pa.array([position[image_id] for image_id in image_ids], pa.int64())).select(list(columns))

    def rows(self, image_ids: Collection[str]) -> dict[str, ImageRow]:
        """The named images that are there, by image_id."""
        return {row.image_id: row for row in image_rows(self._named(image_ids, IMAGE_FIELDS))}

    def scan(self, columns: Sequence[str], where: str | None = None) -> pa.Table:
        """`columns` of every image that meets `where`, in no particular order."""
        return self._run(self._images.search().select(list(columns)), where)

    def batches(self, columns: Sequence[str], size: int) -> Iterator[pa.RecordBatch]:
        """`columns` of every image of one version, as stored (vectors float16), at most `size` rows at a time."""
        with self._reading(None):
            images = _open_table(connect(self._folder), "images", self._folder)
            images.checkout(images.version)  # whatever is written in between
            # One query per batch: a single one would read ahead, into memory, whatever its reader is too slow for.
            for start in range(0, images.count_rows(), size):
                yield from images.search().select(list(columns)).offset(start).limit(size).to_batches()

    def count(self, where: str | None = None) -> int:
        """The number of images that meet `where`."""
        with self._reading(where):
            return int(self._images.count_rows(where))

    def indexes(self) -> tuple[IndexFacts, ...]:
        """The indexes on the images table, by column."""
        with self._reading(None):
            return indexes_of(self._images)

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

    def _through(self, search: Any, column: ColumnName, probes: Probes | None) -> Any:
        if probes is None:
            return search.bypass_vector_index()
        if column not in {facts.column for facts in self.indexes()}:  # LanceDB would compare every row without a word
            raise GalleryError(f"no index on {column!r} in {str(self._folder)!r}: run `cvsi-db optimize`")
        # No most: a narrow filter may leave fewer rows than the limit in the partitions nearest to the query.
        search = search.minimum_nprobes(probes.partitions).maximum_nprobes(0)
        return search.refine_factor(probes.refine)

    def _named(self, image_ids: Collection[str], columns: Sequence[str]) -> pa.Table:
        return self._run(self._images.search().select(list(columns)), _any_of(image_ids))

    def _run(self, query: Any, condition: str | None) -> pa.Table:
        with self._reading(condition):
            return _widened((query.where(condition) if condition else query).to_arrow())

    @contextmanager
    def _reading(self, condition: str | None) -> Iterator[None]:
        try:
            yield
        except (OSError, RuntimeError, ValueError) as error:
            reason = _one_line(error)
            if condition is not None and any(sign in reason for sign in _FILTER_AT_FAULT):
                told = reason.removeprefix("Invalid input, ").rpartition("Error applying filter expression to batch: ")
                raise FilterError(f"cannot use the filter {condition!r}: {told[-1]}") from error
            raise GalleryError(f"cannot read {str(self._folder)!r}: {reason}") from error

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (OSError, RuntimeError, ValueError) as error:
            raise GalleryError(f"cannot write to {str(self._folder)!r}: {_one_line(error)}") from error


def _open_table(lance: Any, name: str, folder: Path) -> Any:
    try:
        return lance.open_table(name)
    except (OSError, RuntimeError, ValueError) as error:
        raise GalleryError(f"cannot open the table {name!r} in {str(folder)!r}: {_one_line(error)}") from error


def _merge(table: Any, batch: pa.Table, key: str, *, replacing: str | None = None) -> None:
    """Upsert `batch` by `key`; in the same commit, drop the rows that meet `replacing` and are not in the batch."""
    merge = table.merge_insert(key).when_matched_update_all().when_not_matched_insert_all()
    if replacing is not None:
        merge = merge.when_not_matched_by_source_delete(replacing)
    result = merge.execute(batch)
    written = result.num_inserted_rows + result.num_updated_rows
    if written != len(batch):  # an upsert that touches nothing raises nothing
        raise GalleryError(f"{len(batch)} rows were to be written to {table.name!r}, {written} were: ingest again")


def _refuse_strangers(images: Sequence[ImageRow], captions: Sequence[CaptionRow]) -> None:
    stranger = {caption.image_id for caption in captions} - {image.image_id for image in images}
    if stranger:
        raise GalleryError(f"captions of image {min(stranger)!r} without its row: write both in one call")


def _any_of(image_ids: Iterable[str]) -> str:
    named = ", ".join(literal(image_id) for image_id in image_ids)
    return f"image_id IN ({named})" if named else "false"


def _ranked(found: pa.Table, length: float) -> pa.Table:
    """`found` with the similarity in place of LanceDB's `_distance` = 1 - dot, best first, ties by image_id."""
    similarity = length * (1 - found["_distance"].to_numpy().astype(np.float32))
    ranked = found.drop_columns("_distance").append_column("similarity", pa.array(similarity, pa.float32()))
    return ranked.sort_by([("similarity", "descending"), ("image_id", "ascending")])


def _widened(table: pa.Table) -> pa.Table:
    """`table` with its float16 vectors as float32."""
    for position, field in enumerate(table.schema):
        if pa.types.is_fixed_size_list(field.type):
            wide = pa.list_(pa.float32(), field.type.list_size)
            table = table.set_column(position, field.name, table[field.name].cast(wide))
    return table


_FILTER_AT_FAULT = ("Invalid input", "Error applying filter expression", "Unsupported CAST", "Invalid arithmetic")
"""What LanceDB says when a filter parses and yet cannot be computed: its types do not fit."""


def _one_line(error: Exception) -> str:
    """LanceDB's reason, without the place in its own source code and without its internal columns."""
    text = " ".join(str(error).split())
    return re.sub(r"(, _row\w+)+|, /\S+\.rs:\d+:\d+", "", text)
