"""The simulated verifier: its rule, its errors, and its chart."""

from __future__ import annotations

import numpy as np
import pytest

from cvsi_db.evaluation.verify_simulation import FIRST, RIGHT, Ranked, draw, map10, reordered, simulated

RELEVANT = np.zeros((3, 150), bool)
RELEVANT[0, [3, 40]] = RELEVANT[1, 0] = RELEVANT[2, 120] = True
RANKED = Ranked(RELEVANT, RELEVANT * 0.5, np.array([2, 1, 1]))


def test_a_verifier_that_is_always_right_puts_the_targets_of_the_first_before_all() -> None:
    rng = np.random.default_rng(0)
    assert map10(RELEVANT, RANKED) == pytest.approx(100 * (0.25 / 2 + 1 + 0) / 3)
    assert simulated(RANKED, 1.0, 5, rng) == pytest.approx(100 * (0.5 + 1 + 0) / 3)
    assert simulated(RANKED, 1.0, 50, rng) == pytest.approx(100 * (1 + 1 + 0) / 3)


def test_one_that_is_always_wrong_puts_them_last_of_the_first() -> None:
    assert simulated(RANKED, 0.0, 5, np.random.default_rng(0)) == pytest.approx(100 * (0.2 / 2 + 0.2 + 0) / 3)


def test_equal_answers_leave_the_order_and_what_is_beyond_the_first_stays() -> None:
    assert (reordered(RELEVANT, np.zeros(RELEVANT.shape), 100) == RELEVANT).all()
    said = np.tile(np.arange(150.0), (3, 1))
    turned = reordered(RELEVANT, said, 5)
    assert np.flatnonzero(turned[0]).tolist() == [1, 40]
    assert np.flatnonzero(turned[1]).tolist() == [4]
    assert np.flatnonzero(turned[2]).tolist() == [120]


def test_the_chart_calls_itself_a_simulation() -> None:
    svg = draw({right: [50 + 10 * right] * len(FIRST) for right in RIGHT}, 55.0)
    assert "Simulation: " in svg
    assert "cvsi alone 55.0" in svg
    assert all(f"N = {first}" in svg for first in FIRST)
