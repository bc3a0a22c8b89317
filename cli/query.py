"""The options that make a composed query, shared by the commands that search."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cvsi_db.settings import Settings

from .common import Command

if TYPE_CHECKING:
    from cvsi_db.gallery import Gallery
    from cvsi_db.records import ComposedQuery, SearchResult


def query_options(command: Command) -> Command:
    """REF and EDIT, and the options that shape a query."""
    for option in reversed(
        [
            click.argument("reference", required=False, metavar="[REF]"),
            click.argument("edit_text", required=False, metavar="[EDIT]"),
            click.option("--text", metavar="EDIT", help="The text half alone: an image described in words."),
            click.option("-k", type=int, default=10, show_default=True, help="How many hits."),
            click.option("--offset", type=int, default=0, metavar="N", help="Skip the N best: the next page."),
            click.option("--min-score", type=float, metavar="X", help="No hits that score below X."),
            click.option("--auto-cut", is_flag=True, help="No hits after the first clear gap in the scores."),
            click.option("--like", "liked", multiple=True, metavar="IMAGE", help="Also like this one; repeatable."),
            click.option("--unlike", "unliked", multiple=True, metavar="IMAGE", help="Unlike this one; repeatable."),
            click.option("--not", "negative", multiple=True, metavar="TEXT", help="Not what it says; repeatable."),
            click.option("--where", metavar="SQL", help="""A condition, e.g. "width > 1000 AND folder = 'trip'"."""),
            click.option("--rank", metavar="EXPR", help='Weights, e.g. "0.6*edited_captions + 0.4*pseudo_token".'),
            click.option("--preset", metavar="NAME", help="default, cirr, circo or fashioniq; else the bundle's own."),
            click.option("--keep-reference", is_flag=True, help="Leave the reference and examples among the hits."),
            click.option("--strict", is_flag=True, help="Fail where the bundle lacks a branch that the preset weighs."),
            click.option("--exact", is_flag=True, help="Compare every image, also where an index could be asked."),
            click.option("--rewriter", metavar="NAME", help="Who edits the captions: rules, openai, or openai,rules."),
        ]
    ):
        command = option(command)
    return command


def ask(settings: Settings, model: str | None, query: dict[str, Any], quiet: bool) -> SearchResult:
    """Open the gallery, run the query and close it again. What the rewriter cost is told on stderr."""
    composed = compose(query)
    with opened(settings, model, query["rewriter"], quiet) as gallery:
        return gallery.search(**asked(composed))


@contextmanager
def opened(settings: Settings, model: str | None, rewriter: str | None, quiet: bool) -> Iterator[Gallery]:
    """The gallery, closed again at the end; what the rewriter cost is then told on stderr.

    A gallery knows its bundle: the settings' default model does not override it, only `model` (asked for) is checked.
    """
    from cvsi_db.gallery import Gallery

    speaker = rewriter or settings.rewriter
    with Gallery.open(settings.db, model=model, device=settings.device, rewriter=speaker) as gallery:
        yield gallery
        if gallery.usage and not quiet:
            click.echo(f"{gallery.usage} by the rewriter", err=True)


def compose(query: dict[str, Any]) -> ComposedQuery:
    """The query that REF, EDIT and the options make."""
    from cvsi_db.records import ComposedQuery

    if query["text"] is not None and query["edit_text"] is not None:
        raise click.UsageError("give the edit text once: as EDIT or with --text")
    same = ("k", "offset", "min_score", "auto_cut", "where", "rank", "preset", "strict", "exact", "negative")
    return ComposedQuery(
        reference=_read_reference(query["reference"]),
        edit_text=query["edit_text"] if query["text"] is None else query["text"],
        exclude_reference=not query["keep_reference"],
        liked=tuple(map(Path, query["liked"])),
        unliked=tuple(map(Path, query["unliked"])),
        **{name: query[name] for name in same},
    )


def asked(query: ComposedQuery) -> dict[str, Any]:
    """The query as Gallery.search's arguments."""
    return {field.name: getattr(query, field.name) for field in fields(query)}


def _read_reference(reference: str | None) -> Path | bytes | None:
    """A path, the bytes on stdin for "-", or None when no reference was given."""
    if reference is None:
        return None
    return sys.stdin.buffer.read() if reference == "-" else Path(reference)
