"""The query side of an evaluation: every vector that a method may weigh, made as a search makes it.

A term is an array (queries, dim): `image`, `text` (a search's edit_text), `sum`, `pseudo_token`, `edited_captions`,
`edit_direction`, `objects` and what baselines and ablations put in their place. Only the terms asked for are computed.
A TermSource says what a benchmark makes them of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

import numpy as np

from cvsi_db.evaluation.cache import Cache
from cvsi_db.evaluation.encoding import Models, StageProgress, caption_means, raw_text_vectors, unit_text_vectors
from cvsi_db.models.unit_vectors import normalise
from cvsi_db.records import FloatArray, PseudoText, Rewrite
from cvsi_db.search.compile.embed import edit_direction, pseudo_sentence


class TermSource(Protocol):
    """What terms are made of: the models, and of each query its edit text and what the models see in its reference."""

    @property
    def models(self) -> Models:
        """The models that make the terms."""

    @property
    def cache(self) -> Cache:
        """Where embeddings are kept."""

    @property
    def on_progress(self) -> StageProgress:
        """Called with how far it has got."""

    @property
    def edit_texts(self) -> Sequence[str]:
        """Each query's edit text."""

    @property
    def references(self) -> FloatArray:
        """(queries, dim) the un-normalised embeddings of the references."""

    @property
    def caption_means(self) -> FloatArray:
        """(queries, dim) the mean of the normalised embeddings of each reference's captions, not normalised again."""

    def rewrites(self, captions: int | None = None) -> Sequence[Rewrite]:
        """What the rewriter makes of the edit text and each reference's first `captions` captions (all when None)."""


NOBODY = "none"
"""Stands for the rewriter where there was nothing to rewrite."""


def alone(edit_text: str) -> Rewrite:
    """What stands for a rewrite of no captions, as in a search: the edit text itself."""
    return Rewrite((" ".join(edit_text.split()),), added_objects="", rewriter=NOBODY)


Source = TypeVar("Source", bound=TermSource, contravariant=True)
Makers = Mapping[str, Callable[[Source], FloatArray]]


def make_terms(names: Sequence[str], source: Source, makers: Makers[Source]) -> dict[str, FloatArray]:
    """The terms (queries, dim) of those names. Raises ModelError from the models, RewriteError from the rewriter."""
    return {name: makers[name](source) for name in names}


def means_for(source: TermSource, captions: Sequence[Sequence[str]]) -> FloatArray:
    """(n, dim) the mean of each entry's normalised embeddings."""
    return caption_means(captions, source.models, source.cache, source.on_progress)


def _vectors(source: TermSource, texts: Sequence[str | PseudoText]) -> FloatArray:
    return unit_text_vectors(texts, source.models, source.cache, source.on_progress)


def _image(source: TermSource) -> FloatArray:
    return normalise(source.references, len(source.references))


def _text(source: TermSource) -> FloatArray:
    return _vectors(source, source.edit_texts)


def _sum(source: TermSource) -> FloatArray:
    """What the preset `sum` makes of image and edit text: i + t, un-normalised, over |i| + |t|."""
    texts = [" ".join(text.split()) for text in source.edit_texts]
    text = raw_text_vectors(texts, source.models, source.cache, source.on_progress)
    lengths = sum(np.linalg.norm(each, axis=1, keepdims=True) for each in (source.references, text))
    return np.asarray((source.references + text) / lengths, dtype=np.float32)


def _pseudo_token(source: TermSource) -> FloatArray:
    return _sentences(source, [rewrite.added_objects for rewrite in source.rewrites()])


def _pseudo_token_alone(source: TermSource) -> FloatArray:
    """The sentence without the added objects."""
    return _sentences(source, [""] * len(source.edit_texts))


def _sentences(source: TermSource, added: Sequence[str]) -> FloatArray:
    assert source.models.phi is not None, "a pseudo-token takes phi"
    parts = zip(source.edit_texts, added, source.models.phi(source.references), strict=True)
    return _vectors(source, [PseudoText(pseudo_sentence(text, objects), word) for text, objects, word in parts])


def _edited_caption(source: TermSource) -> FloatArray:
    """One caption, edited on its own."""
    return means_for(source, [rewrite.edited_captions[:1] for rewrite in source.rewrites(captions=1)])


def _edited_captions(source: TermSource) -> FloatArray:
    return means_for(source, [rewrite.edited_captions for rewrite in source.rewrites()])


def _edit_direction(source: TermSource) -> FloatArray:
    """From the captions to the edited captions; zero where the edit changes nothing in them, or there are none."""
    pairs = zip(_edited_captions(source), source.caption_means, strict=True)
    found = [edit_direction(edited, captions) if captions.any() else None for edited, captions in pairs]
    nowhere = np.zeros(source.models.encoder.dim, np.float32)
    return np.stack([nowhere if direction is None else direction for direction in found])


def _objects(source: TermSource) -> FloatArray:
    """The added objects; zero where the edit adds none."""
    added = [rewrite.added_objects for rewrite in source.rewrites()]
    rows = [row for row, objects in enumerate(added) if objects]
    term = np.zeros((len(added), source.models.encoder.dim), dtype=np.float32)
    if rows:
        term[rows] = _vectors(source, [added[row] for row in rows])
    return term


TERMS: Makers[TermSource] = {
    "image": _image,
    "text": _text,
    "sum": _sum,
    "pseudo_token": _pseudo_token,
    "pseudo_token_alone": _pseudo_token_alone,
    "edited_caption": _edited_caption,
    "edited_captions": _edited_captions,
    "edit_direction": _edit_direction,
    "objects": _objects,
}
"""The terms that every benchmark has."""

NEED_NO_REWRITER = frozenset({"image", "text", "sum", "pseudo_token_alone", "composed", "true_captions"})
"""The terms for which nothing is rewritten."""
