"""What Scenes-CIR makes terms of, and the one term that only a drawn benchmark can have: the ceiling's true captions.

Takes a benchmark of scenes with its gallery's features; what the models answer is kept in a cache.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from cvsi_db.evaluation.cache import Cache
from cvsi_db.evaluation.encoding import Models, StageProgress
from cvsi_db.evaluation.scene_features import Features
from cvsi_db.evaluation.scenes import SceneBenchmark, SceneQuery
from cvsi_db.evaluation.terms import TERMS, Makers, alone, means_for
from cvsi_db.records import FloatArray, Rewrite
from cvsi_db.scenes.captions import caption
from cvsi_db.scenes.edits import apply_edit
from cvsi_db.scenes.scene import ATTRIBUTES, Scene, applies

TRUE_CAPTIONS = 5
"""How many captions describe the edited scene in the ceiling: as many as the starter's captioner writes."""

STATED_AT_ONCE = 16
"""Attributes that one true caption states, besides those that every caption does: more would not fit the text tower."""


@dataclass(frozen=True)
class SceneSource:
    """A TermSource: the queries, the gallery's features, the models."""

    benchmark: SceneBenchmark
    features: Features
    models: Models
    cache: Cache
    on_progress: StageProgress

    @property
    def edit_texts(self) -> list[str]:
        """Each query's edit text."""
        return [query.edit.text for query in self.benchmark.queries]

    @property
    def references(self) -> FloatArray:
        """(queries, dim) the un-normalised embeddings of the references."""
        return self.features.embeddings[self.benchmark.references]

    @property
    def caption_means(self) -> FloatArray:
        """(queries, dim) the mean of the embeddings of each reference's captions."""
        return self.features.caption_means[self.benchmark.references]

    def rewrites(self, captions: int | None = None) -> list[Rewrite]:
        """What the rewriter makes of the edit text and each reference's first `captions` captions (all when None)."""
        seen = [self.features.captions[query.reference][:captions] for query in self.benchmark.queries]

        def rewrite_all() -> list[tuple[tuple[str, ...], str, str, bool]]:
            made = []
            for texts, edit_text in zip(seen, self.edit_texts, strict=True):
                rewrite = self.models.rewriter.rewrite(texts, edit_text) if texts else alone(edit_text)
                made.append((rewrite.edited_captions, rewrite.added_objects, rewrite.rewriter, rewrite.fallback))
                self.on_progress("rewriting", len(made), len(seen))
            return made

        parts = [self.models.rewriter.name, *(text for texts in seen for text in texts), *self.edit_texts]
        kept = self.cache.value("rewrites", parts, rewrite_all)
        return [Rewrite(tuple(edited), objects, rewriter, fallback) for edited, objects, rewriter, fallback in kept]


def _true_captions(source: SceneSource) -> FloatArray:
    benchmark = source.benchmark
    rng = random.Random(f"captions/{benchmark.split}/{benchmark.seed}")
    captions = [true_captions(benchmark.gallery[query.reference], query, rng) for query in benchmark.queries]
    return means_for(source, captions)


def true_captions(reference: Scene, query: SceneQuery, rng: random.Random) -> list[str]:
    """TRUE_CAPTIONS captions of the edited scene which together state every attribute, each several times.

    Where the edit leaves a choice, each caption describes one of the allowed scenes.
    """
    captions: list[str] = []
    waiting: list[str] = []  # attributes in random order, each once before any comes again
    while len(captions) < TRUE_CAPTIONS:
        target = apply_edit(reference, query.edit, rng)
        if len(waiting) < STATED_AT_ONCE:
            possible = [name for name in ATTRIBUTES if applies(target.attributes(), name)]
            waiting += rng.sample(possible, len(possible))
        captions.append(caption(target, rng, waiting[:STATED_AT_ONCE]).text)
        waiting = waiting[STATED_AT_ONCE:]
    return captions


SCENE_TERMS: Makers[SceneSource] = {**TERMS, "true_captions": _true_captions}
"""All terms of Scenes-CIR."""
