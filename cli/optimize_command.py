"""`cvsi-db optimize`: compact the gallery's tables and bring their indexes up to date."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import click

from .common import common_options, emit, format_options, plural, settings_for
from .progress import bar

if TYPE_CHECKING:
    from cvsi_db.store.indexes import OptimizeSummary
    from cvsi_db.store.location import Location


@click.command("optimize")
@click.option("--rewrite", is_flag=True, help="First write all tables anew, and make thumbnails where there are none.")
@format_options("table", "json")
@common_options
def command(rewrite: bool, form: str, db: Location | None, quiet: bool) -> None:
    """Compact the tables, and index large galleries.

    From 10,000 images there are indexes for filters, from 50,000 for vectors. Safe to interrupt and to repeat.

    --rewrite gives a gallery that an older cvsi-db made what new ones have: thumbnails, of all files that can be read,
    and rows that keep their ids. It takes as much disk again meanwhile.
    """
    from cvsi_db.gallery import Gallery

    folder = settings_for(db).db
    with Gallery.open(folder) as gallery, bar("optimizing", quiet) as show:
        summary = gallery.optimize(rewrite=rewrite, on_step=show)
    emit(json.dumps(_as_json(summary), indent=2) if form == "json" else _as_text(summary, folder))


def _as_json(summary: OptimizeSummary) -> dict[str, object]:
    return {**dataclasses.asdict(summary), "seconds": round(summary.seconds, 3)}


def _as_text(summary: OptimizeSummary, folder: Location) -> str:
    built = f"built {', '.join(summary.built)}" if summary.built else "nothing to build"
    sizes = f"{summary.bytes_before / 2**20:,.1f} to {summary.bytes_after / 2**20:,.1f} MiB"
    return f"optimized {folder}: {plural(summary.rows, 'image')}, {sizes} in {summary.seconds:.1f} s; {built}"
