"""`cvsi-db ingest`: take files and folders into the gallery."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .common import common_options, emit, model_options, plural, settings_for

if TYPE_CHECKING:
    from cvsi_db.records import IngestProgress, IngestSummary


@click.command("ingest")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True, help="Pictures per batch.")
@click.option("--strict", is_flag=True, help="Exit 1 when a file could not be read.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@model_options
@common_options
def command(
    paths: tuple[Path, ...],
    batch_size: int,
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
    with opened as gallery, _progress(quiet) as on_progress:
        summary = gallery.ingest(*paths, on_progress=on_progress, batch_size=batch_size)
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


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[IngestProgress], None] | None]:
    """A bar on stderr while it is a terminal, else nothing."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    columns = (
        TextColumn("ingesting"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("ingesting", total=None, failed="")

        def show(now: IngestProgress) -> None:
            failed = f"{now.failed} failed" if now.failed else ""
            bar.update(task, completed=now.done, total=now.total, failed=failed)

        yield show
