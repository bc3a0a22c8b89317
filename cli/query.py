"""The options that make a composed query, shared by the commands that search: made from cvsi_db.query.options."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
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


def query_options(command: Command) -> Command:
    """REF and EDIT, and the options that shape a query."""
    from cvsi_db.query.options import OPTIONS

    made = [_made(option) for option in OPTIONS if option.flag]
    made.append(click.option("--text", metavar="EDIT", help="The text half alone: an image described in words."))
    made.append(
        click.option("--rewriter", metavar="NAME", help="Who edits the captions: rules, openai, or openai,rules.")
    )
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
    from cvsi_db.query.options import COUNT, IMAGE, IMAGES, NUMBER, POSITIVE, RATING, SWITCH

    if option.flag is None or not option.flag.startswith("-"):
        complete = files if option.kind is IMAGE else None
        return click.argument(option.field, required=False, metavar=f"[{option.metavar}]", shell_complete=complete)
    if option.kind is SWITCH:
        return click.option(option.flag, option.field, is_flag=True, help=option.help)
    types: dict[str, Any] = {each.takes: int for each in (COUNT, POSITIVE, RATING)} | {NUMBER.takes: float}
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


@contextmanager
def opened(settings: Settings, model: str | None, rewriter: str | None, quiet: bool) -> Iterator[Gallery]:
    """The gallery, closed again at the end; what the rewriter cost is then told on stderr.

    A gallery knows its bundle: the settings' default model does not override it, only `model` (asked for) is checked.
    """
    from cvsi_db.gallery import Gallery

    chosen = rewriter or settings.rewriter
    with Gallery.open(settings.db, model=model, device=settings.device, rewriter=chosen) as gallery:
        yield gallery
        if gallery.usage and not quiet:
            tell(f"{gallery.usage} by the rewriter")


def search(gallery: Gallery, query: ComposedQuery) -> SearchResult:
    """The result of one query."""
    return gallery.search(**{field.name: getattr(query, field.name) for field in fields(query)})
