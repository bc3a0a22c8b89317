"""`cvsi-db explain`: how a search runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .common import common_options, emit, model_options, settings_for
from .query import ask, asked, compose, opened, query_options

if TYPE_CHECKING:
    from cvsi_db.settings import Settings


@click.command("explain")
@query_options
@click.option("--analyze", is_flag=True, help="Also tell what each node of the plan and each branch did.")
@model_options
@common_options
def command(
    analyze: bool, model: str | None, device: str | None, db: Path | None, quiet: bool, **query: object
) -> None:
    """Run a search and tell how it ran."""
    from cvsi_db.search.present.hits import explain_text

    settings = settings_for(db, model, device)
    text = _analyzed(settings, model, query, quiet) if analyze else explain_text(ask(settings, model, query, quiet))
    emit(text)  # the warnings are in it


def _analyzed(settings: Settings, model: str | None, query: dict[str, object], quiet: bool) -> str:
    """The search as it was asked for, and the ranks of its hits among more images, which a second search finds."""
    from cvsi_db.search.present.explain import ANALYZED, analyze_lines
    from cvsi_db.search.present.hits import explain_text

    composed, rewriter = compose(query), query["rewriter"]
    with opened(settings, model, None if rewriter is None else str(rewriter), quiet) as gallery:
        result = gallery.search(**asked(composed))
        more = gallery.search(**asked(replace(composed, pool=max(composed.pool, ANALYZED))))
    text = explain_text(result, analyzed=True)
    if more.pool is None or not result:
        return text
    return "\n".join([text, "", *analyze_lines(result, result.compiled.logical.branches, more.pool)])
