"""Draws what a method finds for queries of Scenes-CIR: reference, edit text, first hits, the right ones framed.

`cvsi-db eval scenes --examples FILE.png` shows the aspects that are hardest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cvsi_db.evaluation.baselines import Method
from cvsi_db.evaluation.metrics import IntArray
from cvsi_db.evaluation.scene_features import SIZE
from cvsi_db.evaluation.scene_report import Prepared
from cvsi_db.scenes.scene import Scene

EXAMPLES_OF = "cvsi"
"""The method whose hits are shown."""

HITS, PER_ASPECT = 5, 3
GAP, TEXT, FRAME = 10, 22, 4
RIGHT, WRONG, INK, QUIET = "#2e9e5b", "#c9ccd1", "#202124", "#5f6368"


def weakest(found: Mapping[str, Any], n: int = 2) -> list[str]:
    """The `n` aspects with the lowest mAP@10 of one method's part of a report, the lowest first."""
    return sorted(found["aspects"], key=lambda aspect: found["aspects"][aspect]["value"])[:n]


def draw_examples(prepared: Prepared, method: Method, aspects: Sequence[str]) -> Image.Image:
    """A row for each of some queries of each aspect, evenly spread from the best to the worst answered."""
    rankings = prepared.rankings(method, k=HITS)
    rows = [row for aspect in aspects for row in _chosen(prepared, rankings, aspect)]
    width, height = (HITS + 1) * (SIZE + GAP) + 3 * GAP, SIZE + TEXT + 2 * GAP
    sheet = Image.new("RGB", (width, height * len(rows) + GAP), "white")
    for place, row in enumerate(rows):
        _draw_row(sheet, GAP + place * height, prepared, row, rankings[row])
    return sheet


def _chosen(prepared: Prepared, rankings: IntArray, aspect: str) -> list[int]:
    """The rows of the aspect's queries at even steps of how many of their first hits are right."""
    queries = prepared.benchmark.queries

    def quality(row: int) -> float:
        ranks = enumerate(rankings[row].tolist(), start=1)
        return sum(1 / rank for rank, image in ranks if image in queries[row].targets)

    rows = sorted((row for row, query in enumerate(queries) if query.aspect == aspect), key=quality, reverse=True)
    steps = np.linspace(0, len(rows) - 1, min(PER_ASPECT, len(rows))).round().astype(int)
    return [rows[step] for step in steps]


def _draw_row(sheet: Image.Image, top: int, prepared: Prepared, row: int, ranking: IntArray) -> None:
    query = prepared.benchmark.queries[row]
    pen = ImageDraw.Draw(sheet)
    text = f"{query.aspect}:  this picture, but  “{query.edit.text}”"
    pen.text((GAP, top), text, fill=INK, font=ImageFont.load_default(14))
    _put(sheet, GAP, top + TEXT, prepared.benchmark.gallery[query.reference], QUIET)
    for place, image in enumerate(ranking.tolist()):
        colour = RIGHT if image in query.targets else WRONG
        left = GAP + (place + 1) * (SIZE + GAP) + 2 * GAP
        _put(sheet, left, top + TEXT, prepared.benchmark.gallery[image], colour)


def _put(sheet: Image.Image, left: int, top: int, scene: Scene, colour: str) -> None:
    from cvsi_db.scenes.renderer import render  # draws with skia, which only this step needs

    box = (left - FRAME, top - FRAME, left + SIZE + FRAME - 1, top + SIZE + FRAME - 1)
    ImageDraw.Draw(sheet).rectangle(box, fill=colour)
    sheet.paste(render(scene, SIZE), (left, top))
