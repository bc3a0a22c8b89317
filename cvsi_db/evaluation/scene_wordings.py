"""Each edit of Scenes-CIR in several wordings, and how much a ranking depends on the words.

Takes a prepared benchmark and methods; gives, for each method, the mean of AP@10 over all wordings, the spread over the
wordings of an edit, and the mean of the worst one's, as PinPoint (2026) asks of photographs.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from cvsi_db.evaluation.baselines import Method
from cvsi_db.evaluation.cache import Cache
from cvsi_db.evaluation.encoding import Models, StageProgress
from cvsi_db.evaluation.metrics import Estimate, IntArray, average_precision, estimates
from cvsi_db.evaluation.scene_report import Prepared
from cvsi_db.evaluation.scene_terms import SCENE_TERMS, SceneSource
from cvsi_db.evaluation.scenes import SceneBenchmark, book_of
from cvsi_db.evaluation.terms import make_terms
from cvsi_db.scenes.edits import wordings

WORDINGS = 6
"""How many of an edit are ranked, the query's own among them."""

RANKED_AT_ONCE = 500
"""Queries whose scores of the whole gallery are held at a time."""

K = 10


@dataclass(frozen=True)
class Reworded:
    """A benchmark with its queries in all their wordings; `of` (queries,) is the place of the query that each rewords,
    which comes first of its wordings."""

    benchmark: SceneBenchmark
    of: IntArray


def reword(benchmark: SceneBenchmark) -> Reworded:
    """Every query in up to WORDINGS wordings of the split's phrasebook, chosen by chance, the same ones every time."""
    queries, of = [], []
    for place, query in enumerate(benchmark.queries):
        rng = random.Random(f"wordings/{benchmark.split}/{benchmark.seed}/{place}")
        scene = benchmark.gallery[query.reference]
        for edit in wordings(scene, query.edit, WORDINGS, rng, book_of(benchmark.split)):
            queries.append(replace(query, edit=edit))
            of.append(place)
    return Reworded(replace(benchmark, queries=tuple(queries)), np.array(of, dtype=np.int64))


def spread(
    prepared: Prepared, methods: Mapping[str, Method], models: Models, cache: Cache, on_progress: StageProgress
) -> dict[str, dict[str, Estimate]]:
    """By method: `wordings` the mean of AP@10 over an edit's wordings, `spread` their standard deviation, `worst` the
    least of them, each a mean over the edits in percent with its interval.

    The models make the terms of all wordings. A method that makes nothing of the words (image) has no spread; the
    ceiling, which does not read them, is left out.
    """
    reworded = reword(prepared.benchmark)
    used = {name: method for name, method in methods.items() if "true_captions" not in method.weights}
    names = dict.fromkeys(name for method in used.values() for name in method.weights)
    source = SceneSource(reworded.benchmark, prepared.features, models, cache, on_progress)
    terms = make_terms(tuple(names), source, SCENE_TERMS)
    counts = reworded.benchmark.target_counts
    found = {}
    for name, method in used.items():
        precisions = []
        for start in range(0, len(counts), RANKED_AT_ONCE):
            some = slice(start, start + RANKED_AT_ONCE)
            part = Prepared(
                replace(reworded.benchmark, queries=reworded.benchmark.queries[some]),
                prepared.features,
                {term: vectors[some] for term, vectors in terms.items()},
            )
            precisions.append(average_precision(part.rank(method, K), counts[some], K))
        of_edit = np.split(np.concatenate(precisions), np.flatnonzero(np.diff(reworded.of)) + 1)
        found[name] = estimates(
            {
                "wordings": np.array([each.mean() for each in of_edit]),
                "spread": np.array([each.std() for each in of_edit]),
                "worst": np.array([each.min() for each in of_edit]),
            }
        )
    return found
