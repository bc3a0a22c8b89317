"""The store: the gallery's Lance tables `images` and `captions`. The only module that imports lancedb.

Takes and returns the records of records.py and Arrow tables; vectors are float16 on disk and float32 in every answer.
Knows nothing about models, files, SQL statements or how scores are combined. The tables themselves are made by the
migrations, which hold their schemas.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cvsi_db.errors import FilterError, GalleryError, ModelError, QueryError
from cvsi_db.filters import prepare_filter
from cvsi_db.records import CaptionRow, ColumnName, FloatArray, ImageRow

os.environ.setdefault("LANCEDB_LOG", "error")  # read once, at import: otherwise each search warns on stderr
import lancedb  # noqa: E402

_VECTORS = ("image_vector", "caption_vector")
_FIELDS = tuple(field.name for field in fields(ImageRow))


def connect(folder: Path) -> Any:
    """A LanceDB connection to `folder` whose handles see what other processes write."""
    return lancedb.connect(str(folder), read_consistency_interval=timedelta(0))


def literal(value: str) -> str:
    """`value` as a quoted SQL string, safe to put into a filter."""
    return "'" + value.replace("'", "''") + "'"


def matrix(table: Any, column: str) -> FloatArray:
    """(n, dim) float32: the vectors in `column` of a table that the store returned, in its order."""
    vectors = table[column].combine_chunks()
    flat: FloatArray = vectors.flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
    return flat.reshape(len(table), vectors.type.list_size)


class Store:
    """The images of one gallery and their captions, with their vectors, on disk."""

    def __init__(self, folder: Path, lance: Any) -> None:
        self._folder = folder
        self._images = _open_table(lance, "images", folder)
        self._captions = _open_table(lance, "captions", folder)
        schema = self._images.schema
        self.dim: int = schema.field("image_vector").type.list_size
        self.columns: Mapping[str, Any] = {field.name: field.type for field in schema if field.name not in _VECTORS}

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
        that is zero, not finite or of the wrong width, GalleryError for a repeated key or a failed write.
        """
        image_ids = [image.image_id for image in images]
        caption_batch = self._caption_batch(captions, set(image_ids))
        image_batch = self._image_batch(images)
        if not images:
            return
        with self._writing():
            stale = f"image_id IN ({_literals(image_ids)})"
            _merge(self._captions, caption_batch, "caption_id", stale=stale)
            _merge(self._images, image_batch, "image_id")

    def delete(self, image_ids: Collection[str]) -> None:
        """Remove images, then their captions; unknown ids are no error."""
        if not image_ids:
            return
        with self._writing():
            self._images.delete(f"image_id IN ({_literals(image_ids)})")
            self._captions.delete(f"image_id IN ({_literals(image_ids)})")

    def optimize(self) -> None:
        """Compact the tables and index their keys and the captions' words; one process at a time."""
        from lancedb.index import FTS, BTree

        with self._writing():
            for table, indexes in (
                (self._images, {"image_id": BTree()}),
                (self._captions, {"image_id": BTree(), "caption_id": BTree(), "text": FTS()}),
            ):
                there = {column for index in table.list_indices() for column in index.columns}
                for column, config in indexes.items():
                    if column not in there:
                        table.create_index(column, config=config)
                table.optimize()

    # --- reading ------------------------------------------------------------------------------------------------

    def search(self, column: ColumnName, vector: FloatArray, limit: int, where: str | None = None) -> pa.Table:
        """The `limit` images nearest to `vector` (dim,) by inner product, out of those that meet `where`.

        Columns: image_id, image_vector, caption_vector, similarity (float32); best first, ties by image_id. Every
        image is compared; none is left to an index. LanceDB rounds the query to float16, so it is searched for at
        unit length and the similarity scaled back: the error is at most |vector| · |row| · 2⁻¹¹ (4.9e-4), 7e-5
        measured. Raises ModelError for a zero, infinite or misshapen vector, QueryError for a limit below 1.
        """
        if limit < 1:
            raise QueryError(f"cannot search for {limit!r} images: ask for at least 1")
        query = np.asarray(vector, np.float32)
        self._check_vectors(query[None], lambda _: "the query vector")
        length = float(np.linalg.norm(query))
        search = self._images.search(query / length, vector_column_name=column, query_type="vector")
        search = search.distance_type("dot").bypass_vector_index().limit(limit)
        search = search.select(["image_id", *_VECTORS, "_distance"])
        return _ranked(self._read(search, where), length)

    def take(self, image_ids: Sequence[str], columns: Sequence[str]) -> pa.Table:
        """`columns` of the named images, in the order given. Raises GalleryError when one is not there."""
        found = self._read(self._select(["image_id", *columns]), f"image_id IN ({_literals(image_ids) or 'NULL'})")
        position = {image_id: row for row, image_id in enumerate(found["image_id"].to_pylist())}
        missing = next((image_id for image_id in image_ids if image_id not in position), None)
        if missing is not None:
            raise GalleryError(f"image {missing!r} is not in {str(self._folder)!r} (any more): search again")
        return found.take(pa.array([position[i] for i in image_ids], pa.int64())).select(list(columns))

    def rows(self, image_ids: Collection[str]) -> dict[str, ImageRow]:
        """The named images that are there, by image_id."""
        if not image_ids:
            return {}
        found = self._read(self._select(_FIELDS), f"image_id IN ({_literals(image_ids)})")
        return {row.image_id: row for row in _image_rows(found)}

    def scan(self, columns: Sequence[str], where: str | None = None) -> pa.Table:
        """`columns` of every image that meets `where`, in no particular order."""
        return self._read(self._select(columns), self._prepared(where))

    def count(self, where: str | None = None) -> int:
        """The number of images that meet `where`."""
        condition = self._prepared(where)
        with self._reading(condition):
            return int(self._images.count_rows(condition))

    def check_filter(self, where: str) -> None:
        """Dry-run a filter. Raises FilterError, with the reason in one line, when it cannot be used."""
        condition = self._prepared(where)
        with self._reading(condition):
            self._select(["image_id"]).where(condition).limit(1).to_arrow()
