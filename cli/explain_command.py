"""`cvsi-db explain`: how a search runs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from .common import common_options, emit, model_options, settings_for
from .query import compose, opened, query_options, search

if TYPE_CHECKING:
    from cvsi_db.store.location import Location


@click.command("explain")
@query_options
@click.option("--analyze", is_flag=True, help="Also tell what each node of the plan and each branch did.")
@model_options
@common_options
def command(
    analyze: bool, model: str | None, device: str | None, db: Location | None, quiet: bool, **query: Any
) -> None:
    """Run a search and tell how it ran."""
    from cvsi_db.search.present.explain import ANALYZED, analyze_lines, explain_text

    composed = compose(query)
    with opened(settings_for(db, model, device), model, query["rewriter"], quiet, query["verifier"]) as gallery:
        result = search(gallery, composed)
        # The ranks of the hits by each branch are counted among more images, which a second search finds.
        more = search(gallery, replace(composed, pool=max(composed.pool, ANALYZED))) if analyze and result else None
    lines = [explain_text(result, analyzed=analyze)]  # the warnings are in it
    if more and more.pool:
        lines += ["", *analyze_lines(result, result.compiled.logical.branches, more.pool)]
    emit("\n".join(lines))
