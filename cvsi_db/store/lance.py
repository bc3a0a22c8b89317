"""Lance: how a gallery's LanceDB tables are opened, merged and put back, and what their errors become.

Takes folders, open tables and Arrow tables.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Literal
from urllib.parse import quote

import pyarrow as pa

from cvsi_db.errors import GalleryError
from cvsi_db.store.location import Location, RemoteFolder, trouble

os.environ.setdefault("LANCEDB_LOG", "error")  # LanceDB reads it when imported; without it every search warns
import lancedb

REPAIR = "`cvsi-db check --repair` keeps what can be read"
TableName = Literal["images", "captions", "removed", "thumbnails"]
PAGE = 200_000
"""The rows that are sorted at a time: a page of a million costs a second, most of it for reading the keys of all."""
TABLE_NAMES: tuple[TableName, ...] = ("images", "captions", "removed", "thumbnails")
_NEW_TABLES = {"new_table_enable_stable_row_ids": "true"}
"""A row of a table made with this keeps its id when the table is compacted; others get it by `optimize --rewrite`."""


BEFORE_WRITING: dict[str, Callable[[], None]] = {}
"""What is called before each write to a gallery on object storage, by its address: it raises where that must not be."""


def connect(folder: Location) -> Any:
    """A LanceDB connection to `folder` whose handles see what other processes write."""
    # An address is read as a URL is, so what means something there must be quoted.
    address = quote(folder, safe=":/") if isinstance(folder, RemoteFolder) else str(folder)
    return lancedb.connect(address, read_consistency_interval=timedelta(0), storage_options=_NEW_TABLES)


def open_table(lance: Any, name: str, folder: Location) -> Any:
    """The table `name`. Raises GalleryError when it is missing or damaged."""
    try:
        return lance.open_table(name)
    except (OSError, RuntimeError, ValueError) as error:
        reason = trouble(folder, error) or f"{one_line(error)}; {REPAIR}"
        raise GalleryError(f"cannot open the table {name!r} in {str(folder)!r}: {reason}") from error


@contextmanager
def restoring(folder: Location) -> Iterator[None]:
    """If the block raises, tables in `folder` go back to the versions they have now, and new tables are dropped."""
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


def pages(
    table: Any, columns: Sequence[str] | None, keys: Sequence[str], where: str | None = None, size: int | None = None
) -> Iterator[pa.Table]:
    """`columns`, by default all, of the rows that meet `where`, in the order of the `keys`, which tell all rows apart.

    `size` at a time, by default PAGE, so that no more are in memory. The keys are among the columns, texts or numbers.
    """
    from lancedb.query import ColumnOrdering

    size, after = size or PAGE, ""
    while True:
        query = table.search().order_by([ColumnOrdering(column_name=key) for key in keys]).limit(size)
        query = query if columns is None else query.select(list(columns))
        meeting = " AND ".join(f"({each})" for each in (where, after) if each)
        page = (query.where(meeting) if meeting else query).to_batches().read_all()
        yield page
        if len(page) < size:
            return
        last = [_literal(page[key][-1].as_py()) for key in keys]
        # Beyond the last one by its first key, or by the next where the first is the same, and so on.
        ties = [
            " AND ".join(f"{key} = {value}" for key, value in zip(keys[:n], last, strict=False))
            for n in range(len(keys))
        ]
        beyond = [f"{key} > {value}" for key, value in zip(keys, last, strict=True)]
        after = " OR ".join(f"({tie} AND {more})" if tie else more for tie, more in zip(ties, beyond, strict=True))


def _literal(value: Any) -> str:
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(int(value))


def merge(table: Any, batch: pa.Table, key: str, *, replacing: str | None = None) -> None:
    """Upsert `batch` by `key`; in the same commit, drop the rows that meet `replacing` and are not in the batch."""
    merger = table.merge_insert(key).when_matched_update_all().when_not_matched_insert_all()
    if replacing is not None:
        merger = merger.when_not_matched_by_source_delete(replacing)
    result = merger.execute(batch)
    written = result.num_inserted_rows + result.num_updated_rows
    if written != len(batch):  # an upsert that touches nothing raises nothing
        raise GalleryError(f"wrote {written} of {len(batch)} rows to the table {table.name!r}: ingest again")


@contextmanager
def lance_read_errors(folder: Location) -> Iterator[None]:
    """LanceDB's errors in the block become GalleryErrors."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        reason = trouble(folder, error) or f"{one_line(error)}; {REPAIR}"
        raise GalleryError(f"cannot read {str(folder)!r}: {reason}") from error


@contextmanager
def lance_write_errors(folder: Location) -> Iterator[None]:
    """LanceDB's errors in the block become GalleryErrors, with the remedy for a full disk."""
    for root, refuse in list(BEFORE_WRITING.items()):
        if f"{folder}/".startswith(f"{root}/"):
            refuse()
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        reason = trouble(folder, error, writes=True) or one_line(error)
        remedy = "; free some space and repeat: what was written before is kept" if _FULL.search(reason) else ""
        raise GalleryError(f"cannot write to {str(folder)!r}: {reason}{remedy}") from error


_FULL = re.compile(r"os error (27|28|112|122)\b")
"""EFBIG, ENOSPC, Windows' ERROR_DISK_FULL and EDQUOT."""


def one_line(error: Exception) -> str:
    """LanceDB's reason, without the error's kind, the place in LanceDB's source code and its internal columns."""
    text = " ".join(str(error).split())
    return re.sub(r"(, _row\w+)+|, /\S+\.rs:\d+:\d+|^lance error: (LanceError\(\w+\): )?", "", text)
