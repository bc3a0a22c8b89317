"""What the pseudo-token adds to `cvsi`, and what a perfect one could: is it phi, the sentence, or the weights?

A study on Scenes-CIR with the starter. Each row puts something in the place of the term `pseudo_token`, finds the
weights anew on `val`, and reports `test`. In the row `true words` the sentence has, in the place of the pseudo-token,
true captions of the reference that state all there is to it: no phi can tell the text tower more. Prints the table of
docs/scenes-cir.md: `python -m cvsi_db.evaluation.pseudo_token --cache DIR`.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from cvsi_db.evaluation.cache import Cache
from cvsi_db.evaluation.encoding import Models, models_of
from cvsi_db.evaluation.metrics import average_precision
from cvsi_db.evaluation.scene_features import compute_features
from cvsi_db.evaluation.scene_report import Prepared
from cvsi_db.evaluation.scene_terms import SceneSource
from cvsi_db.evaluation.scene_tuning import TUNED, tune_cvsi
from cvsi_db.evaluation.scenes import make_benchmark
from cvsi_db.evaluation.terms import TERMS, make_terms, means_for
from cvsi_db.models.unit_vectors import normalise
from cvsi_db.records import FloatArray
from cvsi_db.scenes.captions import caption
from cvsi_db.scenes.scene import ATTRIBUTES, applies
from cvsi_db.search.compile.embed import pseudo_sentence

SEEDS = (1, 2, 3, 4)

SENTENCES = 5
"""True captions of a reference, each in a sentence of its own: together they state every attribute several times."""

STATED = 7
"""Attributes that one of them states, besides those that every caption does, so that the edit still fits behind it."""

ROWS: Mapping[str, str] = {
    "no such term": "",
    "phi": "pseudo_token",
    "phi, without the added objects in the sentence": "pseudo_token_alone",
    "phi, its direction": "pseudo_direction",
    "true words": "true_words",
    "true words, their direction": "true_direction",
}
"""What stands in the place of the term, by the term's name among those that are made here."""


def true_words(source: SceneSource, *, edited: bool = True) -> FloatArray:
    """(queries, dim) the mean of the embeddings of the sentences with true captions in the pseudo-token's place.

    Unless `edited`, of the captions alone.
    """
    rng = random.Random(f"true words/{source.benchmark.split}/{source.benchmark.seed}")
    sentences = []
    for query, rewrite in zip(source.benchmark.queries, source.rewrites(), strict=True):
        scene = source.benchmark.gallery[query.reference]
        waiting: list[str] = []
        texts = []
        for _ in range(SENTENCES):
            if len(waiting) < STATED:
                possible = [name for name in ATTRIBUTES if applies(scene.attributes(), name)]
                waiting += rng.sample(possible, len(possible))
            said = caption(scene, rng, waiting[:STATED]).text.rstrip(".")
            waiting = waiting[STATED:]
            sentence = pseudo_sentence(query.edit.text, rewrite.added_objects).removeprefix("a photo of ")
            texts.append(sentence.replace("$", said) if edited else said)
        sentences.append(texts)
    return means_for(source, sentences)


def terms_of(source: SceneSource) -> dict[str, FloatArray]:
    """Every term (queries, dim) that a row puts in the place of `pseudo_token`, and those beside it."""
    beside = [name for name in TUNED if name != "pseudo_token"]
    terms = make_terms((*beside, "pseudo_token", "pseudo_token_alone"), source, TERMS)
    said, plain = true_words(source), true_words(source, edited=False)
    return terms | {
        "true_words": said,
        "true_direction": _unit(_unit(said) - _unit(plain)),
        "pseudo_direction": _unit(_unit(terms["pseudo_token"]) - _unit(terms["image"])),
    }


def prepare_all(split: str, seed: int, models: Models, cache: Cache) -> dict[str, Prepared]:
    """The benchmark of that split and seed with the terms of each row."""
    benchmark = make_benchmark(split, seed)
    features = compute_features(benchmark.gallery, models, cache, _tell)
    terms = terms_of(SceneSource(benchmark, features, models, cache, _tell))
    zero = np.zeros_like(terms["image"])
    return {
        row: Prepared(benchmark, features, {**terms, "pseudo_token": terms[name] if name else zero})
        for row, name in ROWS.items()
    }


def main() -> None:
    """Print the table, in Markdown."""
    from cvsi_db.models.bundle import load_bundle
    from cvsi_db.models.rewriters import make_rewriter

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, help="where to keep what models computed")
    arguments = parser.parse_args()
    bundle, cache = load_bundle("starter", "cpu"), Cache(arguments.cache)
    models = models_of(bundle, make_rewriter(bundle.spec.rewriter))
    tuned = {row: tune_cvsi(prepared) for row, prepared in prepare_all("val", 1, models, cache).items()}
    tests = [prepare_all("test", seed, models, cache) for seed in SEEDS]
    seeds = (f"`test` {seed} |" for seed in SEEDS)
    print("| in the place of the pseudo-token | its weight | `val` |", *seeds, "gain |")
    print("|---" * (4 + len(SEEDS)) + "|")
    least: list[float] = []
    for row, found in tuned.items():
        method, reached = found.method, []
        if not ROWS[row]:
            method = replace(method, weights={**method.weights, "pseudo_token": 0.0})
        for test in tests:
            ranked, counts = test[row].rank(method, 10), test[row].benchmark.target_counts
            reached.append(100 * float(average_precision(ranked, counts, 10).mean()))
        least = least or reached
        gains = [one - other for one, other in zip(reached, least, strict=True)]
        cells = [f"{method.weights['pseudo_token']:.2f}", *(f"{value:.1f}" for value in (found.map10, *reached))]
        cells.append(f"{min(gains):+.1f} to {max(gains):+.1f}")
        print(f"| {row} |", " | ".join(cells), "|", flush=True)


def _tell(_stage: str, _done: int, _total: int) -> None:
    """Tell nothing: the study runs unattended."""


def _unit(vectors: FloatArray) -> FloatArray:
    return normalise(vectors, len(vectors))


if __name__ == "__main__":
    main()
