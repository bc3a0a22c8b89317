"""The score gap: where a list of scores, best first, falls off so clearly that what follows is no answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

CUT_WINDOW = 50
"""How many of the best scores are judged: always the same number, so that every page of an answer ends at one place."""

FEWEST = 10
"""With fewer scores nothing can be said of what step between two of them is usual."""

FOLLOWING = 20
"""The steps after a gap that it is measured by, beside all those before it: further down, lists are another matter."""

CLEAR = 9.0
"""A gap is this many times the usual step. In lists that have no gap at all, 7 % are cut (a test holds it there)."""

LEAST_SHARE = 0.1
"""The part of the judged range that a gap must be at least: a step may be unusual and still mean nothing."""


def clear_gap(scores: Sequence[float]) -> int | None:
    """How many scores (descending) come before the first clear gap among the first CUT_WINDOW; None without one.

    The best of many scores lie wider apart than those that follow. Where their tail is exponential, the i-th step
    times i is exponentially distributed with the same mean for every i (Rényi, "On the theory of order statistics",
    1953). So the step after rank i is a clear gap when

        i · (s_i - s_(i+1))  >  CLEAR · median over all other j up to i + FOLLOWING of  j · (s_j - s_(j+1))

    and s_i - s_(i+1) is at least LEAST_SHARE of the range of the scores that are judged.
    """
    judged = np.asarray(scores[:CUT_WINDOW], dtype=np.float64)
    if len(judged) < FEWEST:
        return None
    steps = judged[:-1] - judged[1:]
    weighed = np.arange(1, len(judged)) * steps
    usual = [np.median(np.delete(weighed[: place + 1 + FOLLOWING], place)) for place in range(len(weighed))]
    large = (steps > 0) & (steps >= LEAST_SHARE * (judged[0] - judged[-1]))
    clear = np.flatnonzero(large & (weighed > CLEAR * np.array(usual)))
    return int(clear[0]) + 1 if len(clear) else None
