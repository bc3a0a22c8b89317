"""Runs methods over Scenes-CIR and reports the outcome, as plain values and as tables to read.

`prepare` runs the models, `evaluate` measures; its report is what `cvsi-db eval scenes --format json` prints.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cvsi_db.evaluation.baselines import METHODS, Method
from cvsi_db.evaluation.cache import Cache
from cvsi_db.evaluation.encoding import Models, StageProgress
from cvsi_db.evaluation.metrics import (
    BoolArray,
    Estimate,
    IntArray,
    ValueArray,
    by_group,
    estimates,
    measure,
    ranked_relevance,
    top,
)
from cvsi_db.evaluation.report_tables import groups_table, metrics_table, rounded
from cvsi_db.evaluation.scene_features import Features, compute_features
from cvsi_db.evaluation.scene_terms import SCENE_TERMS, SceneSource
from cvsi_db.evaluation.scenes import NAME, SceneBenchmark
from cvsi_db.evaluation.terms import make_terms
from cvsi_db.records import FloatArray

Report = dict[str, Any]

DEPTH = 50
"""How deep rankings go: the largest K of any metric."""


NEGATIVES_AT = (1, 10)
"""Hits among which a query's own distractors are counted."""

SHORTCUTS = ("image", "text")
"""The methods that see one half of a query alone."""


@dataclass(frozen=True)
class Prepared:
    """A benchmark with the gallery's features and the queries' terms: all that methods need to rank."""

    benchmark: SceneBenchmark
    features: Features
    terms: Mapping[str, FloatArray]

    def measure(self, method: Method) -> dict[str, ValueArray]:
        """Every metric of a method per query, in 0..1. `negatives@K` is the share of the query's own distractors among
        the first K hits: the fewer the better."""
        rankings, queries = self.rankings(method), self.benchmark.queries
        ranked = ranked_relevance(rankings, [query.targets for query in queries])
        wrong = ranked_relevance(rankings, [query.negatives for query in queries])
        negatives = {f"negatives@{k}": np.asarray(wrong[:, :k].mean(axis=1), dtype=np.float64) for k in NEGATIVES_AT}
        return measure(ranked, self.benchmark.target_counts) | negatives

    def rankings(self, method: Method, k: int = DEPTH) -> IntArray:
        """(queries, k) the indices of the images that a method puts first; a query's own reference is not ranked."""
        return top(method.scores(self.terms, self.features), self.benchmark.references, k)

    def rank(self, method: Method, k: int = DEPTH) -> BoolArray:
        """(queries, k) the ranked relevance of a method."""
        return ranked_relevance(self.rankings(method, k), [query.targets for query in self.benchmark.queries])


def prepare(
    benchmark: SceneBenchmark, methods: Iterable[Method], models: Models, cache: Cache, on_progress: StageProgress
) -> Prepared:
    """Runs the models: draw, embed and caption the gallery, then make the terms that the methods weigh."""
    features = compute_features(benchmark.gallery, models, cache, on_progress)
    names = dict.fromkeys(name for method in methods for name in method.weights)
    source = SceneSource(benchmark, features, models, cache, on_progress)
    terms = make_terms(tuple(names), source, SCENE_TERMS)
    return Prepared(benchmark, features, terms)


def evaluate(
    prepared: Prepared,
    methods: Mapping[str, Method],
    models: Models,
    started: float,
    spreads: Mapping[str, Mapping[str, Estimate]] | None = None,
    *,
    shortcut: bool = False,
) -> Report:
    """Ranks and measures every method: the report, see docs/scenes-cir.md. `started` is a time.perf_counter().

    `spreads` is what other wordings of the edits make of each method (scene_wordings), if that was measured.

    With `shortcut` one more row, of that name, gives each query the better of image alone and text alone, as CIRCUS
    (2026) asks: the share of the queries that one half of them solves.
    """
    benchmark = prepared.benchmark
    found = {name: prepared.measure(method) for name, method in methods.items()}
    if shortcut:
        image, text = (prepared.measure(METHODS[name]) for name in SHORTCUTS)
        found["shortcut"] = {
            name: (np.minimum if name.startswith("negatives") else np.maximum)(values, text[name])
            for name, values in image.items()
        }
    measured = {}
    for name, values in found.items():
        aspects = by_group(values["map@10"], [(query.aspect,) for query in benchmark.queries])
        measured[name] = {**rounded(estimates(values)), "aspects": rounded(aspects)}
    return {
        "benchmark": NAME,
        "split": benchmark.split,
        "seed": benchmark.seed,
        "queries": len(benchmark.queries),
        "gallery": len(benchmark.gallery),
        "model": models.fingerprint,
        "captioner": models.captioner and models.captioner.name,
        "rewriter": models.rewriter.name,
        "methods": measured,
        "paraphrases": {name: rounded(found) for name, found in (spreads or {}).items()},
        "seconds": round(time.perf_counter() - started, 1),
    }


# --- tables -----------------------------------------------------------------------------------------------------


def scene_tables(report: Report) -> str:
    """The report to read: methods by metrics with the interval of mAP@10, then mAP@10 of each method by aspect."""
    title = (
        f"{report['benchmark']} {report['split']}, seed {report['seed']}: {report['queries']} queries, "
        f"gallery of {report['gallery']}; model {report['model']}; percent, with 95 % intervals"
    )
    aspects = {name: found["aspects"] for name, found in report["methods"].items()}
    parts = [title, metrics_table(report["methods"], "map@10"), "mAP@10 by aspect", groups_table(aspects)]
    if report["paraphrases"]:
        told = "each edit in up to six wordings: mean AP@10 of all, its standard deviation over an edit's, its worst"
        parts += [told, metrics_table(report["paraphrases"], "spread")]
    return "\n\n".join(parts)
