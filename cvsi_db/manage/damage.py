"""Damage: what of a gallery's own files is gone, cut or altered so that it cannot be opened or read, and its mending.

Takes the folder, since such a gallery cannot be opened; returns Problems. Mending keeps every row that can still be
read, and puts what was damaged into the folder `damaged`. Rows that are lost leave their files unknown, so that the
check which follows finds them and the next ingest reads them again.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from cvsi_db.errors import GalleryError
from cvsi_db.manage.check import Problem, find_problems
from cvsi_db.migrations import CHAIN, upgrade_lance, upgrade_lance_catalog
from cvsi_db.store import folder as layout
from cvsi_db.store import remote
from cvsi_db.store.lance import TABLE_NAMES, connect, lance_write_errors, one_line, open_table
from cvsi_db.store.lance_catalog import KEYS
from cvsi_db.store.location import DAMAGED, LANCE, Location, RemoteFolder, move, remove_tree, table_folders
from cvsi_db.store.sqlite import connect_reading, is_busy

if TYPE_CHECKING:
    from cvsi_db.store.catalog import GalleryInfo

_ROWS = 4096
_TRIES = 2000
"""Reads that may fail before the damaged stretches that are left are given up whole: each takes some milliseconds."""
_MAY_BE_NULL = frozenset(
    {"taken_at", "camera", "latitude", "longitude", "image_norm"}
    | {"rating", "lens", "orientation", "date_source", "utc_offset"}
)
_SECONDS = (-62_135_596_800, 253_402_300_799)
"""From the year 1 to 9999: other times cannot be shown."""

Row = dict[str, Any]


def check_folder(folder: Location) -> list[Problem]:
    """The problems of the gallery in `folder`, whose models are not needed; it may be too damaged to be opened.

    The damage of its own files comes alone: the rest can be checked once that is repaired. Raises as `find_damage` and
    `open_gallery_folder` do.
    """
    if found := find_damage(folder):
        return found
    store, catalog = layout.open_gallery_folder(folder)
    with closing(catalog):
        return find_problems(store, catalog, files=True)


def find_gallery(folder: Location) -> None:
    """Raise GalleryError unless `folder` has at least a part of a gallery."""
    if not _catalog_of(folder).exists() and not table_folders(folder):
        raise GalleryError(f"no gallery in {str(folder)!r}: make one with `cvsi-db ingest PATH --db {folder}`")


def find_damage(folder: Location) -> list[Problem]:
    """What keeps the gallery in `folder` from being opened or read; an empty list when nothing does.

    Reads everything once. Raises GalleryError when there is no gallery, and when another program has its catalog.
    """
    find_gallery(folder)
    if isinstance(folder, RemoteFolder):
        fault = _remote_catalog_fault(folder / remote.CATALOG)
    else:
        fault = _catalog_fault(folder / layout.CATALOG)
    found = [Problem("catalog damaged", f"{_catalog_of(folder)}: {fault}")] if fault else []
    tables = _tables_folder(folder)
    is_new = not fault and _stamp(folder) == CHAIN.head
    for name in TABLE_NAMES:
        if (fault := _table_fault(tables, name, is_new)) and (is_new or name not in ("removed", "thumbnails")):
            found.append(Problem("table damaged", f"{name} in {tables}: {fault}", table=name))
    return found


def mend_damage(folder: Location, info: GalleryInfo | None = None) -> list[Problem]:
    """Make the gallery in `folder` one that can be opened; returns what was mended. The caller holds the write lock.

    `info` says what the gallery was made with, where nothing in the folder does. Safe to interrupt and to repeat.
    Raises GalleryError when neither does, and when the folder cannot be written.
    """
    found = find_damage(folder)
    if not found:
        return found
    known = described(folder) or info
    tables = _tables_folder(folder)
    if known is None:
        raise GalleryError(
            f"nothing in {str(folder)!r} says which model the gallery was made with: name it with "
            "`cvsi-db check --repair --model BUNDLE`"
        )
    if known is info and (dim := _width(tables)) not in (None, info.dim):
        raise GalleryError(
            f"the gallery {str(folder)!r} was not made with {info.bundle}, whose vectors have {info.dim} numbers: its "
            f"own have {dim}; name another model"
        )
    aside = folder / DAMAGED / f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
    try:
        aside.mkdir(parents=True)
        for problem in found:
            if problem.kind == "table damaged":
                _rebuild_table(tables, problem.table, known.dim, aside)
        if found[0].kind != "catalog damaged":
            return found
        if isinstance(folder, RemoteFolder):
            _rebuild_remote_catalog(folder, replace(known, tables=tables.name), aside)
        else:
            _rebuild_catalog(folder, tables.name, known, folder / DAMAGED / aside.name)
    except (OSError, sqlite3.Error) as error:
        raise GalleryError(f"cannot repair {str(folder)!r}: {error}; free some space, then repeat") from error
    return found


def described(folder: Location) -> GalleryInfo | None:
    """What the gallery was made with, by its catalog, else by its tables' folder, else by the newest backup."""
    from cvsi_db.store.catalog import GalleryInfo

    for row in _catalog_rows(folder, "gallery"):
        return GalleryInfo(**{name: row[name] for name in GalleryInfo.__dataclass_fields__ if name in row})
    if noted := layout.noted_info(_tables_folder(folder)):
        return noted
    backups = [] if isinstance(folder, RemoteFolder) else (folder / layout.BACKUPS).glob("*.sqlite")
    for backup in sorted(backups, reverse=True):
        for row in _readable_rows(backup, "gallery"):
            return GalleryInfo(**{name: row[name] for name in GalleryInfo.__dataclass_fields__ if name in row})
    return None


def _tables_folder(folder: Location) -> Location:
    """The folder of the tables: the one that the catalog names, else one that says what it holds, else the oldest."""
    for row in _catalog_rows(folder, "gallery"):
        return folder / str(row.get("tables", LANCE))
    there = table_folders(folder)
    noted = [place for place in there if layout.noted_info(place)]
    return next(iter(noted or there), folder / LANCE)


def _catalog_of(folder: Location) -> Location:
    return folder / (remote.CATALOG if isinstance(folder, RemoteFolder) else layout.CATALOG)


def _catalog_rows(folder: Location, table: str) -> Iterator[Row]:
    """The rows of a catalog's table that can be read."""
    if not isinstance(folder, RemoteFolder):
        yield from _readable_rows(folder / layout.CATALOG, table)
        return
    for rows in _readable(folder / remote.CATALOG, table):
        yield from rows.to_pylist()


def _stamp(folder: Location) -> str | None:
    """The revision that the gallery is at."""
    if not isinstance(folder, RemoteFolder):
        return layout.stamp(folder)
    return next((row["revision"] for row in _catalog_rows(folder, "gallery")), None)


# --- the catalog on object storage -----------------------------------------------------------------------------------


def _remote_catalog_fault(catalog: Location) -> str | None:
    """What is wrong with the first table of the catalog that has a fault, or None."""
    is_new = _stamp(catalog.parent) == CHAIN.head
    for name in KEYS:
        if fault := _table_fault(catalog, name, is_new):
            return f"its table {name}: {fault}"
    return None if connect(catalog).open_table("gallery").count_rows() else "its table gallery is empty"


def _rebuild_remote_catalog(root: RemoteFolder, info: GalleryInfo, aside: Location) -> None:
    """Make the catalog's damaged tables anew with their rows that can be read."""
    catalog = root / remote.CATALOG
    for name in KEYS:
        if _table_fault(catalog, name, is_new=True):
            _rebuild_table(catalog, name, info.dim, aside)
    with closing(remote.unfinished(root, info, CHAIN)) as made:
        made.describe(info, CHAIN.head)


# --- the catalog ------------------------------------------------------------------------------------------------

_CATALOG_TABLES = ("gallery", "source_file", "ingest_run", "caption_cache", "rewrite_cache", "verdict_cache")
_JSON = frozenset({"roots", "summary", "captions", "edited_captions"})
_TYPES = {"VARCHAR": str, "TEXT": str, "JSON": str, "INTEGER": int, "BOOLEAN": int, "FLOAT": float}


def _catalog_fault(path: Path) -> str | None:
    """What is wrong with the catalog `path`, or None. Raises GalleryError when another program has locked it."""
    if not path.is_file():
        return "it is gone"
    if not path.stat().st_size:
        return "it is empty"
    try:
        with closing(connect_reading(path)) as connection:
            said = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if said != "ok":
                return " ".join(str(said).split())
            there = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if lacking := sorted({"alembic_version", *_CATALOG_TABLES} - there):
                return f"it lacks the table {lacking[0]}"
            for table in ("gallery", "alembic_version"):
                if connection.execute(f"SELECT 1 FROM {table}").fetchone() is None:
                    return f"its table {table} is empty"
            for table in _CATALOG_TABLES:
                count = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                if lost := count - sum(1 for _ in _readable_rows(path, table)):
                    return f"{lost} of the {count} rows in its table {table} cannot be read"
    except sqlite3.Error as error:
        if is_busy(error):
            raise layout.unreadable_catalog(path, error) from error
        return str(error)
    return None


def _readable_rows(path: Path, table: str) -> Iterator[Row]:
    """The rows of a catalog's table that can be read and hold what their columns should, up to where it is damaged."""
    if not path.is_file():
        return
    try:
        with closing(connect_reading(path)) as connection:
            connection.text_factory = bytes
            columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
            for values in connection.execute(f"SELECT * FROM {table}") if columns else ():
                row = _row(columns, values)
                if row is not None:
                    yield row
    except sqlite3.Error as error:
        if is_busy(error):
            raise layout.unreadable_catalog(path, error) from error


def _row(columns: Sequence[Any], values: Sequence[Any]) -> Row | None:
    row: Row = {}
    for (_, name, kind, not_null, _, is_key), value in zip(columns, values, strict=True):
        try:
            name = name.decode()
            row[name] = value.decode() if isinstance(value, bytes) else value
            if value is None and (not_null or is_key):
                return None
            if value is not None and not isinstance(row[name], _TYPES.get(kind.decode(), object)):
                return None
            if value is not None and name in _JSON:
                json.loads(row[name])
        except (ValueError, RecursionError):
            return None
    return row


def _rebuild_catalog(folder: Path, tables: str, info: GalleryInfo, aside: Path) -> None:
    """Make the catalog anew with the rows of the old one that can be read; what the tables know is settled later."""
    from dataclasses import asdict

    path, part = folder / layout.CATALOG, folder / f"{layout.CATALOG}.part"
    for left in folder.glob(f"{part.name}*"):
        left.unlink()
    layout.upgrade(part, folder / tables, info.dim, CHAIN)
    with closing(sqlite3.connect(part, isolation_level=None)) as new:
        new.execute("BEGIN")
        for table in _CATALOG_TABLES:
            known = [row[1] for row in new.execute(f"PRAGMA table_info({table})")]
            rows = [{"id": 1, **asdict(info), "tables": tables}] if table == "gallery" else _readable_rows(path, table)
            for row in rows:
                names = [name for name in known if name in row]
                into = f"{table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
                new.execute(f"INSERT OR IGNORE INTO {into}", [row[name] for name in names])
        new.execute("COMMIT")
        new.execute("PRAGMA journal_mode = DELETE")
    for old in folder.glob(f"{layout.CATALOG}*"):
        if not old.name.startswith(part.name):
            shutil.copy2(old, aside)
    for log in ("wal", "shm", "journal"):  # those of the damaged file must not be applied to the new one
        (folder / f"{layout.CATALOG}-{log}").unlink(missing_ok=True)
    part.replace(path)


# --- the tables -------------------------------------------------------------------------------------------------


def _table_fault(tables: Location, name: str, is_new: bool) -> str | None:
    """What is wrong with a table, or None. That of a gallery which is not migrated yet may lack columns."""
    if not (tables / f"{name}.lance").is_dir():
        return "it is gone"
    if not _manifests(tables, name):
        return "it has no _versions, which say what is in its data files: all its rows are lost"
    try:
        table = open_table(connect(tables), name, tables)
        if is_new and table.schema.remove_metadata() != _schema(name, table.schema).remove_metadata():
            return "its columns are not those of a gallery"
        for index in table.list_indices():
            _probe(table, index)
        for start in range(0, table.count_rows(), _ROWS):
            if fault := _fault(_read(table, start, _ROWS), name):
                return fault
    except GalleryError as error:
        return one_line(error.__cause__ if isinstance(error.__cause__, Exception) else error)
    except Exception as error:
        return one_line(error)
    return None


def _probe(table: Any, index: Any) -> None:
    """Use an index; raises what LanceDB raises when it cannot be read."""
    (column,) = index.columns
    kind = table.schema.field(column).type
    search = table.search()
    if index.index_type == "FTS":
        search = table.search("a", query_type="fts", fts_columns=column)
    elif pa.types.is_list(kind):
        search = search.where(f"array_has_any({column}, ['a'])")
    elif pa.types.is_string(kind):
        search = search.where(f"{column} IN ('0', 'a')")
    elif pa.types.is_fixed_size_list(kind):
        search = table.search([1.0] * kind.list_size, vector_column_name=column).distance_type("dot")
    else:
        search = search.where(f"{column} IS NOT NULL")
    search.select([table.schema.names[0]]).limit(1).to_arrow()


def _width(tables: Location) -> int | None:
    """The width of the vectors in the images table, or None when it cannot be opened."""
    try:
        return int(open_table(connect(tables), "images", tables).schema.field("image_vector").type.list_size)
    except (GalleryError, KeyError):
        return None


def _schema(name: str, like: pa.Schema) -> pa.Schema:
    """The columns that a table should have, with vectors as wide as those of `like`."""
    lance = connect(Path("memory://"))
    if name in KEYS:
        upgrade_lance_catalog(lance)
    else:
        upgrade_lance(lance, next((each.type.list_size for each in like if pa.types.is_fixed_size_list(each.type)), 1))
    return lance.open_table(name).schema


def _read(table: Any, start: int, rows: int) -> pa.Table:
    return table.search().select(list(table.schema.names)).offset(start).limit(rows).to_arrow()


def _fault(rows: pa.Table, name: str) -> str | None:
    """Why these rows of the table `name` cannot be used, or None."""
    rows.validate(full=True)
    for field in rows.schema:
        column = rows[field.name]
        may_be_null = field.nullable if name in KEYS else field.name in _MAY_BE_NULL
        if column.null_count and not may_be_null:
            return f"rows without {field.name}"
        if pa.types.is_list(field.type) and pc.list_flatten(column).null_count:
            return f"a list in {field.name} has a hole"
        if pa.types.is_timestamp(field.type) and len(column) > column.null_count:
            seconds = pc.min_max(column.cast(pa.timestamp("s"), safe=False).cast(pa.int64())).as_py()
            if seconds["min"] < _SECONDS[0] or seconds["max"] > _SECONDS[1]:
                return f"a time in {field.name} is out of range"
    return None


def _rebuild_table(tables: Location, name: str, dim: int, aside: Location) -> None:
    """Make a table anew with the rows of the old one that can be read; the old one is moved to `aside`."""
    part = tables.with_name(f"{tables.name}.part")
    remove_tree(part, ignore_errors=True)
    old = tables / f"{name}.lance"
    tables.mkdir(exist_ok=True)
    with lance_write_errors(part):
        lance = connect(part)
        if name in KEYS:
            upgrade_lance_catalog(lance)
        else:
            upgrade_lance(lance, dim)
        new = lance.open_table(name)
        for rows in _readable(tables, name) if old.is_dir() else ():
            columns = [
                rows[field.name].cast(field.type)
                if field.name in rows.column_names
                else pa.nulls(len(rows), field.type)
                for field in new.schema
            ]
            new.add(pa.table(columns, schema=new.schema))
    if old.exists():
        move(old, aside / old.name)
    move(part / old.name, old)
    remove_tree(part)


def _readable(tables: Location, name: str) -> Iterator[pa.Table]:
    """The rows of the newest version that can be opened, without those that cannot be read."""
    table = _newest(tables, name)
    if table is None:
        return
    failed, todo = 0, deque((start, _ROWS) for start in range(0, table.count_rows(), _ROWS))
    while todo:  # long stretches first, so that what is whole is found before the tries are used up
        start, count = todo.popleft()
        try:
            rows = _read(table, start, count)
            if _fault(rows, name) is None:
                if len(rows):
                    yield rows
                continue
        except Exception:  # whatever LanceDB and Arrow make of altered bytes
            pass
        failed, half = failed + 1, count // 2
        if half and failed < _TRIES:
            todo += [(start, half), (start + half, count - half)]


def _newest(tables: Location, name: str) -> Any:
    """The table at its newest version that opens and has the columns of a row, or None; manifests of others go."""
    for manifest in _manifests(tables, name):  # the newest version first
        try:
            table = connect(tables).open_table(name)
            table.count_rows()
        except Exception:
            move(manifest, manifest.with_name(manifest.name.replace(".manifest", ".unreadable")))
            continue
        return table
    return None


def _manifests(tables: Location, name: str) -> list[Location]:
    """The files that say what each version of a table holds, the newest first."""
    versions = tables / f"{name}.lance" / "_versions"
    there = versions.iterdir() if versions.is_dir() else iter(())
    return sorted(each for each in there if each.name.endswith(".manifest"))
