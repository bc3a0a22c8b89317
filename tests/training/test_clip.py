"""Training the CLIP: the schedule, and a run of a few steps that is cut off and goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cvsi_db.models.clip import OpenClipEncoder
from cvsi_db.training.clip import ClipRun, export, train_clip
from cvsi_db.training.data import TRAIN_SEED, VAL_SEED, draw_pairs
from cvsi_db.training.trainee import pace


def test_pace_rises_then_falls() -> None:
    shares = [pace(done / 100) for done in range(101)]
    assert shares.index(max(shares)) == 5
    assert max(shares) == pytest.approx(1, abs=2e-3)
    assert shares[0] < 0.01
    assert shares[-1] == 0.005


@pytest.mark.slow
def test_run_resumes_where_it_stopped(tmp_path: Path) -> None:
    work = tmp_path / "work"
    for name, seed in (("train", TRAIN_SEED), ("val", VAL_SEED)):
        draw_pairs(work / name, 8, seed, workers=1)
    run = ClipRun(work, tmp_path / "out", steps=3, pairs_each=4, save_every=1, validate_every=2)
    train_clip(run)
    finished = torch.load(work / "clip.pt", weights_only=True)
    assert finished["step"] == 3
    metrics = train_clip(replace(run, steps=5, out=tmp_path / "more"))
    entries = [json.loads(line) for line in (work / "clip.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in entries if "final" in entry] == [3, 5]
    assert metrics["picture_mean_norm"] < 0.5  # centred at the end
    encoder = OpenClipEncoder.load(f"local-dir:{tmp_path / 'more'}", None, device="cpu")
    assert np.isfinite(encoder.encode_images([Image.new("RGB", (120, 96), "red")])).all()
    assert export(replace(run, out=tmp_path / "preview")) == {"step": 5.0}
