"""The warm command line, the asking half: a command is handed to a server of the same gallery, if one runs.

`ask` takes the command's arguments; it writes what the server's run of the same command wrote, and returns its exit
code; or None: nobody answers, and the command runs on its own. Imports next to nothing: that is what makes it quick.

The server listens on a socket that only its owner can reach: in the gallery's folder, or where this machine keeps its
caches of a gallery on object storage. Both sides say who they are: the same user, the same installation, the same
folder, the same settings in the environment. A message is a length of 8 bytes and so many bytes; first a request as
JSON, answered by b"y" or b"n", then standard input, answered by the output: pieces of a kind (b"1" stdout, b"2" stderr)
and at last b"0" with the exit code, or b"-" for a command that is to run on its own after all.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import socket
import stat
import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TextIO

import cvsi_db

COMMANDS = ("search", "explain", "sql")
SOCKET = "server.sock"
PROTOCOL = 1

PATIENCE_S = 1.0
"""How long a server may take to say whether it answers: one that is stopped or overburdened is passed over."""

ALONE = frozenset({"--no-server", "--help", "-h", "--debug", "--open", "preview", "--format=preview"})
"""Arguments with which a command runs on its own: it wants the terminal, or the process, for itself."""

_SETTINGS = ("CVSI_", "OPENAI_", "HF_", "TRANSFORMERS_", "TORCH_", "CUDA_", "OMP_")
_PLACES = ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "TZ")
_STORES = ("AWS_", "GOOGLE_", "AZURE_")
"""What says where object storage is and who asks it."""
_ITS_OWN = ("CVSI_DB", "CVSI_TOKEN")


def ask(arguments: Sequence[str], program: str) -> int | None:
    """The exit code of the command that the server ran; None where it is to run here.

    Standard input, where it was read for the server, is put back.
    """
    streams = (sys.stdin, sys.stdout, sys.stderr)
    if not hasattr(socket, "AF_UNIX") or not arguments or arguments[0] not in COMMANDS or None in streams:
        return None
    if ALONE.intersection(arguments) or any(each.lower().startswith(("http://", "https://")) for each in arguments):
        return None
    with suppress(OSError, ValueError, EOFError, cvsi_db.CvsiError):
        gallery = _gallery(arguments[1:])
        folder = socket_folder(gallery)
        with _connected(folder) as server:
            return _asked(server, gallery, [arguments[0], "--db", gallery, *arguments[1:]], program)
    return None


def identity(gallery: str) -> dict[str, object]:
    """Who asks and who answers must have this in common: installation, folder, user, settings in the environment."""
    found, settings = os.stat(socket_folder(gallery)), _SETTINGS + (_STORES if "://" in gallery else ())
    names = sorted(
        name for name in os.environ if name not in _ITS_OWN and (name.startswith(settings) or name.upper() in _PLACES)
    )
    said = json.dumps([(name, os.environ[name]) for name in names])
    mask = os.umask(0o077)
    os.umask(mask)
    return {
        "protocol": PROTOCOL,
        "version": cvsi_db.__version__,
        "installation": os.path.dirname(os.path.abspath(cvsi_db.__file__)),
        "folder": [found.st_dev, found.st_ino],
        "user": os.geteuid(),
        "umask": mask,
        "settings": hashlib.sha256(said.encode()).hexdigest(),
    }


def send(connection: socket.socket, data: bytes) -> None:
    """Send a message."""
    connection.sendall(struct.pack(">Q", len(data)) + data)


def receive(connection: socket.socket, most: int = 2**30) -> bytes:
    """The next message. Raises EOFError when the other side is gone, ValueError for one of more than `most` bytes."""
    (size,) = struct.unpack(">Q", _exactly(connection, 8))
    if size > most:
        raise ValueError(f"a message of {size} bytes")
    return _exactly(connection, size)


def peer(connection: socket.socket) -> int | None:
    """The user at the other end, where the system tells."""
    if not hasattr(socket, "SO_PEERCRED"):
        return None
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])


def socket_folder(gallery: str) -> str:
    """The folder of the socket: the gallery's own; for one on object storage that of what this machine keeps of it."""
    if "://" not in gallery:
        return gallery
    from cvsi_db.store.location import locate, on_this_machine

    return str(on_this_machine(locate(gallery)))


def address_of(folder: str) -> tuple[str, int | None]:
    """The socket's address, and a folder opened for it, to be closed after use: an address must be short."""
    path = os.path.join(folder, SOCKET)
    if len(os.fsencode(path)) < 100:
        return path, None
    if not os.path.isdir("/proc/self/fd"):
        raise OSError(errno.ENAMETOOLONG, "the path of the gallery's folder is too long for a socket")
    opened = os.open(folder, os.O_RDONLY)
    return f"/proc/self/fd/{opened}/{SOCKET}", opened


def _exactly(connection: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = connection.recv(min(size - len(parts), 2**20))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)


def _gallery(arguments: Sequence[str]) -> str:
    """The gallery that the command means, as far as one sees without its options; the server looks again."""
    named = None
    for place, argument in enumerate(arguments):
        if argument == "--db" and place + 1 < len(arguments):
            named = arguments[place + 1]
        elif argument.startswith("--db="):
            named = argument[5:]
    if named is None and not (named := os.environ.get("CVSI_DB")):
        from cvsi_db.settings import load_settings

        with suppress(cvsi_db.CvsiError):  # the command itself tells of it
            named = str(load_settings().db)
    named = named or ""
    return named if "://" in named else os.path.abspath(os.path.expanduser(named))


def _connected(folder: str) -> socket.socket:
    """A connection to the server. Raises OSError where there is none of this user."""
    path, opened = address_of(folder)
    try:
        found = os.lstat(path)
        if not stat.S_ISSOCK(found.st_mode) or found.st_uid != os.geteuid():
            raise OSError(errno.EPERM, "not a socket of this user")
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(PATIENCE_S)
            connection.connect(path)
            if peer(connection) not in (None, os.geteuid()):
                raise OSError(errno.EPERM, "a server of another user")
        except BaseException:
            connection.close()
            raise
        return connection
    finally:
        if opened is not None:
            os.close(opened)


def _asked(server: socket.socket, gallery: str, arguments: Sequence[str], program: str) -> int | None:
    asked = {
        **identity(gallery),
        "arguments": list(arguments),
        "program": program,
        "cwd": os.getcwd(),
        "stdout": _described(sys.stdout),
        "stderr": _described(sys.stderr),
    }
    send(server, json.dumps(asked).encode())
    if receive(server) != b"y":
        return None
    server.settimeout(None)
    given = b""
    if any(each == "-" or each.endswith("=-") for each in arguments):
        given = sys.stdin.buffer.read()
        sys.stdin = io.TextIOWrapper(io.BytesIO(given), sys.stdin.encoding, sys.stdin.errors)
    send(server, given)
    pieces = list(_pieces(server))
    kind, code = pieces.pop()
    if kind != b"0":
        return None
    return _write(pieces) or int(code)


def _described(stream: TextIO) -> Mapping[str, object]:
    """What the server must know of a stream, to write for it what the command itself would."""
    tty = stream.isatty()
    columns = None
    if tty:
        from shutil import get_terminal_size

        columns = get_terminal_size().columns
    return {"tty": tty, "encoding": stream.encoding, "columns": columns}


def _pieces(server: socket.socket) -> Iterator[tuple[bytes, bytes]]:
    while True:
        piece = receive(server)
        yield piece[:1], piece[1:]
        if piece[:1] in (b"0", b"-"):
            return


def _write(pieces: Sequence[tuple[bytes, bytes]]) -> int:
    """Write the output; 1 where it cannot be written, as the command line has it."""
    try:
        for kind, data in pieces:
            stream = sys.stdout if kind == b"1" else sys.stderr
            stream.buffer.write(data)
            stream.buffer.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.stderr.write(f"error: cannot write to standard output: {error.strerror or error}\n")
        return 1
    return 0
