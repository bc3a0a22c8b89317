"""The rerank: scores that depend on nothing but the row, within their bound, and their order."""

from __future__ import annotations

import numpy as np
import pytest

from cvsi_db.records import Column, FloatArray, Term
from cvsi_db.search.plan.nodes import Rerank, ResidentScan, TopK
from cvsi_db.search.run.rerank import Candidates, exact_scores, mix, rerank, score_error, term_similarities

COLUMNS = (Column("image_vector", 0.9), Column("caption_vector", 0.1))


def unit_rows(count: int, dim: int, seed: int) -> FloatArray:
    rows = np.random.default_rng(seed).standard_normal((count, dim))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def node_of(dim: int) -> Rerank:
    image, edited, objects = unit_rows(3, dim, seed=1)
    terms = (Term("edited_captions", edited, 0.7), Term("image", image, 0.4), Term("objects", objects, -0.3))
    return Rerank(ResidentScan(1), terms, COLUMNS)


def candidates(mixed: FloatArray) -> Candidates:
    return Candidates(np.array([f"{number:04}" for number in range(len(mixed))]), mixed)


@pytest.mark.parametrize("dim", [1, 33, 512, 1280])
def test_equal_rows_score_equally_to_the_last_bit_wherever_they_stand(dim: int) -> None:
    rows, node = unit_rows(501, dim, seed=2), node_of(dim)
    rows[::7] = rows[0]
    found = term_similarities(node, candidates(rows))
    assert len(np.unique(found[::7], axis=0)) == 1
    apart = np.concatenate([rows, np.zeros_like(rows)], axis=1)[:, :dim]  # the same rows, not one behind the other
    assert np.array_equal(term_similarities(node, candidates(apart)), found)
    assert np.array_equal(term_similarities(node, candidates(rows[3:5])), found[3:5])


@pytest.mark.parametrize("dim", [33, 512])
def test_scores_are_off_by_less_than_their_bound(dim: int) -> None:
    rows, node = unit_rows(300, dim, seed=3), node_of(dim)
    query = sum(term.weight * term.vector.astype(np.float64) for term in node.terms)
    off = np.abs(exact_scores(node, candidates(rows)) - rows.astype(np.float64) @ query)
    assert 0 < off.max() < score_error(node.terms)


def test_equal_scores_are_ordered_by_image_id() -> None:
    rows = np.repeat(unit_rows(3, 16, seed=4), 4, axis=0)
    ranking = rerank(TopK(node_of(16), 7), candidates(rows))
    assert ranking.image_ids == tuple(sorted(ranking.image_ids[:4]) + sorted(ranking.image_ids[4:]))
    assert (np.diff(ranking.scores) <= 0).all()
    assert np.array_equal(ranking.contributions.sum(axis=1), ranking.scores)


def test_columns_without_a_share_do_not_matter() -> None:
    image, caption = unit_rows(5, 8, seed=5), unit_rows(5, 8, seed=6)
    vectors = {"image_vector": image, "caption_vector": caption}
    assert np.array_equal(mix((Column("image_vector", 1.0), Column("caption_vector", 0.0)), vectors), image)
    assert np.array_equal(mix((Column("caption_vector", 0.5),), vectors), np.float32(0.5) * caption)
