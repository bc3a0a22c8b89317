"""The result of a search: its hits, what led to them, and the same images in the order of other weights.

`present_rankings` makes a pool of a ranking and the metadata of its images, and a pool makes the hits that a query
shows. A result keeps its pool, so that it can be reranked without a model call or a table scan; the reranked result
says when an image outside the pool may belong among its hits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cvsi_db.errors import QueryError
from cvsi_db.query.options import BY_FIELD
from cvsi_db.query.weights import check_weights, choose_weights, weights_of
from cvsi_db.records import CompiledQuery, ComposedQuery, FloatArray, Term, TermName
from cvsi_db.search.plan.nodes import TopK, Verify
from cvsi_db.search.score_gap import clear_gap

if TYPE_CHECKING:
    import pyarrow as pa

    from cvsi_db.store.images import Store

METADATA = ("path", "folder", "name", "width", "height", "taken_at", "captions")
"""The columns a hit carries."""

LONGEST = 1.001
"""The longest that a stored vector is: a unit vector after rounding to float16, which adds at most 2^-11 of it."""

ROUNDING = 1e-5
"""How far a float32 score may be off, as a part of the longest query vector's length."""


@dataclass(frozen=True)
class Ranking:
    """The best k, best first: `scores` (k,), and `similarities` and `contributions` (k, terms), all float32.

    `row_ids` (k,) are the store's, where they are known."""

    image_ids: tuple[str, ...]
    terms: tuple[Term, ...]
    scores: FloatArray
    similarities: FloatArray
    contributions: FloatArray
    row_ids: npt.NDArray[np.uint64] | None = None


@dataclass(frozen=True)
class TermScore:
    """A term's part in a hit's score: contribution = weight · similarity; similarity is against the mixed column."""

    similarity: float
    weight: float
    contribution: float


@dataclass(frozen=True, repr=False)
class Hit:
    """One found image. The best of the gallery has `rank` 1; `score` is the sum of the terms' contributions.

    `confidence` is the verifier's, from 0 to 1, of a hit that it was shown.
    """

    rank: int
    path: str
    image_id: str
    score: float
    terms: Mapping[TermName, TermScore]
    metadata: Mapping[str, Any] = field(default_factory=dict, repr=False)
    confidence: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The hit as plain values: rank, score, confidence, path, image_id, its metadata, each term's contribution."""
        terms = {name: term.contribution for name, term in self.terms.items()}
        return {
            "rank": self.rank,
            "score": self.score,
            "confidence": self.confidence,
            **self.metadata,
            "path": self.path,
            "image_id": self.image_id,
        } | terms

    def __repr__(self) -> str:
        return f"<Hit {self.rank}: {self.score:.4f} {self.path!r}>"

    def _repr_html_(self) -> str:
        from cvsi_db.search.present.thumbnails import hits_table

        return hits_table([(self.rank, self.score, self.path, None)])


@dataclass(frozen=True)
class Pool:
    """The best images of a search, more than it may show, with all that hits are made of.

    `ranking` holds the terms and the images' similarities, best first, `metadata` a mapping per image; it is `complete`
    when no other image of the gallery satisfies the query's condition. `confidences` are the verifier's, by image_id.
    """

    ranking: Ranking = field(repr=False)
    metadata: tuple[Mapping[str, Any], ...] = field(repr=False)
    complete: bool
    confidences: Mapping[str, float] = field(default_factory=dict, repr=False)

    def count(self, query: ComposedQuery) -> int:
        """How many images, from the first, the query's cut-offs leave."""
        ranking = self.ranking
        left = len(ranking.scores)
        if query.min_score is not None:
            left = min(left, int((ranking.scores >= query.min_score).sum()))
        if query.auto_cut:
            left = min(left, clear_gap(ranking.scores.tolist()) or left)
        return left

    def order(self, query: ComposedQuery) -> list[int]:
        """The places in the ranking, less those cut off, in the order that the query shows.

        Those of the first `query.verify` of which a confidence is known share their places by it: docs of
        ComposedQuery. All others keep theirs.
        """
        order = list(range(self.count(query)))
        ranking, weight = self.ranking, query.verify_weight
        known = [place for place in order[: query.verify] if ranking.image_ids[place] in self.confidences]

        def key(place: int) -> float:
            confidence = self.confidences[ranking.image_ids[place]]
            return confidence if weight is None else float(ranking.scores[place]) + weight * confidence

        for place, at in zip(known, sorted(known, key=key, reverse=True), strict=True):  # stable: equal ones by score
            order[place] = at
        return order

    def hits(self, query: ComposedQuery) -> list[Hit]:
        """What the query shows of the pool: from its offset, at most k, and none below a cut-off."""
        ranking = self.ranking
        hits = []
        for rank, place in enumerate(self.order(query)[query.offset : query.offset + query.k], query.offset + 1):
            parts = zip(ranking.terms, ranking.similarities[place], ranking.contributions[place], strict=True)
            hits.append(
                Hit(
                    rank=rank,
                    path=self.metadata[place]["path"],
                    image_id=ranking.image_ids[place],
                    score=float(ranking.scores[place]),
                    terms={term.name: TermScore(float(near), term.weight, float(part)) for term, near, part in parts},
                    metadata=self.metadata[place],
                    confidence=self.confidences.get(ranking.image_ids[place]),
                )
            )
        return hits

    def reordered(self, terms: tuple[Term, ...]) -> Pool:
        """The pool by the weights of `terms`, which are its own: best first, equal scores by image_id."""
        ranking = self.ranking
        contributions = ranking.similarities * np.array([term.weight for term in terms], dtype=np.float32)
        scores = contributions.sum(axis=1)
        order = np.lexsort((np.array(ranking.image_ids, dtype=np.str_), -scores))
        reordered = Ranking(
            tuple(ranking.image_ids[place] for place in order),
            terms,
            scores[order],
            ranking.similarities[order],
            contributions[order],
        )
        return replace(self, ranking=reordered, metadata=tuple(self.metadata[place] for place in order))

    @property
    def query_vector(self) -> FloatArray:
        """(dim,) the weighted sum of the terms: the score is linear in them."""
        return np.asarray(sum(np.float32(term.weight) * term.vector for term in self.ranking.terms), dtype=np.float32)


class SearchResult(list[Hit]):
    """The hits of one search, best first, with what led to them.

    `compiled` holds the texts and the logical query, `plan` the executed plan tree, `timings_ms` the milliseconds of
    each stage, `warnings` everything that made this answer less than was asked for, `pool` the images to rerank,
    `verified` what the verifier did, above the plan, if it was asked.
    """

    def __init__(
        self,
        hits: Sequence[Hit],
        *,
        compiled: CompiledQuery,
        plan: TopK,
        timings_ms: Mapping[str, float],
        warnings: Sequence[str] = (),
        pool: Pool | None = None,
        look_up: Callable[[Collection[str]], dict[str, bytes]] | None = None,
        verified: Verify | None = None,
    ) -> None:
        super().__init__(hits)
        self.verified = verified
        self._look_up = look_up
        self.compiled = compiled
        self.plan = plan
        self.timings_ms = dict(timings_ms)
        self.warnings = tuple(warnings)
        self.pool = pool

    def __repr__(self) -> str:
        return f"<SearchResult: {', '.join(map(repr, self)) or 'no hits'}>"

    def _repr_html_(self) -> str:
        from cvsi_db.search.present.thumbnails import hits_table

        kept = self.thumbnails()
        return hits_table((hit.rank, hit.score, hit.path, kept.get(hit.image_id)) for hit in self)

    def thumbnails(self) -> dict[str, bytes]:
        """The thumbnails that the gallery keeps of the hits, as JPEG files, by image_id."""
        return self._look_up([hit.image_id for hit in self]) if self._look_up and self else {}

    def to_dicts(self) -> list[dict[str, Any]]:
        """A mapping of plain values per hit: see Hit.to_dict."""
        return [hit.to_dict() for hit in self]

    def to_arrow(self) -> pa.Table:
        """The hits as an Arrow table, a row each, with the columns of Hit.to_dict."""
        import pyarrow as pa

        return pa.Table.from_pylist(self.to_dicts())

    def to_pandas(self) -> Any:
        """The hits as a pandas.DataFrame, which takes pandas to be installed."""
        return self.to_arrow().to_pandas()

    def rerank(self, weights: str | Mapping[TermName, float], k: int | None = None) -> SearchResult:
        """This result in the order of other weights, at once: no model runs and no table is read.

        `weights` is a rank expression or a weight per term. Only the images that the search kept (the query's `pool`)
        are ordered anew; unless it is certain that no other image of the gallery belongs among the hits, a warning
        says so. The query's `k` (unless given), offset and cut-offs hold. γ cannot change: the similarities are
        against one mix of the columns. Raises RankError as a search does, QueryError for a k below 1.
        """
        if self.pool is None:
            raise QueryError("this result keeps nothing to rerank: search again")
        start = perf_counter()
        query = replace(self.compiled.query, rank=weights, k=self.compiled.query.k if k is None else k)
        compiled = _reweighted(self.compiled, query)
        pool = self.pool.reordered(compiled.logical.terms)
        hits = pool.hits(query)
        missing = _missing(self.pool, pool, query, self.plan.is_exact)
        first = pool.ranking.image_ids[: min(query.verify, pool.count(query))]
        if unseen := [image_id for image_id in first if image_id not in pool.confidences]:
            missing.append(f"the verifier has not judged {len(unseen):,} of the first {len(first):,}: search again")
        milliseconds = (perf_counter() - start) * 1000
        return SearchResult(
            hits,
            compiled=compiled,
            plan=self.plan,
            timings_ms={"rerank": milliseconds, "total": milliseconds},
            warnings=(*compiled.warnings, *missing),
            pool=self.pool,
            look_up=self._look_up,
            verified=self.verified,
        )

    def with_confidences(
        self, confidences: Mapping[str, float], verified: Verify, warnings: Sequence[str], milliseconds: float
    ) -> SearchResult:
        """This result with what a verifier said of its images, by image_id, in the order that follows from it."""
        assert self.pool is not None
        pool = replace(self.pool, confidences=confidences)
        spent = {lap: time for lap, time in self.timings_ms.items() if lap != "total"}
        return SearchResult(
            pool.hits(self.compiled.query),
            compiled=self.compiled,
            plan=self.plan,
            timings_ms={**spent, "verify": milliseconds, "total": sum(spent.values()) + milliseconds},
            warnings=(*self.warnings, *warnings),
            pool=pool,
            look_up=self._look_up,
            verified=verified,
        )


def present_rankings(
    rankings: Sequence[Ranking], compiled: Sequence[CompiledQuery], store: Store
) -> list[tuple[list[Hit], Pool]]:
    """The hits of each ranking, and all it ranks, to be reranked; one look-up brings the metadata of all.

    A ranking begins at the very best image: `offset` and the cut-offs are applied here. Raises ImageGoneError when an
    image was removed in the meantime.
    """
    image_ids = list(dict.fromkeys(image_id for ranking in rankings for image_id in ranking.image_ids))
    known = [ranking.row_ids for ranking in rankings if ranking.row_ids is not None]
    row_ids = np.unique(np.concatenate(known)) if len(known) == len(rankings) else None
    rows = store.take(image_ids, METADATA, row_ids).to_pylist() if image_ids else []
    metadata = dict(zip(image_ids, rows, strict=True))
    presented = []
    for ranking, of in zip(rankings, compiled, strict=True):
        complete = len(ranking.image_ids) < of.logical.k
        pool = Pool(ranking, tuple(metadata[image_id] for image_id in ranking.image_ids), complete)
        presented.append((pool.hits(of.query), pool))
    return presented


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


def _reweighted(compiled: CompiledQuery, query: ComposedQuery) -> CompiledQuery:
    """The same terms with the weights of the query's rank, which is checked as in a search."""
    BY_FIELD["k"].check(query.k)
    available = tuple(term.name for term in compiled.logical.terms)
    weights, _ = choose_weights(query, weights_of(query.rank or {}), compiled.preset, available)
    check_weights(weights, available)
    branches = tuple(
        replace(branch, terms=tuple(replace(term, weight=float(weights.get(term.name, 0.0))) for term in branch.terms))
        for branch in compiled.logical.branches
    )
    return replace(compiled, query=query, logical=replace(compiled.logical, branches=branches))


def _missing(old: Pool, new: Pool, query: ComposedQuery, exact: bool) -> list[str]:
    """A warning unless every image outside the pool certainly scores less than the last hit that may be shown.

    Nothing is certain of images outside when the search was not `exact`.
    """
    kept, last = len(old.ranking.image_ids), query.offset + query.k
    if old.complete:
        return []
    least = -math.inf if query.min_score is None else query.min_score
    if kept >= last:
        least = max(least, float(new.ranking.scores[last - 1]))
    floor = float(old.ranking.scores[-1])
    if exact and least > outside_bound(old.query_vector, new.query_vector, floor):
        return []
    return [
        f"reranked among the {kept:,} best images of the search; others may belong here: "
        f"search with a pool above {kept:,}, or with these weights"
    ]
