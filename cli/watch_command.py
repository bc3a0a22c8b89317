"""`cvsi-db watch`: keep the gallery in step with folders."""

from __future__ import annotations

import dataclasses
import json
import signal
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cvsi_db.interrupt import stop_between_steps

from .common import common_options, emit, format_options, max_pixels_option, model_options, settings_for

if TYPE_CHECKING:
    from cvsi_db.records import IngestSummary
    from cvsi_db.store.location import Location


@click.command("watch")
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path, file_okay=False), metavar="FOLDER..."
)
@click.option("--prune", is_flag=True, help="Delete images from the gallery when their last file is gone.")
@click.option(
    "--poll", is_flag=True, help="Look for changes at intervals, for network drives, which do not report them."
)
@click.option("--no-captions", is_flag=True, help="Leave captioning to `cvsi-db caption`.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Images per batch.  [default: what suits the device]")
@max_pixels_option
@format_options("table", "json")
@model_options
@common_options
def command(
    paths: tuple[Path, ...],
    prune: bool,
    poll: bool,
    no_captions: bool,
    batch_size: int | None,
    form: str,
    model: str | None,
    device: str | None,
    db: Location | None,
    quiet: bool,
) -> None:
    """Keep the gallery in step with folders.

    They are ingested, and again whenever a file there is added, changed, moved or deleted. Each ingest prints a line on
    stderr, or with --format json a line of JSON on stdout. The command waits for a folder that vanishes, and for a
    gallery that another process writes to. Ctrl-C ends it after the current batch, with exit code 0; a second Ctrl-C
    ends it at once.
    """
    from cvsi_db.gallery import Gallery
    from cvsi_db.manage.watch import Listener, WatchOptions, watch

    settings = settings_for(db, model, device)
    options = WatchOptions(prune, not no_captions, batch_size, poll)
    say: Callable[[str], None] = (lambda _line: None) if quiet else partial(click.echo, err=True)
    with stop_between_steps(signal.SIGINT, signal.SIGTERM) as stop:
        opened = Gallery.open_or_create(settings.db, model=model, default_model=settings.model, device=settings.device)
        with opened as gallery:
            say(f"watching {', '.join(map(str, paths))} for {settings.db}: Ctrl-C ends it")
            on_ingest = _as_json if form == "json" else _as_line(say)
            watch(gallery, paths, options=options, listener=Listener(on_ingest, say), stop=stop)
    say("stopped")


def _as_json(folders: Sequence[Path], summary: IngestSummary) -> None:
    values = dataclasses.asdict(summary) | {"seconds": round(summary.seconds, 3)}
    emit(json.dumps({"folders": list(map(str, folders)), **values}, ensure_ascii=False))


def _as_line(say: Callable[[str], None]) -> Callable[[Sequence[Path], IngestSummary], None]:
    def tell(folders: Sequence[Path], summary: IngestSummary) -> None:
        values = {name: value for name, value in vars(summary).items() if isinstance(value, int) and value}
        changed = [f"{count} {name}" for name, count in values.items() if name not in ("unchanged", "embedded")]
        where = ", ".join(map(str, folders))
        say(f"{where}: {', '.join(changed) or 'nothing new'}, {summary.unchanged} unchanged in {summary.seconds:.1f} s")

    return tell
