"""Analyze: which branch put each hit where it is.

Takes the hits and the pool of a search for the same query; returns lines of text. Knows nothing about how either was
found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from cvsi_db.records import Branch, FloatArray, Hit, Pool

ANALYZED = 200
"""The best images that the branches' ranks are counted among: a search for so many costs little more than for ten."""


def branch_parts(branches: Sequence[Branch], pool: Pool) -> FloatArray:
    """(images, branches) the part of each branch in the score of each image of the pool."""
    terms = [term.name for term in pool.ranking.terms]
    of = [[terms.index(term.name) for term in branch.terms] for branch in branches]
    return np.stack([pool.ranking.contributions[:, places].sum(axis=1) for places in of], axis=1)


def branch_ranks(parts: FloatArray) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """(images, branches) the rank of each image, from 1, by the part of one branch alone; equal parts share one."""
    return np.array([[1 + int((column > value).sum()) for value in column] for column in parts.T]).T


def analyze_lines(hits: Sequence[Hit], branches: Sequence[Branch], pool: Pool) -> Iterator[str]:
    """A line per hit: its rank and score, and of each branch its part in the score and the hit's rank by it alone.

    Branches without any weight are left out. A star marks the branch (or branches) that ranks the hit highest.
    """
    weighed = [branch for branch in branches if any(term.weight for term in branch.terms)]
    parts = branch_parts(weighed, pool)
    ranks = branch_ranks(parts)
    places = {image_id: place for place, image_id in enumerate(pool.ranking.image_ids)}
    yield (
        f"hits, each branch's part in their score, and their rank by it alone among the {len(places):,} best images "
        "(* ranks the hit highest)"
    )
    yield "   #   score  " + "".join(f"{branch.name:<20}" for branch in weighed) + "path"
    for hit in hits:
        of, rank = parts[places[hit.image_id]], ranks[places[hit.image_id]]
        cells = [f"{part:+.3f} #{at}{'*' if at == rank.min() else ''}" for part, at in zip(of, rank, strict=True)]
        yield f"{hit.rank:>4}  {hit.score:.4f}  " + "".join(f"{cell:<20}" for cell in cells) + Path(hit.path).name
