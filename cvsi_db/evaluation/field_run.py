"""One run of a benchmark of the field, from its images on disk to the report: ingest, terms, rankings, measures.

Takes a FieldBenchmark and a FieldRun; returns the benchmark without what was missing, the report, and what the figures
rest on that was not asked for. Whatever can be wrong is found before the first image is taken in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cvsi_db.evaluation.baselines import Method
from cvsi_db.evaluation.encoding import StageProgress, models_of
from cvsi_db.evaluation.field import FieldBenchmark
from cvsi_db.evaluation.field_gallery import take_in
from cvsi_db.evaluation.field_ranking import FieldPrepared, prepare_field, rank_field
from cvsi_db.evaluation.field_report import Report, describe_origin, field_report
from cvsi_db.evaluation.field_verify import verify_field
from cvsi_db.evaluation.submissions import submission_files, write_files
from cvsi_db.evaluation.terms import NEED_NO_REWRITER

if TYPE_CHECKING:
    from cvsi_db.ingest.ray_engine import RayEngine
    from cvsi_db.models.bundle import Bundle
    from cvsi_db.models.protocols import Rewriter, Verifier
    from cvsi_db.records import Rewrite
    from cvsi_db.store.location import Location


@dataclass(frozen=True)
class FieldRun:
    """What a benchmark is run with.

    The images go into the gallery in `folder`. `imported` are rewrites by query id, for which nobody is asked. With
    `allow_missing`, images that cannot be had are left out. `submit` is a folder for the files of the benchmark's
    server. The `verifier` looks at the first `verify` images of every ranking again. With an `engine` its workers embed
    and caption what the gallery lacks.
    """

    folder: Location
    bundle: Bundle
    methods: Mapping[str, Method]
    rewriter: Rewriter
    imported: Mapping[str, Rewrite] | None = None
    allow_missing: bool = False
    submit: Path | None = None
    verify: int = 0
    verifier: Verifier | None = None
    engine: RayEngine | None = None


def run_field(
    benchmark: FieldBenchmark, run: FieldRun, on_progress: StageProgress, started: float
) -> tuple[FieldBenchmark, Report, tuple[str, ...]]:
    """Runs every method; `started` is the time.perf_counter() from which the report counts its seconds.

    Raises UsageError for images that are missing, CvsiError for a folder that cannot be written to, and what
    `take_in` and `prepare_field` raise.
    """
    methods, rewriter, submit = run.methods, run.rewriter, run.submit
    rewrites = run.imported is None and any(method.weights.keys() - NEED_NO_REWRITER for method in methods.values())
    benchmark = benchmark.without(benchmark.find_missing(), allowed=run.allow_missing)
    if submit:
        write_files(submit, {})  # finds out now, not in hours, that it cannot be written to
    if run.verifier:
        run.verifier.check()
    asked = rewriter if rewrites else None
    unreadable = take_in(benchmark, run.folder, run.bundle, asked, on_progress, run.engine)
    benchmark = benchmark.without(unreadable, allowed=run.allow_missing)
    models = models_of(run.bundle, rewriter)
    prepared = prepare_field(benchmark, methods.values(), models, run.folder, on_progress, run.imported)
    rankings = {name: rank_field(prepared, method) for name, method in methods.items()}
    warnings = _surprises(run.bundle, prepared)
    origin = describe_origin(models, prepared.captions, prepared.rewriters)
    if run.verifier:
        for name, ranked in rankings.items():
            rankings[name], told = verify_field(prepared, ranked, run.verify, run.verifier, run.folder, on_progress)
            counts = {"first": run.verify, "asked": told.asked, "kept": told.kept, "failed": told.failures.total()}
            origin.setdefault("verified", {"verifier": run.verifier.name})[name] = counts
            warnings += tuple(
                f"{count:,} images could not be verified and keep their rank: {reason}"
                for reason, count in told.failures.items()
            )
    if run.imported is not None:
        origin["rewriter"] = ", ".join(prepared.rewriters)
    report = field_report(benchmark, rankings, origin, started)
    if submit is not None:
        files = {name: submission_files(benchmark, name, ranked) for name, ranked in rankings.items()}
        write_files(submit, {file: text for texts in files.values() for file, text in texts.items()})
        report["submissions"] = {name: [str(submit / file) for file in texts] for name, texts in files.items()}
    return benchmark, report, warnings


def _surprises(bundle: Bundle, prepared: FieldPrepared) -> tuple[str, ...]:
    """What the figures rest on that is not what was asked for."""
    found = []
    captioners = prepared.captions.captioners
    named = bundle.captioner and bundle.captioner.name
    if captioners and captioners != (named,):
        found.append(
            f"the gallery's captions were written by {', '.join(captioners)}, not by {named or 'none'}, which "
            "the bundle names: these figures are those of the gallery's captions; another --db takes the bundle's"
        )
    if len(prepared.rewriters) > 1:
        counts = ", ".join(f"{count} by {name}" for name, count in prepared.rewriters.items())
        found.append(f"several rewriters answered, one in another's place: {counts}")
    return tuple(found)
