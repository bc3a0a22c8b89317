"""Draws a report of `cvsi-db eval` as an SVG: `python -m cvsi_db.evaluation.chart report.json chart.svg`.

One bar of mAP@10 per method, with a whisker for its 95 % interval.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

WIDTH, ROW, BAR = 760, 30, 16
LEFT, RIGHT, TOP, BOTTOM = 180, 70, 74, 44
METRIC = "map@10"
TICKS = (0, 20, 40, 60, 80, 100)

_COLOURS = {"cvsi": "#1f6f8b", "ceiling": "#c9b458"}
_ABLATION, _BASELINE = "#8fb8c6", "#9aa0a6"
INK, _QUIET, _GRID = "#202124", "#5f6368", "#e3e5e8"
FONT = "font-family=\"-apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif\""


def draw_chart(report: Mapping[str, Any]) -> str:
    """The report's methods, in its order, as one SVG document."""
    methods = report["methods"]
    height = TOP + ROW * len(methods) + BOTTOM
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    details = f"{report['queries']:,} queries, gallery of {report['gallery']:,}; percent, 95 % bootstrap intervals"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {FONT}>',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        svg_text(24, 32, f"{report['benchmark']}: mAP@10 on {report['split']}", size=17, weight=600),
        svg_text(24, 53, details, size=12, colour=_QUIET),
        *_grid(TOP + ROW * len(methods)),
        *(line for row, (name, found) in enumerate(methods.items()) for line in _bar(row, name, found[METRIC])),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _grid(bottom: float) -> Iterator[str]:
    for tick in TICKS:
        x = _x(tick)
        yield f'<line x1="{x:.1f}" y1="{TOP - 4}" x2="{x:.1f}" y2="{bottom + 4:.1f}" stroke="{_GRID}"/>'
        yield svg_text(x, bottom + 22, str(tick), size=11, colour=_QUIET, anchor="middle")


def _bar(row: int, name: str, found: Mapping[str, float]) -> Iterator[str]:
    """The name, the bar, its whisker with end caps, and the value to the right of both."""
    middle = TOP + ROW * row + ROW / 2
    low, high = _x(found["low"]), _x(found["high"])
    colour = _COLOURS.get(name, _ABLATION if name.startswith("cvsi-") else _BASELINE)
    yield svg_text(LEFT - 12, middle + 4, name, size=13, anchor="end", weight=600 if name == "cvsi" else 400)
    yield (
        f'<rect x="{LEFT}" y="{middle - BAR / 2:.1f}" width="{_x(found["value"]) - LEFT:.1f}" height="{BAR}" rx="2" '
        f'fill="{colour}"/>'
    )
    whisker = f"M{low:.1f} {middle}H{high:.1f}M{low:.1f} {middle - 4}v8M{high:.1f} {middle - 4}v8"
    yield f'<path d="{whisker}" stroke="{INK}" stroke-width="1.2" fill="none"/>'
    yield svg_text(high + 8, middle + 4, f"{found['value']:.1f}", size=12)


def _x(percent: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * percent / 100


def svg_text(
    x: float, y: float, text: str, *, size: int, colour: str = INK, anchor: str = "start", weight: int = 400
) -> str:
    """A text element; `x` and `y` are where its baseline starts, or its middle or end by `anchor`."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" '
        f'fill="{colour}">{escape(text)}</text>'
    )


if __name__ == "__main__":
    source, destination = sys.argv[1:]
    Path(destination).write_text(draw_chart(json.loads(Path(source).read_text("utf-8"))), "utf-8")
