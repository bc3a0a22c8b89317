"""The metrics of composed image retrieval: rankings and true targets in, percentages with intervals out.

A ranking is an array of ids, best first; what is true about it is its *ranked relevance* (queries, K): whether the
image at each rank is a target. Knows nothing about scores' origin, models or any benchmark's files.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from cvsi_db.records import FloatArray

BoolArray: TypeAlias = npt.NDArray[np.bool_]
IntArray: TypeAlias = npt.NDArray[np.int64]
ValueArray: TypeAlias = npt.NDArray[np.float64]

PRECISION_RANKS = (5, 10, 25, 50)
RECALL_RANKS = (1, 5, 10, 50)
RESAMPLES, BOOTSTRAP_SEED = 2000, 0


@dataclass(frozen=True)
class Estimate:
    """A mean over queries in percent, with the ends of its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


def top(scores: FloatArray, left_out: IntArray, k: int) -> IntArray:
    """(queries, k) the columns with the highest scores (queries, images), best first, without each row's `left_out`.

    Equal scores stand in the order of their columns. Row i leaves out column left_out[i], -1 leaves out none; where k
    takes in every image, the one left out comes last. The scores are written to.
    """
    rows = np.flatnonzero(left_out >= 0)
    scores[rows, left_out[rows]] = -np.inf
    return np.stack([_best(row, min(k, len(row))) for row in scores])


def _best(scores: FloatArray, k: int) -> IntArray:
    """(k,) the places of the k highest scores (images,), best first, equals in order; faster than sorting them all."""
    least = np.partition(scores, len(scores) - k)[len(scores) - k]
    found = np.flatnonzero(scores >= least)
    return found[np.argsort(-scores[found], kind="stable")][:k]


def ranked_relevance(rankings: IntArray, targets: Sequence[Collection[int]]) -> BoolArray:
    """(queries, K) whether each id of the rankings (queries, K) is among its query's targets."""
    return np.array([np.isin(ranking, list(known)) for ranking, known in zip(rankings, targets, strict=True)], bool)


def average_precision(ranked: BoolArray, targets: IntArray, k: int) -> ValueArray:
    """(queries,) CIRCO's AP@k (Baldrati et al., ICCV 2023): Σ_{i≤k} P(i)·rel(i) / min(|targets|, k), in 0..1.

    `ranked` (queries, K) is the ranked relevance, `targets` (queries,) how many targets each query has, at least one.
    """
    hits = ranked[:, :k]
    precision = hits.cumsum(axis=1) / np.arange(1, hits.shape[1] + 1)
    return np.asarray((precision * hits).sum(axis=1) / np.minimum(targets, k), dtype=np.float64)


def recall(ranked: BoolArray, k: int) -> ValueArray:
    """(queries,) 1 where a target is among the first k, else 0: its mean is Recall@k.

    Which images count is the relevance's choice: CIRCO's Recall@k takes the relevance of `target_img_id` alone,
    Scenes-CIR that of every target, for they are equally right.
    """
    return np.asarray(ranked[:, :k].any(axis=1), dtype=np.float64)


def measure(ranked: BoolArray, targets: IntArray) -> dict[str, ValueArray]:
    """Every metric per query (queries,) in 0..1, by its name: "map@5" … "recall@50"."""
    precisions = {f"map@{k}": average_precision(ranked, targets, k) for k in PRECISION_RANKS}
    return precisions | {f"recall@{k}": recall(ranked, k) for k in RECALL_RANKS}


def estimates(values: Mapping[str, ValueArray]) -> dict[str, Estimate]:
    """The mean of each metric's values per query, in percent, with its interval; all from the same resamples."""
    table = np.stack(list(values.values()), axis=1)  # (queries, metrics)
    low, high = _interval(table)
    means = table.mean(axis=0)
    columns = zip(values, means, low, high, strict=True)
    return {name: Estimate(*(100 * float(number) for number in numbers)) for name, *numbers in columns}


def by_group(values: ValueArray, groups: Sequence[str]) -> dict[str, Estimate]:
    """The estimate of a metric within each group of queries (an aspect, a category), in order of first appearance."""
    labels = np.array(groups)
    return {group: estimates({group: values[labels == group]})[group] for group in dict.fromkeys(groups)}


def _interval(table: ValueArray) -> tuple[ValueArray, ValueArray]:
    """The 2.5th and 97.5th percentile (metrics,) of the means of queries drawn anew with replacement.

    The percentile bootstrap (Efron, 1979). How often each query is drawn is one multinomial row, so that all means are
    one product (resamples, queries) · (queries, metrics).
    """
    queries = len(table)
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    drawn = rng.multinomial(queries, np.full(queries, 1 / queries), size=RESAMPLES)
    low, high = np.percentile(drawn @ table / queries, [2.5, 97.5], axis=0)
    return low, high
