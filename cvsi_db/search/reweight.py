"""Reweight: a search result in the order of other weights, without a model call or a table scan.

Takes a result, whose pool holds the similarities of its best images to each term; returns another one, and says when an
image outside the pool may belong among its hits. Knows nothing about models or storage.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from time import perf_counter
from typing import cast

import numpy as np

from cvsi_db.errors import QueryError
from cvsi_db.query.checks import Weights, check_query, check_weights, choose_weights
from cvsi_db.records import (
    Branch,
    CompiledQuery,
    ComposedQuery,
    FloatArray,
    LogicalQuery,
    Pool,
    SearchResult,
    Term,
    TermName,
)
from cvsi_db.search.plan.nodes import TopK
from cvsi_db.search.present.hits import hits_of

LONGEST = 1.001
"""The longest that a stored vector is: a unit vector after rounding to float16, which adds at most 2^-11 of it."""

ROUNDING = 1e-5
"""How far a float32 score may be off, as a part of the longest query vector's length."""


def reweight(result: SearchResult, weights: str | Mapping[TermName, float], k: int | None = None) -> SearchResult:
    """What SearchResult.rerank returns and raises."""
    if result.pool is None:
        raise QueryError("this result keeps nothing to rerank: search again")
    start = perf_counter()
    query = replace(result.compiled.query, rank=_rank(weights), k=result.compiled.query.k if k is None else k)
    compiled = _recompiled(result.compiled, query)
    pool = _reordered(result.pool, compiled.logical.terms)
    hits = hits_of(pool, query)
    missing = _missing(result.pool, pool, query, cast(TopK, result.plan).is_exact)
    milliseconds = (perf_counter() - start) * 1000
    return SearchResult(
        hits,
        compiled=compiled,
        plan=result.plan,
        timings_ms={"rerank": milliseconds, "total": milliseconds},
        warnings=(*compiled.warnings, *([missing] if missing else [])),
        pool=result.pool,
    )


def outside_bound(old: FloatArray, new: FloatArray, floor: float) -> float:
    """The most that an image can score by the query vector `new` (dim,) when it scores at most `floor` by `old` (dim,).

    An image is a vector x (the mix of its columns) no longer than LONGEST. With φ the angle between the two query
    vectors and θ the one whose cosine is floor / (|old| · LONGEST), x stays at least θ away from `old`, and so at
    least θ - φ from `new`: it scores at most |new| · LONGEST · cos(max(θ - φ, 0)).
    """
    long_old, long_new = float(np.linalg.norm(old)), float(np.linalg.norm(new))
    away = math.acos(min(max(floor / (long_old * LONGEST), -1.0), 1.0))
    between = math.acos(min(max(float(old @ new) / (long_old * long_new), -1.0), 1.0)) if long_new else 0.0
    return long_new * LONGEST * math.cos(max(away - between, 0.0)) + ROUNDING * max(long_old, long_new)


def _rank(weights: str | Mapping[TermName, float]) -> str:
    """The weights as a rank expression, which is checked like any other."""
    if isinstance(weights, str):
        return weights
    return " + ".join(f"{float(weight)!r}*{name}" for name, weight in weights.items())


def _recompiled(compiled: CompiledQuery, query: ComposedQuery) -> CompiledQuery:
    """The same terms with the weights of the query's rank."""
    check_query(query)
    available = tuple(term.name for term in compiled.logical.terms)
    weights, _ = choose_weights(query, compiled.preset, available)
    check_weights(weights, available)
    return replace(compiled, query=query, logical=_reweighted(compiled.logical, weights))


def _reweighted(logical: LogicalQuery, weights: Weights) -> LogicalQuery:
    def changed(branch: Branch) -> Branch:
        terms = (replace(term, weight=float(weights.get(term.name, 0.0))) for term in branch.terms)
        return replace(branch, terms=tuple(terms))

    return replace(logical, branches=tuple(changed(branch) for branch in logical.branches))


def _reordered(pool: Pool, terms: tuple[Term, ...]) -> Pool:
    """The pool by the weights of `terms`, which are its own: best first, equal scores by image_id."""
    contributions = pool.ranking.similarities * np.array([term.weight for term in terms], dtype=np.float32)
    scores = contributions.sum(axis=1)
    order = np.lexsort((np.array(pool.ranking.image_ids, dtype=np.str_), -scores))
    ranking = replace(
        pool.ranking,
        image_ids=tuple(pool.ranking.image_ids[place] for place in order),
        terms=terms,
        scores=scores[order],
        similarities=pool.ranking.similarities[order],
        contributions=contributions[order],
    )
    return replace(pool, ranking=ranking, metadata=tuple(pool.metadata[place] for place in order))


def _missing(old: Pool, new: Pool, query: ComposedQuery, exact: bool) -> str | None:
    """A warning unless every image outside the pool certainly scores less than the last hit that may be shown.

    Nothing is certain of images outside when the search was not `exact`.
    """
    kept, last = len(old.ranking.image_ids), query.offset + query.k
    if old.whole:
        return None
    least = -math.inf if query.min_score is None else query.min_score
    if kept >= last:
        least = max(least, float(new.ranking.scores[last - 1]))
    floor = float(old.ranking.scores[-1])
    if exact and least > outside_bound(_query_vector(old), _query_vector(new), floor):
        return None
    return (
        f"reranked among the {kept:,} best images of the search; others may belong here: "
        f"search with a pool above {kept:,}, or with these weights"
    )


def _query_vector(pool: Pool) -> FloatArray:
    """(dim,) the weighted sum of the terms: the score is linear in them."""
    return np.asarray(sum(np.float32(term.weight) * term.vector for term in pool.ranking.terms), dtype=np.float32)
