"""The real command line as a subprocess, and one gallery of the sample pictures for all tests here."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "sample_gallery"
COMMAND = str(Path(sys.executable).with_name("cvsi-db"))

Cli = Callable[..., subprocess.CompletedProcess[str]]


def run_cli(*arguments: str | Path, env: dict[str, str] | None = None, **options: object) -> object:
    """Run `cvsi-db` in a clean environment: no hub, no colour, starter for new galleries, no settings of a person."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CVSI_", "OPENAI_"))}
    ours = {"HF_HUB_OFFLINE": "1", "NO_COLOR": "1", "CVSI_MODEL": "starter", "CVSI_CONFIG": os.devnull}
    environ = kept | ours | (env or {})
    options = {"capture_output": True, "text": True, "timeout": 300} | options
    return subprocess.run([COMMAND, *map(str, arguments)], env=environ, check=False, **options)  # type: ignore[call-overload]


@pytest.fixture(scope="session")
def cli() -> Cli:
    return run_cli  # type: ignore[return-value]


@pytest.fixture(scope="session")
def sample_db(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of the sample pictures, made once by the real command line."""
    db = tmp_path_factory.mktemp("samples") / "gallery"
    done = cli("ingest", SAMPLES, "--model", "starter", "--db", db)
    assert done.returncode == 0, done.stderr
    return db
