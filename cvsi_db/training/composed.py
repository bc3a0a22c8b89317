"""Composed retrieval on scenes that no training saw: `python -m cvsi_db.training.composed`; tells what a bundle can do.

A query is a scene A and an edit; its gallery holds A's answer B and scenes that are nearly right: A with another
attribute changed, A with the edited attribute at a wrong value, B with one thing too many. Two tables come out: with
the captions and edits that the shipped captioner and the rules rewriter write, and, as a ceiling, with true captions
and faultless edits from the scenes' grammar. Returns CIRCO's mAP@10 of each term, of the presets, and of the best
weights for the terms together. Knows nothing about galleries on disk.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cvsi_db.models.bundle import load_bundle
from cvsi_db.models.protocols import Captioner, Encoder, Phi, Rewriter
from cvsi_db.models.rewriter import make_rewriter
from cvsi_db.records import FloatArray, PseudoText, Rewrite
from cvsi_db.scenes.captions import caption
from cvsi_db.scenes.edits import Edit, is_match
from cvsi_db.scenes.grammar import neighbour
from cvsi_db.scenes.renderer import render
from cvsi_db.scenes.scene import ATTRIBUTES, Scene
from cvsi_db.search.compiler import pseudo_sentence
from cvsi_db.search.query import PRESETS
from cvsi_db.training.data import DRAWN_SIZE, sample_pair
from cvsi_db.vectors import normalise

SEED = 5
QUERIES, FILLERS, CAPTIONS = 300, 200, 5
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0)
NAMES = ("edited_captions", "pseudo_token", "image")
GAMMAS = (0.0, 0.1, 0.2, 0.3, 0.5)


@dataclass(frozen=True)
class Task:
    """Queries and a gallery of scenes; `relevant` (queries, gallery) says what answers what.

    Query i's reference is gallery[i]: it is no answer, and is not ranked.
    """

    edits: tuple[Edit, ...]
    gallery: tuple[Scene, ...]
    relevant: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Vectors:
    """Normalised query terms (queries, dim) by name, and the gallery's two columns (gallery, dim)."""

    terms: Mapping[str, FloatArray]
    image_column: FloatArray
    caption_column: FloatArray


def make_task(queries: int = QUERIES, fillers: int = FILLERS, seed: int = SEED) -> Task:
    """A gallery of 6·queries + fillers scenes: references, answers, four decoys a query, unrelated scenes."""
    rng = random.Random(f"composed/{seed}")
    pairs = [sample_pair(rng) for _ in range(queries)]
    references, edits = [a for a, _, _ in pairs], tuple(edit for _, edit, _ in pairs)
    decoys = [decoy for a, edit, b in pairs for decoy in near_misses(a, edit, b, rng)]
    others = [sample_pair(rng)[0] for _ in range(fillers)]
    gallery = (*references, *(b for _, _, b in pairs), *decoys, *others)
    relevant = np.array([[is_match(a, edit, x) for x in gallery] for a, edit in zip(references, edits, strict=True)])
    np.fill_diagonal(relevant, False)
    return Task(edits, gallery, relevant)


def near_misses(before: Scene, edit: Edit, after: Scene, rng: random.Random) -> list[Scene]:
    """Four scenes that are almost what was asked for."""
    kept = [name for name in ATTRIBUTES if name not in edit.changes and name != "weather"]
    edited = rng.choice(list(edit.changes))
    return [
        neighbour(before, rng.choice(kept), rng),
        neighbour(before, rng.choice(kept), rng),
        neighbour(after, rng.choice(kept), rng),
        neighbour(before, edited, rng),
    ]


@dataclass(frozen=True)
class Told:
    """What is said of a task: the captions of every scene of the gallery, and each query's rewrite."""

    captions: tuple[tuple[str, ...], ...]
    rewrites: tuple[Rewrite, ...]


def tell_truly(task: Task, seed: int = SEED) -> Told:
    """Captions from the scenes' grammar, and edits without a fault: they state what the reference's captions stated."""
    rng = random.Random(f"captions/{seed}")
    told = tuple(tuple(caption(scene, rng).text for _ in range(CAPTIONS)) for scene in task.gallery)
    return Told(told, tuple(_true_rewrite(task, row, rng) for row in range(len(task.edits))))


def tell_as_shipped(task: Task, captioner: Captioner, rewriter: Rewriter, chunk: int = 50) -> Told:
    """What the captioner says of the drawn scenes, and what the rewriter makes of it."""
    told: list[tuple[str, ...]] = []
    for at in range(0, len(task.gallery), chunk):
        pictures = [render(scene, DRAWN_SIZE) for scene in task.gallery[at : at + chunk]]
        told += captioner.caption(pictures, [f"composed/{row}" for row in range(at, at + len(pictures))])
    rewrites = (rewriter.rewrite(told[row], edit.text) for row, edit in enumerate(task.edits))
    return Told(tuple(told), tuple(rewrites))


def _true_rewrite(task: Task, row: int, rng: random.Random) -> Rewrite:
    before, edit, after = task.gallery[row], task.edits[row], task.gallery[len(task.edits) + row]
    states = [caption(before, rng).states | edit.changes.keys() for _ in range(CAPTIONS)]
    return Rewrite(tuple(caption(after, rng, states=stated).text for stated in states), edit.adds, "grammar")


def embed_task(task: Task, told: Told, encoder: Encoder, phi: Phi) -> Vectors:
    """Every vector that the terms and the columns need."""
    pictures = embed_scenes(encoder, task.gallery)
    queries = len(task.edits)
    sentences = [
        PseudoText(pseudo_sentence(edit.text, rewrite.added_objects), word)
        for edit, rewrite, word in zip(task.edits, told.rewrites, phi(pictures[:queries]), strict=True)
    ]
    terms = {
        "edited_captions": caption_means(encoder, [rewrite.edited_captions for rewrite in told.rewrites]),
        "pseudo_token": normalise(in_chunks(encoder, sentences), queries),
        "image": normalise(pictures[:queries], queries),
        "text": normalise(in_chunks(encoder, [edit.text for edit in task.edits]), queries),
    }
    return Vectors(terms, normalise(pictures, len(task.gallery)), caption_means(encoder, told.captions))


def caption_means(encoder: Encoder, captions: Sequence[Sequence[str]]) -> FloatArray:
    """(n, dim) the mean of the normalised embeddings of each entry's captions, not normalised again."""
    ends = list(itertools.accumulate(len(entry) for entry in captions))
    flat = normalise(in_chunks(encoder, [text for entry in captions for text in entry]), ends[-1])
    return np.stack([rows.mean(axis=0) for rows in np.split(flat, ends[:-1])])


def in_chunks(encoder: Encoder, texts: Sequence[str | PseudoText], chunk: int = 250) -> FloatArray:
    """(n, dim) un-normalised embeddings, a few hundred texts at a time."""
    return np.concatenate([encoder.encode_texts(texts[at : at + chunk]) for at in range(0, len(texts), chunk)])


def embed_scenes(encoder: Encoder, scenes: Sequence[Scene], chunk: int = 250) -> FloatArray:
    """(n, dim) un-normalised embeddings of the scenes' pictures."""
    parts = []
    for at in range(0, len(scenes), chunk):
        parts.append(encoder.encode_images([render(scene, DRAWN_SIZE) for scene in scenes[at : at + chunk]]))
    return np.concatenate(parts)


def mean_ap(scores: FloatArray, relevant: npt.NDArray[np.bool_], k: int = 10) -> float:
    """CIRCO's mAP@k (Baldrati et al., ICCV 2023): AP@k = Σ P(i)·rel(i) / min(|answers|, k); references left out."""
    scores = scores.copy()
    np.fill_diagonal(scores, -np.inf)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    hits = np.take_along_axis(relevant, order, axis=1)
    precision = hits.cumsum(axis=1) / np.arange(1, order.shape[1] + 1)
    return float(((precision * hits).sum(axis=1) / np.minimum(relevant.sum(axis=1), k)).mean())


def evaluate(task: Task, vectors: Vectors) -> dict[str, float]:
    """mAP@10 of single terms and of plain sums, against the image column alone."""
    terms = dict(vectors.terms)
    terms["image+text"] = terms["image"] + terms["text"]
    terms["image+pseudo_token"] = terms["image"] + terms["pseudo_token"]
    return {name: mean_ap(vector @ vectors.image_column.T, task.relevant) for name, vector in terms.items()}


def evaluate_presets(task: Task, vectors: Vectors) -> dict[str, float]:
    """mAP@10 of the presets that rank differently."""
    return {
        name: _weighted(task, _similarities(vectors), preset.weights, preset.gamma)
        for name, preset in PRESETS.items()
        if name != "circo"
    }


def best_weights(task: Task, vectors: Vectors, keep: int = 5) -> list[dict[str, float]]:
    """The best few of a grid of weights and gammas, best first; edited_captions has weight 1."""
    similar = _similarities(vectors)
    tried = []
    for pseudo, image, gamma in itertools.product(WEIGHTS, WEIGHTS, GAMMAS):
        weights = dict(zip(NAMES, (1.0, pseudo, image), strict=True))
        tried.append({**weights, "gamma": gamma, "map10": _weighted(task, similar, weights, gamma)})
    return sorted(tried, key=lambda one: -one["map10"])[:keep]


def _similarities(vectors: Vectors) -> dict[str, tuple[FloatArray, FloatArray]]:
    """(queries, gallery) inner products of each ranking term with both columns."""
    columns = (vectors.image_column.T, vectors.caption_column.T)
    return {name: (vectors.terms[name] @ columns[0], vectors.terms[name] @ columns[1]) for name in NAMES}


def _weighted(
    task: Task, similar: Mapping[str, tuple[FloatArray, FloatArray]], weights: Mapping[Any, float], gamma: float
) -> float:
    scores = sum(weights[name] * ((1 - gamma) * image + gamma * told) for name, (image, told) in similar.items())
    return mean_ap(np.asarray(scores), task.relevant)


def main() -> None:
    """Reads the command line, evaluates, prints one JSON object."""
    parser = argparse.ArgumentParser(description="Composed retrieval on unseen scenes.")
    parser.add_argument("--model", default="starter", help="a bundle's name or a bundle.toml")
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    bundle, task = load_bundle(given.model), make_task(seed=given.seed)
    assert bundle.phi is not None, "this table needs a bundle with phi"
    tellings = {
        "as_shipped": tell_as_shipped(task, bundle.captioner, make_rewriter("rules")),
        "true_captions": tell_truly(task, given.seed),
    }
    found = {}
    for name, told in tellings.items():
        vectors = embed_task(task, told, bundle.encoder, bundle.phi)
        found[name] = {
            "terms": evaluate(task, vectors),
            "presets": evaluate_presets(task, vectors),
            "best_weights": best_weights(task, vectors),
        }
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
