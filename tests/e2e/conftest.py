"""The real command line as a subprocess, and one gallery of the sample pictures for all tests here."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.processes import COMMAND, run_forked

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "sample_gallery"

Cli = Callable[..., subprocess.CompletedProcess[str]]


def run_cli(
    *arguments: str | Path,
    env: dict[str, str] | None = None,
    text: bool = True,
    input: str | bytes = "",
    cwd: str | Path | None = None,
    timeout: float = 300,
) -> subprocess.CompletedProcess[Any]:
    """Run `cvsi-db` in a clean environment: no hub, no colour, starter for new galleries, no settings of a person.

    The process is forked from one that has imported everything, unless `env` says what only a new Python reads.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CVSI_", "OPENAI_"))}
    ours = {"HF_HUB_OFFLINE": "1", "NO_COLOR": "1", "CVSI_MODEL": "starter", "CVSI_CONFIG": os.devnull}
    environ = kept | ours | (env or {})
    command, given = [str(each) for each in arguments], input.encode() if isinstance(input, str) else input
    if all(name.startswith(("CVSI_", "OPENAI_", "COLUMNS", "HOME", "HF_", "XDG_")) for name in env or {}):
        done = run_forked(command, environ, cwd=cwd, input=given, timeout=timeout)
    else:
        done = subprocess.run(
            [COMMAND, *command], env=environ, cwd=cwd, input=given, capture_output=True, timeout=timeout, check=False
        )
    if not text:
        return done
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture(scope="session")
def cli() -> Cli:
    return run_cli


@pytest.fixture(scope="session")
def sample_db(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of the sample images, made once by the real command line; each process of the tests has a copy."""
    folder = tmp_path_factory.getbasetemp()
    made = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "sample-gallery"
    with FileLock(f"{made}.lock"):
        if not made.exists():
            done = cli("ingest", SAMPLES, "--model", "starter", "--db", f"{made}.part")
            assert done.returncode == 0, done.stderr
            Path(f"{made}.part").rename(made)
    return Path(shutil.copytree(made, tmp_path_factory.mktemp("samples") / "gallery"))
