"""The curves of a training log."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

from cvsi_db.training.curves import HEIGHT, PER_ROW, WIDTH, draw_curves, read_curves


def test_curves_are_read_by_name_and_drawn(tmp_path: Path) -> None:
    log = tmp_path / "clip.jsonl"
    entries = [{"step": 20, "seconds": 1.0, "loss": 3.0}, {"step": 40, "loss": 2.0}, {"step": 40, "caption_r1": 0.5}]
    log.write_text("\n".join(json.dumps(entry) for entry in entries))
    assert read_curves(log) == {"loss": [(20, 3.0), (40, 2.0)], "caption_r1": [(40, 0.5)]}
    draw_curves(log, tmp_path / "clip.png")
    with Image.open(tmp_path / "clip.png") as sheet:
        assert sheet.size == (WIDTH * PER_ROW, HEIGHT)
        assert len(set(sheet.getdata())) > 2
