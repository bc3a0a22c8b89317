"""Files from a list: the paths and addresses that a text file or a Parquet file names, and what it says of them.

Takes the file; returns the named files with their metadata. A text file has one path a line. A Parquet file has them in
its column `path` or `url`; columns named as a Metadata's fields say more than the files themselves do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from cvsi_db.errors import IngestError
from cvsi_db.records import Metadata
from cvsi_db.store.location import absolute

PATH_COLUMNS = ("path", "url")
FIELDS = {each.name: str(each.type) for each in fields(Metadata)}
"""The fields of Metadata, with the texts of their types."""


@dataclass(frozen=True)
class FileList:
    """The files of a list in its order; what it says of each by absolute path; and the columns that say nothing."""

    paths: tuple[str, ...]
    metadata: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()


def read_file_list(file: Path) -> FileList:
    """The list in `file`: Parquet where its name ends in .parquet, else text. Raises IngestError for another file."""
    try:
        if file.suffix.lower() == ".parquet":
            return _from_parquet(file)
        lines = file.read_text("utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise IngestError(f"cannot read the list {str(file)!r}: {reason}") from error
    if not (paths := tuple(line for line in lines if line.strip())):
        raise IngestError(f"the list {str(file)!r} names no file: write a path or an address a line")
    return FileList(paths)


def _from_parquet(file: Path) -> FileList:
    import pyarrow.parquet as pq

    table = pq.read_table(file)
    named = next((name for name in PATH_COLUMNS if name in table.column_names), None)
    if named is None:
        raise IngestError(f"the list {str(file)!r} has no column {' or '.join(PATH_COLUMNS)}")
    told = [name for name in table.column_names if name in FIELDS]
    paths, metadata = list[str](), dict[str, dict[str, Any]]()
    for number, row in enumerate(table.select([named, *told]).to_pylist(), 1):
        try:
            if not isinstance(row[named], str) or not row[named]:
                raise ValueError(f"{named} is {row[named]!r}")
            paths.append(row[named])
            if said := {name: metadata_value(name, row[name]) for name in told if row[name] is not None}:
                metadata[absolute(row[named])] = said
        except ValueError as error:
            raise IngestError(f"cannot use the list {str(file)!r}: row {number}: {error}") from None
    if not paths:
        raise IngestError(f"the list {str(file)!r} has no rows")
    ignored = (name for name in table.column_names if name not in (*PATH_COLUMNS, *told))
    return FileList(tuple(paths), metadata, tuple(ignored))


def metadata_value(name: str, value: Any) -> Any:
    """The value as Metadata has it in the field `name`. Raises ValueError for one of another kind."""
    if name == "tags":
        texts = [value] if isinstance(value, str) else value
        if isinstance(texts, list) and all(isinstance(text, str) for text in texts):
            return tuple(texts)
    elif name == "taken_at":
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(moment, datetime):
            return moment.replace(tzinfo=None).isoformat()
    elif isinstance(value, bool):
        pass
    elif FIELDS[name].startswith("float") and isinstance(value, int | float):
        return float(value)
    elif isinstance(value, {"i": int, "s": str}.get(FIELDS[name][0], ())):
        return value
    raise ValueError(f"{name} is {value!r}")
