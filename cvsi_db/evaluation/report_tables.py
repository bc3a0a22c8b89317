"""Lays the numbers of a report out as tables to read."""

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
    """Methods by metrics, then the interval of the metric `lead`; percentages to two decimals, as papers state them."""
    names = [name for name in next(iter(methods.values())) if name not in GROUPS]
    short = {name: name.replace("map", "mAP").replace("recall", "R") for name in (*names, lead)}
    rows = [["method", *(short[name] for name in names), f"{short[lead]} from", "to"]]
    for method, found in methods.items():
        shown = [found[name]["value"] for name in names] + [found[lead]["low"], found[lead]["high"]]
        rows.append([method, *(f"{value:.2f}" for value in shown)])
    return aligned(rows)


def groups_table(methods: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """Methods by groups; for each method its estimates by group."""
    groups = list(next(iter(methods.values())))
    rows = [[method, *(f"{found[group]['value']:.2f}" for group in groups)] for method, found in methods.items()]
    return aligned([["method", *groups], *rows])


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
