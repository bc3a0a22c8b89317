"""The Markdown table of the product's benchmarks, printed row by row."""

from __future__ import annotations

from statistics import median

from benchmarks.timing import ratio


def print_heading() -> None:
    """Print the head of the table."""
    print("| what | ours, ms | baseline | baseline, ms | ours / baseline (min to max) |")
    print("|---|---|---|---|---|")


def print_row(what: str, baseline: str, ours: list[float], other: list[float]) -> None:
    """Print one row of the table."""
    print(f"| {what} | {median(ours):.0f} | {baseline} | {median(other):.0f} | {ratio(ours, other)} |", flush=True)
