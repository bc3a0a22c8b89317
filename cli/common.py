"""What the commands share: common options, the settings in force, writing results and warnings."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from cvsi_db.atomic_file import replace_file
from cvsi_db.models.device import DEVICES
from cvsi_db.settings import Settings, load_settings

Command = TypeVar("Command", bound=Callable[..., Any])

_state = {"debug": False}


def debugging() -> bool:
    """Whether --debug was given: errors then come with their traceback."""
    return _state["debug"]


def _set_debug(_ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    _state["debug"] = value


def common_options(command: Command) -> Command:
    """--db, --quiet and --debug, which every command takes."""
    for option in reversed(
        [
            click.option("--db", type=click.Path(path_type=Path), metavar="DIR", help="The gallery's folder."),
            click.option("--quiet", is_flag=True, help="No progress and no warnings on stderr."),
            click.option("--debug", is_flag=True, expose_value=False, callback=_set_debug, help="Show tracebacks."),
        ]
    ):
        command = option(command)
    return command


def model_options(command: Command) -> Command:
    """--model and --device, which every command takes that runs a model."""
    for option in reversed(
        [
            click.option("--model", metavar="BUNDLE", help="A bundle's name (see `cvsi-db models`) or a bundle.toml."),
            click.option("--device", type=click.Choice(DEVICES), help="Where the models run."),
        ]
    ):
        command = option(command)
    return command


def settings_for(db: Path | None, model: str | None = None, device: str | None = None) -> Settings:
    """The settings in force, the command's own options first."""
    settings = load_settings()
    return Settings(
        db=db or settings.db,
        model=model or settings.model,
        device=device or settings.device,
        rewriter=settings.rewriter,
    )


def emit(text: str, out: Path | None = None) -> None:
    """Write a result to stdout, or to the file `out`, which then holds all of it or what it held before."""
    text = text if text.endswith("\n") else text + "\n"
    if out is None:
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    with file_error(out), replace_file(out) as part:
        part.write_text(text, "utf-8")


@contextmanager
def file_error(file: Path) -> Iterator[None]:
    """An OSError in the block becomes click's error that `file` cannot be written, with the reason."""
    try:
        yield
    except OSError as error:
        raise click.FileError(str(file), hint=error.strerror or str(error)) from error


def warn(messages: tuple[str, ...], quiet: bool) -> None:
    """Write each warning on a line of its own to stderr."""
    for message in () if quiet else messages:
        click.echo(f"warning: {message}", err=True)


def plural(count: int, noun: str) -> str:
    """A count with its noun: 1 image, 2 images."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
