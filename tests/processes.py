"""Processes forked from one that has imported everything: a test that needs many pays for the imports once."""

from __future__ import annotations

import io
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

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


def _command(arguments: list[str], environ: dict[str, str], cwd: str | Path, streams: list[Path]) -> None:
    for number, path in enumerate(streams):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)
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
