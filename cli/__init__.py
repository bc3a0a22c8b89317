"""The command line: one file per command, each parses, makes one library call, and prints.

Commands load when they are run and library modules when they are called, so that `--help` imports neither torch nor
lancedb. This module is the one place that turns errors into a line on stderr and an exit code.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from difflib import get_close_matches
from importlib import import_module
from io import TextIOWrapper
from typing import TYPE_CHECKING, NoReturn

import click

from cvsi_db import __version__
from cvsi_db.errors import CvsiError

from .common import LogToStderr, debugging, discard_stdout, tell

if TYPE_CHECKING:
    from .query import Warm

COMMANDS = {
    "ingest": "Add files and folders to the gallery.",
    "watch": "Keep the gallery in step with folders.",
    "serve": "Serve the gallery: a page to search in, and an HTTP API.",
    "mcp": "Serve the gallery to an assistant (MCP).",
    "caption": "Caption the images that have no captions.",
    "search": "Find images: REF, but EDIT.",
    "explain": "Run a search and tell how it ran.",
    "sql": "Answer one SELECT STATEMENT, or - for one on stdin.",
    "stats": "Show what the gallery holds and which bundle made it.",
    "list": "List the images in the gallery, in the order of their paths.",
    "tag": "Tag images, or count their tags.",
    "remove": "Remove images from the gallery; their files stay.",
    "duplicates": "Show files of the same content, and images that look alike.",
    "export": "Write the images to a Parquet FILE, a row each; - is stdout.",
    "check": "Check that catalog, tables and files agree.",
    "backup": "Write the whole gallery to the new tar archive FILE.",
    "restore": "Make a gallery from FILE, which `cvsi-db backup` wrote.",
    "doctor": "Look at versions, device, models and the gallery.",
    "optimize": "Compact the tables, and index large galleries.",
    "reembed": "Change the gallery's model to --model, in place.",
    "migrate": "Bring the gallery to this version's layout.",
    "models": "List, show, download and verify bundles: what --model takes.",
    "train": "Train what a bundle lacks.",
    "eval": "Measure how well a bundle ranks, on a benchmark.",
}
"""Every command, in the order in which people need them, with the line that --help says of it."""

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130


class LazyGroup(click.Group):
    """A group whose commands are modules of this package, imported when one is asked for."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands as --help shows them, without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, in the order in which people need them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command called `cmd_name`, or None."""
        if cmd_name not in COMMANDS:
            close = ", ".join(get_close_matches(cmd_name, COMMANDS, 3, 0.7))
            ctx.fail(f"no command {cmd_name!r}" + (f": did you mean {close}?" if close else ""))
        command = import_module(f"{__name__}.{cmd_name}_command").command
        assert isinstance(command, click.Command)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="cvsi-db")
def cli() -> None:
    """Search images by example and words: this picture, but …

    \b
    cvsi-db ingest ./photos
    cvsi-db search ref.jpg "with a hat"
    """


def main() -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage or input, 130 interrupted."""
    # Importing torch and LanceDB makes millions of objects that live to the end. Garbage collections every 700 objects,
    # and one more at the end, take a quarter of the time of a short command.
    gc.set_threshold(500_000, 20, 100)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # None when it is closed
            # Results are UTF-8 whatever the locale; what a terminal cannot show is escaped, never an error.
            exact = stream is sys.stdout and not stream.isatty()
            stream.reconfigure(
                encoding="utf-8" if exact else None, errors="surrogateescape" if exact else "backslashreplace"
            )
    code = run()
    gc.freeze()
    if code == EXIT_INTERRUPTED:
        _leave(code)
    sys.exit(code)


def _leave(code: int) -> NoReturn:
    """Exit without Python's clean-up: a model may still run in a thread, and torch aborts when its thread is ended."""
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def run(arguments: Sequence[str] | None = None, program: str | None = None, warm: Warm | None = None) -> int:
    """Run the command line, else these `arguments`, and return its exit code; every failure is one line on stderr.

    With `warm` a server runs it for another process. Raises PassOver where that process is to do it.
    """
    if warm is None:
        logging.getLogger("cvsi_db").addHandler(LogToStderr())
    try:
        return int(cli.main(arguments, program, standalone_mode=False, obj=warm) or 0)
    except click.exceptions.Exit as done:
        return done.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted", EXIT_INTERRUPTED)
    except click.UsageError as error:
        where = f" (try '{error.ctx.command_path} --help')" if error.ctx else ""
        return _fail(f"{error.format_message().rstrip('.')}{where}", EXIT_USAGE)
    except click.ClickException as error:
        return _fail(error.format_message(), error.exit_code)
    except CvsiError as error:
        return _fail(str(error), error.exit_code)
    except BrokenPipeError:
        discard_stdout()  # the reader (head, less) has exited: not an error
        return EXIT_FAILED
    except Exception as error:
        return _fail(f"unexpected {type(error).__name__}: {error} (--debug shows where)", EXIT_FAILED)


def _fail(message: str, code: int) -> int:
    if debugging():
        traceback.print_exc()
    tell(f"error: {message}")
    return code
