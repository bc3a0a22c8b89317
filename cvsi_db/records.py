"""Frozen records handed from stage to stage; knows nothing about how any stage works, nor about torch or LanceDB.

Arrays are numpy float32 between stages; what a stage does inside (torch, devices, float16) is its own affair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.Image import Image

    from cvsi_db.search.rerank import Ranking

FloatArray: TypeAlias = npt.NDArray[np.float32]
"""Float32 arrays; the docstring of whoever returns one gives its shape."""

TermName = Literal[
    "edited_captions", "edit_direction", "pseudo_token", "image", "objects", "liked", "unliked", "negative"
]
METHOD_TERMS: tuple[TermName, ...] = ("edited_captions", "edit_direction", "pseudo_token", "image", "objects")
"""The terms that come of a reference image and an edit text."""

EXAMPLE_TERMS: tuple[TermName, ...] = ("liked", "unliked", "negative")
"""The terms of further pictures and texts; only a query that gives some has them."""

TERM_NAMES: tuple[TermName, ...] = (*METHOD_TERMS, *EXAMPLE_TERMS)

BranchName = Literal["pseudo_token", "edited_captions", "image_objects", "examples"]
ColumnName = Literal["image_vector", "caption_vector"]

Reference: TypeAlias = "str | Path | bytes | Image"
"""A reference image as a caller may give it: a path, the bytes of an image file, or a PIL image."""


# --- ingest -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FoundFile:
    """A file that may be a picture, as the scan saw it. `path` is absolute."""

    path: Path
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True)
class Picture:
    """A decoded picture: upright (EXIF orientation applied), RGB, alpha flattened on white.

    `image_id` is the sha256 (hex) of the file's bytes; `width` and `height` are those of the upright picture.
    """

    image_id: str
    image: Image = field(repr=False)
    format: str
    width: int
    height: int
    taken_at: str | None = None
    camera: str | None = None


@dataclass(frozen=True)
class ImageRow:
    """One row of the `images` table: one distinct content, however many paths hold it.

    Vectors: `image_vector` (dim,) is the L2-normalised image embedding; `caption_vector` (dim,) the mean of the
    L2-normalised embeddings of `captions`, not normalised again. `modified_at` and `taken_at` are ISO 8601 or None.
    """

    image_id: str
    path: str
    paths: tuple[str, ...]
    folder: str
    name: str
    format: str
    width: int
    height: int
    size_bytes: int
    modified_at: str
    taken_at: str | None
    camera: str | None
    captions: tuple[str, ...]
    tags: tuple[str, ...]
    image_vector: FloatArray = field(repr=False)
    caption_vector: FloatArray = field(repr=False)


@dataclass(frozen=True)
class CaptionRow:
    """One row of the `captions` table: one caption of one image. `vector` (dim,) is L2-normalised."""

    image_id: str
    ordinal: int
    text: str
    vector: FloatArray = field(repr=False)


@dataclass(frozen=True)
class IngestProgress:
    """Where an ingest stands, after each batch. `done` of `total` files; `embedded` pictures met the model."""

    done: int
    total: int
    embedded: int
    failed: int


@dataclass(frozen=True)
class IngestFailure:
    """One file that could not be read: which, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class IngestSummary:
    """What an ingest did, in files. `embedded` counts the pictures the model saw (the rest cost no forward).

    `unchanged` files were known and the same; `moved` ones have known content under a new path whose old file is
    gone; `duplicates` have the content of another file that is still there; `removed` were known under the
    ingested folders and are no longer there (they are reported, their rows stay).
    """

    new: int = 0
    unchanged: int = 0
    moved: int = 0
    duplicates: int = 0
    failed: int = 0
    removed: int = 0
    embedded: int = 0
    seconds: float = 0.0
    errors: tuple[IngestFailure, ...] = ()


# --- models -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PseudoText:
    """A sentence with one `$` whose token embedding is to be replaced by `word` (token_dim,), the pseudo-token."""

    text: str
    word: FloatArray = field(repr=False)


@dataclass(frozen=True)
class Rewrite:
    """What a rewriter made of the captions and the edit text.

    `edited_captions` has at least one entry; `added_objects` is a short noun phrase, or "" when the edit adds none;
    `rewriter` names who spoke; `fallback` is True when the edit was not understood and merely appended. `note` says why
    another one that was asked first did not speak, else it is ""; a rewrite with a note is not kept in the catalog.
    """

    edited_captions: tuple[str, ...]
    added_objects: str
    rewriter: str
    fallback: bool = False
    note: str = ""


# --- search -----------------------------------------------------------------------------------------------------


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
    the branches that such a query has with other bundles.
    """

    branches: tuple[Branch, ...]
    columns: tuple[Column, ...]
    filter: str | None
    exclude: str | None
    k: int
    missing: tuple[BranchName, ...] = ()

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
