"""Measures rankings of a benchmark of the field by its rules, and lays the report out: as plain values, and as tables.

The report is what `cvsi-db eval cirr|circo|fashioniq --format json` prints.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cvsi_db.evaluation.field import DEPTH, FieldBenchmark, FieldQuery, ListName, Rankings
from cvsi_db.evaluation.metrics import BoolArray, ValueArray, average_precision, balanced, by_group, estimates, recall
from cvsi_db.evaluation.report_tables import groups_table, metrics_table, rounded

if TYPE_CHECKING:
    from cvsi_db.evaluation.encoding import Models
    from cvsi_db.evaluation.field_gallery import CaptionOrigin

Report = dict[str, Any]


def describe_origin(models: Models, captions: CaptionOrigin, rewriters: Mapping[str, int]) -> dict[str, Any]:
    """What rankings came from, for a report: the models, who wrote the gallery's captions and the rewrites."""
    return {
        "model": models.fingerprint,
        "captioner": ", ".join(captions.captioners),
        "captions_per_image": {"min": captions.least, "max": captions.most},
        "rewriter": models.rewriter.name,
        "rewrites": dict(rewriters),
        **({"instruction": models.instruction} if models.instruction else {}),
    }


def field_report(
    benchmark: FieldBenchmark, rankings: Mapping[str, Rankings], origin: Mapping[str, Any], started: float
) -> Report:
    """Measures the rankings of every method. `origin` says what they came from; `started` is a time.perf_counter().

    Where images are missing, `missing` counts them, the queries that were left out because their reference is one, and
    the queries with a target that is one.
    """
    report = {
        "benchmark": benchmark.rules.name,
        "split": benchmark.split,
        "queries": len(benchmark.queries),
        "gallery": len(benchmark.names),
        **origin,
        "methods": {name: measure_field(benchmark, ranked) for name, ranked in rankings.items()},
        "seconds": round(time.perf_counter() - started, 1),
    }
    if benchmark.missing:
        without_target = [query for query in benchmark.queries if not benchmark.missing.isdisjoint(query.targets)]
        report["missing"] = {
            "images": len(benchmark.missing),
            "queries_left_out": benchmark.left_out,
            "queries_without_target": len(without_target),
        }
    return report


# --- metrics ----------------------------------------------------------------------------------------------------


def measure_field(benchmark: FieldBenchmark, rankings: Rankings) -> dict[str, Any]:
    """One method's part of a report: {metric: {value, low, high}}, and estimates by aspect or category.

    Metrics of a list that is not among the rankings are left out, and all are where the truth is not known.
    """
    if not benchmark.has_truth:
        return {}
    values = _values(benchmark, rankings)
    if benchmark.rules.groups == "categories":
        categories = [query.category for query in benchmark.queries]
        labels = np.array(categories)
        parts = {
            name: rounded(estimates({metric: each[labels == name] for metric, each in values.items()}))
            for name in dict.fromkeys(categories)
        }
        return {**rounded(balanced(values, categories)), "categories": parts}
    found: dict[str, Any] = rounded(estimates(values))
    if benchmark.rules.groups == "aspects":
        found["aspects"] = rounded(by_group(values["map@10"], [query.aspects for query in benchmark.queries]))
    return found


def _values(benchmark: FieldBenchmark, rankings: Rankings) -> dict[str, ValueArray]:
    """Every metric per query (queries,) in 0..1, by its name.

    Recall asks for the first target alone: of CIRCO's targets it is the one that the text was written for.
    """
    rules, queries = benchmark.rules, benchmark.queries
    values: dict[str, ValueArray] = {}
    if rules.precision_ranks:
        relevant = _relevance(queries, rankings, "recall", lambda query: query.targets)
        counts = np.array([len(query.targets) for query in queries])
        values |= {f"map@{k}": average_precision(relevant, counts, k) for k in rules.precision_ranks}
    lists: tuple[tuple[ListName, tuple[int, ...]], ...] = (
        ("recall", rules.recall_ranks),
        ("recall_subset", rules.subset_ranks),
    )
    for name, ranks in lists:
        if name in rankings:
            relevant = _relevance(queries, rankings, name, lambda query: query.targets[:1])
            values |= {f"{name}@{k}": recall(relevant, k) for k in ranks}
    return values


def _relevance(
    queries: Iterable[FieldQuery], rankings: Rankings, name: ListName, right: Callable[[FieldQuery], Collection[str]]
) -> BoolArray:
    """(queries, DEPTH) whether each image of a list is right; a shorter ranking has nothing right at its end."""
    found = np.zeros((len(rankings[name]), DEPTH[name]), dtype=bool)
    for row, query in enumerate(queries):
        known = right(query)
        hits = [image in known for image in rankings[name][query.query_id][: DEPTH[name]]]
        found[row, : len(hits)] = hits
    return found


# --- tables -----------------------------------------------------------------------------------------------------


def field_tables(benchmark: FieldBenchmark, report: Report) -> str:
    """The report to read: methods by metrics, then by aspect or category."""
    methods = report["methods"]
    title = f"{benchmark.title}: {report['queries']} queries, {report['gallery']} images"
    if report["model"]:
        least, most = report["captions_per_image"].values()
        per_image = f"{least} to {most}" if least < most else f"{most}"
        title += f"; model {report['model']}; "
        title += f"captions by {report['captioner']}, {per_image} per image" if most else "no captions"
    written = "".join(f"\nwritten: {path}" for paths in report.get("submissions", {}).values() for path in paths)
    if not benchmark.has_truth:
        return f"{title}; only the benchmark's server can score this split{written}"
    lead = benchmark.rules.lead if benchmark.rules.lead in next(iter(methods.values())) else "recall_subset@1"
    parts = [f"{title}; percent, with 95 % intervals", metrics_table(methods, lead)]
    if missing := report.get("missing"):
        parts[0] += (
            f"\nmissing images: {missing['images']}; queries left out for want of their reference: "
            f"{missing['queries_left_out']}; queries with a missing target, which counts as not found: "
            f"{missing['queries_without_target']}"
        )
    if benchmark.rules.groups == "aspects":
        aspects = {name: found["aspects"] for name, found in methods.items()}
        parts += ["mAP@10 by aspect", groups_table(aspects)]
    if benchmark.rules.groups == "categories":
        for k in benchmark.rules.recall_ranks:
            by_category = {
                name: {category: each[f"recall@{k}"] for category, each in found["categories"].items()}
                for name, found in methods.items()
            }
            parts += [f"R@{k} by category", groups_table(by_category)]
    return "\n\n".join(parts) + written
