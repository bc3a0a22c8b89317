"""Draws the curves of a training log: small panels, one per number, as a PNG."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image, ImageDraw

WIDTH, HEIGHT, PER_ROW, MARGIN = 240, 150, 4, 22
INK, LINE, FRAME = (40, 40, 40), (31, 90, 170), (200, 200, 200)


def draw_curves(log: Path, target: Path) -> None:
    """Reads a log of JSON lines, each with a `step`, and writes one panel for every other number in it."""
    curves = read_curves(log)
    rows = -(-len(curves) // PER_ROW)
    sheet = Image.new("RGB", (WIDTH * PER_ROW, HEIGHT * max(rows, 1)), "white")
    for index, (name, points) in enumerate(curves.items()):
        _panel(ImageDraw.Draw(sheet), (index % PER_ROW) * WIDTH, (index // PER_ROW) * HEIGHT, name, points)
    sheet.save(target)


def read_curves(log: Path) -> dict[str, list[tuple[float, float]]]:
    """(step, value) points of each number, by step; of a step that a resumed run took again, the later value."""
    curves: dict[str, dict[float, float]] = {}
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        for name, value in entry.items():
            if name not in {"step", "seconds", "final"}:
                curves.setdefault(name, {})[entry["step"]] = value
    return {name: sorted(points.items()) for name, points in curves.items()}


def _panel(draw: ImageDraw.ImageDraw, left: int, top: int, name: str, points: list[tuple[float, float]]) -> None:
    steps, values = zip(*points, strict=True)
    low, high = min(values), max(values)
    box = (left + 8, top + MARGIN, left + WIDTH - 8, top + HEIGHT - 8)
    draw.rectangle(box, outline=FRAME)
    draw.text((left + 8, top + 6), f"{name}: {values[-1]:.3f}  ({low:.3g} to {high:.3g})", fill=INK)
    across, down = max(steps[-1] - steps[0], 1), max(high - low, 1e-9)
    path = [
        (
            box[0] + (step - steps[0]) / across * (box[2] - box[0]),
            box[3] - (value - low) / down * (box[3] - box[1]),
        )
        for step, value in points
    ]
    draw.line(path, fill=LINE, width=2)
