"""What the commands share: common options, the settings in force, writing results and warnings."""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, TextIO, TypeVar, cast

import click
from click.shell_completion import CompletionItem

from cvsi_db.atomic_file import replace_file
from cvsi_db.models.device import DEVICES
from cvsi_db.models.spec import NO_PHI, complete_name
from cvsi_db.settings import Settings, load_settings
from cvsi_db.store.location import Location, locate

from .completion import bundles
from .output import printable

Command = TypeVar("Command", bound=Callable[..., Any])

_state = {"debug": False}


def debugging() -> bool:
    """Whether --debug was given: errors then come with their traceback."""
    return _state["debug"]


def _set_debug(_ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    _state["debug"] = value


def _set_quiet(_ctx: click.Context, _param: click.Parameter, value: bool) -> bool:
    """What the package logs (downloads, the model chosen) is shown unless --quiet is given, as the hub's bars are."""
    logging.getLogger("cvsi_db").setLevel(logging.ERROR if value else logging.INFO)
    if value:
        os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    return value


class LogToStderr(logging.Handler):
    """Shows what the package logs, a line each."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the message to stderr."""
        tell(f"note: {record.getMessage()}")


class LocationType(click.Path):
    """A folder, or an address on object storage, which is nothing that a shell can complete."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Location:
        """What the text names."""
        return locate(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Folders on this machine."""
        return [] if "://" in incomplete else [CompletionItem(incomplete, type="dir")]


def common_options(command: Command) -> Command:
    """--db, --quiet and --debug, which every command takes."""
    for option in reversed(
        [
            click.option(
                "--db", type=LocationType(), metavar="DIR", help="The gallery's folder, or s3://BUCKET/FOLDER."
            ),
            click.option("--quiet", is_flag=True, callback=_set_quiet, help="No progress and no warnings on stderr."),
            click.option("--debug", is_flag=True, expose_value=False, callback=_set_debug, help="Show tracebacks."),
        ]
    ):
        command = option(command)
    return command


def model_options(command: Command) -> Command:
    """--model, --no-phi and --device, which every command takes that runs a model; the first two come as `model`."""

    @wraps(command)
    def run(*args: Any, model: str | None, no_phi: bool, **options: Any) -> Any:
        return command(*args, model=f"{(model or '').removesuffix(NO_PHI)}{NO_PHI}" if no_phi else model, **options)

    made: Any = run
    for option in reversed(
        [
            click.option(
                "--model",
                metavar="BUNDLE",
                shell_complete=bundles,
                help="A bundle's name (see `cvsi-db models`) or a bundle.toml.",
            ),
            click.option("--no-phi", is_flag=True, help="Without the bundle's phi: published ones are CC BY-NC 4.0."),
            click.option("--device", type=click.Choice(DEVICES), help="Where the models run."),
        ]
    ):
        made = option(made)
    return cast(Command, made)


def max_pixels_option(command: Command) -> Command:
    """--max-pixels, which commands take that read the images of a gallery: it holds for the whole process."""
    return click.option(
        "--max-pixels",
        type=click.IntRange(min=1),
        metavar="N",
        envvar="CVSI_MAX_PIXELS",
        expose_value=False,
        callback=_allow_pixels,
        help="Read images of up to N pixels (some 10 bytes of memory each).  [default: 178000000]",
    )(command)


def _allow_pixels(_ctx: click.Context, _param: click.Parameter, value: int | None) -> None:
    if value is not None:
        from cvsi_db.ingest.pillow_guard import allow_pixels

        allow_pixels(value)


def format_options(*forms: str, default: str = "table", help: str | None = None) -> Callable[[Command], Command]:
    """--format, one of `forms`, and --json, which is short for --format json."""

    def decorate(command: Command) -> Command:
        short = click.option("--json", "form", flag_value="json", help="The same as --format json.")
        choice = click.option(
            "--format", "form", type=click.Choice(forms), default=default, show_default=True, help=help
        )
        return choice(short(command))

    return decorate


def settings_for(db: Location | None, model: str | None = None, device: str | None = None) -> Settings:
    """The settings in force, the command's own options first."""
    settings = load_settings()
    return Settings(
        db=db or settings.db,
        model=complete_name(model, settings.model) if settings.model else model,
        device=device or settings.device,
        rewriter=settings.rewriter,
        verifier=settings.verifier,
    )


def emit(text: str, out: Path | None = None, *, end: str = "\n", styled: bool = False) -> None:
    """Write a result, which `end` ends, to stdout or to the file `out`, which then holds all of it or what it held.

    A terminal gets it without what would steer it, unless the text is `styled` on purpose; files and pipes get it as
    it is. Raises ClickException when it cannot be written.
    """
    text = text if not text or text.endswith(end) else text + end
    if out is not None:
        with file_error(out), replace_file(out) as part:
            part.write_text(text, "utf-8")
        return
    with stdout_errors() as stdout:
        stdout.write(printable(text) if stdout.isatty() and not styled else text)


@contextmanager
def stdout_errors() -> Iterator[TextIO]:
    """Standard output, flushed at the end; an OSError becomes click's error that it cannot be written."""
    try:
        if sys.stdout is None:  # it was closed when the command began
            raise OSError(errno.EBADF, "it is closed")
        yield sys.stdout
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        discard_stdout()
        raise click.ClickException(f"cannot write to standard output: {error.strerror or error}") from error


def discard_stdout() -> None:
    """Send what is left to write to nowhere: Python must not complain again when it flushes at exit."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def file_error(file: Path) -> Iterator[None]:
    """An OSError in the block becomes click's error that `file` cannot be written, with the reason."""
    try:
        yield
    except OSError as error:
        raise click.FileError(str(file), hint=error.strerror or str(error)) from error


def tell(text: str) -> None:
    """Write a line to stderr, without what would steer a terminal."""
    click.echo(printable(text), err=True)


def warn(messages: tuple[str, ...], quiet: bool) -> None:
    """Write each warning on a line of its own to stderr."""
    for message in () if quiet else messages:
        tell(f"warning: {message}")


def plural(count: int, noun: str) -> str:
    """A count with its noun: 1 image, 2 images."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
