"""Runs models and methods over a benchmark of the field: its images in a gallery in, rankings by name out.

`prepare_field` reads the gallery and makes the queries' terms, `rank_field` ranks by one method, `rank_methods` is the
whole of it. Knows nothing about metrics or files of annotations.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cvsi_db.evaluation.baselines import Method
from cvsi_db.evaluation.cache import Cache
from cvsi_db.evaluation.features import Models
from cvsi_db.evaluation.field import DEPTH, FieldBenchmark, Rankings
from cvsi_db.evaluation.field_gallery import GalleryFeatures, embed_references, opened, read_features
from cvsi_db.evaluation.field_terms import FieldSource
from cvsi_db.evaluation.metrics import IntArray, top
from cvsi_db.evaluation.progress import Progress
from cvsi_db.evaluation.terms import TERMS, make_terms
from cvsi_db.records import FloatArray
from cvsi_db.store.folder import EVALUATION

if TYPE_CHECKING:
    from cvsi_db.store.catalog import Catalog
    from cvsi_db.store.images import Store

QUERIES_AT_ONCE = 250
"""Queries that are scored together: CIRCO's index makes 123 MB of scores of so many."""


def rank_methods(
    benchmark: FieldBenchmark, folder: Path, methods: Mapping[str, Method], models: Models, on_progress: Progress
) -> dict[str, Rankings]:
    """What each method ranks first, of the images in the gallery in `folder`; what models made is kept there.

    Raises GalleryError for images that the gallery lacks, ModelError and RewriteError from the models.
    """
    with opened(folder) as (store, catalog):
        cache = Cache(folder / EVALUATION)
        prepared = prepare_field(benchmark, methods.values(), models, store, catalog, cache, on_progress)
    return {name: rank_field(prepared, method) for name, method in methods.items()}


@dataclass(frozen=True)
class FieldPrepared:
    """A benchmark with what methods rank: its images, in the order of benchmark.names, and the queries' terms."""

    benchmark: FieldBenchmark
    features: GalleryFeatures
    terms: Mapping[str, FloatArray]


def prepare_field(
    benchmark: FieldBenchmark,
    methods: Iterable[Method],
    models: Models,
    store: Store,
    catalog: Catalog,
    cache: Cache,
    on_progress: Progress,
) -> FieldPrepared:
    """Reads the images back from the gallery and makes the terms that the methods weigh.

    Raises GalleryError for images that the gallery lacks, ModelError and RewriteError from the models.
    """
    names, queries = benchmark.names, benchmark.queries
    features = read_features(store, names, benchmark.paths, renormalised=benchmark.rules.renormalises)
    place = _places(names)
    asked = features.take(np.array([place[query.reference] for query in queries], dtype=np.int64))
    files = [benchmark.paths[query.reference] for query in queries]
    source = FieldSource(
        edit_texts=[query.edit_text for query in queries],
        captions=asked.captions,
        references=embed_references(asked.image_ids, files, models, cache, on_progress),
        told=asked.told,
        models=models,
        catalog=catalog,
        cache=cache,
        on_progress=on_progress,
    )
    weighed = dict.fromkeys(name for method in methods for name in method.weights)
    return FieldPrepared(benchmark, features, make_terms(tuple(weighed), source, TERMS))


def _places(names: Sequence[str]) -> dict[str, int]:
    return {name: row for row, name in enumerate(names)}


def rank_field(prepared: FieldPrepared, method: Method) -> Rankings:
    """What the method ranks first for every query: of its index, and of its subset where the benchmark has any."""
    benchmark = prepared.benchmark
    place = _places(benchmark.names)
    ranked: dict[str, tuple[str, ...]] = {}
    subsets: dict[str, tuple[str, ...]] = {}
    for category, index in benchmark.indexes.items():
        features = prepared.features.take(np.array([place[name] for name in index], dtype=np.int64))
        rows = [row for row, query in enumerate(benchmark.queries) if query.category == category]
        for chunk in _chunks(rows):
            terms = {name: term[chunk] for name, term in prepared.terms.items()}
            scores = method.scores(terms, features)
            subsets |= _rank_subsets(benchmark, index, chunk, scores)
            ranked |= _rank_index(benchmark, index, chunk, scores)
    return {"recall": ranked, "recall_subset": subsets} if benchmark.rules.subset_ranks else {"recall": ranked}


def _chunks(rows: Sequence[int]) -> Iterator[list[int]]:
    return (list(rows[start : start + QUERIES_AT_ONCE]) for start in range(0, len(rows), QUERIES_AT_ONCE))


def _rank_index(
    benchmark: FieldBenchmark, index: Sequence[str], rows: Sequence[int], scores: FloatArray
) -> dict[str, tuple[str, ...]]:
    """The names with the highest scores (rows, index) for each query; the scores are written to."""
    place = _places(index)
    queries = [benchmark.queries[row] for row in rows]
    excludes = benchmark.rules.excludes_reference
    left_out = [place.get(query.reference, -1) if excludes else -1 for query in queries]
    found = top(scores, np.array(left_out), DEPTH["recall"])
    return {
        query.query_id: tuple(index[column] for column in ranking if column != excluded)
        for query, ranking, excluded in zip(queries, found.tolist(), left_out, strict=True)
    }


def _rank_subsets(
    benchmark: FieldBenchmark, index: Sequence[str], rows: Sequence[int], scores: FloatArray
) -> dict[str, tuple[str, ...]]:
    """The candidates of each query's subset with the highest scores, equals in the order of the index."""
    place = _places(index)
    found = {}
    for row, own in zip(rows, scores, strict=True):
        query = benchmark.queries[row]
        columns: IntArray = np.array(sorted(place[name] for name in query.subset), dtype=np.int64)
        best = columns[np.argsort(-own[columns], kind="stable")][: DEPTH["recall_subset"]]
        found[query.query_id] = tuple(index[column] for column in best.tolist())
    return found
