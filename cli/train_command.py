"""`cvsi-db train`: make a model that a bundle lacks, from what needs no labels."""

from __future__ import annotations

import json
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cvsi_db.interrupt import stop_between_steps
from cvsi_db.models.spec import complete_name

from .common import common_options, emit, format_options, model_options, settings_for, tell
from .progress import stage_progress

if TYPE_CHECKING:
    from cvsi_db.store.location import Location
    from cvsi_db.training.phi import PhiRun
    from cvsi_db.training.phi_run import PhiJob


@click.group("train")
def command() -> None:
    """Train what a bundle lacks."""


@command.command("phi")
@click.option(
    "--captions", metavar="FILE", help="What to learn from: FILE, - for stdin, gallery, or scenes (see above)."
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, metavar="FILE", help="A .safetensors file."
)
@click.option(
    "--recipe",
    type=click.Choice(["starter", "lincir"]),
    help="Where the settings below come from; else starter for the starter bundle, lincir for any other.",
)
@click.option("--steps", type=click.IntRange(min=1), help="starter 2,000, lincir 20,000.")
@click.option("--batch", type=click.IntRange(min=1), help="Captions a step: starter 128, lincir 512.")
@click.option("--learning-rate", type=click.FloatRange(min=0, min_open=True), help="starter 1e-3 falling, lincir 1e-4.")
@click.option("--weight-decay", type=click.FloatRange(min=0), help="0.01.")
@click.option("--dropout", type=click.FloatRange(0, 1, max_open=True), help="starter 0.1, lincir 0.5.")
@click.option("--noise", type=click.FloatRange(min=0), help="Added to what phi reads, in sigma at most: 1.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The same seed, the same phi.")
@click.option("--save-every", type=click.IntRange(min=1), default=500, show_default=True, help="Steps.")
@click.option("--log-every", type=click.IntRange(min=1), default=100, show_default=True, help="Steps.")
@click.option("--resume", is_flag=True, help="Go on with the run that was cut off.")
@format_options("text", "json", default="text")
@model_options
@common_options
def phi(
    captions: str | None,
    out: Path,
    recipe: str | None,
    seed: int,
    save_every: int,
    log_every: int,
    resume: bool,
    form: str,
    model: str | None,
    device: str | None,
    db: Location | None,
    quiet: bool,
    **settings: Any,
) -> None:
    """Train phi, the pseudo-token's network, for a bundle's CLIP; no image is needed.

    The captions are a text file, one caption a line, or JSON lines with `caption` or `captions`. `gallery` takes those
    of the gallery, and its model unless --model names one. `scenes`, the default for the starter, takes those of drawn
    scenes, from which the starter's own phi learnt.

    Beside --out the run leaves a log (.jsonl) and a plot of the loss (.png), and while it lasts a checkpoint
    (.checkpoint.safetensors). Ctrl-C stops between two steps; --resume then gives what an uninterrupted run gives.
    """
    chosen, texts = _model_and_captions(captions, db, model, device, seed)
    from cvsi_db.training.phi_run import PhiJob, choose_run

    run = choose_run(recipe, chosen, seed=seed, **settings)
    place = settings_for(db, chosen, device)
    job = PhiJob.plan(chosen, place.device, texts, run, out, save_every=save_every, log_every=log_every)
    job.check(resume=resume)
    started = time.perf_counter()
    with stop_between_steps(signal.SIGINT) as stopped, stage_progress(quiet) as on_progress:
        try:
            job.run(on_progress, stopped.is_set)
        except KeyboardInterrupt:
            if job.checkpoint.path.exists() and not quiet:
                tell(f"{job.checkpoint.path} keeps the run: the same command with --resume goes on")
            raise
    emit(_report(job, run, time.perf_counter() - started, form))


def _model_and_captions(
    source: str | None, db: Location | None, model: str | None, device: str | None, seed: int
) -> tuple[str, list[str]]:
    """The bundle to train for, and its captions as `--captions` names them."""
    from cvsi_db.training import caption_source as captions

    settings = settings_for(db, model, device)
    name = complete_name(settings.model, "starter")
    if source == "gallery":
        from cvsi_db.gallery import Gallery

        with Gallery.open(settings.db, device=settings.device) as gallery:
            texts = [caption for image in gallery.images() for caption in image["captions"]]
            found = captions.one_line_captions(texts, f"the gallery {str(settings.db)!r}")
            return model or str(gallery.stats()["model"]), found
    if source is None and name != "starter":
        raise click.UsageError(f"--captions is missing: phi for {name} learns from captions of photographs")
    if source is None or source == "scenes":
        return name, captions.scene_captions(captions.SCENE_CAPTIONS, seed)
    if source == "-":
        return name, captions.parse_captions(sys.stdin, "stdin")
    return name, captions.read_captions(Path(source))


def _report(job: PhiJob, run: PhiRun, seconds: float, form: str) -> str:
    loss = job.last_loss()
    if form == "json":
        files = {"out": str(job.out), "log": str(job.log), "plot": str(job.plot)}
        return json.dumps(
            {**files, "captions": len(job.captions), "loss": loss, "run": asdict(run), "seconds": round(seconds, 3)},
            indent=2,
        )
    return (
        f"{job.out}: {run.steps:,} steps on {len(job.captions):,} captions in {seconds:.0f} s, loss {loss:.5f}\n"
        f'to use it, write phi = "{job.out}" into a bundle file'
    )
