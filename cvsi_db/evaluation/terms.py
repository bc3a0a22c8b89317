"""The query side of Scenes-CIR: every vector that a method may weigh, made as a search makes it.

A term is an array (queries, dim): `image`, `text`, `pseudo_token`, `edited_captions`, `objects` and what baselines and
ablations put in their place. Only the terms asked for are computed. Knows nothing about weights, rankings or targets.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cvsi_db.evaluation.cache import Cache
from cvsi_db.evaluation.drawing import Progress
from cvsi_db.evaluation.features import Features, Models, caption_means, embed_texts
from cvsi_db.evaluation.scenes import SceneBenchmark, SceneQuery
from cvsi_db.records import FloatArray, PseudoText, Rewrite
from cvsi_db.scenes.captions import caption
from cvsi_db.scenes.edits import apply_edit
from cvsi_db.scenes.scene import ATTRIBUTES, Scene, applies
from cvsi_db.search.compiler import edit_direction, pseudo_sentence
from cvsi_db.vectors import normalise

TRUE_CAPTIONS = 5
"""How many captions describe the edited scene in the ceiling: as many as the starter's captioner writes."""

STATED_AT_ONCE = 16
"""Attributes that one true caption states, besides those that every caption does: more would not fit the text tower."""


@dataclass(frozen=True)
class TermSource:
    """What terms are made of: the queries, the gallery's features, the models."""

    benchmark: SceneBenchmark
    features: Features
    models: Models
    cache: Cache
    on_progress: Progress

    @property
    def edit_texts(self) -> list[str]:
        """Each query's edit text."""
        return [query.edit.text for query in self.benchmark.queries]

    @property
    def references(self) -> FloatArray:
        """(queries, dim) the un-normalised embeddings of the references."""
        return self.features.embeddings[self.benchmark.references]

    def rewrites(self, captions: int | None = None) -> list[Rewrite]:
        """What the rewriter makes of the edit text and each reference's first `captions` captions (all when None)."""
        told = [self.features.captions[query.reference][:captions] for query in self.benchmark.queries]
        parts = [self.models.rewriter.name, *(text for texts in told for text in texts), *self.edit_texts]
        kept = self.cache.value("rewrites", parts, lambda: self._rewrite(told))
        return [Rewrite(tuple(edited), objects, rewriter, fallback) for edited, objects, rewriter, fallback in kept]

    def _rewrite(self, told: Sequence[Sequence[str]]) -> list[tuple[tuple[str, ...], str, str, bool]]:
        made = []
        for captions, text in zip(told, self.edit_texts, strict=True):
            rewrite = self.models.rewriter.rewrite(captions, text)
            made.append((rewrite.edited_captions, rewrite.added_objects, rewrite.rewriter, rewrite.fallback))
            self.on_progress("rewriting", len(made), len(told))
        return made

    def embed(self, texts: Sequence[str | PseudoText]) -> FloatArray:
        """(n, dim) normalised embeddings."""
        return embed_texts(texts, self.models, self.cache, self.on_progress)

    def means(self, captions: Sequence[Sequence[str]]) -> FloatArray:
        """(n, dim) the mean of each entry's normalised embeddings."""
        return caption_means(captions, self.models, self.cache, self.on_progress)


def make_terms(names: Sequence[str], source: TermSource) -> dict[str, FloatArray]:
    """The terms (queries, dim) of those names. Raises ModelError from the models, RewriteError from the rewriter."""
    return {name: TERMS[name](source) for name in names}


def _image(source: TermSource) -> FloatArray:
    return normalise(source.references, len(source.references))


def _text(source: TermSource) -> FloatArray:
    return source.embed(source.edit_texts)


def _pseudo_token(source: TermSource) -> FloatArray:
    return _sentences(source, [rewrite.added_objects for rewrite in source.rewrites()])


def _pseudo_token_alone(source: TermSource) -> FloatArray:
    """The sentence without the added objects."""
    return _sentences(source, [""] * len(source.benchmark.queries))


def _sentences(source: TermSource, added: Sequence[str]) -> FloatArray:
    assert source.models.phi is not None, "a pseudo-token takes phi"
    told = zip(source.edit_texts, added, source.models.phi(source.references), strict=True)
    return source.embed([PseudoText(pseudo_sentence(text, objects), word) for text, objects, word in told])


def _edited_caption(source: TermSource) -> FloatArray:
    """One caption, edited on its own."""
    return source.means([rewrite.edited_captions[:1] for rewrite in source.rewrites(captions=1)])


def _edited_captions(source: TermSource) -> FloatArray:
    return source.means([rewrite.edited_captions for rewrite in source.rewrites()])


def _edit_direction(source: TermSource) -> FloatArray:
    """From the captions to the edited captions; zero where the edit changes nothing in them."""
    pairs = zip(_edited_captions(source), source.features.told[source.benchmark.references], strict=True)
    found = [edit_direction(edited, captions) for edited, captions in pairs]
    nowhere = np.zeros(source.models.encoder.dim, np.float32)
    return np.stack([nowhere if direction is None else direction for direction in found])


def _objects(source: TermSource) -> FloatArray:
    """The added objects; zero where the edit adds none."""
    added = [rewrite.added_objects for rewrite in source.rewrites()]
    rows = [row for row, objects in enumerate(added) if objects]
    term = np.zeros((len(added), source.models.encoder.dim), dtype=np.float32)
    if rows:
        term[rows] = source.embed([added[row] for row in rows])
    return term


def _true_captions(source: TermSource) -> FloatArray:
    benchmark = source.benchmark
    rng = random.Random(f"captions/{benchmark.split}/{benchmark.seed}")
    return source.means([true_captions(benchmark.gallery[query.reference], query, rng) for query in benchmark.queries])


def true_captions(reference: Scene, query: SceneQuery, rng: random.Random) -> list[str]:
    """TRUE_CAPTIONS captions of the edited scene which together state every attribute, each several times.

    Where the edit leaves a choice, each caption tells of one of the allowed scenes.
    """
    said: list[str] = []
    waiting: list[str] = []  # attributes in random order, each once before any comes again
    while len(said) < TRUE_CAPTIONS:
        target = apply_edit(reference, query.edit, rng)
        if len(waiting) < STATED_AT_ONCE:
            possible = [name for name in ATTRIBUTES if applies(target.attributes(), name)]
            waiting += rng.sample(possible, len(possible))
        said.append(caption(target, rng, waiting[:STATED_AT_ONCE]).text)
        waiting = waiting[STATED_AT_ONCE:]
    return said


TERMS: Mapping[str, Callable[[TermSource], FloatArray]] = {
    "image": _image,
    "text": _text,
    "pseudo_token": _pseudo_token,
    "pseudo_token_alone": _pseudo_token_alone,
    "edited_caption": _edited_caption,
    "edited_captions": _edited_captions,
    "edit_direction": _edit_direction,
    "objects": _objects,
    "true_captions": _true_captions,
}
