"""`cvsi-db ingest`: take files and folders into the gallery."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .common import common_options, emit, model_options, plural, settings_for
from .progress import Show, bar

if TYPE_CHECKING:
    from cvsi_db.records import IngestProgress, IngestSummary


@click.command("ingest")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True, help="Pictures per batch.")
@click.option("--no-captions", is_flag=True, help="Leave captioning to `cvsi-db caption`.")
@click.option("--strict", is_flag=True, help="Exit 1 when a file could not be read.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@model_options
@common_options
def command(
    paths: tuple[Path, ...],
    batch_size: int,
    no_captions: bool,
    strict: bool,
    form: str,
    model: str | None,
    device: str | None,
    db: Path | None,
    quiet: bool,
) -> int:
    """Take files and folders into the gallery.

    Known files are skipped by size and time, then by content; pictures that cannot be read are listed and counted.
    """
    from cvsi_db.gallery import Gallery
    from cvsi_db.ingest.scan import scan

    settings = settings_for(db, model, device)
    scan(paths, {}, ())  # refuses paths without pictures before a gallery is made for them
    opened = Gallery.open_or_create(settings.db, model=model, default_model=settings.model, device=settings.device)
    with opened as gallery, bar("ingesting", quiet) as show:
        on_progress, caption = show and _shown(show), not no_captions
        summary = gallery.ingest(*paths, on_progress=on_progress, batch_size=batch_size, caption=caption)
    for failure in summary.errors:
        click.echo(f"skipped {failure.path}: {failure.reason}", err=True)
    emit(json.dumps(_as_json(summary), indent=2) if form == "json" else _as_text(summary, settings.db))
    return 1 if strict and summary.failed else 0


def _as_json(summary: IngestSummary) -> dict[str, object]:
    values = dataclasses.asdict(summary)
    return {**values, "seconds": round(summary.seconds, 3), "errors": list(values["errors"])}


def _as_text(summary: IngestSummary, db: Path) -> str:
    counts = [
        f"{count} {name}"
        for name in ("new", "unchanged", "moved", "duplicates", "failed", "removed")
        if (count := getattr(summary, name)) or name in ("new", "unchanged")
    ]
    embedded = f"{plural(summary.embedded, 'image')} embedded" if summary.embedded else "nothing to embed"
    return f"{', '.join(counts)}; {embedded} in {summary.seconds:.1f} s; gallery {db}"


def _shown(show: Show) -> Callable[[IngestProgress], None]:
    return lambda now: show(now.done, now.total, f"{now.failed} failed" if now.failed else "")
