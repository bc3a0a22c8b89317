"""Runs rows of papers one after the other, as far as their images and weights are here, and sets the figures side by
side.

Takes rows and a Kit; yields an Outcome for each row and split. In the folder `out` are then bundles/NAME.toml,
galleries/BENCHMARK-GALLERY, ROW/BENCHMARK-SPLIT.json, which a later run does not compute again, and beside it the files
for the benchmarks' servers. One row that fails does not stop the others.
"""

from __future__ import annotations

import gc
import json
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cvsi_db.atomic_file import replace_file
from cvsi_db.errors import CvsiError, RewriteError, UsageError, VerifyError
from cvsi_db.evaluation.annotations import READERS
from cvsi_db.evaluation.baselines import choose_methods, field_methods
from cvsi_db.evaluation.encoding import StageProgress
from cvsi_db.evaluation.field_report import Report
from cvsi_db.evaluation.field_run import FieldRun, run_field
from cvsi_db.evaluation.paper_rows import PUBLISHED_ON, SIZES, TITLES, PaperRow, estimate_cost, place_bundle
from cvsi_db.evaluation.report_tables import aligned
from cvsi_db.models.bundle import Bundle, load_bundle
from cvsi_db.models.inventory import inventory, readable
from cvsi_db.models.rewriters import check_rewriter, make_rewriter
from cvsi_db.search.verify import make_verifier

if TYPE_CHECKING:
    from cvsi_db.ingest.ray_engine import RayEngine

_log = logging.getLogger(__name__)

LEAD: Mapping[str, str] = {"cirr": "recall@1", "circo": "map@5", "fashioniq": "recall@10"}
"""The metric that is shown where no figure is published."""


@dataclass(frozen=True)
class Kit:
    """Where the benchmarks are, each in a folder of its name, and where everything goes; `limit` takes the first
    queries alone. With `dry` nothing is run: what is here is ready. With an `engine` its workers embed and caption."""

    data: Path
    out: Path
    device: str = "auto"
    limit: int | None = None
    allow_missing: bool = False
    dry: bool = False
    engine: RayEngine | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of a row on one split: its `report` when it is done, else the `reason` why there is none. It is absent
    where something that it needs is not on this machine."""

    row: PaperRow
    benchmark: str
    split: str
    state: Literal["done", "ready", "absent", "failed"]
    reason: str = ""
    report: Report | None = None

    def figures(self) -> list[dict[str, Any]]:
        """For each published metric, or else the one that leads: {metric, published, value, low, high, difference}."""
        published = self.row.published[self.benchmark]
        measured: Mapping[str, Any] = next(iter(self.report["methods"].values()), {}) if self.report else {}
        found = []
        for metric in published or (LEAD[self.benchmark],):
            figure, one = published.get(metric), measured.get(metric, {})
            value = one.get("value")
            difference = None if figure is None or value is None else round(value - figure, 2)
            ends = {"value": value, "low": one.get("low"), "high": one.get("high")}
            found.append({"metric": metric, "published": figure, **ends, "difference": difference})
        return found

    def to_dict(self) -> dict[str, Any]:
        """The outcome as plain values."""
        report = self.report or {}
        return {
            "row": self.row.name,
            "benchmark": TITLES[self.benchmark],
            "split": self.split,
            "state": self.state,
            "reason": self.reason or None,
            "published_on": PUBLISHED_ON[self.benchmark],
            "figures": self.figures(),
            "seconds": report.get("seconds"),
            "submissions": [path for paths in report.get("submissions", {}).values() for path in paths],
            "warnings": report.get("warnings", []),
        }


def reproduce(rows: Iterable[PaperRow], kit: Kit, on_progress: StageProgress) -> Iterator[Outcome]:
    """The outcome of every row on every split, as they come. Raises CvsiError when `out` cannot be written to."""
    for row in rows:
        bundle = load_bundle(place_bundle(row, kit.out / "bundles"), kit.device)
        for name, splits in SIZES.items():
            for split in splits:
                yield _outcome(row, name, split, bundle, kit, on_progress)
        del bundle
        gc.collect()  # a bundle holds itself, and its models the GPU's memory that the next row needs


def _outcome(row: PaperRow, name: str, split: str, bundle: Bundle, kit: Kit, on_progress: StageProgress) -> Outcome:
    file = kit.out / row.name / f"{name}-{split}.json"
    asked = {
        "row": row.name,
        "bundle": asdict(row.spec),
        "method": row.paper.method,
        "rewriter": row.paper.rewriter,
        "verify": row.paper.verify,
        "limit": kit.limit,
        "allow_missing": kit.allow_missing,
    }
    if report := _finished(file, asked):
        return Outcome(row, name, split, "done", report=report)
    started = time.perf_counter()
    try:
        folder = next((each for each in sorted(kit.data.iterdir()) if each.name.lower() == name), None)
        if folder is None:
            raise UsageError(f"there is no folder {TITLES[name]} in {str(kit.data)!r}")
        _check_weights(bundle)
        benchmark = READERS[name](folder, split, None).first(kit.limit)
        benchmark.without(benchmark.find_missing(), allowed=kit.allow_missing)
        if not benchmark.has_truth and (kit.limit or kit.allow_missing):
            raise UsageError(f"the targets of {benchmark.title} are not published, and a submission holds every query")
        rewriter = make_rewriter(row.paper.rewriter or "rules", kit.device)
        check_rewriter(rewriter)
        verifier = make_verifier("openai") if row.paper.verify else None
        if verifier:
            verifier.check()
    except (UsageError, RewriteError, VerifyError, FileNotFoundError) as error:
        return Outcome(row, name, split, "absent", str(error))
    if kit.dry:
        return Outcome(row, name, split, "ready")
    methods = choose_methods((row.paper.method,), bundle.spec, field_methods(benchmark.rules.preset))
    run = FieldRun(
        kit.out / "galleries" / f"{name}-{row.gallery}",
        bundle,
        methods,
        rewriter,
        allow_missing=kit.allow_missing,
        submit=None if benchmark.has_truth else file.parent,
        verify=row.paper.verify,
        verifier=verifier,
        engine=kit.engine,
    )
    try:
        file.parent.mkdir(parents=True, exist_ok=True)  # finds out now, not in hours, that it cannot be written to
        _, report, warnings = run_field(benchmark, run, on_progress, started)
        report |= {"warnings": list(warnings), "asked": asked}
        with replace_file(file) as part:
            part.write_text(json.dumps(report, indent=2), "utf-8")
    except CvsiError as error:
        return Outcome(row, name, split, "failed", str(error))
    except Exception as error:  # a bug or a full GPU in one row must not cost the rows behind it
        _log.debug("%s on %s %s", row.name, name, split, exc_info=True)
        return Outcome(row, name, split, "failed", f"{type(error).__name__}: {' '.join(str(error).split())}")
    return Outcome(row, name, split, "done", report=report)


def _finished(file: Path, asked: Mapping[str, Any]) -> Report | None:
    """The report in the file, if it is there and says that just this was asked."""
    try:
        report: Report = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return report if report.get("asked") == asked else None


def _check_weights(bundle: Bundle) -> None:
    """Raises UsageError for weights that are not on this machine, with what brings them."""
    lacking = [part for part in inventory(bundle.spec) if part.missing]
    made = [part for part in lacking if not part.repo and not part.release]
    if made:
        raise UsageError(
            f"{made[0].name} {made[0].source!r} is not published: make it with `cvsi-db train phi` and put it beside "
            f"{bundle.source!r}"
        )
    if lacking:
        named = ", ".join(f"{part.name} {part.source!r} ({readable(part.size_bytes)})" for part in lacking)
        raise UsageError(f"{named} not on this machine: `cvsi-db models pull {bundle.source}`")


# --- tables -----------------------------------------------------------------------------------------------------


def outcomes_table(outcomes: Sequence[Outcome]) -> str:
    """A line for each figure: published, measured with its interval, the difference; then what there is to say."""
    lines = [["row", "benchmark", "metric", "published", "measured", "from", "to", "difference", "seconds"]]
    instead = {"done": "for its server", "ready": "ready", "absent": "not run", "failed": "failed"}
    for each in outcomes:
        seconds = f"{each.report['seconds']:,.0f}" if each.report else ""
        for one in each.figures():
            metric = one["metric"].replace("map", "mAP").replace("recall", "R")
            told = [_number(one["value"]) or instead[each.state], _number(one["low"]), _number(one["high"])]
            difference = "" if one["difference"] is None else f"{one['difference']:+.2f}"
            lines.append(
                [
                    each.row.name,
                    f"{TITLES[each.benchmark]} {each.split}",
                    metric,
                    _number(one["published"]) or "not known",
                    *told,
                    difference,
                    seconds,
                ]
            )
    notes = dict.fromkeys(f"{each.row.name}: {each.reason}" for each in outcomes if each.reason)
    for each in outcomes:
        report = each.report or {}
        notes |= dict.fromkeys(f"{each.row.name}: {warning}" for warning in report.get("warnings", ()))
        notes |= dict.fromkeys(f"written: {path}" for paths in report.get("submissions", {}).values() for path in paths)
    title = "percent, with 95 % intervals; published figures of CIRR are of test1 and those of CIRCO of test"
    return "\n\n".join(filter(None, [title, aligned(lines), "\n".join(notes)]))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def expected_table(outcomes: Sequence[Outcome]) -> str:
    """What the rows that are ready are expected to take, benchmark by benchmark, where nothing was done before."""
    lines = [["row", "benchmark", "one GPU", "two CPU cores", "LLM requests", "tokens"]]
    for row, name in dict.fromkeys((each.row, each.benchmark) for each in outcomes if each.state == "ready"):
        cost = estimate_cost(row, name)
        hours = [f"{cost.gpu_hours:.1f} h", f"{cost.cpu_hours:,.1f} h"]
        lines.append([row.name, TITLES[name], *hours, f"{cost.requests:,}", f"{cost.tokens:,}"])
    told = "estimates, from counts of images, queries and captions; rows of one gallery share its images and captions"
    return f"{told}\n\n{aligned(lines)}" if len(lines) > 1 else ""
