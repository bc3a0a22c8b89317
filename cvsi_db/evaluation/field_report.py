"""Tells how methods rank on a benchmark of the field: a report as plain values, and as tables to read.

The report is what `cvsi-db eval cirr|circo|fashioniq --format json` prints. Knows nothing about how to rank.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from cvsi_db.evaluation.features import Models
from cvsi_db.evaluation.field import FieldBenchmark, Rankings
from cvsi_db.evaluation.field_metrics import measure_field
from cvsi_db.evaluation.tables import groups_table, metrics_table

Report = dict[str, Any]


def about(models: Models) -> dict[str, str]:
    """What rankings came from, for a report."""
    return {"model": models.fingerprint, "captioner": models.captioner.name, "rewriter": models.rewriter.name}


def field_report(
    benchmark: FieldBenchmark, rankings: Mapping[str, Rankings], origin: Mapping[str, Any], started: float
) -> Report:
    """Measures the rankings of every method. `origin` says what they came from; `started` is a time.perf_counter()."""
    return {
        "benchmark": benchmark.rules.name,
        "split": benchmark.split,
        "queries": len(benchmark.queries),
        "gallery": len(benchmark.names),
        **origin,
        "methods": {name: measure_field(benchmark, ranked) for name, ranked in rankings.items()},
        "seconds": round(time.perf_counter() - started, 1),
    }


def field_tables(benchmark: FieldBenchmark, report: Report) -> str:
    """The report to read: methods by metrics, then by aspect or category."""
    methods = report["methods"]
    model = f"; model {report['model']}" if report["model"] else ""
    title = f"{benchmark.title}: {report['queries']} queries, {report['gallery']} images{model}"
    written = "".join(f"\nwritten: {path}" for paths in report.get("submissions", {}).values() for path in paths)
    if not benchmark.has_truth:
        return f"{title}; only the benchmark's server can score this split{written}"
    lead = benchmark.rules.lead if benchmark.rules.lead in next(iter(methods.values())) else "recall_subset@1"
    parts = [f"{title}; percent, with 95 % intervals", metrics_table(methods, lead)]
    if benchmark.rules.groups == "aspects":
        aspects = {name: found["aspects"] for name, found in methods.items()}
        parts += ["mAP@10 by aspect", groups_table(aspects)]
    if benchmark.rules.groups == "categories":
        for metric in [f"recall@{k}" for k in benchmark.rules.recall_ranks]:
            parts += [f"{metric.replace('recall', 'R')} by category", groups_table(_of_categories(methods, metric))]
    return "\n\n".join(parts) + written


def _of_categories(methods: Mapping[str, Any], metric: str) -> dict[str, dict[str, Any]]:
    return {
        name: {category: found[metric] for category, found in parts["categories"].items()}
        for name, parts in methods.items()
    }
