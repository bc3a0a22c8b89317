"""The options that make a composed query, shared by the commands that search."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cvsi_db.settings import Settings

from .common import Command

if TYPE_CHECKING:
    from cvsi_db.records import SearchResult


def query_options(command: Command) -> Command:
    """REF and EDIT, and the options that shape a query."""
    for option in reversed(
        [
            click.argument("reference", required=False, metavar="[REF]"),
            click.argument("edit_text", required=False, metavar="[EDIT]"),
            click.option("--text", metavar="EDIT", help="The text half alone: an image described in words."),
            click.option("-k", type=int, default=10, show_default=True, help="How many hits."),
            click.option("--where", metavar="SQL", help="""A condition, e.g. "width > 1000 AND folder = 'trip'"."""),
            click.option("--rank", metavar="EXPR", help='Weights, e.g. "0.6*edited_captions + 0.4*pseudo_token".'),
            click.option("--preset", metavar="NAME", help="default, cirr, circo or fashioniq; else the bundle's own."),
            click.option("--keep-reference", is_flag=True, help="Leave the reference itself among the hits."),
            click.option("--strict", is_flag=True, help="Fail where the bundle lacks a branch that the preset weighs."),
            click.option("--rewriter", metavar="NAME", help="Who edits the captions: rules, openai, or openai,rules."),
        ]
    ):
        command = option(command)
    return command


def ask(settings: Settings, model: str | None, query: dict[str, Any], quiet: bool) -> SearchResult:
    """Open the gallery, run the query and close it again.

    A gallery knows its bundle: the settings' default model does not override it, only `model` (asked for) is checked.
    What the rewriter cost is told on stderr.
    """
    from cvsi_db.gallery import Gallery

    reference, edit_text = query["reference"], query["edit_text"]
    if query["text"] is not None:
        if edit_text is not None:
            raise click.UsageError("give the edit text once: as EDIT or with --text")
        edit_text = query["text"]
    rewriter = query["rewriter"] or settings.rewriter
    with Gallery.open(settings.db, model=model, device=settings.device, rewriter=rewriter) as gallery:
        result = gallery.search(
            _read_reference(reference),
            edit_text,
            k=query["k"],
            where=query["where"],
            rank=query["rank"],
            preset=query["preset"],
            exclude_reference=not query["keep_reference"],
            strict=query["strict"],
        )
        if gallery.usage and not quiet:
            click.echo(f"{gallery.usage} by the rewriter", err=True)
        return result


def _read_reference(reference: str | None) -> Path | bytes | None:
    """A path, the bytes on stdin for "-", or None when no reference was given."""
    if reference is None:
        return None
    return sys.stdin.buffer.read() if reference == "-" else Path(reference)
