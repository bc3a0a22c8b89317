"""Composed retrieval on scenes: the task is hard but fair, and the metric is CIRCO's."""

from __future__ import annotations

import numpy as np
import pytest

from cvsi_db.scenes.edits import is_match
from cvsi_db.training.composed import Vectors, best_weights, evaluate, make_task, mean_ap


def test_task_has_answers_and_decoys_that_are_none() -> None:
    task = make_task(queries=5, fillers=3)
    assert len(task.gallery) == 5 * 6 + 3
    for row, edit in enumerate(task.edits):
        assert task.relevant[row, 5 + row]
        assert not task.relevant[row, row]
        for index in np.flatnonzero(task.relevant[row]):
            assert is_match(task.gallery[row], edit, task.gallery[index])
    assert task == task
    assert make_task(queries=5, fillers=3).gallery == task.gallery


def test_mean_ap_by_hand() -> None:
    scores = np.array([[99, 5, 4, 3, 2], [5, 99, 1, 4, 3]], np.float32)  # the references' own 99 do not count
    relevant = np.array([[0, 1, 0, 1, 0], [0, 0, 1, 0, 0]], bool)
    assert mean_ap(scores, relevant) == pytest.approx(((1 + 2 / 3) / 2 + 1 / 4) / 2)
    assert mean_ap(scores, relevant, k=1) == pytest.approx(0.5)


def test_best_weights_find_the_term_that_knows() -> None:
    task = make_task(queries=4, fillers=2)
    rng = np.random.default_rng(0)
    columns = rng.normal(size=(len(task.gallery), 16)).astype(np.float32)
    columns /= np.linalg.norm(columns, axis=1, keepdims=True)
    noise = rng.normal(size=(3, 4, 16)).astype(np.float32)
    terms = {"edited_captions": 0.1 * noise[0], "pseudo_token": columns[4:8], "image": noise[1], "text": noise[2]}
    vectors = Vectors(terms, columns, columns)
    best = best_weights(task, vectors)
    assert len(best) == 5
    assert best[0]["map10"] >= best[4]["map10"]
    assert best[0]["pseudo_token"] > best[0]["image"]
    assert evaluate(task, vectors)["pseudo_token"] > evaluate(task, vectors)["text"]
