"""`cvsi-db eval cirr|circo|fashioniq`: how well a bundle and the methods rank on the benchmarks of the field."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from platformdirs import user_data_path

from cvsi_db.evaluation.paper_rows import PAPER_ROWS, SIZES, place_bundle
from cvsi_db.settings import APP

from .common import common_options, emit, format_options, model_options, settings_for, warn
from .completion import methods
from .engine import engine_options
from .progress import stage_progress
from .query import REWRITER_HELP

if TYPE_CHECKING:
    from cvsi_db.evaluation.field import FieldBenchmark
    from cvsi_db.evaluation.field_report import Report
    from cvsi_db.ingest.ray_engine import RayEngine
    from cvsi_db.records import Rewrite
    from cvsi_db.store.location import Location

FIELD: Mapping[str, tuple[str, ...]] = {name: tuple(splits) for name, splits in SIZES.items()}
"""The benchmarks and their splits."""

LAYOUT = {
    "cirr": """Run CIRR: photographs of real life, one target per query, and a subset of look-alikes.

    DIR holds captions/cap.rc2.SPLIT.json and image_splits/split.rc2.SPLIT.json (or both in DIR/cirr), and the images
    as the split file names them, below DIR/img_raw or else DIR. Queries' own references are not ranked.

    Predictions and submissions are two files, of 50 names a query and of 3 of its subset, as the benchmark's server
    takes them: {"version": "rc2", "metric": "recall", "PAIRID": [NAME, ...], ...} and the same with "recall_subset".
    Give --predictions once or twice.""",
    "circo": """Run CIRCO: photographs of COCO, several targets per query.

    DIR holds annotations/SPLIT.json and COCO2017_unlabeled/unlabeled2017/ with the images. The index is what
    COCO2017_unlabeled/annotations/image_info_unlabeled2017.json lists, or without it all images there.

    Predictions and submissions are one file, of 50 numbers a query: {"0": [NUMBER, ...], "1": ...}.""",
    "fashioniq": """Run FashionIQ: clothes of three categories.

    DIR holds captions/cap.CATEGORY.SPLIT.json, image_splits/split.CATEGORY.SPLIT.json and images/NAME.png or .jpg. Each
    category is ranked over its own split file, and the figures are the plain means of the three.

    Predictions and submissions hold 50 names a query, by category and place in the caption file:
    {"dress/0": [NAME, ...], "dress/1": ...}. Give --predictions again where they are in several files.""",
}

GALLERY = """The images are ingested into the gallery --db (else CVSI_DB, else one of the benchmark's own in your data
    folder), which takes hours once; whatever was done is kept, also when it is interrupted.

    --rewrites takes edited captions from files as CIReVL, LDRE and CVSI publish them, or from an object by query
    (pairid, id, or CATEGORY/NUMBER): {"0": {"edited_captions": [TEXT, ...], "added_objects": TEXT}, ...}.

    With --allow-missing, images that are missing or cannot be read are not ranked, queries of which one is the
    reference are left out, and one that is a target counts as not found; the report says how many there are."""


@dataclass(frozen=True)
class Asked:
    """What the command line asked for."""

    data: Path
    split: str
    images: Path | None
    names: tuple[str, ...]
    row: str | None
    rewrites: tuple[Path, ...]
    limit: int | None
    allow_missing: bool
    form: str
    submit: Path | None
    predictions: tuple[Path, ...]
    rewriter: str | None
    engine: RayEngine | None
    model: str | None
    device: str | None
    db: Location | None
    quiet: bool


def field_command(name: str) -> click.Command:
    """The command of one benchmark."""
    folder = click.Path(path_type=Path, exists=True, file_okay=False)
    options = (
        click.option("--data", type=folder, required=True, metavar="DIR", help="The benchmark's folder."),
        click.option("--split", type=click.Choice(FIELD[name]), default="val", show_default=True),
        click.option("--images", type=folder, metavar="DIR", help="Where the images are, if not in their place."),
        click.option(
            "--method",
            "names",
            multiple=True,
            metavar="NAME",
            shell_complete=methods,
            help="Only this method; may be given again.",
        ),
        click.option(
            "--bundle-of",
            "row",
            type=click.Choice(tuple(PAPER_ROWS)),
            metavar="ROW",
            help="The bundle, method, rewriter and verifier that stand for a published row: see docs/reproduction.md.",
        ),
        click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N queries."),
        click.option(
            "--allow-missing", is_flag=True, help="Leave out images that are missing or unreadable (see above)."
        ),
        click.option("--rewriter", metavar="NAME", help=REWRITER_HELP),
        click.option(
            "--rewrites",
            type=click.Path(path_type=Path, exists=True, dir_okay=False),
            multiple=True,
            metavar="FILE",
            help="Take the edited captions from such files, as CIReVL, LDRE or CVSI publish them, and ask no rewriter.",
        ),
        click.option(
            "--submit",
            type=click.Path(path_type=Path, file_okay=False),
            metavar="DIR",
            help="Write each method's rankings there, for the benchmark's server.",
        ),
        click.option(
            "--predictions",
            type=click.Path(path_type=Path, exists=True, dir_okay=False),
            multiple=True,
            metavar="FILE",
            help="Score such a file instead: takes no images and no models.",
        ),
        engine_options,
        format_options("table", "json"),
        model_options,
        common_options,
    )

    def run(**given: Any) -> None:
        _run(name, Asked(**given))

    command: Any = run
    for option in reversed(options):
        command = option(command)
    made: click.Command = click.command(name, help=f"{LAYOUT[name]}\n\n    {GALLERY}")(command)
    return made


def _run(name: str, asked: Asked) -> None:
    from cvsi_db.evaluation.annotations import READERS
    from cvsi_db.evaluation.field_report import field_report, field_tables
    from cvsi_db.evaluation.rewrites import read_rewrites
    from cvsi_db.evaluation.submissions import read_predictions

    started = time.perf_counter()
    benchmark = READERS[name](asked.data, asked.split, asked.images)
    if asked.predictions and (
        asked.names
        or asked.row
        or asked.limit
        or asked.submit
        or asked.rewriter
        or asked.rewrites
        or asked.model
        or asked.allow_missing
        or asked.engine
    ):
        raise click.UsageError(
            "--predictions scores a file alone: leave --method, --bundle-of, --limit, --submit, --rewriter, "
            "--rewrites, --model, --allow-missing and --engine out"
        )
    if asked.row and (asked.names or asked.model):
        raise click.UsageError("--bundle-of names model and method: leave --model, --no-phi and --method out")
    if asked.rewrites and asked.rewriter:
        raise click.UsageError("--rewrites asks no rewriter: leave --rewriter out")
    if asked.submit and (asked.limit or asked.allow_missing):
        raise click.UsageError("a submission holds every query and image: leave --limit and --allow-missing out")
    if not benchmark.has_truth and not asked.submit:
        raise click.UsageError(
            f"the targets of {benchmark.title} are not published: write what its server scores with --submit DIR"
        )
    if asked.predictions:
        scored = {"predictions": read_predictions(benchmark, asked.predictions)}
        report = field_report(benchmark, scored, {"model": None}, started)
    else:
        imported = read_rewrites(benchmark, asked.rewrites) if asked.rewrites else None
        benchmark, report = _evaluate(name, benchmark.first(asked.limit), asked, imported, started)
    emit(json.dumps(report, indent=2) if asked.form == "json" else field_tables(benchmark, report))


def _evaluate(
    name: str, benchmark: FieldBenchmark, asked: Asked, imported: Mapping[str, Rewrite] | None, started: float
) -> tuple[FieldBenchmark, Report]:
    """The report, and the benchmark without what was missing."""
    from cvsi_db.evaluation.baselines import choose_methods, field_methods
    from cvsi_db.evaluation.field_gallery import bundle_for
    from cvsi_db.evaluation.field_run import FieldRun, run_field
    from cvsi_db.models.rewriters import make_rewriter
    from cvsi_db.search.verify import make_verifier

    own = user_data_path(APP)
    row = PAPER_ROWS[asked.row] if asked.row else None
    model = place_bundle(row, own / "benchmarks" / "bundles") if row else asked.model
    settings = settings_for(asked.db, model, asked.device)
    # The gallery that was asked for, but never by default the one that holds a person's own images.
    home = own / "benchmarks" / (f"{name}-{row.gallery}" if row else name)
    folder = home if settings.db == own / "gallery" else settings.db
    bundle = bundle_for(folder, model, settings.model, settings.device)
    names = (row.paper.method,) if row else asked.names
    methods = choose_methods(names, bundle.spec, field_methods(benchmark.rules.preset))
    if not names and bundle.spec.phi is None:
        warn(("this bundle has no phi: methods with a pseudo-token are left out",), asked.quiet)
    theirs = (row and row.paper.rewriter) or settings.rewriter or bundle.spec.rewriter
    rewriter = make_rewriter(asked.rewriter or theirs, settings.device)
    first = row.paper.verify if row else 0
    verifier = make_verifier("openai") if first else None
    run = FieldRun(
        folder, bundle, methods, rewriter, imported, asked.allow_missing, asked.submit, first, verifier, asked.engine
    )
    with stage_progress(asked.quiet) as on_progress:
        benchmark, report, surprises = run_field(benchmark, run, on_progress, started)
    warn(surprises, asked.quiet)
    return benchmark, report
