"""Measures rankings by a benchmark's rules: names in, percentages with intervals out; knows nothing about models."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import numpy as np

from cvsi_db.evaluation.field import DEPTH, FieldBenchmark, FieldQuery, ListName, Rankings
from cvsi_db.evaluation.metrics import BoolArray, ValueArray, average_precision, balanced, by_group, estimates, recall
from cvsi_db.evaluation.tables import rounded


def measure_field(benchmark: FieldBenchmark, rankings: Rankings) -> dict[str, Any]:
    """One method's part of a report: {metric: {value, low, high}}, and estimates by aspect or category.

    Metrics of a list that is not among the rankings are left out, and all are where the truth is not known.
    """
    if not benchmark.has_truth:
        return {}
    values = _values(benchmark, rankings)
    if benchmark.rules.groups == "categories":
        return _by_category(values, [query.category for query in benchmark.queries])
    found: dict[str, Any] = rounded(estimates(values))
    if benchmark.rules.groups == "aspects":
        found["aspects"] = rounded(by_group(values["map@10"], [query.aspects for query in benchmark.queries]))
    return found


def _by_category(values: Mapping[str, ValueArray], categories: list[str]) -> dict[str, Any]:
    labels = np.array(categories)
    parts = {
        name: rounded(estimates({metric: each[labels == name] for metric, each in values.items()}))
        for name in dict.fromkeys(categories)
    }
    return {**rounded(balanced(values, categories)), "categories": parts}


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
