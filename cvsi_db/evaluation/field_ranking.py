"""Runs models and methods over a benchmark of the field: its images in a gallery in, rankings by name out.

`prepare_field` reads the gallery and makes the queries' terms, `rank_field` ranks by one method. Every rewrite is kept
in the gallery's catalog as soon as it is there, under the key by which a search looks it up: an interrupted run loses
nothing, and a search of the same reference and edit text asks no rewriter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cvsi_db.evaluation.baselines import Method
from cvsi_db.evaluation.cache import Cache
from cvsi_db.evaluation.encoding import Models, StageProgress
from cvsi_db.evaluation.field import DEPTH, FieldBenchmark, Rankings
from cvsi_db.evaluation.field_gallery import (
    CaptionOrigin,
    GalleryFeatures,
    caption_origin,
    embed_references,
    opened,
    read_features,
)
from cvsi_db.evaluation.metrics import IntArray, top
from cvsi_db.evaluation.terms import NOBODY, TERMS, Makers, alone, make_terms
from cvsi_db.models.protocols import Rewriter
from cvsi_db.models.rewriters import cache_name, rewrite_many
from cvsi_db.models.unit_vectors import normalise
from cvsi_db.records import FloatArray, Rewrite
from cvsi_db.store.folder import EVALUATION
from cvsi_db.store.location import Location, on_this_machine

if TYPE_CHECKING:
    from cvsi_db.store.catalog import Catalog

Request = tuple[tuple[str, ...], str]
"""Captions and an edit text."""

QUERIES_AT_ONCE = 250
"""Queries that are scored together: with CIRCO's index their scores take 123 MB."""


@dataclass(frozen=True)
class FieldPrepared:
    """A benchmark with what methods rank: its images, in the order of benchmark.names, and the queries' terms.

    `rewriters` counts the rewrites by who made them: with a fallback that may not be the rewriter that was asked.
    """

    benchmark: FieldBenchmark
    features: GalleryFeatures
    terms: Mapping[str, FloatArray]
    captions: CaptionOrigin
    rewriters: Mapping[str, int]


def prepare_field(
    benchmark: FieldBenchmark,
    methods: Iterable[Method],
    models: Models,
    folder: Location,
    on_progress: StageProgress,
    imported: Mapping[str, Rewrite] | None = None,
) -> FieldPrepared:
    """Reads the images back from the gallery in `folder` and makes the terms that the methods weigh.

    With `imported` rewrites, by query id, no rewriter is asked. What models computed is kept beside the gallery. Raises
    GalleryError for images that the gallery lacks, ModelError and RewriteError from the models.
    """
    names, queries = benchmark.names, benchmark.queries
    cache = Cache(on_this_machine(folder) / EVALUATION)
    with opened(folder) as (store, catalog):
        features = read_features(
            store,
            names,
            benchmark.paths,
            renormalised=benchmark.rules.renormalises,
            captioned=models.captioner is not None,
        )
        place = _places(names)
        references = features.take(np.array([place[query.reference] for query in queries], dtype=np.int64))
        nothing = alone("")  # an edit text that says nothing may have no rewrite
        source = FieldSource(
            edit_texts=[query.edit_text for query in queries],
            image_ids=references.image_ids,
            files=[benchmark.paths[query.reference] for query in queries],
            captions=references.captions,
            caption_means=references.caption_means,
            models=models,
            catalog=catalog,
            cache=cache,
            on_progress=on_progress,
            imported=None if imported is None else [imported.get(query.query_id, nothing) for query in queries],
        )
        weighed = dict.fromkeys(name for method in methods for name in method.weights)
        terms = make_terms(tuple(weighed), source, FIELD_TERMS)
        origin = caption_origin(features, catalog)
    return FieldPrepared(benchmark, features, terms, origin, source.count_rewriters())


def _places(names: Sequence[str]) -> dict[str, int]:
    return {name: row for row, name in enumerate(names)}


# --- terms ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FieldSource:
    """A TermSource. `image_ids` and `files` are those of each query's reference, `captions` its captions and
    `caption_means` (queries, dim) their means."""

    edit_texts: Sequence[str]
    image_ids: Sequence[str]
    files: Sequence[Path]
    captions: Sequence[tuple[str, ...]]
    caption_means: FloatArray = field(repr=False)
    models: Models
    catalog: Catalog
    cache: Cache
    on_progress: StageProgress
    imported: Sequence[Rewrite] | None = None
    _asked: dict[int | None, list[Rewrite]] = field(default_factory=dict, repr=False)

    @cached_property
    def references(self) -> FloatArray:
        """(queries, dim) the un-normalised embeddings of the references."""
        return embed_references(self.image_ids, self.files, self.models, self.cache, self.on_progress)

    def rewrites(self, captions: int | None = None) -> list[Rewrite]:
        """What the rewriter makes of the edit text and each reference's first `captions` captions (all when None).

        Imported rewrites stand for both.
        """
        if self.imported is not None:
            self._asked[None] = list(self.imported)
            return self._asked[None]
        if captions not in self._asked:  # several terms ask, and not every answer is kept in the catalog
            requests = [(texts[:captions], text) for texts, text in zip(self.captions, self.edit_texts, strict=True)]
            answers = rewrite_all(requests, self.models.rewriter, self.catalog, self.on_progress)
            self._asked[captions] = answers
        return self._asked[captions]

    def count_rewriters(self) -> dict[str, int]:
        """How many of the rewrites each rewriter made, the most first; edit texts that say nothing do not count."""
        names = (rewrite.rewriter for answers in self._asked.values() for rewrite in answers)
        return dict(Counter(name for name in names if name != NOBODY).most_common())


def _composed(source: FieldSource) -> FloatArray:
    """What a composer makes of each reference with its edit text."""
    texts = [" ".join(text.split()) for text in source.edit_texts]
    found = embed_references(source.image_ids, source.files, source.models, source.cache, source.on_progress, texts)
    return normalise(found, len(texts))


FIELD_TERMS: Makers[FieldSource] = {**TERMS, "composed": _composed}
"""All terms of a benchmark of the field."""


# --- rewrites ---------------------------------------------------------------------------------------------------


def rewrite_all(
    requests: Sequence[Request], rewriter: Rewriter, catalog: Catalog, on_progress: StageProgress
) -> list[Rewrite]:
    """The rewrite of each request, in order: from the catalog, else from the rewriter, which is asked once for each.

    An edit text that says nothing leaves the captions as they are, and without captions the edit text stands for them.
    Raises RewriteError when there is no usable answer.
    """
    name = cache_name(rewriter)
    known: dict[Request, Rewrite | None] = {}
    for captions, text in dict.fromkeys(requests):
        unchanged = Rewrite(captions, added_objects="", rewriter=NOBODY)
        told = catalog.rewrite(captions, text, name) if captions else alone(text)
        known[captions, text] = told if text else unchanged
    missing = [request for request, rewrite in known.items() if rewrite is None]

    def keep(index: int, rewrite: Rewrite) -> None:
        captions, text = missing[index]
        if rewrite.rewriter == name:
            catalog.keep_rewrite(captions, text, name, rewrite)

    answers = rewrite_many(rewriter, missing, lambda done, total: on_progress("rewriting", done, total), keep)
    fresh = dict(zip(missing, answers, strict=True))
    return [known[request] or fresh[request] for request in requests]


# --- rankings ---------------------------------------------------------------------------------------------------


def rank_field(prepared: FieldPrepared, method: Method) -> Rankings:
    """What the method ranks first for every query: of its index, and of its subset where the benchmark has any."""
    benchmark = prepared.benchmark
    place = _places(benchmark.names)
    ranked: dict[str, tuple[str, ...]] = {}
    subsets: dict[str, tuple[str, ...]] = {}
    for category, index in benchmark.indexes.items():
        features = prepared.features.take(np.array([place[name] for name in index], dtype=np.int64))
        rows = [row for row, query in enumerate(benchmark.queries) if query.category == category]
        for start in range(0, len(rows), QUERIES_AT_ONCE):
            chunk = rows[start : start + QUERIES_AT_ONCE]
            terms = {name: term[chunk] for name, term in prepared.terms.items()}
            scores = method.scores(terms, features)
            subsets |= _rank_subsets(benchmark, index, chunk, scores)
            ranked |= _rank_index(benchmark, index, chunk, scores)
    return {"recall": ranked, "recall_subset": subsets} if benchmark.rules.subset_ranks else {"recall": ranked}


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
