"""`cvsi-db caption`: caption the images that have no captions, and copy captions between galleries."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .common import common_options, emit, format_options, max_pixels_option, model_options, plural, settings_for, tell
from .engine import engine_options
from .progress import bar

if TYPE_CHECKING:
    from cvsi_db.gallery import Gallery
    from cvsi_db.ingest.ray_engine import RayEngine
    from cvsi_db.store.location import Location

OUT, IN = (click.Path(path_type=Path, dir_okay=False, allow_dash=dash) for dash in (True, False))


@click.command("caption")
@click.option("--captions", type=click.IntRange(min=1), metavar="N", help="Captions per image.  [default: the model's]")
@click.option("--again", is_flag=True, help="Also the images whose captions another captioner wrote.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Images per batch.  [default: what suits the device]")
@click.option(
    "--export", "out", type=OUT, metavar="FILE.jsonl", help="Write all captions to FILE instead; - is stdout."
)
@click.option("--import", "given", type=IN, metavar="FILE.jsonl", help="Replace captions by those in FILE instead.")
@click.option("--strict", is_flag=True, help="Exit 1 when an image had to be skipped.")
@max_pixels_option
@engine_options
@format_options("table", "json")
@model_options
@common_options
def command(
    captions: int | None,
    again: bool,
    batch_size: int | None,
    out: Path | None,
    given: Path | None,
    strict: bool,
    engine: RayEngine | None,
    form: str,
    model: str | None,
    device: str | None,
    db: Location | None,
    quiet: bool,
) -> int:
    """Caption the images that have no captions.

    Captions that are written stay when this is interrupted; run it again for the rest. Images whose files are gone or
    changed are listed and skipped. --export and --import copy captions from one gallery to another, a line of JSON per
    image.
    """
    from cvsi_db.gallery import Gallery

    if sum(option is not None for option in (captions, out, given)) > 1:
        raise click.UsageError("--captions, --export and --import exclude each other: give one of them")
    settings = settings_for(db, model, device)
    with Gallery.open(settings.db, model=model, device=settings.device) as gallery:
        if out is not None:
            emit("\n".join(gallery.export_captions()), None if str(out) == "-" else out)
            return 0
        if given is not None:
            return _import(gallery, given, form, quiet)
        options = {"captions": captions, "again": again, "batch_size": batch_size, "engine": engine}
        return _caption(gallery, options, strict, form, quiet)


def _caption(gallery: Gallery, options: dict[str, Any], strict: bool, form: str, quiet: bool) -> int:
    with bar("captioning", quiet) as show:
        summary = gallery.caption(
            on_progress=show
            and (lambda now: show(now.done, now.total, f"{now.skipped} skipped" if now.skipped else "")),
            **options,
        )
    for failure in summary.errors:
        tell(f"skipped {failure.path}: {failure.reason}")
    values = dataclasses.asdict(summary)
    skipped = f", {summary.skipped} skipped" if summary.skipped else ""
    text = f"{plural(summary.captioned, 'image')} captioned{skipped} in {summary.seconds:.1f} s"
    emit(json.dumps(values | {"seconds": round(summary.seconds, 3)}, indent=2) if form == "json" else text)
    return 1 if strict and summary.skipped else 0


def _import(gallery: Gallery, given: Path, form: str, quiet: bool) -> int:
    with bar("importing", quiet) as show:
        summary = gallery.import_captions(given, on_progress=show and (lambda done, total: show(done, total, "")))
    values = dataclasses.asdict(summary)
    text = (
        f"{plural(summary.matched, 'image')} of {summary.images} captioned; "
        f"{plural(summary.unmatched, 'line')} without an image here, {summary.empty} without captions"
    )
    emit(json.dumps(values, indent=2) if form == "json" else text)
    return 0
