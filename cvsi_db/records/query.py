"""What a search hands from stage to stage: the query, its logical form, and the hits.

Knows nothing about how any of them comes about, but that a result asks search.reweight to order it anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cvsi_db.records.models import Rewrite
from cvsi_db.records.names import TERM_NAMES, BranchName, ColumnName, FloatArray, Reference, TermName

if TYPE_CHECKING:
    from cvsi_db.search.run.rerank import Ranking


@dataclass(frozen=True)
class Preset:
    """A named set of term weights and the gallery mix `gamma`: a row is scored against (1-γ)·image + γ·caption."""

    name: str
    weights: Mapping[TermName, float]
    gamma: float


@dataclass(frozen=True)
class ComposedQuery:
    """What a person asks: *this picture, but …*. Either half may be missing, not both.

    Without `preset` the gallery's own is used. `rank` is a linear expression over the term names that replaces the
    preset's weights; `where` an SQL condition
    over the images table's columns. `strict` makes it an error that the bundle lacks a branch the preset asks for.
    `exact` compares every image even where an index could be asked, which may miss one.

    The answer is the hits of rank `offset` + 1 to `offset` + `k`, less those that score below `min_score` and, with
    `auto_cut`, those after the first clear gap in the scores. `liked` and `unliked` are further pictures to draw near
    and to keep away from, `negative` texts that say what is not wanted. `exclude_reference` leaves these pictures out
    of the hits too. The result keeps the `pool` best images, if that is more than it shows, to be reranked.
    """

    reference: Reference | None = None
    edit_text: str | None = None
    k: int = 10
    where: str | None = None
    rank: str | None = None
    preset: str | None = None
    exclude_reference: bool = True
    strict: bool = False
    offset: int = 0
    min_score: float | None = None
    auto_cut: bool = False
    liked: tuple[Reference, ...] = ()
    unliked: tuple[Reference, ...] = ()
    negative: tuple[str, ...] = ()
    pool: int = 0
    exact: bool = False


@dataclass(frozen=True)
class Term:
    """A query vector (dim,) with its weight in the score; not normalised again after it was made."""

    name: TermName
    vector: FloatArray = field(repr=False)
    weight: float
    text: str | None = None


@dataclass(frozen=True)
class Branch:
    """One branch: terms that are searched for together, as their weighted sum."""

    name: BranchName
    terms: tuple[Term, ...]


@dataclass(frozen=True)
class Column:
    """A vector column of the images table and its share of the mix: 1-γ for image_vector, γ for caption_vector."""

    name: ColumnName
    weight: float


@dataclass(frozen=True)
class LogicalQuery:
    """What to compute, not how: score(x) = Σ_branches Σ_terms Σ_columns w_term · w_column · <term, x[column]>.

    `filter` is a condition already checked against the columns; `exclude` an image_id to leave out; `missing` names
    the branches that such a query has with other bundles; an `exact` answer may not come from an index.
    """

    branches: tuple[Branch, ...]
    columns: tuple[Column, ...]
    filter: str | None
    exclude: str | None
    k: int
    missing: tuple[BranchName, ...] = ()
    exact: bool = False

    @property
    def terms(self) -> tuple[Term, ...]:
        """All terms of all branches, in TERM_NAMES' order."""
        found = {term.name: term for branch in self.branches for term in branch.terms}
        return tuple(found[name] for name in TERM_NAMES if name in found)


@dataclass(frozen=True)
class CompiledQuery:
    """A composed query after its model calls: the logical query and the texts that went into it."""

    query: ComposedQuery
    logical: LogicalQuery
    reference_id: str | None
    captions: tuple[str, ...]
    rewrite: Rewrite | None
    preset: Preset
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class TermScore:
    """A term's part in a hit's score: contribution = weight · similarity; similarity is against the mixed column."""

    similarity: float
    weight: float
    contribution: float


@dataclass(frozen=True)
class Hit:
    """One found image. The best of the gallery has `rank` 1; `score` is the sum of the terms' contributions."""

    rank: int
    path: str
    image_id: str
    score: float
    terms: Mapping[TermName, TermScore]
    metadata: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Pool:
    """The best images of a search, more than it may show, with all that hits are made of.

    `ranking` holds the terms and the images' similarities, best first, `metadata` a mapping per image; it is `whole`
    when no other image of the gallery satisfies the query's filter.
    """

    ranking: Ranking = field(repr=False)
    metadata: tuple[Mapping[str, Any], ...] = field(repr=False)
    whole: bool


class SearchResult(list[Hit]):
    """The hits of one search, best first, with what led to them.

    `compiled` holds the texts and the logical query, `plan` the executed plan tree, `timings_ms` the milliseconds of
    each stage, `warnings` everything that made this answer less than was asked for, `pool` the images to rerank.
    """

    def __init__(
        self,
        hits: Sequence[Hit],
        *,
        compiled: CompiledQuery,
        plan: object,
        timings_ms: Mapping[str, float],
        warnings: Sequence[str] = (),
        pool: Pool | None = None,
    ) -> None:
        super().__init__(hits)
        self.compiled = compiled
        self.plan = plan
        self.timings_ms = dict(timings_ms)
        self.warnings = tuple(warnings)
        self.pool = pool

    def rerank(self, weights: str | Mapping[TermName, float], k: int | None = None) -> SearchResult:
        """This result in the order of other weights, at once: no model runs and no table is read.

        `weights` is a rank expression or a weight per term. Only the images that the search kept (the query's `pool`)
        are ordered anew; unless it is certain that no other image of the gallery belongs among the hits, a warning
        says so. The query's `k` (unless given), offset and cut-offs hold. γ cannot change: the similarities are
        against one mix of the columns. Raises RankError as a search does, QueryError for a k below 1.
        """
        from cvsi_db.search.reweight import reweight

        return reweight(self, weights, k)
