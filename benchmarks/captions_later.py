"""Captions later: a gallery of which half is captioned, and what may stand for the captions of the other half.

On Scenes-CIR with the starter, as it is and with its two modalities pushed apart as those of CLIP are. Prints mAP@10
and how many of the first ten hits are images without captions, for which half would be fair.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cvsi_db.evaluation.cache import Cache
from cvsi_db.evaluation.encoding import models_of
from cvsi_db.evaluation.metrics import average_precision, ranked_relevance, top
from cvsi_db.evaluation.scene_features import compute_features
from cvsi_db.evaluation.scene_terms import SCENE_TERMS, SceneSource
from cvsi_db.evaluation.scenes import SceneBenchmark, make_benchmark
from cvsi_db.evaluation.terms import make_terms
from cvsi_db.models.bundle import load_bundle
from cvsi_db.models.rewriters import make_rewriter
from cvsi_db.models.unit_vectors import normalise
from cvsi_db.query.weights import PRESETS
from cvsi_db.records import FloatArray

HALVES = 2
"""How many random halves are captioned in turn."""
GAPS = (None, 0.25)
"""The mean cosine of an image and its captions; None leaves it as the starter has it."""
TERMS = ("image", "pseudo_token", "edited_captions", "edit_direction")


def run_captions_later(split: str, seed: int, queries: int, gallery: int, folder: Path) -> None:
    """Print the table. `folder` caches what the models make of the benchmark."""
    benchmark = make_benchmark(split, seed, queries=queries, gallery=gallery)
    models = models_of(load_bundle("starter", "cpu"), make_rewriter("rules"))
    cache = Cache(folder)
    features = compute_features(benchmark.gallery, models, cache, lambda *_: None)
    terms = make_terms(TERMS, SceneSource(benchmark, features, models, cache, lambda *_: None), SCENE_TERMS)
    images = normalise(features.embeddings, gallery)
    print("| modalities | preset | in place of captions | mAP@10 | uncaptioned among the first ten |")
    print("|---|---|---|---|---|")
    for gap in GAPS:
        pushed = push_apart(images, features.caption_means, terms, gap)
        where = "as the starter has them" if gap is None else f"pushed apart, pairs' cosine {gap:g}"
        for name in ("default", "cirr"):
            for what, precision, share in measured(benchmark, *pushed, name):
                told = "" if share is None else f"{share:.0%}"
                print(f"| {where} | {name} | {what} | {precision:.1f} | {told} |", flush=True)


def push_apart(
    images: FloatArray, captions: FloatArray, terms: Mapping[str, FloatArray], gap: float | None
) -> tuple[FloatArray, FloatArray, dict[str, FloatArray]]:
    """Images, caption means and terms after images went one way and texts the other, until pairs' cosine is `gap`."""
    if gap is None:
        return images, captions, dict(terms)
    way = np.random.default_rng(0).standard_normal(images.shape[1]).astype(np.float32)
    way /= np.linalg.norm(way)
    pairs = float(np.mean(np.vecdot(images, normalise(captions, len(captions)))))
    far = np.float32(np.sqrt(max(0.0, (pairs - gap) / (1 + gap))))
    shrink = np.float32(1 / np.sqrt(1 + far**2))
    return (
        shrink * (images + far * way),
        shrink * (captions - far * way),
        {
            "image": shrink * (terms["image"] + far * way),
            "pseudo_token": shrink * (terms["pseudo_token"] - far * way),
            "edited_captions": shrink * (terms["edited_captions"] - far * way),
            "edit_direction": terms["edit_direction"],
        },
    )


def measured(
    benchmark: SceneBenchmark, images: FloatArray, captions: FloatArray, terms: Mapping[str, FloatArray], preset: str
) -> Iterator[tuple[str, float, float | None]]:
    """What stands for missing captions, mAP@10 in percent, and the share of uncaptioned images among the first ten."""
    weights, gamma = PRESETS[preset].weights, PRESETS[preset].gamma
    query = np.sum([weights.get(name, 0.0) * vectors for name, vectors in terms.items()], axis=0, dtype=np.float32)  # type: ignore[call-overload]

    def ranked(column: FloatArray) -> npt.NDArray[np.int64]:
        return top(query @ column.T, benchmark.references, 10)

    def precision(found: npt.NDArray[np.int64]) -> float:
        relevance = ranked_relevance(found, [each.targets for each in benchmark.queries])
        return 100 * float(average_precision(relevance, benchmark.target_counts, 10).mean())

    yield "all have captions", precision(ranked((1 - gamma) * images + gamma * captions)), None
    for what in ("nothing", "the image's vector", "the mean caption", "the image's vector, moved", "γ 0 for all"):
        told = []
        for seed in range(HALVES):
            has = np.random.default_rng(seed).random((len(images), 1)) < 0.5
            mean = captions[has[:, 0]].mean(axis=0, keepdims=True)
            stand_in = {
                "nothing": np.zeros_like(images),
                "the image's vector": images,
                "the mean caption": mean,
                "the image's vector, moved": images - images.mean(axis=0) + mean,
            }
            mixed = (
                (1 - gamma) * images + gamma * np.where(has, captions, stand_in[what]) if what in stand_in else images
            )
            found = ranked(np.asarray(mixed, np.float32))
            told.append((precision(found), float((~has[:, 0])[found].mean())))
        yield what, *(float(value) for value in np.mean(told, axis=0))
