"""The rerank: candidates in, the best k with their exact scores out.

Scores are float32, from vectors that are stored as float16, and the same on every device: candidates are few, and so
they are scored on the CPU.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from cvsi_db.records import Column, ColumnName, FloatArray, Term
from cvsi_db.search.plan.nodes import Rerank, TopK
from cvsi_db.search.result import Ranking


@dataclass(frozen=True)
class Candidates:
    """Rows that may be hits: `image_ids` (n,) strings, ascending and distinct, and `mixed` (n, dim), what the terms are
    compared with: the query's mix of the columns. `row_ids` (n,) are the store's, where they are known."""

    image_ids: npt.NDArray[Any]
    mixed: FloatArray = field(repr=False)
    row_ids: npt.NDArray[np.uint64] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.image_ids)


def rerank(plan: TopK, candidates: Candidates) -> Ranking:
    """The best `plan.k` candidates; equal scores by image_id ascending; fewer when there are fewer."""
    similarities = term_similarities(plan.source, candidates)
    contributions = similarities * _weights(plan.source.terms)
    scores = contributions.sum(axis=1)
    # Candidates come in the order of their image_id, and a stable sort keeps it among equal scores.
    best = np.argsort(-scores, kind="stable")[: plan.k]
    return Ranking(
        tuple(candidates.image_ids[best].tolist()),
        plan.source.terms,
        scores[best],
        similarities[best],
        contributions[best],
        None if candidates.row_ids is None else candidates.row_ids[best],
    )


def exact_scores(node: Rerank, candidates: Candidates) -> FloatArray:
    """(n,) float32: score(x) = Σ_terms weight · <term, Σ_columns weight · x[column]> (CVSI, ICDM 2025)."""
    scores: FloatArray = (term_similarities(node, candidates) * _weights(node.terms)).sum(axis=1)
    return scores


def score_error(terms: Sequence[Term]) -> float:
    """How far a float32 score may be off for a row no longer than 1, in whatever order its products are summed."""
    most = sum(abs(term.weight) * float(np.linalg.norm(term.vector)) for term in terms)
    return (max(len(term.vector) for term in terms) + len(terms) + 8) * 2.0**-24 * most


def term_similarities(node: Rerank, candidates: Candidates) -> FloatArray:
    """(n, terms) float32: each term's inner product with the mixed column (1-γ)·image + γ·caption.

    An inner product of its own for each row and term rather than a matrix product: that one sums the rows at its edges
    in another order, and the last bit of equal rows would then decide their rank.
    """
    similarities: FloatArray = np.vecdot(candidates.mixed[:, None], np.stack([term.vector for term in node.terms]))
    return similarities


def mix(columns: Sequence[Column], vectors: Mapping[ColumnName, FloatArray]) -> FloatArray:
    """(n, dim) float32: the weighted sum of the columns' vectors (n, dim), every product and sum rounded.

    The share of a `unit` column's vector is its weight times the vector's unit scale, rounded to float32.
    """
    parts = []
    for column in columns:
        share = np.float64(column.weight) * unit_scales(vectors[column.name]) if column.unit else column.weight
        parts.append(np.asarray(share, dtype=np.float32)[..., None] * vectors[column.name])
    return np.asarray(np.sum(parts, axis=0), dtype=np.float32)


def unit_scales(vectors: FloatArray) -> FloatArray:
    """(...,) float32: what each vector (..., dim) is multiplied by to be of length 1; 0 for a zero vector."""
    lengths: FloatArray = np.sqrt(np.vecdot(vectors, vectors))
    return np.divide(np.float32(1), lengths, out=np.zeros_like(lengths), where=lengths > 0)


def _weights(terms: Sequence[Term]) -> FloatArray:
    return np.array([term.weight for term in terms], dtype=np.float32)
