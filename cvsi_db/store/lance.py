"""Tables: how a gallery's Lance tables are opened, merged and put back, and how their errors are told.

The only module that imports lancedb. Takes folders, open tables and Arrow tables; knows nothing about what a row means.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from cvsi_db.errors import FilterError, GalleryError

os.environ.setdefault("LANCEDB_LOG", "error")  # LanceDB reads it when imported; without it every search warns
import lancedb

TableName = Literal["images", "captions", "removed"]
TABLE_NAMES: tuple[TableName, ...] = ("images", "captions", "removed")


def connect(folder: Path) -> Any:
    """A LanceDB connection to `folder` whose handles see what other processes write."""
    return lancedb.connect(str(folder), read_consistency_interval=timedelta(0))


def index_kinds() -> Any:
    """LanceDB's module of index kinds."""
    import lancedb.index

    return lancedb.index


def open_table(lance: Any, name: str, folder: Path) -> Any:
    """The table `name`. Raises GalleryError when it is not there."""
    try:
        return lance.open_table(name)
    except (OSError, RuntimeError, ValueError) as error:
        raise GalleryError(f"cannot open the table {name!r} in {str(folder)!r}: {_one_line(error)}") from error


@contextmanager
def restoring(folder: Path) -> Iterator[None]:
    """Put the tables in `folder` back to the versions they have now if the block raises; new ones go."""
    lance = connect(folder)
    tables = {name: open_table(lance, name, folder) for name in lance.list_tables().tables}
    versions = {name: table.version for name, table in tables.items()}
    try:
        yield
    except BaseException:
        for name in lance.list_tables().tables:
            if name not in tables:
                lance.drop_table(name)
            elif tables[name].version != versions[name]:
                tables[name].restore(versions[name])
        raise


def merge(table: Any, batch: pa.Table, key: str, *, replacing: str | None = None) -> None:
    """Upsert `batch` by `key`; in the same commit, drop the rows that meet `replacing` and are not in the batch."""
    merger = table.merge_insert(key).when_matched_update_all().when_not_matched_insert_all()
    if replacing is not None:
        merger = merger.when_not_matched_by_source_delete(replacing)
    result = merger.execute(batch)
    written = result.num_inserted_rows + result.num_updated_rows
    if written != len(batch):  # an upsert that touches nothing raises nothing
        raise GalleryError(f"{len(batch)} rows were to be written to {table.name!r}, {written} were: ingest again")


def literal(value: str) -> str:
    """`value` as a quoted SQL string, safe to put into a filter."""
    return "'" + value.replace("'", "''") + "'"


def any_of(image_ids: Iterable[str]) -> str:
    """The filter that these images alone meet."""
    named = ", ".join(literal(image_id) for image_id in image_ids)
    return f"image_id IN ({named})" if named else "false"


def widened(table: pa.Table) -> pa.Table:
    """`table` with its float16 vectors as float32."""
    for position, field in enumerate(table.schema):
        if pa.types.is_fixed_size_list(field.type):
            wide = pa.list_(pa.float32(), field.type.list_size)
            table = table.set_column(position, field.name, table[field.name].cast(wide))
    return table


@contextmanager
def lance_errors(folder: Path, condition: str | None = None) -> Iterator[None]:
    """Tells LanceDB's errors as GalleryError, or as FilterError where `condition` is at fault."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        reason = _one_line(error)
        if condition is not None and any(sign in reason for sign in _FILTER_AT_FAULT):
            told = reason.removeprefix("Invalid input, ").rpartition("Error applying filter expression to batch: ")
            raise FilterError(f"cannot use the filter {condition!r}: {told[-1]}") from error
        raise GalleryError(f"cannot read {str(folder)!r}: {reason}") from error


@contextmanager
def lance_write_errors(folder: Path) -> Iterator[None]:
    """Tells LanceDB's errors as GalleryError, and what to do about a full disk."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        reason = _one_line(error)
        remedy = "; free some space and repeat: what was written before is kept" if _FULL.search(reason) else ""
        raise GalleryError(f"cannot write to {str(folder)!r}: {reason}{remedy}") from error


_FILTER_AT_FAULT = ("Invalid input", "Error applying filter expression", "Unsupported CAST", "Invalid arithmetic")
"""What LanceDB says when a filter parses and yet cannot be computed: its types do not fit."""


_FULL = re.compile(r"os error (27|28|112|122)\b")
"""EFBIG, ENOSPC, Windows' ERROR_DISK_FULL and EDQUOT."""


def _one_line(error: Exception) -> str:
    """LanceDB's reason, without the place in its own source code, its internal columns and what kind of error it is."""
    text = " ".join(str(error).split())
    return re.sub(r"(, _row\w+)+|, /\S+\.rs:\d+:\d+|^lance error: (LanceError\(\w+\): )?", "", text)
