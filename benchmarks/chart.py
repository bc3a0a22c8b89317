"""Draws cost as rows grow as an SVG: a line per contender, both axes logarithmic.

Takes rows and milliseconds, gives the document.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import ceil, floor, log10
from statistics import median

from cvsi_db.evaluation.chart import FONT, svg_text

WIDTH, HEIGHT = 760, 460
LEFT, RIGHT, TOP, BOTTOM = 70, 190, 74, 52
COLOURS = ("#1f6f8b", "#c2553a", "#4d8b3c", "#7a5ba6", "#b38600", "#5f6368", "#d0699a", "#2b2d30")

_QUIET, _GRID = "#5f6368", "#e3e5e8"

Growth = Sequence[tuple[int, Mapping[str, Sequence[float]]]]


def draw_growth(sizes: Growth, dim: int) -> str:
    """One line per contender through the medians of its milliseconds at each number of rows."""
    names = dict.fromkeys(name for _, times in sizes for name in times)
    lines = {name: [(rows, median(times[name])) for rows, times in sizes if name in times] for name in names}
    xs = _decades([rows for rows, _ in sizes])
    ys = _decades([ms for points in lines.values() for _, ms in points])
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {FONT}>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        svg_text(24, 32, "One composed query: milliseconds as the gallery grows", size=17, weight=600),
        svg_text(
            24, 53, f"Medians over rounds; two columns of width {dim}; both axes logarithmic", size=12, colour=_QUIET
        ),
        *_grid(xs, ys),
        *_lines(lines, xs, ys),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _decades(values: Sequence[float]) -> tuple[int, int]:
    """The powers of ten below and above all values, never the same."""
    low = floor(log10(min(values)))
    return low, max(ceil(log10(max(values))), low + 1)


def _grid(xs: tuple[int, int], ys: tuple[int, int]) -> Iterator[str]:
    for power in range(xs[0], xs[1] + 1):
        x = _x(10**power, xs)
        yield f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}" stroke="{_GRID}"/>'
        yield svg_text(x, HEIGHT - BOTTOM + 20, f"{10**power:,} rows", size=11, colour=_QUIET, anchor="middle")
    for power in range(ys[0], ys[1] + 1):
        y = _y(10**power, ys)
        yield f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="{_GRID}"/>'
        yield svg_text(LEFT - 8, y + 4, f"{10**power:g} ms", size=11, colour=_QUIET, anchor="end")


def _lines(lines: Mapping[str, Sequence[tuple[int, float]]], xs: tuple[int, int], ys: tuple[int, int]) -> Iterator[str]:
    """Each line with its points, and its name at the right, the names pushed apart where they would overlap."""
    lowest = float("-inf")
    for place, (name, points) in enumerate(sorted(lines.items(), key=lambda line: -line[1][-1][1])):
        colour = COLOURS[place % len(COLOURS)]
        at = [(_x(rows, xs), _y(ms, ys)) for rows, ms in points]
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in at)
        yield f'<path d="{path}" stroke="{colour}" stroke-width="2" fill="none"/>'
        yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in at)
        lowest = max(at[-1][1], lowest + 16)
        last = points[-1][1]
        shown = f"{last:,.0f}" if last >= 100 else f"{last:.3g}"
        yield svg_text(at[-1][0] + 10, lowest + 4, f"{name} {shown} ms", size=12, colour=colour)


def _x(rows: float, xs: tuple[int, int]) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * (log10(rows) - xs[0]) / (xs[1] - xs[0])


def _y(ms: float, ys: tuple[int, int]) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (log10(ms) - ys[0]) / (ys[1] - ys[0])
