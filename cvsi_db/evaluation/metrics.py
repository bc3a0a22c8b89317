"""The metrics of composed image retrieval: rankings and true targets in, percentages with intervals out.

A ranking is an array of ids, best first; what is true about it is its *ranked relevance* (queries, K): whether the
image at each rank is a target.
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
    return _percentages(tuple(values), table.mean(axis=0), _resampled(table, np.random.default_rng(BOOTSTRAP_SEED)))


def by_group(values: ValueArray, groups: Sequence[tuple[str, ...]]) -> dict[str, Estimate]:
    """The estimate of a metric within each group of queries (an aspect, a category), in order of first appearance.

    `groups` are those of each query: it may be in several.
    """
    names = dict.fromkeys(name for those in groups for name in those)
    return {name: estimates({name: values[[name in those for those in groups]]})[name] for name in names}


def balanced(values: Mapping[str, ValueArray], groups: Sequence[str]) -> dict[str, Estimate]:
    """The plain mean of the groups' means of each metric, however large they are, in percent with its interval.

    Every query is in one group; each group is resampled on its own, because its size is fixed.
    """
    table, labels = np.stack(list(values.values()), axis=1), np.array(groups)
    parts = [table[labels == group] for group in dict.fromkeys(groups)]
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    resampled = np.mean([_resampled(part, rng) for part in parts], axis=0)
    return _percentages(tuple(values), np.mean([part.mean(axis=0) for part in parts], axis=0), resampled)


def _resampled(table: ValueArray, rng: np.random.Generator) -> ValueArray:
    """(RESAMPLES, metrics) the means of queries drawn with replacement, from a table (queries, metrics).

    How often each query is drawn is one multinomial row, so that all means are one product.
    """
    queries = len(table)
    drawn = rng.multinomial(queries, np.full(queries, 1 / queries), size=RESAMPLES)
    return np.asarray(drawn @ table / queries, dtype=np.float64)


def _percentages(names: Sequence[str], means: ValueArray, resampled: ValueArray) -> dict[str, Estimate]:
    """Means with the 2.5th and 97.5th percentile of the resampled means: the percentile bootstrap (Efron, 1979)."""
    low, high = np.percentile(resampled, [2.5, 97.5], axis=0)
    columns = zip(names, means, low, high, strict=True)
    return {name: Estimate(*(100 * float(number) for number in numbers)) for name, *numbers in columns}
