"""Help costs nothing and imports nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from cvsi_db.cli import COMMANDS
from tests.e2e.conftest import Cli

HEAVY = ("torch", "lancedb", "transformers", "open_clip", "sqlmodel", "openai", "PIL", "pyarrow")


@pytest.mark.parametrize("arguments", [(), *((name,) for name in COMMANDS)], ids=" ".join)
def test_help_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    script = (
        "import sys; from cvsi_db.cli import run\n"
        f"sys.argv = ['cvsi-db', *{arguments!r}, '--help']; code = run()\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], code)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[] 0"
    assert done.stdout.startswith("Usage: ")


def test_help_lists_every_command_with_its_whole_summary(cli: Cli) -> None:
    done = cli("--help")
    assert done.returncode == 0
    assert all(f"\n  {name} " in done.stdout for name in COMMANDS)
    assert "..." not in done.stdout.split("Commands:")[1]
    assert cli("-h").stdout == done.stdout


def test_the_summaries_are_those_of_the_commands() -> None:
    commands = {name: import_module(f"cvsi_db.cli.{name}_command").command for name in COMMANDS}
    assert {name: command.get_short_help_str(100) for name, command in commands.items()} == COMMANDS


def test_version(cli: Cli) -> None:
    from cvsi_db import __version__

    assert cli("--version").stdout == f"cvsi-db, version {__version__}\n"
