"""The executor: a plan in, the candidates that hold its exact answer out, with the plan as it ran.

Reads the store by vector searches, and proves that no row left unread can be among the best k; or scans the resident
rows, for many plans at once. Knows nothing about models or metadata.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cvsi_db.records import ColumnName, FloatArray
from cvsi_db.rows import matrix
from cvsi_db.search.plan import TopK, Union, VectorSearch, rewrite_source, scan_of, searches_of
from cvsi_db.search.rerank import Candidates, exact_scores, score_error
from cvsi_db.search.resident import Resident
from cvsi_db.search.resident_scan import scan_rows

if TYPE_CHECKING:
    from cvsi_db.store import Store

FLOAT16_SLACK = 5e-4
"""How far the store's similarity of two unit vectors may lie below the true one.

LanceDB rounds the query to float16, a relative 2^-11 at worst and so 4.9e-4 for unit vectors; 2.4e-4 is the most that
was measured (widths 32 to 1280).
"""

_COLUMNS: tuple[ColumnName, ...] = ("image_vector", "caption_vector")


@dataclass(frozen=True)
class Executed:
    """The plan with what each node did, and the candidates it left."""

    plan: TopK
    candidates: Candidates


@dataclass(frozen=True)
class Fetch:
    """What one search gave: its candidates, and the most it says a row it did not give can add to the score."""

    search: VectorSearch
    candidates: Candidates
    exhausted: bool
    bound: float


def run_plan(plan: TopK, store: Store, device: str, resident: Resident | None = None) -> Executed:
    """Candidates among which the best k of the whole gallery are certain to be.

    `resident` keeps the rows that a plan of that strategy scans; without it they are loaded for this plan alone.
    """
    return run_plans([plan], store, device, resident)[0]


def run_plans(plans: Sequence[TopK], store: Store, device: str, resident: Resident | None = None) -> list[Executed]:
    """The same for many plans: those that scan the resident rows do so together, the others one after the other."""
    scans = [plan for plan in plans if scan_of(plan)]
    scanned = iter(_scan(scans, store, device, resident or Resident()) if scans else ())
    return [next(scanned) if scan_of(plan) else _search(plan, store, device) for plan in plans]


def _scan(plans: Sequence[TopK], store: Store, device: str, resident: Resident) -> list[Executed]:
    found = scan_rows(plans, store, resident.matrix(store, device))
    return [
        Executed(replace(plan, source=replace(plan.source, source=scan)), candidates)
        for plan, (scan, candidates) in zip(plans, found, strict=True)
    ]


def _search(plan: TopK, store: Store, device: str) -> Executed:
    """By vector searches, until the answer is proven.

    The threshold argument of Fagin, Lotem and Naor ("Optimal aggregation algorithms for middleware", JCSS 2003): the
    score is a weighted sum of what the searches rank by, so a row that none of them gave scores at most the sum of
    their last values. Once the k-th exact score is above that sum, the answer is proven; until then every limit
    doubles, and a search that gives fewer rows than its limit has given them all.
    """
    searches, rounds = searches_of(plan), 0
    while True:
        rounds += 1
        fetches = [_fetch(search, store) for search in searches]
        candidates = _merge([fetch.candidates for fetch in fetches])
        if _is_proven(fetches, exact_scores(plan.source, candidates, device), plan):
            return Executed(_as_run(plan, fetches, rounds, len(candidates)), candidates)
        searches = tuple(replace(search, limit=2 * _limit(search)) for search in searches)


def _fetch(search: VectorSearch, store: Store) -> Fetch:
    # The store refuses what float16 cannot hold: at length 1 no weight can overflow it or sink below its least number.
    length = float(np.linalg.norm(search.vector))
    table = store.search(search.column, search.vector / np.float32(length), _limit(search), search.where)
    candidates = Candidates(
        np.array(table["image_id"].to_pylist(), dtype=np.str_), {name: matrix(table, name) for name in _COLUMNS}
    )
    if table.num_rows < _limit(search):
        return Fetch(search, candidates, exhausted=True, bound=-np.inf)
    most = length * (table["similarity"][-1].as_py() + FLOAT16_SLACK)
    return Fetch(search, candidates, exhausted=False, bound=search.column_weight * most)


def _is_proven(fetches: Sequence[Fetch], scores: FloatArray, plan: TopK) -> bool:
    # The searches share one filter: what one has read to its end, the others cannot add to.
    if any(fetch.exhausted for fetch in fetches):
        return True
    if len(scores) < plan.k:
        return False
    kth = float(np.partition(scores, len(scores) - plan.k)[len(scores) - plan.k])
    # Strictly above: a row that ties with the k-th may come before it by its image_id.
    return kth > sum(fetch.bound for fetch in fetches) + score_error(plan.source.terms)


def _merge(parts: Sequence[Candidates]) -> Candidates:
    """The union, ascending by image_id."""
    image_ids, first = np.unique(np.concatenate([part.image_ids for part in parts]), return_index=True)
    return Candidates(
        image_ids, {name: np.concatenate([part.vectors[name] for part in parts])[first] for name in _COLUMNS}
    )


def _limit(search: VectorSearch) -> int:
    return search.rows + 1 if search.limit is None else search.limit


def _as_run(plan: TopK, fetches: Sequence[Fetch], rounds: int, candidates: int) -> TopK:
    searches = tuple(replace(fetch.search, fetched=len(fetch.candidates)) for fetch in fetches)

    def done(union: Union) -> Union:
        return replace(union, searches=searches, rounds=rounds, candidates=candidates)

    return rewrite_source(plan, lambda node: done(node) if isinstance(node, Union) else node)
