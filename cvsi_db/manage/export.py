"""Export: the images of a gallery as a Parquet file, with their vectors where they are wanted.

Takes the store, the catalog and the file; the rows are those of one moment, read and written some at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from cvsi_db.atomic_file import replace_file
from cvsi_db.errors import GalleryError
from cvsi_db.manage.listing import check_columns
from cvsi_db.manage.selection import wanted_rows

if TYPE_CHECKING:
    from cvsi_db.store.catalog import Catalog
    from cvsi_db.store.images import Store

ROWS, ROWS_WITH_VECTORS = 2**16, 1000
"""Rows of a row group: with 15 captions of width 1,024 an image's vectors take 33 kB."""


@dataclass(frozen=True)
class ExportSummary:
    """What an export wrote: the images, and the size of the file."""

    images: int
    bytes: int


def export(
    file: Path,
    *,
    store: Store,
    catalog: Catalog,
    where: str | None = None,
    columns: Sequence[str] = (),
    vectors: bool = False,
    filters: Mapping[str, Any] = MappingProxyType({}),
    progress: Callable[[int, int], None] | None = None,
) -> ExportSummary:
    """Write a row per image that satisfies `where` and the filters to the Parquet `file`, in no particular order.

    It has the `columns`, by default all but the vectors. With `vectors` there are two more: `image_vector`, a list of
    the bundle's width, and `caption_vectors`, a list of such lists, one per item of `captions`, all float16 as stored.
    The schema's metadata name the bundle and its fingerprint: vectors of others cannot be compared with these.
    `progress` is called with the images done and their total. The file is written whole or not at all. Raises
    FilterError and QueryError for a condition, a filter or a column that cannot be used, GalleryError when the file
    cannot be written.
    """
    store, info = store.snapshot(), catalog.gallery()
    chosen = wanted_rows(store, where, filters)
    fields = [field.remove_metadata() for field in store.schema(check_columns(columns, store.columns))]
    read = [field.name for field in fields]
    if vectors:
        image_vector = store.schema(["image_vector"]).field(0)
        fields += [image_vector, pa.field("caption_vectors", pa.list_(image_vector.type))]
        read = list(dict.fromkeys([*read, "image_id", "captions", "image_vector"]))
    schema = pa.schema(fields, {"cvsi_db.model": info.bundle, "cvsi_db.fingerprint": info.fingerprint})
    total, done = store.count(chosen) if progress else 0, 0
    try:
        with (
            replace_file(file) as part,
            part.open("wb") as sink,
            pq.ParquetWriter(sink, schema, compression="zstd") as writer,
        ):
            for batch in store.batches(read, ROWS_WITH_VECTORS if vectors else ROWS, where=chosen):
                rows = pa.Table.from_batches([batch])
                if vectors:
                    of_captions = store.caption_vectors(rows["image_id"].to_pylist(), rows["captions"].to_pylist())
                    rows = rows.append_column(schema.field("caption_vectors"), of_captions)
                writer.write_table(rows.select(schema.names))
                done += len(rows)
                if progress is not None:
                    progress(done, total)
        return ExportSummary(done, file.stat().st_size)
    except OSError as error:
        raise GalleryError(f"cannot write {str(file)!r}: {error.strerror or error}") from error
