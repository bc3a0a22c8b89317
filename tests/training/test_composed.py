"""Composed retrieval on scenes: the task is hard but fair, and the metric is CIRCO's."""

from __future__ import annotations

import numpy as np
import pytest

from cvsi_db.models.rewriter import make_rewriter
from cvsi_db.scenes.edits import is_match
from cvsi_db.training.composed import (
    Vectors,
    best_weights,
    embed_task,
    evaluate,
    evaluate_presets,
    make_task,
    mean_ap,
    tell_as_shipped,
    tell_truly,
)
from tests.fakes import DIM, FakeCaptioner, FakeEncoder, FakePhi


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
    presets = evaluate_presets(task, vectors)
    assert list(presets) == ["default", "cirr", "fashioniq"]
    assert presets["fashioniq"] > evaluate(task, vectors)["image"]


def test_both_tellings_embed() -> None:
    task = make_task(queries=3, fillers=1)
    truth = tell_truly(task)
    assert truth == tell_truly(task)
    for edit, rewrite in zip(task.edits, truth.rewrites, strict=True):
        assert rewrite.added_objects == edit.adds
    for told in (truth, tell_as_shipped(task, FakeCaptioner(), make_rewriter("rules"))):
        vectors = embed_task(task, told, FakeEncoder(), FakePhi())
        assert vectors.caption_column.shape == vectors.image_column.shape == (len(task.gallery), DIM)
        first = told.captions[0]
        mean = sum(row / np.linalg.norm(row) for row in FakeEncoder().encode_texts(first)) / len(first)
        assert vectors.caption_column[0] == pytest.approx(mean, abs=1e-6)
