"""The options that make a composed query, shared by the commands that search: made from cvsi_db.query.options."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cvsi_db.settings import Settings

from .common import Command, tell
from .completion import files, folders, presets

if TYPE_CHECKING:
    from cvsi_db.gallery import Gallery
    from cvsi_db.query.options import Option
    from cvsi_db.records import ComposedQuery
    from cvsi_db.search import SearchResult


REWRITER_HELP = "Who edits the captions: rules, openai, local:MODEL, or several in turn, as openai,rules."
VERIFIER_HELP = "Who looks at the best hits again (--verify): captions, openai, openai-grid, or st:MODEL."


def query_options(command: Command) -> Command:
    """REF and EDIT, and the options that shape a query."""
    from cvsi_db.query.options import OPTIONS

    made = [_made(option) for option in OPTIONS if option.flag]
    made.append(click.option("--text", metavar="EDIT", help="The text half alone: an image described in words."))
    made.append(click.option("--rewriter", metavar="NAME", help=REWRITER_HELP))
    made.append(click.option("--verifier", metavar="NAME", help=VERIFIER_HELP))
    made.append(server_option)
    for option in reversed(made):
        command = option(command)
    return command


def filter_options(command: Command) -> Command:
    """The options that say which images count: --where and those of cvsi_db.query.options.FILTERS."""
    from cvsi_db.query.options import BY_FIELD, FILTERS

    for option in reversed((BY_FIELD["where"], *FILTERS)):
        command = _made(option)(command)
    return command


def _made(option: Option) -> Any:
    """The option as click has it."""
    from cvsi_db.query.options import COUNT, IMAGE, IMAGES, NUMBER, POSITIVE, PROBABILITY, RATING, SHARE, SWITCH

    if option.flag is None or not option.flag.startswith("-"):
        complete = files if option.kind is IMAGE else None
        return click.argument(option.field, required=False, metavar=f"[{option.metavar}]", shell_complete=complete)
    if option.kind is SWITCH:
        return click.option(option.flag, option.field, is_flag=True, help=option.help)
    types: dict[str, Any] = {each.takes: int for each in (COUNT, POSITIVE, RATING)}
    types |= {each.takes: float for each in (NUMBER, SHARE, PROBABILITY)}
    return click.option(
        option.flag,
        *option.aliases,
        option.field,
        type=types.get(option.kind.takes, str),
        multiple=option.kind.many,
        metavar=option.metavar,
        help=option.help,
        default=option.default,
        show_default=bool(option.default),
        shell_complete=files if option.kind is IMAGES else {"preset": presets, "folder": folders}.get(option.field),
    )


def compose(given: dict[str, Any]) -> ComposedQuery:
    """The query that REF, EDIT and the options make; raises QueryError for a value of the wrong kind."""
    from cvsi_db.query.options import IMAGE, OPTIONS
    from cvsi_db.records import ComposedQuery

    if given["text"] is not None and given["edit_text"] is not None:
        raise click.UsageError("give the edit text once: as EDIT or with --text")
    values = {**given, "edit_text": given["edit_text"] if given["text"] is None else given["text"]}
    lone = given["reference"]
    if lone is not None and values["edit_text"] is None and not _names_a_file(lone):
        tell(f"note: there is no file {lone!r}, so it is searched for as a text (--text says so)")
        values |= {"reference": None, "edit_text": lone}
    made: dict[str, Any] = {}
    for option in OPTIONS:
        if option.flag is None:
            continue
        value = values[option.field]
        if option.kind is IMAGE and value is not None:
            value = sys.stdin.buffer.read() if value == "-" else value
        made[option.field] = not value if option.negated else value
    return ComposedQuery(**made)


def _names_a_file(given: str) -> bool:
    """Whether a lone argument is an image to read, be it there or not: "-", a URL, a path, or what ends as one does."""
    path = Path(given).expanduser()
    return given in ("-", "") or "/" in given or "\\" in given or path.exists() or len(path.suffix) in (4, 5)


class PassOver(BaseException):
    """This server does not answer such a command: it is to run on its own."""


@dataclass(frozen=True)
class Warm:
    """A gallery that a server has open, for the commands that it answers; with the settings and the model that it was
    opened with, as they were asked for."""

    gallery: Gallery
    settings: Settings
    model: str | None

    def check(self, settings: Settings, model: str | None) -> None:
        """Raise PassOver unless a command that asks for these would open the same gallery with the same models."""
        has = self.settings  # a command that asks for no device takes the server's
        asked = (settings.device in ("auto", has.device), settings.rewriter, settings.verifier, model)
        here = settings.db.resolve() == self.gallery.folder.resolve()
        if not here or asked != (True, has.rewriter, has.verifier, self.model):
            raise PassOver


def server_option(command: Command) -> Command:
    """--no-server, for commands that a server of the same gallery may answer."""
    option = click.option("--no-server", is_flag=True, expose_value=False, help="Do not ask a running `cvsi-db serve`.")
    return option(command)


@contextmanager
def opened(
    settings: Settings, model: str | None, rewriter: str | None, quiet: bool, verifier: str | None = None
) -> Iterator[Gallery]:
    """The gallery, closed again at the end, or the one that a server has open.

    What the rewriter and the verifier cost is then told on stderr. A gallery knows its bundle: the settings' default
    model does not override it, only `model` (asked for) is checked.
    """
    from cvsi_db.gallery import Gallery
    from cvsi_db.records import Usage

    settings = replace(settings, rewriter=rewriter or settings.rewriter, verifier=verifier or settings.verifier)
    context = click.get_current_context(silent=True)
    warm = context and context.find_object(Warm)
    with ExitStack() as closed:
        if warm:
            warm.check(settings, model)
            gallery = warm.gallery
        else:
            made = Gallery.open(
                settings.db,
                model=model,
                device=settings.device,
                rewriter=settings.rewriter,
                verifier=settings.verifier,
            )
            gallery = closed.enter_context(made)
        before = [replace(usage) if usage else Usage() for usage in (gallery.usage, gallery.verifier_usage)]
        yield gallery
        after = (gallery.usage, gallery.verifier_usage)
        for who, then, now in zip(("rewriter", "verifier"), before, after, strict=True):
            spent = Usage(
                (now or then).requests - then.requests,
                (now or then).prompt_tokens - then.prompt_tokens,
                (now or then).completion_tokens - then.completion_tokens,
            )
            if spent.requests and not quiet:
                tell(f"{spent} by the {who}")


def search(gallery: Gallery, query: ComposedQuery) -> SearchResult:
    """The result of one query."""
    return gallery.search(**{field.name: getattr(query, field.name) for field in fields(query)})
