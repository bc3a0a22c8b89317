"""SQLite: a connection to a gallery's catalog, also where nothing may be written.

Takes the file; returns a connection of the standard library. A catalog has a write-ahead log, and SQLite makes files
beside it even to read. A read-only folder or a full disk forbids that, so there the file is read as it is.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

PATIENCE = 10.0
"""Seconds to wait for another writer."""

_CANNOT_WRITE = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_FULL})


class ReadOnly(sqlite3.Connection):
    """A connection that cannot write. It may assume that no other process writes, so use it once, and briefly."""


def connect_writing(path: Path) -> sqlite3.Connection:
    """Open the SQLite file, made if missing: WAL, foreign keys, transactions left to the caller.

    A ReadOnly connection where the file is there and nothing can be written. Raises sqlite3.Error.
    """
    connection = sqlite3.connect(path, timeout=PATIENCE, check_same_thread=False, isolation_level=None)
    try:
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error as error:
        connection.close()
        if not _cannot_write(error) or not path.is_file():
            raise
        return connect_reading(path)
    return connection


def connect_reading(path: Path) -> ReadOnly:
    """Open the SQLite file, which is there, to read it. Raises sqlite3.Error."""
    try:
        return _opened(path, "mode=ro")
    except sqlite3.Error as error:
        log = path.with_name(f"{path.name}-wal")
        if not _cannot_write(error) or (log.is_file() and log.stat().st_size):  # what the log holds would be missed
            raise
        return _opened(path, "mode=ro&immutable=1")


def is_busy(error: sqlite3.Error) -> bool:
    """Whether the error is that another process has the file locked."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _opened(path: Path, how: str) -> ReadOnly:
    address = f"{path.resolve().as_uri()}?{how}"
    connection = sqlite3.connect(
        address, uri=True, timeout=PATIENCE, check_same_thread=False, isolation_level=None, factory=ReadOnly
    )
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()  # only now does it look at the file
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _cannot_write(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _CANNOT_WRITE
