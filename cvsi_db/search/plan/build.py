"""The planner: a logical query, the number of rows and further facts in, a plan out.

The naive plan says what is to be computed; rules make it cheap, and one strategy is chosen to run it. Knows nothing
about storage or torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np

from cvsi_db.errors import RankError
from cvsi_db.records import Branch, FloatArray, LogicalQuery
from cvsi_db.search.plan.facts import NO_FACTS, Facts
from cvsi_db.search.plan.nodes import Exclude, Filter, Rerank, Source, TopK, Union, VectorSearch, searches_of
from cvsi_db.search.plan.rules import REFINE, SIMPLIFY
from cvsi_db.search.plan.strategies import choose_strategy


def build_plan(logical: LogicalQuery, rows: int, facts: Facts = NO_FACTS) -> TopK:
    """The plan for `logical` over a gallery of `rows` rows, by the strategy that the facts speak for.

    Raises RankError when the weighted terms cancel out and nothing is left to search by.
    """
    plan = _apply(SIMPLIFY, naive_plan(logical, rows))
    if not searches_of(plan):
        raise RankError("the weighted terms of this query cancel out: change the weights")
    chosen = choose_strategy(plan, facts)
    return _apply(REFINE, chosen) if searches_of(chosen) else chosen


def naive_plan(logical: LogicalQuery, rows: int) -> TopK:
    """Every branch against every column, then the filter, the exclusion, the exact score, the best k."""
    source: Source = Union(
        tuple(
            VectorSearch(branch.name, column.name, column.weight, vector, rows)
            for branch, vector in ((branch, branch_vector(branch)) for branch in logical.branches)
            for column in logical.columns
        ),
        missing=logical.missing,
    )
    if logical.filter is not None:
        source = Filter(source, logical.filter)
    if logical.exclude is not None:
        source = Exclude(source, logical.exclude)
    return TopK(Rerank(source, logical.terms, logical.columns), logical.k)


def branch_vector(branch: Branch) -> FloatArray:
    """(dim,) float32: the sum of the branch's terms, each times its weight (sign included)."""
    vectors = np.stack([term.vector for term in branch.terms])  # (terms, dim)
    weights = np.array([term.weight for term in branch.terms])
    return np.asarray(weights @ vectors, dtype=np.float32)


def _apply(rules: Sequence[Callable[[TopK], TopK]], plan: TopK) -> TopK:
    return reduce(lambda plan, rule: rule(plan), rules, plan)
