"""Processes forked from one that has imported everything: a test that needs many pays for the imports once."""

from __future__ import annotations

import io
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

COMMAND = str(Path(sys.executable).with_name("cvsi-db"))

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["tests.preloaded", "tests.safety.workers"])


def run_forked(
    arguments: Sequence[str], environ: Mapping[str, str], *, cwd: str | Path | None, input: bytes, timeout: float
) -> subprocess.CompletedProcess[bytes]:
    """`cvsi-db` with `arguments` in a process of its own, as `subprocess.run` would run it.

    What a process reads while it starts (Python's own settings, the locale) is not that of `environ`; the settings of
    the hub are, whose client is imported anew.
    """
    with tempfile.TemporaryDirectory() as folder:
        streams = [Path(folder, name) for name in ("stdin", "stdout", "stderr")]
        streams[0].write_bytes(input)
        process = context.Process(target=_command, args=(list(arguments), dict(environ), cwd or os.getcwd(), streams))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired([COMMAND, *arguments], timeout)
        out, err = (path.read_bytes() if path.exists() else b"" for path in streams[1:])
        return subprocess.CompletedProcess([COMMAND, *arguments], process.exitcode, out, err)


class Forked:
    """A running `cvsi-db`, forked like those of `run_forked`, that is read and signalled as a Popen is."""

    def __init__(self, arguments: Sequence[str | Path], environ: Mapping[str, str]) -> None:
        self.args = [COMMAND, *map(str, arguments)]
        pipes = [context.Pipe(duplex=False) for _ in range(2)]
        given = (self.args[1:], dict(environ), os.getcwd(), [os.devnull, *(write for _, write in pipes)])
        self._process = context.Process(target=_command, args=given, daemon=True)
        self._process.start()
        for _, write in pipes:
            write.close()
        self.stdout, self.stderr = (os.fdopen(os.dup(read.fileno()), encoding="utf-8") for read, _ in pipes)
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self._process.exitcode is None and self.pid:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code. Raises TimeoutExpired."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return self._process.exitcode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """All it writes until it ends. Raises TimeoutExpired."""
        with ThreadPoolExecutor(2) as readers:
            told = [readers.submit(stream.read) for stream in (self.stdout, self.stderr)]
            try:
                self.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
            return told[0].result(), told[1].result()


def _command(arguments: list[str], environ: dict[str, str], cwd: str | Path, streams: Sequence[Any]) -> None:
    """`streams`: stdin, stdout and stderr, files by their paths or ends of pipes."""
    for number, stream in enumerate(streams):
        to = os.open(stream, os.O_RDWR | os.O_CREAT) if isinstance(stream, (str, Path)) else stream.fileno()
        os.dup2(to, number)
    sys.stdin, sys.stdout, sys.stderr = (
        io.TextIOWrapper(os.fdopen(number, mode, closefd=False), encoding="utf-8", line_buffering=number == 2)
        for number, mode in ((0, "rb"), (1, "wb"), (2, "wb"))
    )
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]
    hub = {name: value for name, value in environ.items() if name.startswith(("HF_", "XDG_", "HOME"))}
    if any(os.environ.get(name) != value for name, value in hub.items()):
        for module in [name for name in sys.modules if name.split(".")[0] == "huggingface_hub"]:
            del sys.modules[module]
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(cwd)
    sys.argv = [COMMAND, *arguments]
    from cvsi_db.__main__ import main

    main()
