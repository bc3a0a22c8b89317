"""Timing: contenders run in turn, round after round, so that a machine whose speed drifts does not change the ratios.

Takes calls, gives milliseconds and ratios.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

Call = Callable[[], Any]
MIN_ROUNDS = 3


def in_turn(ours: Call, baseline: Call, rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds of both, round by round, after one round that does not count."""
    times = in_rounds({"ours": lambda _: ours(), "baseline": lambda _: baseline()}, rounds)
    return times["ours"], times["baseline"]


def in_rounds(
    contenders: Mapping[str, Callable[[int], Any]], rounds: int, seconds: float = float("inf")
) -> dict[str, list[float]]:
    """Milliseconds of each contender, round by round; each is called with the round's number.

    Round 0 does not count. Once `seconds` have passed no round begins, but MIN_ROUNDS are run whatever they take. Who
    goes first changes with the round, because the second finds other caches than the first.
    """
    times: dict[str, list[float]] = {name: [] for name in contenders}
    names, start = list(contenders), time.perf_counter()
    for number in range(rounds + 1):
        if number > MIN_ROUNDS and time.perf_counter() - start > seconds:
            break
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            begun = time.perf_counter()
            contenders[name](number)
            if number:
                times[name].append((time.perf_counter() - begun) * 1000)
    return times


def ratio(ours: Sequence[float], other: Sequence[float]) -> str:
    """The median of the rounds' ratios, with the least and the most."""
    ratios = [a / b for a, b in zip(ours, other, strict=True)]
    return f"**{_short(median(ratios))}** ({_short(min(ratios))} to {_short(max(ratios))})"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
