"""The store: the gallery's Lance tables `images`, `captions`, `removed` and `thumbnails`, as the other rooms see them.

Takes and returns the records of records/ and Arrow tables; vectors are float16 on disk and float32 in every answer.
An image whose last file is gone is in `removed` until its content turns up again: no search finds it, its captions
stay; a row in both tables counts as in `images`. Thumbnails have a table of their own, because a change of a row writes
all of it again, and theirs never change. The migrations make the tables and hold their schemas. A condition
(`where`) is LanceDB's own SQL and is passed on as it is: what a person wrote must go through query.where.check_where
first, because LanceDB ignores whatever follows a complete condition.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cvsi_db.errors import FilterError, GalleryError, ImageGoneError, QueryError
from cvsi_db.records import CaptionRow, ColumnName, FloatArray, ImageRow
from cvsi_db.store.arrow_rows import IMAGE_FIELDS, VECTORS, caption_batch, check_vector, image_batch
from cvsi_db.store.indexes import KEEP, IndexEffort, IndexFacts, OptimizeSummary, indexes_of, optimize
from cvsi_db.store.lance import (
    REPAIR,
    TableName,
    connect,
    lance_write_errors,
    merge,
    one_line,
    open_table,
    pages,
)
from cvsi_db.store.location import Location, trouble

__all__ = ["Store", "TableName", "any_of", "matrix", "widened"]

STREAMED = 2**16
"""Rows of a streamed batch: with LanceDB's 1,024 a million rows take twenty times as long."""

SCANNED = 2**13
"""Rows that are compared at a time where a condition names too many images for LanceDB: 16 MB at width 512."""

NAMED = 1000
"""The most images that a condition names: a search among 10,000 named ones takes a second, among 100,000 twenty."""

MATCHES = 7
"""How many more texts are remembered than the last one, with the images that they match."""

_ID = ("image_id",)
_BEST_FIRST = [("similarity", "descending"), ("image_id", "ascending")]

_COPIED = 1000
"""Rows copied at a time: of thumbnails some 20 MB."""

SAMPLED = 1000
"""Images that stand for the gallery where a spread is measured."""

_UNCAPTIONED, _CAPTIONED = "coalesce(array_length(captions), 0) = 0", "array_length(captions) > 0"


_SEARCHED: tuple[TableName, ...] = ("images", "captions", "removed")


class _Tables(dict[TableName, Any]):
    """The open tables; one is opened when it is first asked for."""

    def __init__(self, lance: Any, folder: Location) -> None:
        self._lance, self._folder = lance, folder

    def __missing__(self, name: TableName) -> Any:
        return self.setdefault(name, open_table(self._lance, name, self._folder))


class Store:
    """The images of one gallery and their captions, with their vectors, on disk."""

    def __init__(self, folder: Location, lance: Any, tables: Mapping[TableName, Any] = MappingProxyType({})) -> None:
        self._folder = folder
        self._lance = lance
        self._tables = _Tables(lance, folder)
        self._tables.update(tables)
        self._images, self._captions, self._removed = (self._tables[name] for name in _SEARCHED)
        schema = self._images.schema
        self.dim: int = schema.field("image_vector").type.list_size
        self.columns: Mapping[str, pa.DataType] = {
            field.name: field.type for field in schema if field.name not in (*VECTORS, "image_norm")
        }
        self._counted: tuple[int, int] | None = None
        self._sampled: tuple[int, FloatArray] | None = None
        self._full_text: tuple[int, Any] | None = None
        self._matching: dict[str, tuple[int, pa.Array]] = {}

    @classmethod
    def create(cls, folder: Location, dim: int) -> Store:
        """Make the tables in `folder` for vectors of width `dim`; tables that are there already stay."""
        from cvsi_db.migrations import upgrade_lance

        lance = connect(folder)
        upgrade_lance(lance, dim)
        return cls(folder, lance)

    def is_gone(self) -> bool:
        """Whether the folder of the tables is gone, as after a reembed. Raises GalleryError where nobody can tell."""
        return not self._folder.is_dir()

    @classmethod
    def open(cls, folder: Location) -> Store:
        """Open the tables in `folder`. Raises GalleryError when they are missing."""
        if not folder.is_dir():  # connecting would make one on this machine
            raise GalleryError(f"the image tables {str(folder)!r} are gone: `cvsi-db check --repair` makes new ones")
        return cls(folder, connect(folder))

    @property
    def version(self) -> int:
        """The version of the images table: it changes with every write, by whichever process."""
        with _lance_errors(self._folder):
            return int(self._images.version)

    # --- writing ------------------------------------------------------------------------------------------------

    def upsert(
        self, images: Sequence[ImageRow], captions: Sequence[CaptionRow], table: Literal["images", "removed"] = "images"
    ) -> None:
        """Write images with all of their captions to `table`, replacing what was there under the same image_id.

        Captions go first, so that an image is never found without its captions. Raises ModelError for a vector
        that is zero, not finite or of the wrong width, GalleryError for a repeated key, a caption of another image
        or a failed write; nothing is written unless all rows can be.
        """
        image_table = image_batch(images, self._images.schema)
        caption_table = caption_batch(captions, self._captions.schema)
        if others := {caption.image_id for caption in captions} - {image.image_id for image in images}:
            raise GalleryError(f"captions of image {min(others)!r} without its row: write both in one call")
        if images:
            named = any_of(image.image_id for image in images)
            with lance_write_errors(self._folder):
                merge(self._captions, caption_table, "caption_id", replacing=named)
                merge(self._tables[table], image_table, "image_id")

    def update(self, images: Sequence[ImageRow]) -> None:
        """Rewrite images that are there already; their captions stay as they are. Raises as `upsert` does."""
        if images:
            with lance_write_errors(self._folder):
                merge(self._images, image_batch(images, self._images.schema), "image_id")

    def remove(self, images: Sequence[ImageRow]) -> None:
        """Move images whose last file is gone to `removed`, without their paths; their captions stay.

        A removed row's `path` is the last one it had. Safe to repeat. Raises as `upsert` does.
        """
        if images:
            rows = image_batch([replace(image, paths=()) for image in images], self._removed.schema)
            with lance_write_errors(self._folder):
                merge(self._removed, rows, "image_id")
                self._images.delete(any_of(image.image_id for image in images))

    def bring_back(self, images: Sequence[ImageRow]) -> None:
        """Move images from `removed` back to `images`. Safe to repeat."""
        self.update(images)
        self.drop([image.image_id for image in images], "removed")

    def drop(self, image_ids: Collection[str], table: TableName) -> None:
        """Delete the rows of these images from `table` only; unknown ids are ignored."""
        if image_ids:
            with lance_write_errors(self._folder):
                self._tables[table].delete(any_of(image_ids))

    def delete(self, image_ids: Collection[str]) -> None:
        """Delete images from both tables, and last their captions and thumbnails; unknown ids are ignored."""
        if image_ids:
            with lance_write_errors(self._folder):
                for name in ("images", "removed", "captions", "thumbnails"):
                    self._tables[name].delete(any_of(image_ids))

    def add_thumbnails(self, thumbnails: Mapping[str, bytes]) -> None:
        """Write image files as thumbnails, by image_id, replacing those that are there."""
        if thumbnails:
            schema = self._tables["thumbnails"].schema
            columns = [pa.array(part, field.type) for part, field in zip(zip(*thumbnails.items()), schema)]  # noqa: B905
            with lance_write_errors(self._folder):
                merge(self._tables["thumbnails"], pa.table(columns, schema=schema), "image_id")

    def take_over(self, other: Store, tables: Sequence[TableName]) -> None:
        """Replace the rows of these tables by those of `other`, whose tables have the same columns."""
        for name in tables:
            table = self._tables[name]
            with lance_write_errors(self._folder):
                table.delete("true")
                for batch in other.batches(table.schema.names, _COPIED, name):
                    table.add(pa.Table.from_batches([batch]).cast(table.schema))

    def optimize(
        self, *, keep: timedelta = KEEP, on_step: Callable[[int, int, str], None] | None = None
    ) -> OptimizeSummary:
        """Compact the tables, drop versions older than `keep`, build the indexes for a gallery of this size.

        Safe to repeat; one process at a time. `on_step` is called with the steps done, their total and the next one.
        """
        with lance_write_errors(self._folder):
            for table in (self._removed, self._tables["thumbnails"]):
                table.optimize(cleanup_older_than=keep)
            return optimize((self._images, self._captions), self._folder, keep, on_step)

    # --- reading ------------------------------------------------------------------------------------------------

    def search(
        self,
        column: ColumnName,
        vector: FloatArray,
        limit: int,
        where: str | None = None,
        *,
        effort: IndexEffort | None = None,
        unit: bool = False,
    ) -> pa.Table:
        """The `limit` images nearest to `vector` (dim,) by inner product, out of those that meet `where`.

        With `unit` the stored vectors count at length 1, and images whose vector is zero may be missing.
        Columns: image_id, image_vector, caption_vector, similarity (float32); best first, ties by image_id. Without
        `effort` every image is compared, whatever indexes there are; with it the column's index is asked, which may
        miss near images. LanceDB rounds the query to float16, so it searches for the vector at unit length, and the
        similarity is scaled back; the error against the stored row is at most 2⁻¹¹ · |vector| · |row| (4.9e-4 for unit
        vectors; 7e-5 measured). Raises ModelError for a zero, infinite or misshapen vector, QueryError for a limit
        below 1, FilterError for an unusable condition, GalleryError for effort without an index.
        """
        if limit < 1:
            raise QueryError(f"cannot search for {limit!r} images: ask for at least 1")
        check_vector(vector, self.dim, "the query vector")
        length = float(np.linalg.norm(vector))
        search = self._images.search(vector / length, vector_column_name=column, query_type="vector")
        search = search.distance_type("cosine" if unit else "dot").limit(limit)
        search = search.select(["image_id", *VECTORS, "_distance"])
        meeting, ids = self._resolved(where)
        if ids is not None:
            return self._nearest(column, vector, limit, meeting, ids, unit)
        if effort is None:
            search = search.bypass_vector_index()
        elif column in {facts.column for facts in self.indexes()}:
            # No maximum: a narrow filter may leave fewer rows than the limit in the partitions nearest to the query.
            search = search.minimum_nprobes(effort.partitions).maximum_nprobes(0).refine_factor(effort.refine)
        else:  # LanceDB would compare every row without saying so
            raise GalleryError(f"no index on {column!r} in {str(self._folder)!r}: run `cvsi-db optimize`")
        found = self._read(search, meeting)
        similarity = length * (1 - found["_distance"].to_numpy().astype(np.float32))  # _distance is 1 - dot or 1 - cos
        ranked = found.drop_columns("_distance").append_column("similarity", pa.array(similarity, pa.float32()))
        return ranked.sort_by(_BEST_FIRST)

    def _nearest(
        self, column: ColumnName, vector: FloatArray, limit: int, where: str | None, ids: pa.Array, unit: bool
    ) -> pa.Table:
        """What `search` gives, of those of the images `ids` that meet `where`, by reading all rows once."""
        best = widened(self.scan(["image_id", *VECTORS], "false")).append_column("similarity", pa.array([], "f4"))
        for batch in self.batches(["image_id", *VECTORS], SCANNED, where=where):
            rows = _among(pa.Table.from_batches([batch]), ids)
            vectors = matrix(rows, column)
            similarity = vectors @ vector.astype(np.float32)
            if unit:
                lengths = np.linalg.norm(vectors, axis=1)
                similarity = np.divide(similarity, lengths, out=np.zeros_like(similarity), where=lengths > 0)
            if len(best) >= limit:  # equal ones too: the image_id decides
                kept = similarity >= best["similarity"][-1].as_py()
                rows, similarity = rows.filter(pa.array(kept)), similarity[kept]
            found = widened(rows).append_column("similarity", pa.array(similarity, pa.float32()))
            best = pa.concat_tables([best, found]).sort_by(_BEST_FIRST).slice(0, limit).combine_chunks()
        return best

    def take(
        self, image_ids: Sequence[str], columns: Sequence[str], row_ids: npt.NDArray[np.uint64] | None = None
    ) -> pa.Table:
        """`columns` of the named images, in the order given, whether in `images` or in `removed`.

        With the `row_ids` that they had in `images`, in any order, they are found sooner. Raises ImageGoneError when
        one is in neither table.
        """
        read = list({"image_id": None} | dict.fromkeys(columns))
        found = self._named(image_ids, read) if row_ids is None else widened(self.take_rows(row_ids, read))
        for table in ("removed", "images") * 4:  # another process may move it while we look
            if lacking := set(image_ids).difference(found["image_id"].to_pylist()):
                found = pa.concat_tables([found, self._named(lacking, found.column_names, table)])
        position = {image_id: row for row, image_id in enumerate(found["image_id"].to_pylist())}
        missing = next((image_id for image_id in image_ids if image_id not in position), None)
        if missing is not None:
            raise ImageGoneError(f"image {missing!r} is not (or no longer) in {str(self._folder)!r}: search again")
        return found.take(pa.array([position[image_id] for image_id in image_ids], pa.int64())).select(list(columns))

    def rows(self, image_ids: Collection[str], table: TableName = "images") -> dict[str, ImageRow]:
        """The named images that are in `table` (images or removed), by image_id."""
        return {row.image_id: row for row in _image_rows(self._named(image_ids, IMAGE_FIELDS, table))}

    def thumbnails(self, image_ids: Collection[str]) -> dict[str, bytes]:
        """The thumbnails of those of the images that have one, as image files, by image_id."""
        found = self._named(image_ids, ["image_id", "image"], "thumbnails")
        return dict(zip(found["image_id"].to_pylist(), found["image"].to_pylist(), strict=True))

    def scan(self, columns: Sequence[str], where: str | None = None, table: TableName = "images") -> pa.Table:
        """`columns` of every row of `table` that meets `where`, in no particular order."""
        meeting, ids = self._resolved(where)
        if ids is None:
            return self._read(self._tables[table].search().select(list(columns)), meeting)
        named = list(dict.fromkeys([*columns, "image_id"]))
        return _among(self._read(self._tables[table].search().select(named), meeting), ids).select(list(columns))

    def stream(
        self, columns: Sequence[str], where: str | None = None, table: TableName = "images"
    ) -> Iterator[pa.RecordBatch]:
        """`columns`, none of them a vector, of every row of `table` that meets `where`, as they are read."""
        meeting, ids = self._resolved(where)
        query = self._tables[table].search().select(list(dict.fromkeys([*columns, *_ID[ids is None :]])))
        with _lance_errors(self._folder, where):
            for batch in (query.where(meeting) if meeting else query).to_batches(STREAMED):
                yield batch if ids is None else _among(batch, ids).select(list(columns))

    def pages(
        self,
        columns: Sequence[str],
        keys: Sequence[str],
        where: str | None = None,
        table: TableName = "images",
        size: int | None = None,
    ) -> Iterator[pa.Table]:
        """`columns` of every row of `table` that meets `where`, in the order of the `keys` among them, which tell all
        rows apart: `size` at a time, by default PAGE; where a match leaves some out, fewer of every PAGE."""
        meeting, ids = self._resolved(where)
        named = list(dict.fromkeys([*columns, *_ID[ids is None :]]))
        with _lance_errors(self._folder, where):
            for page in pages(self._tables[table], named, keys, meeting, size if ids is None else None):
                yield page if ids is None else _among(page, ids).select(list(columns))

    def schema(self, columns: Sequence[str], table: TableName = "images") -> pa.Schema:
        """The schema of `columns` of `table`, as stored."""
        return pa.schema([self._tables[table].schema.field(name) for name in columns])

    def ids(self, table: TableName = "images") -> set[str]:
        """The image_ids in `table`."""
        return set(self.scan(["image_id"], table=table)["image_id"].unique().to_pylist())

    def orphans(self) -> set[str]:
        """The image_ids of captions whose image is in neither table or has no captions in its row.

        An ingest that is cut short leaves some.
        """
        held = self.scan(["image_id"], _CAPTIONED), self.scan(["image_id"], _CAPTIONED, "removed")
        return self.ids("captions").difference(*(table["image_id"].to_pylist() for table in held))

    def batches(
        self, columns: Sequence[str], size: int, table: TableName = "images", where: str | None = None
    ) -> Iterator[pa.RecordBatch]:
        """`columns` of every row of one version that meets `where`, as stored (vectors float16), `size` at a time."""
        meeting, ids = self._resolved(where)
        named = list(dict.fromkeys([*columns, *_ID[ids is None :]]))
        with _lance_errors(self._folder, where):
            rows = self._lance.open_table(table)  # a handle of its own, to stay at one version
            rows.checkout(self._tables[table].version)  # whatever is written in between
            # One query per batch: a single query reads ahead, into memory, when its reader is slow.
            for start in range(0, rows.count_rows(meeting), size):
                query = rows.search().select(named).offset(start).limit(size)
                found = (query.where(meeting) if meeting else query).to_batches().read_all()
                found = found if ids is None else _among(found, ids).select(list(columns))
                yield from found.combine_chunks().to_batches()

    def addresses(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
        """(n,) the address of each image's row and (n,) the id that `take_rows` knows it by, in no order.

        An address is never another row's: a row that is written anew gets a new one, and so does every row when the
        table is compacted.
        """
        schema = pa.schema([("_rowaddr", pa.uint64()), ("_rowid", pa.uint64())])
        table = pa.Table.from_batches(self.stream(schema.names), schema)
        return table["_rowaddr"].to_numpy(), table["_rowid"].to_numpy()

    def take_rows(
        self, row_ids: npt.NDArray[np.uint64], columns: Sequence[str], table: TableName = "images"
    ) -> pa.Table:
        """`columns` of the rows of `table` with these ids, as stored (vectors float16), in no particular order."""
        with _lance_errors(self._folder):
            taken = self._tables[table].take_row_ids(row_ids.tolist()).select(list(columns))
            return taken.to_batches().read_all()

    def snapshot(self) -> Store:
        """The store as it is now, to read from: what is written from now on is not in it."""
        with _lance_errors(self._folder):
            tables = {name: self._lance.open_table(name) for name in _SEARCHED}
            for name, table in tables.items():  # images first: their captions are older or the same
                table.checkout(self._tables[name].version)
        return Store(self._folder, self._lance, tables)

    def caption_vectors(self, image_ids: Sequence[str], captions: Sequence[Sequence[str]]) -> pa.Array:
        """A list per image with the vector of each of its captions, float16 as stored.

        Raises GalleryError when one is not there, as after a change by another process.
        """
        table = self._named(image_ids, ["image_id", "text", "vector"], "captions")
        keys = zip(table["image_id"].to_pylist(), table["text"].to_pylist(), strict=True)
        places = {key: place for place, key in enumerate(keys)}
        wanted = [(image_id, text) for image_id, texts in zip(image_ids, captions, strict=True) for text in texts]
        if lacking := [key for key in wanted if key not in places]:
            image_id, text = lacking[0]
            raise GalleryError(f"the caption {text!r} of image {image_id!r} has no vector (any more): {REPAIR}")
        vectors = table["vector"].combine_chunks().take(pa.array([places[key] for key in wanted], pa.int64()))
        starts = np.cumsum([0, *map(len, captions)], dtype=np.int32)
        return pa.ListArray.from_arrays(starts, vectors.cast(self._captions.schema.field("vector").type))

    def count(self, where: str | None = None, table: TableName = "images") -> int:
        """The number of rows of `table` that meet `where`."""
        meeting, ids = self._resolved(where)
        if ids is not None:
            return sum(len(batch) for batch in self.stream(["image_id"], where, table))
        with _lance_errors(self._folder, where):
            return int(self._tables[table].count_rows(meeting))

    def indexes(self, table: TableName = "images") -> tuple[IndexFacts, ...]:
        """The indexes on `table`, by column."""
        with _lance_errors(self._folder):
            return indexes_of(self._tables[table])

    def count_uncaptioned(self) -> int:
        """The number of images without captions; counted once per version of the table, since every search asks."""
        version = self.version
        if self._counted is None or self._counted[0] != version:
            self._counted = (version, self.count(_UNCAPTIONED))
        return self._counted[1]

    def sample(self) -> FloatArray:
        """(n, dim) the image vectors of some SAMPLED images, of all where there are fewer; read once per version.

        An image_id is a hash: those up to a bound are a random sample, and the same one every time.
        """
        version = self.version
        if self._sampled is None or self._sampled[0] != version:
            share = SAMPLED / max(self.count(), 1)
            where = f"image_id < '{int(share * 16**8):08x}'" if share < 1 else None
            table = self.scan(["image_id", "image_vector"], where).sort_by("image_id")
            self._sampled = (version, matrix(table, "image_vector"))
        return self._sampled[1]

    def uncaptioned(self, paths: Set[str] | None = None) -> list[str]:
        """The image_ids of the images without captions that have one of the `paths`, if given, ascending."""
        rows = self.scan(["image_id", "paths"], _UNCAPTIONED).to_pylist()
        return sorted(row["image_id"] for row in rows if paths is None or not paths.isdisjoint(row["paths"]))

    def matching(self, text: str) -> pa.Array:
        """The image_ids of the images with a caption that has the words of `text`: see store/full_text.py."""
        from cvsi_db.store.full_text import indexed, matching_images

        with _lance_errors(self._folder):
            table, version = self._captions, self._captions.version
            if (kept := self._matching.get(text)) and kept[0] == version:
                return kept[1]
            if not table.count_rows():
                return pa.array([], pa.string())
            if not any(index.index_type == "FTS" for index in table.list_indices()):
                if self._full_text is None or self._full_text[0] != version:
                    texts = table.search().select(["image_id", "text"]).to_batches().read_all()
                    self._full_text = (version, indexed(texts))
                table = self._full_text[1]
            found = matching_images(table, text)
        self._matching = dict([*self._matching.items()][-MATCHES:]) | {text: (version, found)}
        return found

    def match_condition(self, text: str) -> str:
        """The condition that the images meet which `matching` gives, for this store alone to read."""
        from cvsi_db.store.full_text import call_of

        return call_of(text, len(self.matching(text)))

    def _resolved(self, where: str | None) -> tuple[str | None, pa.Array | None]:
        """A condition as LanceDB reads it, and image_ids that count besides, where they are too many to be named."""
        if where is None or "captions_match" not in where:
            return where, None
        from cvsi_db.store.full_text import without_calls

        rest, texts = without_calls(where)
        if not texts:
            return where, None
        ids = self.matching(texts[0])
        for text in texts[1:]:
            ids = ids.filter(pc.is_in(ids, self.matching(text)))
        return (rest, ids) if len(ids) > NAMED else (f"({rest}) AND {any_of(ids.to_pylist())}", None)

    def check_filter(self, where: str) -> None:
        """Dry-run a condition. Raises FilterError, with the reason in one line, when it cannot be used."""
        self._read(self._images.search().select(["image_id"]).limit(1), self._resolved(where)[0])

    def _named(self, image_ids: Collection[str], columns: Sequence[str], table: TableName = "images") -> pa.Table:
        return self._read(self._tables[table].search().select(list(columns)).where(any_of(image_ids)))

    def _read(self, query: Any, where: str | None = None) -> pa.Table:
        """The answer to a query; `where` is a condition that a person wrote, which may be at fault."""
        with _lance_errors(self._folder, where):
            return widened((query.where(where) if where else query).to_batches().read_all())  # to_arrow reads schemas


def any_of(values: Iterable[str], column: str = "image_id") -> str:
    """The condition that the rows with these values in `column` alone meet."""
    named = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"{column} IN ({named})" if named else "false"


def _among(rows: Any, ids: pa.Array) -> Any:
    """Those of the rows, a table or a batch with their image_id, that are in `ids`."""
    return rows.filter(pc.is_in(rows["image_id"], ids))


def widened(table: pa.Table) -> pa.Table:
    """`table` with its float16 vectors as float32."""
    for position, field in enumerate(table.schema):
        if pa.types.is_fixed_size_list(field.type):
            wide = pa.list_(pa.float32(), field.type.list_size)
            table = table.set_column(position, field.name, table[field.name].cast(wide))
    return table


_FILTER_AT_FAULT = ("Invalid input", "Error applying filter expression", "Unsupported CAST", "Invalid arithmetic")
"""What LanceDB says when a condition parses and yet cannot be computed, because its types do not fit."""


@contextmanager
def _lance_errors(folder: Location, where: str | None = None) -> Iterator[None]:
    """LanceDB's errors in the block become GalleryErrors, or FilterErrors where the condition is at fault."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        reason = one_line(error)
        if where is not None and any(sign in reason for sign in _FILTER_AT_FAULT):
            told = reason.removeprefix("Invalid input, ").rpartition("Error applying filter expression to batch: ")
            raise FilterError(f"cannot use the filter {where!r}: {told[-1]}") from error
        if said := trouble(folder, error):
            raise GalleryError(f"cannot read {str(folder)!r}: {said}") from error
        if not folder.is_dir():
            remedy = "if `cvsi-db reembed` or `optimize --rewrite` has replaced them, open the gallery again"
            raise GalleryError(f"the tables in {str(folder)!r} are gone: {remedy}") from error
        raise GalleryError(f"cannot read {str(folder)!r}: {reason}; {REPAIR}") from error


def matrix(table: pa.Table, column: str) -> FloatArray:
    """(n, dim) float32: the vectors in `column` of a table, in its order."""
    vectors = table[column].combine_chunks()
    flat = vectors.flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
    result: FloatArray = flat.reshape(len(table), vectors.type.list_size)
    return result


def _image_rows(table: pa.Table) -> Iterator[ImageRow]:
    """The images in a table that has all of ImageRow's columns, in its order."""
    vectors = {name: matrix(table, name) for name in VECTORS}
    for i, row in enumerate(table.drop_columns(list(VECTORS)).to_pylist()):
        row["modified_at"] = row["modified_at"].isoformat()
        row["taken_at"] = row["taken_at"].isoformat() if row["taken_at"] else None
        row |= {name: tuple(row[name]) for name in ("paths", "captions", "tags")}
        yield ImageRow(**row, **{name: vectors[name][i] for name in VECTORS})
