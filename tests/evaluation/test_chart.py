"""The chart is well-formed, and its bars and whiskers are as long as the numbers say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from cvsi_db.evaluation.chart import LEFT, draw_chart

SVG = "{http://www.w3.org/2000/svg}"


def _report() -> dict[str, Any]:
    estimate = {"value": 50.0, "low": 45.0, "high": 60.0}
    methods = {name: {"map@10": estimate} for name in ("image", "cvsi", "cvsi-image", "a<b")}
    return {"benchmark": "Scenes-CIR", "split": "val", "queries": 1000, "gallery": 10000, "methods": methods}


def test_bars_are_to_scale() -> None:
    root = ElementTree.fromstring(draw_chart(_report()))
    background, *bars = root.iter(f"{SVG}rect")
    grid = [float(line.attrib["x1"]) for line in root.iter(f"{SVG}line")]
    assert float(background.attrib["width"]) == 760
    assert len(bars) == 4
    assert float(bars[0].attrib["width"]) == pytest.approx((grid[-1] - grid[0]) / 2)
    assert float(bars[0].attrib["x"]) == LEFT == grid[0]
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert texts[:2] == [
        "Scenes-CIR: mAP@10 on val",
        "1,000 queries, gallery of 10,000; percent, 95 % bootstrap intervals",
    ]
    assert [text for text in texts if text in ("image", "cvsi", "cvsi-image", "a<b")] == [
        "image",
        "cvsi",
        "cvsi-image",
        "a<b",
    ]
    assert texts.count("50.0") == 4


def test_baselines_method_and_ablations_differ_in_colour() -> None:
    root = ElementTree.fromstring(draw_chart(_report()))
    colours = [bar.attrib["fill"] for bar in root.iter(f"{SVG}rect")][1:]
    assert len(set(colours)) == 3
    assert colours[0] == colours[3]


def test_chart_command_reads_a_report_file(tmp_path: Path) -> None:
    report, chart = tmp_path / "report.json", tmp_path / "chart.svg"
    report.write_text(json.dumps(_report()), "utf-8")
    subprocess.run([sys.executable, "-m", "cvsi_db.evaluation.chart", report, chart], check=True, timeout=60)
    assert chart.read_text("utf-8") == draw_chart(_report())
