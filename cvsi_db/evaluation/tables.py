"""Lays the numbers of a report out as tables to read; knows nothing about how they were measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from cvsi_db.evaluation.metrics import Estimate

GROUPS = ("aspects", "categories")
"""What a method's part of a report may hold besides metrics: estimates by group."""


def rounded(found: Mapping[str, Estimate]) -> dict[str, dict[str, float]]:
    """Estimates as plain values {value, low, high}, to two decimals."""
    return {name: {end: round(number, 2) for end, number in asdict(one).items()} for name, one in found.items()}


def metrics_table(methods: Mapping[str, Any], lead: str) -> str:
    """Methods by metrics, then the interval of the metric `lead`."""
    names = [name for name in next(iter(methods.values())) if name not in GROUPS]
    head = ["method", *map(_short, names), f"{_short(lead)} from", "to"]
    rows = [
        [method, *(number(found[name]["value"]) for name in names), *(number(found[lead][end]) for end in _ENDS)]
        for method, found in methods.items()
    ]
    return aligned([head, *rows])


def groups_table(methods: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """Methods by groups; for each method its estimates by group."""
    groups = list(next(iter(methods.values())))
    rows = [[method, *(number(found[group]["value"]) for group in groups)] for method, found in methods.items()]
    return aligned([["method", *groups], *rows])


_ENDS = ("low", "high")


def _short(metric: str) -> str:
    return metric.replace("map", "mAP").replace("recall", "R")


def number(value: float) -> str:
    """A percentage, to one decimal."""
    return f"{value:.1f}"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as lines: the first column flush left, the others flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
