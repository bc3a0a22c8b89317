"""What a search hands from stage to stage until it runs: the query as asked, as checked, as logical and as compiled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from os import PathLike
from typing import Literal

from cvsi_db.records.ingest import Picture
from cvsi_db.records.models import Rewrite
from cvsi_db.records.names import TERM_NAMES, BranchName, ColumnName, FloatArray, Reference, TermName, Weights


@dataclass(frozen=True)
class Preset:
    """A named set of term weights and the gallery mix `gamma`: a row is scored against (1-γ)·image + γ·caption.

    `unit_captions` makes the caption column's vectors, means of unit vectors, unit vectors themselves. `scaled_by`
    says by what each query's weights are multiplied, to the same sum: `length`, those of image and edit_text with the
    lengths of their un-normalised embeddings, so that with equal weights their sum points where that of the embeddings
    does; `spread`, all with 1 over the standard deviation of the term's similarity to the images of the gallery.
    """

    name: str
    weights: Weights
    gamma: float
    unit_captions: bool = False
    scaled_by: Literal["length", "spread"] | None = None


@dataclass(frozen=True)
class ComposedQuery:
    """What a person asks: *this picture, but …*. Either half may be missing, not both.

    Without `preset` the gallery's own is used. `rank` replaces the preset's weights: a linear expression over the term
    names, or a weight per term. `where` is an SQL condition over the images table's columns. `strict` makes it an error
    that the bundle lacks a branch the preset asks for. `exact` compares every image even where an index could be asked,
    which may miss one.

    The answer is the hits of rank `offset` + 1 to `offset` + `k`, less those that score below `min_score` and, with
    `auto_cut`, those after the first clear gap in the scores. `liked` and `unliked` are further images to draw near
    and to keep away from, `negative` texts that say what is not wanted. `exclude_reference` leaves the reference and
    these images out of the hits. The result keeps the `pool` best images, if it shows fewer, to be reranked; with a
    pool the terms edit_text and composed are there to rerank by even where they have no weight.

    `match` leaves only images with a caption that has all of its words, whatever their endings, those in double quotes
    side by side. Alone it also orders them, by how near they are to its words.

    `edited_captions` stand in place of the rewriter's, which is then not asked, and `added_objects` beside them, if the
    edit adds some.

    Only images count that were taken on the day `after` or later and earlier than `before` (a year, a month, a day or a
    time), `near` a latitude, longitude and distance in kilometres, that have a file in `folder` or below (a path, or
    the name of folders anywhere), whose camera's name has the letters of `camera`, with every `tag`, and with that
    `rating` or more.

    The `verify` best of the hits are shown to a verifier beside the reference and the edit text, and take their ranks
    among themselves by its confidence, or with `verify_weight` by their score plus so many times the confidence; equal
    ones by score. One that could not be verified keeps its rank. Where of none the confidence reaches `refine` (0 to
    1), the rewriter is told what the surest one lacks, and the search runs once more.
    """

    reference: Reference | None = None
    edit_text: str | None = None
    k: int = 10
    where: str | None = None
    rank: str | Weights | None = None
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
    after: str | date | None = None
    before: str | date | None = None
    near: str | Sequence[float] | None = None
    folder: str | PathLike[str] | None = None
    camera: str | None = None
    tag: tuple[str, ...] = ()
    rating: int | None = None
    edited_captions: tuple[str, ...] = ()
    added_objects: str | None = None
    match: str | None = None
    verify: int = 0
    verify_weight: float | None = None
    refine: float | None = None


@dataclass(frozen=True)
class CheckedQuery:
    """A composed query found sound. `preset` is the one it names, `rank` its weights if it gives any, and `where` its
    condition as LanceDB reads it."""

    query: ComposedQuery
    preset: Preset | None
    rank: Weights | None
    where: str | None


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
    """A vector column of the images table and its share of the mix: 1-γ for image_vector, γ for caption_vector.

    A `unit` column's vectors are scaled to length 1 before they are mixed; a zero vector, as of an image without
    captions, stays zero.
    """

    name: ColumnName
    weight: float
    unit: bool = False


@dataclass(frozen=True)
class LogicalQuery:
    """What to compute, not how: score(x) = Σ_branches Σ_terms Σ_columns w_term · w_column · <term, x[column]>.

    `where` is a condition already checked against the columns; `exclude` an image_id to leave out; `missing` names
    the branches that such a query has with other bundles or captions; an `exact` answer may not come from an index.
    """

    branches: tuple[Branch, ...]
    columns: tuple[Column, ...]
    where: str | None
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
    """A composed query after its model calls: the logical query and the texts that went into it.

    `model` is the bundle that made its vectors; `words` what each word of the typed texts was read as, where the bundle
    reads word by word; `picture` gives the reference image where a verifier is to see it.
    """

    query: ComposedQuery
    logical: LogicalQuery
    reference_id: str | None
    captions: tuple[str, ...]
    rewrite: Rewrite | None
    preset: Preset
    warnings: tuple[str, ...] = ()
    model: str = ""
    words: tuple[str, ...] = ()
    picture: Callable[[], Picture] | None = field(default=None, repr=False, compare=False)
