"""Runs methods over Scenes-CIR and tells the outcome: a report as plain values, and as tables to read.

`prepare` runs the models, `evaluate` measures; its report is what `cvsi-db eval scenes --format json` prints. Knows
nothing about where models come from or how a report is drawn.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cvsi_db.evaluation.baselines import Method
from cvsi_db.evaluation.cache import Cache
from cvsi_db.evaluation.drawing import Progress
from cvsi_db.evaluation.features import Features, Models, compute_features
from cvsi_db.evaluation.metrics import (
    BoolArray,
    Estimate,
    IntArray,
    by_group,
    estimates,
    measure,
    ranked_relevance,
    top,
)
from cvsi_db.evaluation.scenes import NAME, SceneBenchmark
from cvsi_db.evaluation.terms import TermSource, make_terms
from cvsi_db.records import FloatArray

Report = dict[str, Any]

DEPTH = 50
"""How deep rankings go: the largest K of any metric."""


@dataclass(frozen=True)
class Prepared:
    """A benchmark with the gallery's features and the queries' terms: all that methods need to rank."""

    benchmark: SceneBenchmark
    features: Features
    terms: Mapping[str, FloatArray]

    def rankings(self, method: Method, k: int = DEPTH) -> IntArray:
        """(queries, k) the indices of the images that a method puts first; a query's own reference is not ranked."""
        return top(method.scores(self.terms, self.features), self.benchmark.references, k)

    def rank(self, method: Method, k: int = DEPTH) -> BoolArray:
        """(queries, k) the ranked relevance of a method."""
        return ranked_relevance(self.rankings(method, k), [query.targets for query in self.benchmark.queries])


def prepare(
    benchmark: SceneBenchmark, methods: Iterable[Method], models: Models, cache: Cache, on_progress: Progress
) -> Prepared:
    """Runs the models: draw, embed and caption the gallery, then make the terms that the methods weigh."""
    features = compute_features(benchmark.gallery, models, cache, on_progress)
    names = dict.fromkeys(name for method in methods for name in method.weights)
    terms = make_terms(tuple(names), TermSource(benchmark, features, models, cache, on_progress))
    return Prepared(benchmark, features, terms)


def evaluate(prepared: Prepared, methods: Mapping[str, Method], models: Models, started: float) -> Report:
    """Ranks and measures every method: the report, see docs/scenes-cir.md. `started` is a time.perf_counter()."""
    benchmark = prepared.benchmark
    measured = {name: _measured(prepared.rank(method), benchmark) for name, method in methods.items()}
    return {
        "benchmark": NAME,
        "split": benchmark.split,
        "seed": benchmark.seed,
        "queries": len(benchmark.queries),
        "gallery": len(benchmark.gallery),
        "model": models.fingerprint,
        "captioner": models.captioner.name,
        "rewriter": models.rewriter.name,
        "methods": measured,
        "seconds": round(time.perf_counter() - started, 1),
    }


def _measured(ranked: BoolArray, benchmark: SceneBenchmark) -> dict[str, Any]:
    values = measure(ranked, benchmark.target_counts)
    aspects = by_group(values["map@10"], [query.aspect for query in benchmark.queries])
    return {**_rounded(estimates(values)), "aspects": _rounded(aspects)}


def _rounded(found: Mapping[str, Estimate]) -> dict[str, dict[str, float]]:
    return {name: {end: round(number, 2) for end, number in asdict(one).items()} for name, one in found.items()}


# --- tables -----------------------------------------------------------------------------------------------------


def tables(report: Report) -> str:
    """The report to read: methods by metrics with the interval of mAP@10, then mAP@10 of each method by aspect."""
    title = (
        f"{report['benchmark']} {report['split']}, seed {report['seed']}: {report['queries']} queries, "
        f"gallery of {report['gallery']}; model {report['model']}; percent, with 95 % intervals"
    )
    return "\n\n".join(
        (title, _metrics_table(report["methods"]), "mAP@10 by aspect", _aspects_table(report["methods"]))
    )


def _metrics_table(methods: Mapping[str, Any]) -> str:
    names = [name for name in next(iter(methods.values())) if name != "aspects"]
    head = ["method", *(name.replace("map", "mAP").replace("recall", "R") for name in names), "mAP@10 from", "to"]
    rows = [
        [method, *(_number(found[name]["value"]) for name in names), *(_number(found["map@10"][end]) for end in _ENDS)]
        for method, found in methods.items()
    ]
    return _aligned([head, *rows])


def _aspects_table(methods: Mapping[str, Any]) -> str:
    aspects = list(next(iter(methods.values()))["aspects"])
    rows = [
        [method, *(_number(found["aspects"][aspect]["value"]) for aspect in aspects)]
        for method, found in methods.items()
    ]
    return _aligned([["method", *aspects], *rows])


_ENDS = ("low", "high")


def _number(value: float) -> str:
    return f"{value:.1f}"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as lines: the first column flush left, the others flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
