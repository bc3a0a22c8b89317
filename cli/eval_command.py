"""`cvsi-db eval`: how well a bundle and the methods rank, on benchmarks with known answers."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
from platformdirs import user_cache_path, user_data_path

from cvsi_db.settings import APP

from .common import common_options, emit, format_options, model_options, settings_for, warn
from .completion import methods
from .engine import engine_options
from .eval_field import FIELD, field_command
from .eval_reproduce import reproduce
from .progress import stage_progress

if TYPE_CHECKING:
    from cvsi_db.ingest.ray_engine import RayEngine
    from cvsi_db.store.location import Location


@click.group("eval")
def command() -> None:
    """Measure how well a bundle ranks, on a benchmark."""


for _name in FIELD:
    command.add_command(field_command(_name))
command.add_command(reproduce)


@command.command("photos")
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    metavar="DIR",
    help="Images and captions.json.",
)
@engine_options
@format_options("table", "json")
@model_options
@common_options
def photos(
    data: Path,
    engine: RayEngine | None,
    form: str,
    model: str | None,
    device: str | None,
    db: Location | None,
    quiet: bool,
) -> None:
    """Measure a model on photographs of your own that have captions.

    DIR holds images and captions.json: {FILE NAME: [CAPTION, ...], ...}. Every caption is a query for its photo, and
    composed queries are made from the captions by rule. The photos are ingested into the gallery --db (by default one
    of their own in your data folder), which is kept: a second run with the same model takes seconds.
    """
    from cvsi_db.evaluation.photos import evaluate_photos, photo_tables, read_photos, take_in
    from cvsi_db.gallery import Gallery
    from cvsi_db.models.choice import choose_model

    captioned = read_photos(data)
    settings = settings_for(None, model, device)
    chosen = settings.model or choose_model()
    kept = hashlib.sha256(f"{data.resolve()} {chosen}".encode()).hexdigest()[:16]
    folder = db or user_data_path(APP) / "benchmarks" / f"photos-{kept}"
    with (
        stage_progress(quiet) as on_progress,
        Gallery.open_or_create(folder, model=chosen, device=settings.device, rewriter=settings.rewriter) as gallery,
    ):
        take_in(captioned, gallery, on_progress, engine)
        report = evaluate_photos(captioned, gallery, on_progress)
    emit(json.dumps(report, indent=2) if form == "json" else photo_tables(report))


@command.command("scenes")
@click.option("--split", type=click.Choice(["val", "test"]), default="val", show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed makes another benchmark.")
@click.option("--queries", type=click.IntRange(min=1), default=1000, show_default=True)
@click.option("--gallery", "images", type=click.IntRange(min=1), default=10_000, show_default=True)
@click.option(
    "--method",
    "names",
    multiple=True,
    metavar="NAME",
    shell_complete=methods,
    help="Only this method; may be given several times.",
)
@click.option("--shortcut", is_flag=True, help="Add a row: each query by image alone or text alone, the better one.")
@click.option(
    "--no-paraphrases",
    "reworded",
    is_flag=True,
    default=True,
    flag_value=False,
    help="Do not rank every edit in six wordings too.",
)
@click.option("--tune", is_flag=True, help="Find the best weights on val instead.")
@format_options("table", "json")
@click.option("--chart", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.svg", help="Also draw mAP@10.")
@click.option(
    "--examples",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.png",
    help="Also draw queries of the two aspects that cvsi does worst on.",
)
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where to keep what models computed.",
)
@click.option("--no-cache", is_flag=True, help="Keep nothing, and compute everything.")
@model_options
@common_options
def scenes(
    split: str,
    seed: int,
    queries: int,
    images: int,
    names: tuple[str, ...],
    shortcut: bool,
    reworded: bool,
    tune: bool,
    form: str,
    chart: Path | None,
    examples: Path | None,
    cache: Path | None,
    no_cache: bool,
    model: str | None,
    device: str | None,
    db: Location | None,
    quiet: bool,
) -> None:
    """Run Scenes-CIR: find what an edit of a drawn scene asks for.

    The benchmark is generated from split and seed, and drawn, which takes the scenes extra. The first run takes
    minutes; later ones with the same model take seconds.
    """
    from cvsi_db.evaluation.baselines import METHODS, choose_methods
    from cvsi_db.evaluation.cache import Cache
    from cvsi_db.evaluation.chart import draw_chart
    from cvsi_db.evaluation.encoding import models_of
    from cvsi_db.evaluation.scene_examples import EXAMPLES_OF, draw_examples, weakest
    from cvsi_db.evaluation.scene_report import SHORTCUTS, evaluate, prepare, scene_tables
    from cvsi_db.evaluation.scene_tuning import tune_weights
    from cvsi_db.evaluation.scene_wordings import spread
    from cvsi_db.evaluation.scenes import make_benchmark
    from cvsi_db.models.bundle import load_bundle
    from cvsi_db.models.rewriters import make_rewriter
    from cvsi_db.models.spec import complete_name

    if chart and chart.suffix != ".svg":
        raise click.UsageError(f"the chart is an SVG: {str(chart)!r} must end in .svg")
    for file in (chart, examples):
        if file and not file.parent.is_dir():  # found out now, not after the run
            raise click.UsageError(f"cannot write {str(file)!r}: there is no folder {str(file.parent)!r}")
    if tune and (split != "val" or names or chart or examples):
        raise click.UsageError("--tune finds all weights on val: leave --split, --method, --chart and --examples out")
    started = time.perf_counter()
    settings = settings_for(db, model, device)
    bundle = load_bundle(complete_name(settings.model, "starter"), settings.device)
    methods = choose_methods(names, bundle.spec)
    if examples and EXAMPLES_OF not in methods:
        needs = "name it too" if names else "take a bundle with a phi"
        raise click.UsageError(f"--examples shows what {EXAMPLES_OF} finds: leave --examples out, or {needs}")
    if not names and len(methods) < len(METHODS):
        warn(("this bundle has no phi: methods with a pseudo-token are left out",), quiet)
    benchmark = make_benchmark(split, seed, queries=queries, gallery=images)
    models = models_of(bundle, make_rewriter(settings.rewriter or bundle.spec.rewriter, settings.device))
    kept = Cache(None if no_cache else cache or user_cache_path(APP) / "eval")
    with stage_progress(quiet) as on_progress:
        if tune:
            emit(json.dumps(tune_weights(benchmark, models, kept, on_progress), indent=2))
            return
        weighed = [*methods.values(), *(METHODS[name] for name in SHORTCUTS if shortcut)]
        prepared = prepare(benchmark, weighed, models, kept, on_progress)
        spreads = spread(prepared, methods, models, kept, on_progress) if reworded else {}
    report = evaluate(prepared, methods, models, started, spreads, shortcut=shortcut)
    emit(json.dumps(report, indent=2) if form == "json" else scene_tables(report))
    if chart:
        emit(draw_chart(report), chart)
    if examples:
        draw_examples(prepared, methods[EXAMPLES_OF], weakest(report["methods"][EXAMPLES_OF])).save(examples)
