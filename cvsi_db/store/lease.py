"""Lease: the one writer of a gallery on object storage, by a row that its holder renews in a Lance table.

Takes the gallery's address; the block in it is the one writer. The table `lease` has the name of the lock as its key,
the holder, and the time until which it holds. Inserting an absent row has one winner, and so has replacing one that has
expired: LanceDB commits by conditional writes, which `probe` makes sure of first. A holder that cannot renew in time
counts as gone, and is kept from writing on.
"""

from __future__ import annotations

import os
import platform
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from threading import Event, Thread, get_ident
from typing import Any

import pyarrow as pa

from cvsi_db.errors import GalleryError
from cvsi_db.store.lance import BEFORE_WRITING, connect, lance_write_errors
from cvsi_db.store.location import RemoteFolder

LASTS_S = 30.0
"""How long a lease lasts after it was renewed, and so how long a writer that was killed keeps others waiting."""
SLACK_S = 5.0
"""How much longer others wait, since the clocks of two machines differ."""
POLL_S = 0.25

_TABLE, _NAME = "lease", "writer"
_KEY = {b"lance-schema:unenforced-primary-key:position": b"1"}
_SCHEMA = pa.schema(
    [
        pa.field("name", pa.string(), nullable=False, metadata=_KEY),
        pa.field("holder", pa.string(), nullable=False),
        pa.field("until", pa.float64(), nullable=False),
    ]
)


class _Lease:
    """A lease that this process holds, and renews in a thread of its own; `owner` is the thread that took it."""

    def __init__(self, root: RemoteFolder, table: Any, holder: str, until: float) -> None:
        self.owner = get_ident()
        self._root, self._table, self._holder = root, table, holder
        self._ends, self._taken_over = until, False
        self._done = Event()
        self._thread = Thread(target=self._renew, name="cvsi-db-lease", daemon=True)
        self._thread.start()

    def refuse_if_lost(self) -> None:
        """Raise GalleryError when it was not renewed in time, so that another process may be writing."""
        if self._taken_over or time.monotonic() >= self._ends:
            raise GalleryError(
                f"lost the lock of {str(self._root)!r}, which could not be renewed for {LASTS_S:g} seconds: another "
                "process may be writing; what was written is kept, run the command again"
            )

    def release(self) -> None:
        """Let others write; a lease that cannot be given back ends by itself."""
        self._done.set()
        self._thread.join()
        with suppress(OSError, RuntimeError, ValueError):
            self._table.delete(f"name = '{_NAME}' AND holder = '{self._holder}'")

    def _renew(self) -> None:
        while not self._done.wait(LASTS_S / 3):
            began, where = time.monotonic(), f"name = '{_NAME}' AND holder = '{self._holder}'"
            try:
                renewed = self._table.update(where=where, values={"until": time.time() + LASTS_S}).rows_updated
            except (OSError, RuntimeError, ValueError):  # no answer: once more, as long as it lasts
                continue
            if not renewed:
                self._taken_over = True
                return
            self._ends = began + LASTS_S


_held: dict[str, _Lease] = {}
"""The leases of this process, by the gallery's address."""
_probed: set[str] = set()


@contextmanager
def lease(root: RemoteFolder, timeout: float) -> Iterator[None]:
    """The block is the one writer of the gallery; may be nested in one thread.

    Raises GalleryError after `timeout` seconds, naming who holds the lease, at once where the credentials may not write
    or the store cannot keep two writers apart.
    """
    if (held := _held.get(root)) is not None and held.owner == get_ident():
        held.refuse_if_lost()
        yield
        return
    probe(root)
    with lance_write_errors(root):
        table = connect(root).create_table(_TABLE, schema=_SCHEMA, exist_ok=True)
        holder = f"process {os.getpid()} on {platform.node().replace(chr(39), '')} ({secrets.token_hex(4)})"
        ends = _take(root, table, holder, time.monotonic() + timeout)
    _held[root] = mine = _Lease(root, table, holder, ends)
    BEFORE_WRITING[root] = mine.refuse_if_lost
    try:
        yield
    finally:
        del _held[root], BEFORE_WRITING[root]
        mine.release()


def is_held(root: str) -> bool:
    """Whether this process is the writer of the gallery."""
    return root in _held


def probe(root: RemoteFolder) -> None:
    """Try once whether the store refuses to write an object that is there, as every commit needs.

    Raises GalleryError when it does not, and when the credentials may not write or delete objects.
    """
    if root in _probed:
        return
    trial = root / f"probe-{secrets.token_hex(8)}"
    trial.create(b"")
    try:
        is_careless = trial.create(b"")
    finally:
        trial.unlink()
    if is_careless:
        raise GalleryError(
            f"cannot write to {str(root)!r}: its store ignores If-None-Match, so two writers would lose each other's "
            "rows; use one with conditional writes"
        )
    _probed.add(root)


def _take(root: RemoteFolder, table: Any, holder: str, deadline: float) -> float:
    """Write the row of this holder as soon as there is none, or an expired one; returns when it ends (monotonic)."""
    while True:
        began, until = time.monotonic(), time.time() + LASTS_S
        there = table.search().where(f"name = '{_NAME}'").to_list()
        if not there:
            row = pa.table([[_NAME], [holder], [until]], schema=_SCHEMA)
            taken = table.merge_insert("name").when_not_matched_insert_all().execute(row).num_inserted_rows
        elif taken := there[0]["until"] + SLACK_S < time.time():
            before = there[0]["holder"].replace("'", "''")
            where = f"name = '{_NAME}' AND holder = '{before}' AND until = {there[0]['until']!r}"
            taken = table.update(where=where, values={"holder": holder, "until": until}).rows_updated
        if taken and [row["holder"] for row in table.search().to_list()] == [holder]:
            return began + LASTS_S
        if there and time.monotonic() >= deadline:
            ends = datetime.fromtimestamp(there[0]["until"] + SLACK_S, UTC)
            raise GalleryError(
                f"another process is writing to {str(root)!r} ({there[0]['holder'].rpartition(' (')[0]}): wait until "
                f"it is done, then retry; if it was killed, its lock ends at {ends:%H:%M:%S} UTC"
            )
        time.sleep(POLL_S)
