"""The one place that turns errors into a line and an exit code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import pytest

from cvsi_db import cli as cvsi_cli
from cvsi_db.cli.common import emit
from cvsi_db.errors import CvsiError, GalleryError, QueryError


def run_with(error: BaseException | None, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a command line whose only command raises `error`."""

    @click.command("boom")
    def boom() -> None:
        if error is not None:
            raise error

    group = click.Group("cvsi-db", commands={"boom": boom})
    monkeypatch.setattr(cvsi_cli, "cli", group)
    monkeypatch.setattr("sys.argv", ["cvsi-db", "boom"])
    monkeypatch.setattr(click.Context, "command_path", "cvsi-db")
    return cvsi_cli.run()


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (QueryError("k is 0"), 2, "error: k is 0\n"),
        (GalleryError("no gallery"), 1, "error: no gallery\n"),
        (CvsiError("odd"), 1, "error: odd\n"),
        (KeyboardInterrupt(), 130, "\nerror: interrupted\n"),
        (click.UsageError("no such thing."), 2, "error: no such thing (try 'cvsi-db --help')\n"),
        (ZeroDivisionError("oh"), 1, "error: unexpected ZeroDivisionError: oh (--debug shows where)\n"),
        (None, 0, ""),
    ],
)
def test_every_failure_is_one_line_and_a_code(
    error: BaseException | None,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_with(error, monkeypatch) == code
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", said)


def test_emit_replaces_the_file_or_leaves_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    emit("one\ntwo", tmp_path / "out.txt")
    assert (tmp_path / "out.txt").read_text() == "one\ntwo\n"
    with pytest.raises(click.FileError):
        emit("one", tmp_path / "no-such-folder" / "out.txt")
    emit("shown\n")
    assert capsys.readouterr().out == "shown\n"


def test_every_listed_command_exists_under_its_name(cli_command: Callable[[str], click.Command]) -> None:
    for name in cvsi_cli.COMMANDS:
        assert cli_command(name).name == name


@pytest.fixture
def cli_command() -> Callable[[str], click.Command]:
    def get(name: str) -> click.Command:
        command = cvsi_cli.cli.get_command(click.Context(cvsi_cli.cli), name)
        assert command is not None
        return command

    return get
