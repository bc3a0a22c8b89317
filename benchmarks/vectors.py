"""Synthetic embeddings that lie as CLIP's do: two cones, clusters of uneven size, few directions that matter.

Takes sizes and a seed, gives unit vectors; the rows of a small gallery are the first rows of a large one.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from cvsi_db.records import Branch, Column, FloatArray, LogicalQuery, Term

CHUNK = 10_000
CLUSTERS, THEMES = 4_000, 80
CONE = 1.0  # as long as a row's own part: two unrelated images have a cosine of about 0.5
SHARED = 0.8  # how much of a caption's own part is its image's
GAMMA = 0.1

_WEIGHTS = {"edited_captions": 0.45, "pseudo_token": 0.15, "image": 0.4}  # near the default preset


def chunks(rows: int, dim: int, seed: int = 0) -> Iterator[tuple[FloatArray, FloatArray]]:
    """(n, dim) image vectors of length 1 and caption vectors a little shorter, CHUNK rows at a time."""
    for number, start in enumerate(range(0, rows, CHUNK)):
        image, caption = _rows(np.random.default_rng((seed, dim, 3, number)), CHUNK, dim, seed)
        yield image[: rows - start], caption[: rows - start]


def queries(count: int, dim: int, k: int, seed: int = 0) -> list[LogicalQuery]:
    """Composed queries as the compiler makes them: three branches of pictures like the gallery's own."""
    rng = np.random.default_rng((seed, dim, 2))
    image, caption = _rows(rng, 2 * count, dim, seed=0)
    references, targets = range(count), range(count, 2 * count)
    blend = 0.5 * (caption[references] + caption[targets])
    edited = unit(blend + _spread(rng, count, dim, 0.3))
    pseudo = unit(blend + _spread(rng, count, dim, 0.6))
    return [_query((edited[i], pseudo[i], image[references[i]]), k) for i in range(count)]


def unit(rows: FloatArray) -> FloatArray:
    """(n, dim): each row divided by its length."""
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), dtype=np.float32)


def _query(vectors: tuple[FloatArray, FloatArray, FloatArray], k: int) -> LogicalQuery:
    edited, pseudo, image = (
        Term(name, vector, weight)  # type: ignore[arg-type]
        for (name, weight), vector in zip(_WEIGHTS.items(), vectors, strict=True)
    )
    branches = (
        Branch("pseudo_token", (pseudo,)),
        Branch("edited_captions", (edited,)),
        Branch("image_objects", (image,)),
    )
    return LogicalQuery(branches, (Column("image_vector", 1 - GAMMA), Column("caption_vector", GAMMA)), None, None, k)


def _rows(rng: np.random.Generator, count: int, dim: int, seed: int) -> tuple[FloatArray, FloatArray]:
    cones, centres, weights = _world(dim, seed)
    content = centres[rng.choice(CLUSTERS, size=count, p=weights)] + _spread(rng, count, dim, 0.6)
    own = SHARED * content + _spread(rng, count, dim, (1 - SHARED**2) ** 0.5)
    captions = unit(cones[1] + own) * rng.uniform(0.8, 0.95, size=(count, 1)).astype(np.float32)
    return unit(cones[0] + content), captions  # the mean of several captions is shorter than each


@lru_cache(maxsize=2)
def _world(dim: int, seed: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The cones (2, dim) of both kinds, the clusters' centres around their themes, and how often each is met (Zipf)."""
    rng = np.random.default_rng((seed, dim, 1))
    cones = CONE * unit((rng.normal(size=(2, dim)) + rng.normal(size=dim) / 2).astype(np.float32))
    themes = _spread(rng, THEMES, dim, 0.6)
    centres = themes[rng.integers(THEMES, size=CLUSTERS)] + _spread(rng, CLUSTERS, dim, 0.55)
    weights = 1 / (10 + np.arange(CLUSTERS))
    return cones, centres, np.asarray(weights / weights.sum())


def _spread(rng: np.random.Generator, count: int, dim: int, length: float) -> FloatArray:
    """(count, dim) random vectors of about `length` whose variance falls with the direction's number, as 1/n."""
    scale = (1 + np.arange(dim)) ** -0.5
    return np.asarray(rng.normal(size=(count, dim)) * (scale * length / np.linalg.norm(scale)), dtype=np.float32)
