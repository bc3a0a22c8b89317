"""The cut on score lists made by hand, and on lists that have no gap."""

from __future__ import annotations

import numpy as np
import pytest

from cvsi_db.search.score_gap import CUT_WINDOW, FEWEST, clear_gap

TAIL = [0.40 - 0.005 * place for place in range(20)]


def test_three_answers_and_a_tail_are_cut_after_the_third() -> None:
    assert clear_gap([0.90, 0.88, 0.87, *TAIL]) == 3


def test_a_long_even_tail_hides_no_gap() -> None:
    assert clear_gap([0.66, 0.65, 0.64, *(0.40 - 0.005 * place for place in range(60))]) == 3


def test_the_first_of_two_clear_gaps_counts() -> None:
    assert clear_gap([0.90, 0.88, 0.87, *TAIL, *(score - 0.5 for score in TAIL)]) == 3


def test_one_lone_answer_is_kept_alone() -> None:
    assert clear_gap([0.95, *TAIL]) == 1


def test_even_steps_are_not_cut() -> None:
    assert clear_gap([1 - 0.01 * place for place in range(CUT_WINDOW)]) is None


def test_fewer_than_ten_scores_have_no_gap() -> None:
    scores = [0.9, 0.89, 0.88, *(0.1 - 0.001 * place for place in range(7))]
    assert len(scores) == FEWEST
    assert clear_gap(scores) == 3
    assert clear_gap(scores[:-1]) is None
    assert clear_gap([]) is None


def test_equal_scores_have_no_gap_and_a_step_between_two_plateaus_is_one() -> None:
    assert clear_gap([0.5] * 30) is None
    assert clear_gap([0.5] * 4 + [0.3] * 30) == 4


def test_an_unusual_but_tiny_step_is_no_gap() -> None:
    steps = [0.05] * 12 + [1e-4] * 18 + [0.01] + [1e-4] * 18
    scores = (1 - np.cumsum([0, *steps])).tolist()
    assert clear_gap(scores) is None
    assert clear_gap([*scores[:31], *(score - 0.2 for score in scores[31:])]) == 31


def test_what_lies_beyond_the_window_plays_no_part() -> None:
    within = [1 - 0.01 * place for place in range(CUT_WINDOW)]
    assert clear_gap([*within, -5.0, -5.1]) is None


def test_scale_and_sign_play_no_part() -> None:
    scores = np.array([0.90, 0.88, 0.87, *TAIL])
    for factor, shift in ((1000, 0), (1e-4, 0), (1, -7)):
        assert clear_gap((factor * scores + shift).tolist()) == 3


@pytest.mark.parametrize("tail", ["exponential", "normal"])
def test_scores_without_a_gap_are_rarely_cut(tail: str) -> None:
    random = np.random.default_rng(3)
    lists = (-np.sort(-getattr(random, tail)(size=2000)) for _ in range(300))
    cut = sum(clear_gap(scores.tolist()) is not None for scores in lists)
    assert cut / 300 < 0.08
