"""Composed retrieval on scenes that no training saw: `python -m cvsi_db.training.composed`; tells what a bundle can do.

A query is a scene A and an edit; its gallery holds A's answer B and scenes that are nearly right: A with another
attribute changed, A with the edited attribute at a wrong value, B with one thing too many. Captions here are those
of the scenes' grammar, not a captioner's: what they leave out, they leave out at random. Takes an encoder and phi,
returns CIRCO's mAP@10 of each term, and of the best weights for the terms together. Knows nothing about galleries.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cvsi_db.models.clip import OpenClipEncoder
from cvsi_db.models.phi import load_phi
from cvsi_db.models.protocols import Encoder, Phi
from cvsi_db.models.starter import FOLDER
from cvsi_db.records import FloatArray, PseudoText
from cvsi_db.scenes.captions import caption
from cvsi_db.scenes.edits import Edit, is_match
from cvsi_db.scenes.grammar import neighbour
from cvsi_db.scenes.renderer import render
from cvsi_db.scenes.scene import ATTRIBUTES, Scene
from cvsi_db.training.data import DRAWN_SIZE, sample_pair

SEED = 5
QUERIES, FILLERS, CAPTIONS = 300, 200, 5
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0)
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


def embed_task(task: Task, encoder: Encoder, phi: Phi, *, missing: float = 0.0, seed: int = SEED) -> Vectors:
    """Every vector the terms and columns need.

    `missing` is the share of a scene's attributes that all its captions fail to mention, as a captioner that never
    learned to see some things would.
    """
    pictures = embed_scenes(encoder, task.gallery)
    rng = random.Random(f"captions/{seed}")
    blind = [frozenset(name for name in ATTRIBUTES if rng.random() < missing) for _ in task.gallery]
    told = [
        [lossy_caption(scene, unseen, rng) for _ in range(CAPTIONS)]
        for scene, unseen in zip(task.gallery, blind, strict=True)
    ]
    edited = [edited_captions(task, row, blind[row], rng) for row in range(len(task.edits))]
    words = phi(pictures[: len(task.edits)])
    asked = [PseudoText(sentence(edit), word) for edit, word in zip(task.edits, words, strict=True)]
    terms = {
        "edited_captions": caption_means(encoder, edited),
        "pseudo_token": normalised(in_chunks(encoder, asked)),
        "image": normalised(pictures[: len(task.edits)]),
        "text": normalised(in_chunks(encoder, [edit.text for edit in task.edits])),
    }
    return Vectors(terms, normalised(pictures), caption_means(encoder, told))


def sentence(edit: Edit) -> str:
    """The pseudo-token branch's sentence (Ye et al., ICDM 2025)."""
    asked = f"a photo of $ that {edit.text}."
    return f"{asked} and the photo should have {edit.adds}." if edit.adds else asked


def lossy_caption(scene: Scene, unseen: frozenset[str], rng: random.Random) -> str:
    """A caption that states none of the unseen attributes (subject and count it always states)."""
    return caption(scene, rng, states=caption(scene, rng).states - unseen).text


def edited_captions(task: Task, row: int, unseen: frozenset[str], rng: random.Random) -> list[str]:
    """Captions of the reference as a faultless rewriter would edit them: they state what they stated, as edited."""
    before, edit = task.gallery[row], task.edits[row]
    after = task.gallery[len(task.edits) + row]
    states = [(caption(before, rng).states - unseen) | edit.changes.keys() for _ in range(CAPTIONS)]
    return [caption(after, rng, states=stated).text for stated in states]


def caption_means(encoder: Encoder, captions: Sequence[Sequence[str]]) -> FloatArray:
    """(n, dim) the mean of the normalised embeddings of each entry's captions, not normalised again."""
    flat = normalised(in_chunks(encoder, [text for entry in captions for text in entry]))
    means: FloatArray = flat.reshape(len(captions), -1, flat.shape[-1]).mean(axis=1)
    return means


def in_chunks(encoder: Encoder, texts: Sequence[str | PseudoText], chunk: int = 250) -> FloatArray:
    """(n, dim) un-normalised embeddings, a few hundred texts at a time."""
    return np.concatenate([encoder.encode_texts(texts[at : at + chunk]) for at in range(0, len(texts), chunk)])


def embed_scenes(encoder: Encoder, scenes: Sequence[Scene], chunk: int = 250) -> FloatArray:
    """(n, dim) un-normalised embeddings of the scenes' pictures."""
    parts = []
    for at in range(0, len(scenes), chunk):
        parts.append(encoder.encode_images([render(scene, DRAWN_SIZE) for scene in scenes[at : at + chunk]]))
    return np.concatenate(parts)


def normalised(vectors: FloatArray) -> FloatArray:
    """Rows of length 1."""
    unit: FloatArray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


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


def best_weights(task: Task, vectors: Vectors, keep: int = 5) -> list[dict[str, float]]:
    """The best few of a grid of weights and gammas, best first; edited_captions has weight 1."""
    tried = sorted(_grid(task, vectors), key=lambda one: -one["map10"])
    return tried[:keep]


def _grid(task: Task, vectors: Vectors) -> Iterator[dict[str, float]]:
    names = ("edited_captions", "pseudo_token", "image")
    columns = (vectors.image_column.T, vectors.caption_column.T)
    similar = {name: [vectors.terms[name] @ column for column in columns] for name in names}
    for pseudo, image, gamma in itertools.product(WEIGHTS, WEIGHTS, GAMMAS):
        weights = dict(zip(names, (1.0, pseudo, image), strict=True))
        by_image, by_caption = (sum(weights[n] * similar[n][side] for n in names) for side in (0, 1))
        scores = (1 - gamma) * by_image + gamma * by_caption
        yield {**weights, "gamma": gamma, "map10": mean_ap(np.asarray(scores), task.relevant)}


def main() -> None:
    """Reads the command line, evaluates, prints one JSON object."""
    parser = argparse.ArgumentParser(description="Composed retrieval on unseen scenes.")
    parser.add_argument("--clip", type=Path, default=FOLDER / "clip")
    parser.add_argument("--phi", type=Path, default=FOLDER / "phi.safetensors")
    parser.add_argument("--missing", type=float, default=0.3, help="share of attributes that captions never mention")
    given = parser.parse_args()
    encoder = OpenClipEncoder.load(f"local-dir:{given.clip}", None, device="cpu")
    phi = load_phi(given.phi, dim=encoder.dim, token_dim=encoder.token_dim, device="cpu")
    task, found = make_task(), {}
    for name, missing in (("true_captions", 0.0), ("lossy_captions", given.missing)):
        vectors = embed_task(task, encoder, phi, missing=missing)
        found[name] = {"map10": evaluate(task, vectors), "best_weights": best_weights(task, vectors)}
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
