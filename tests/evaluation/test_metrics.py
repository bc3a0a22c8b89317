"""Metrics against hand-computed numbers, and against a brute force in plain Python."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvsi_db.evaluation.metrics import (
    Estimate,
    average_precision,
    by_group,
    estimates,
    measure,
    ranked_relevance,
    recall,
    top,
)


def test_average_precision_matches_worked_example() -> None:
    ranked = np.array([[1, 0, 1, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 0], [1, 1, 1, 0, 0]], bool)
    targets = np.array([2, 1, 3, 3])
    assert average_precision(ranked, targets, 5) == pytest.approx([(1 + 2 / 3) / 2, 1 / 4, 0, 1])
    assert average_precision(ranked, targets, 2) == pytest.approx([1 / 2, 0, 0, 1])  # of three targets two fit in
    assert average_precision(ranked, targets, 1) == pytest.approx([1, 0, 0, 1])


def test_recall_matches_worked_example() -> None:
    ranked = np.array([[0, 1, 1], [0, 0, 1], [0, 0, 0]], bool)
    assert recall(ranked, 1).tolist() == [0, 0, 0]
    assert recall(ranked, 2).tolist() == [1, 0, 0]
    assert recall(ranked, 50).tolist() == [1, 1, 0]


def test_top_leaves_out_and_keeps_the_order_of_equals() -> None:
    scores = np.array([[9, 1, 5, 5, 3], [9, 1, 5, 5, 3]], np.float32)
    assert top(scores.copy(), np.array([0, -1]), 3).tolist() == [[2, 3, 4], [0, 2, 3]]
    assert top(scores.copy(), np.array([2, 4]), 50)[:, :4].tolist() == [[0, 3, 4, 1], [0, 2, 3, 1]]


def test_ranked_relevance_matches_worked_example() -> None:
    rankings = np.array([[7, 3, 5], [7, 3, 5]])
    assert ranked_relevance(rankings, [{5, 7}, {4}]).tolist() == [[True, False, True], [False, False, False]]


@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 60), st.integers(1, 60))
def test_metrics_equal_brute_force(seed: int, queries: int, images: int, k: int) -> None:
    rng = random.Random(seed)
    scores = np.array([[rng.randrange(20) for _ in range(images)] for _ in range(queries)], np.float32)
    targets = [set(rng.sample(range(images), rng.randint(1, min(images, 6)))) for _ in range(queries)]
    left_out = [rng.randrange(-1, images) for _ in range(queries)]
    rankings = top(scores.copy(), np.array(left_out), k)
    ranked = ranked_relevance(rankings, targets)
    counts = np.array([len(known) for known in targets])
    for row in range(queries):
        order = _brute_order(scores[row].tolist(), left_out[row])[:k]
        assert rankings[row][: len(order)].tolist() == order
        assert average_precision(ranked, counts, k)[row] == pytest.approx(
            _brute_precision(rankings[row], targets[row], k)
        )
        assert recall(ranked, k)[row] == any(image in targets[row] for image in rankings[row])


def _brute_order(scores: list[float], left_out: int) -> list[int]:
    return sorted((column for column in range(len(scores)) if column != left_out), key=lambda column: -scores[column])


def _brute_precision(ranking: np.ndarray, targets: set[int], k: int) -> float:
    found, total = 0, 0.0
    for rank, image in enumerate(ranking[:k].tolist(), start=1):
        if image in targets:
            found += 1
            total += found / rank
    return total / min(len(targets), k)


def test_measure_names_every_metric() -> None:
    ranked = np.zeros((1, 50), bool)
    ranked[0, 7] = True
    found = {name: round(float(values[0]), 3) for name, values in measure(ranked, np.array([1])).items()}
    assert found == {
        "map@5": 0, "map@10": 0.125, "map@25": 0.125, "map@50": 0.125,
        "recall@1": 0, "recall@5": 0, "recall@10": 1, "recall@50": 1,
    }  # fmt: skip


def test_intervals_are_percentiles_of_resampled_means() -> None:
    values = np.random.default_rng(1).random(200)
    found = estimates({"map@10": values, "same": values})
    assert vars(found["map@10"]) == pytest.approx(vars(estimates({"alone": values})["alone"]))
    assert vars(found["map@10"]) == pytest.approx(vars(found["same"]))
    assert found["map@10"].value == pytest.approx(100 * values.mean())
    spread = 100 * values.std() / 200**0.5  # of the mean, by the central limit theorem
    assert found["map@10"].low == pytest.approx(100 * values.mean() - 1.96 * spread, abs=0.3)
    assert found["map@10"].high == pytest.approx(100 * values.mean() + 1.96 * spread, abs=0.3)
    assert estimates({"all": np.ones(9)})["all"] == Estimate(100, 100, 100)


def test_groups_are_measured_separately() -> None:
    found = by_group(np.array([1.0, 0.0, 1.0, 1.0]), [("b",), ("a",), ("b",), ("a",)])
    assert list(found) == ["b", "a"]
    assert found["b"] == Estimate(100, 100, 100)
    assert found["a"].value == 50
    assert (found["a"].low, found["a"].high) == (0, 100)


def test_a_query_may_be_in_several_groups() -> None:
    found = by_group(np.array([1.0, 0.0, 1.0]), [("b", "a"), ("a",), ()])
    assert {name: one.value for name, one in found.items()} == {"b": 100, "a": 50}
