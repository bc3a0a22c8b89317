"""Example sheets: the weakest aspects, a row per query, right hits framed in green."""

from __future__ import annotations

import pytest
from PIL import ImageColor

from cvsi_db.evaluation.baselines import Method
from cvsi_db.evaluation.scene_examples import GAP, HITS, RIGHT, TEXT, WRONG, draw_examples, weakest
from cvsi_db.evaluation.scene_report import Prepared


def test_the_weakest_aspects_come_lowest_first() -> None:
    found = {"aspects": {"a": {"value": 60}, "b": {"value": 41}, "c": {"value": 55}}}
    assert weakest(found) == ["b", "c"]


def test_a_row_shows_the_reference_and_frames_what_is_right(prepared: Prepared) -> None:
    pytest.importorskip("cvsi_db.scenes.renderer", exc_type=Exception)
    method = Method({"image": 1.0})
    aspect = prepared.benchmark.queries[0].aspect
    sheet = draw_examples(prepared, method, [aspect])
    assert sheet.width == (HITS + 1) * (128 + GAP) + 3 * GAP
    rows = [row for row, query in enumerate(prepared.benchmark.queries) if query.aspect == aspect]
    assert len(rows) == 1
    ranked = prepared.rank(method, k=HITS)[rows[0]]
    lefts = [GAP + (place + 1) * (128 + GAP) + 2 * GAP for place in range(HITS)]
    frames = [sheet.getpixel((left - 2, GAP + TEXT + 64)) for left in lefts]
    assert frames == [ImageColor.getrgb(RIGHT if right else WRONG) for right in ranked]
