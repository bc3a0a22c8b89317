"""`cvsi-db reembed`: change the model of a gallery, in place."""

from __future__ import annotations

import dataclasses
import json
from contextlib import closing, nullcontext
from typing import TYPE_CHECKING

import click

from .common import common_options, emit, format_options, model_options, plural, settings_for, tell
from .engine import engine_options
from .ingest_command import remark
from .progress import bar

if TYPE_CHECKING:
    from cvsi_db.ingest.ray_engine import RayEngine
    from cvsi_db.manage.reembed import ReembedPlan, ReembedSummary
    from cvsi_db.store.location import Location


@click.command("reembed")
@click.option("--batch-size", type=click.IntRange(min=1), help="Images per batch.  [default: what suits the device]")
@click.option("--allow-missing", is_flag=True, help="Change the model though some images cannot be read.")
@engine_options
@format_options("table", "json")
@model_options
@common_options
def command(
    batch_size: int | None,
    allow_missing: bool,
    engine: RayEngine | None,
    form: str,
    model: str | None,
    device: str | None,
    db: Location | None,
    quiet: bool,
) -> int:
    """Change the gallery's model to --model, in place.

    Every image is read and embedded again, beside what is there: until all are, searches use the old model. Tags and
    captions stay. When this is interrupted, the same command goes on. Images that cannot be read are listed, and leave
    the gallery as it is (exit code 1); with --allow-missing they wait, out of searches, until an ingest finds them.
    """
    from cvsi_db.manage.reembed import reembed
    from cvsi_db.models.bundle import load_bundle
    from cvsi_db.store.folder import open_gallery_folder, write_lock

    settings = settings_for(db, model, device)
    if model is None:
        raise click.UsageError("--model is missing: name the gallery's new model")
    bundle = load_bundle(model, settings.device)
    store, catalog = open_gallery_folder(settings.db)  # not by Gallery.open: the old model's files may be gone
    working = engine.start(bundle) if engine else nullcontext()
    with closing(catalog), write_lock(settings.db), working as workers:
        try:
            with bar("embedding", quiet) as show:
                summary = reembed(
                    settings.db,
                    store,
                    catalog,
                    bundle,
                    allow_missing=allow_missing,
                    batch_size=batch_size,
                    on_plan=None if quiet else _tell,
                    progress=show and (lambda now: show(now.done, now.total, remark(now))),
                    workers=workers,
                )
        except KeyboardInterrupt:
            before = catalog.gallery().bundle
            tell(f"the gallery still searches with {before}; the same command goes on")
            raise
    for failure in summary.missing:
        tell(f"cannot read {failure.path}: {failure.reason}")
    values = {**dataclasses.asdict(summary), "seconds": round(summary.seconds, 3)}
    emit(json.dumps(values, indent=2) if form == "json" else _as_text(summary))
    return 1 if summary.missing else 0


def _tell(plan: ReembedPlan) -> None:
    done = f", of which {plan.embedded:,} are done" if plan.embedded else ""
    free = "" if plan.bytes_free is None else f" beside the {plan.bytes_free / 2**20:,.0f} MB free"
    tell(f"embedding {plural(plan.images, 'image')}{done}: takes some {plan.bytes_needed / 2**20:,.0f} MB{free}")


def _as_text(summary: ReembedSummary) -> str:
    if not summary.switched:
        missing = plural(len(summary.missing), "image")
        return (
            f"the model is still {summary.before}: {missing} cannot be read; bring the files back and repeat, or go on "
            "without them with --allow-missing"
        )
    lines = [
        f"{summary.before} → {summary.after}: {plural(summary.images, 'image')}, {summary.embedded} embedded, "
        f"{plural(summary.captions, 'caption')} kept in {summary.seconds:.1f} s"
    ]
    if summary.missing:
        lines.append(
            f"{plural(len(summary.missing), 'image')} cannot be read: searched again once an ingest finds them"
        )
    if summary.other_captions:
        others = plural(summary.other_captions, "image")
        lines.append(
            f"{others} captioned by another captioner than this model's: `cvsi-db caption --again` writes anew"
        )
    if summary.indexes:
        lines.append("its indexes are not built yet: run `cvsi-db optimize`")
    return "\n".join(lines)
