"""The warm command line, the answering half: a server runs the commands of its user, with the gallery that it has open.

Takes the open gallery, whose searches go through the server's queue; listens on a socket that only its owner can reach.
A command runs as it would alone, in the caller's folder, with its output kept and sent. One runs at a time, since the
folder is the whole process's; nothing else here depends on it.
"""

from __future__ import annotations

import io
import json
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from threading import BoundedSemaphore, Lock, Thread
from typing import Any

from cvsi_db.server.client import COMMANDS, PATIENCE_S, SOCKET, address_of, identity, peer, receive, send, socket_folder

from .common import tell
from .query import PassOver, Warm

MOST_BYTES = 2**28
"""The longest standard input, and the longest request."""

AT_ONCE = 16
"""Callers at once; others run their commands alone."""

Streams = Mapping[str, io.TextIOWrapper]
_streams: ContextVar[Streams | None] = ContextVar("streams", default=None)

Run = Callable[[Sequence[str], str, Warm], int]
"""Runs a command line with its program's name; returns its exit code. Raises PassOver."""


@contextmanager
def answering(warm: Warm, run: Run, on_command: Callable[[], None]) -> Iterator[None]:
    """Answer commands within the block; `on_command` is called for each. Tells on stderr where that is not possible."""
    folder = socket_folder(str(warm.gallery.folder))
    try:
        listening = _listen(folder)
    except OSError as error:
        tell(f"note: `cvsi-db search` will not be quicker meanwhile: {error.strerror or error}")
        yield
        return
    own = {name: getattr(sys, name) for name in ("stdin", "stdout", "stderr")}
    for name, stream in own.items():
        setattr(sys, name, _Routed(name, stream))
    answers = _Answers(warm, run, on_command, identity(str(warm.gallery.folder)), listening)
    Thread(target=answers.accept, name="cvsi-db-commands", daemon=True).start()
    try:
        yield
    finally:
        with suppress(OSError):
            os.unlink(os.path.join(folder, SOCKET))
        listening.close()
        for name, stream in own.items():
            setattr(sys, name, stream)


def _listen(folder: str) -> socket.socket:
    """A socket in the gallery's folder, for its owner alone; one that nobody answers any more is replaced."""
    if not hasattr(socket, "AF_UNIX"):
        raise OSError("this system has no sockets in folders")
    path, opened = address_of(folder)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
            other.settimeout(PATIENCE_S)
            try:
                other.connect(path)
            except (ConnectionRefusedError, FileNotFoundError):
                with suppress(FileNotFoundError):
                    os.unlink(path)
            else:
                raise OSError("another server of this gallery answers them already")
        mask = os.umask(0o177)
        try:
            listening.bind(path)
        finally:
            os.umask(mask)
        listening.listen(AT_ONCE)
    except BaseException:
        listening.close()
        raise
    finally:
        if opened is not None:
            os.close(opened)
    return listening


class _Answers:
    """Takes callers and answers them."""

    def __init__(
        self, warm: Warm, run: Run, on_command: Callable[[], None], own: dict[str, object], listening: socket.socket
    ) -> None:
        self._warm, self._run, self._on_command, self._own, self._listening = warm, run, on_command, own, listening
        self._places, self._turn = BoundedSemaphore(AT_ONCE), Lock()

    def accept(self) -> None:
        """Until the socket is closed."""
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                if self._places.acquire(blocking=False):
                    Thread(target=self._answer, args=(connection,), name="cvsi-db-command", daemon=True).start()
                else:
                    connection.close()

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError, ValueError, EOFError):
            try:
                connection.settimeout(PATIENCE_S)
                asked = json.loads(receive(connection, 2**20))
                known = peer(connection) in (None, os.geteuid()) and isinstance(asked, dict)
                if not known or any(asked.get(name) != value for name, value in self._own.items()):
                    send(connection, b"n")
                    return
                if asked["arguments"][0] not in COMMANDS:
                    send(connection, b"n")
                    return
                send(connection, b"y")
                connection.settimeout(60)
                given = receive(connection, MOST_BYTES)
                for piece in self._pieces(asked, given):
                    send(connection, piece)
            finally:
                self._places.release()

    def _pieces(self, asked: dict[str, Any], given: bytes) -> list[bytes]:
        """What the command writes, and its exit code; or that the caller is to run it."""
        if not self._turn.acquire(timeout=PATIENCE_S):
            return [b"-"]
        pieces: list[bytes] = []
        here = os.getcwd()
        log, debug = logging.getLogger("cvsi_db"), os.environ.get("HF_HUB_DISABLE_PROGRESS_BARS")
        level = log.level
        streams = {
            "stdin": io.TextIOWrapper(io.BytesIO(given), "utf-8"),
            "stdout": _Output(pieces, b"1", asked["stdout"], exact=True),
            "stderr": _Output(pieces, b"2", asked["stderr"], exact=False),
        }
        token = _streams.set(streams)
        try:
            os.chdir(asked["cwd"])
            self._on_command()
            code = self._run(asked["arguments"], asked["program"], self._warm)
            return [*pieces, b"0%d" % code]
        except (PassOver, OSError):
            return [b"-"]
        finally:
            os.chdir(here)
            _streams.reset(token)
            log.setLevel(level)
            if debug is None:
                os.environ.pop("HF_HUB_DISABLE_PROGRESS_BARS", None)
            self._turn.release()


class _Output(io.TextIOWrapper):
    """A stream of the caller: what is written is kept, in its encoding."""

    def __init__(self, pieces: list[bytes], kind: bytes, described: Mapping[str, Any], *, exact: bool) -> None:
        self._tty = bool(described["tty"])
        self.columns: int | None = described["columns"]
        exact = exact and not self._tty
        encoding = "utf-8" if exact else str(described["encoding"])
        errors = "surrogateescape" if exact else "backslashreplace"
        super().__init__(io.BufferedWriter(_Pieces(pieces, kind)), encoding, errors, write_through=True)

    def isatty(self) -> bool:
        """Whether the caller's is a terminal."""
        return self._tty


class _Pieces(io.RawIOBase):
    def __init__(self, pieces: list[bytes], kind: bytes) -> None:
        self._pieces, self._kind = pieces, kind

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._pieces.append(self._kind + bytes(data))
        return len(data)


class _Routed:
    """Stands for sys.stdout and its like: in a thread that runs a caller's command it is the caller's stream."""

    __hash__ = None  # type: ignore[assignment]  # click keeps what it makes of a stream, by the stream

    def __init__(self, name: str, own: Any) -> None:
        self._name, self._own = name, own

    def __getattr__(self, name: str) -> Any:
        return getattr((_streams.get() or {}).get(self._name, self._own), name)
