"""One training for a bundle: which settings, which files, and what is refused before anything slow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cvsi_db.errors import BundleError, UsageError
from cvsi_db.training.phi import RECIPES, PhiRun
from cvsi_db.training.phi_run import PhiJob, choose_run
from tests.fakes import load_phi

CAPTIONS = ["a red cat on the beach", "two dogs", "a robot with a hat", "three birds in the snow"]
RUN = PhiRun(steps=3, batch=2)


def plan(out: Path, run: PhiRun = RUN, **changed: Any) -> PhiJob:
    given = {"model": "starter", "device": "cpu", "captions": CAPTIONS, "save_every": 2, "log_every": 2} | changed
    return PhiJob.plan(run=run, out=out, **given)


def test_the_recipe_follows_the_bundle_and_what_is_given_stands() -> None:
    assert choose_run(None, "starter", seed=3, steps=None) == PhiRun(seed=3)
    assert choose_run(None, "mine.toml", batch=64) == PhiRun(20_000, 64, 1e-4, "constant", 0.01, 0.5, 1.0, 0.0, 0)
    assert choose_run("starter", "clip-b32", dropout=0.0) == PhiRun(dropout=0.0)
    assert choose_run("lincir", "starter") == RECIPES["lincir"]


def test_a_job_writes_phi_its_log_and_its_plot(tmp_path: Path) -> None:
    (tmp_path / "phi.jsonl").write_text('{"step": 9, "loss": 9}\n')
    job = plan(tmp_path / "phi.safetensors")
    job.check(resume=False)
    job.run(lambda stage, done, total: None, lambda: False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["phi.jsonl", "phi.png", "phi.safetensors"]
    entries = [json.loads(line) for line in (tmp_path / "phi.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in entries] == [2, 3]
    assert job.last_loss() == entries[-1]["loss"] > 0
    load_phi(tmp_path / "phi.safetensors", dim=256, token_dim=192, device="cpu")
    with Image.open(tmp_path / "phi.png") as plot:
        assert len(set(plot.getdata())) > 2


def test_an_interrupted_job_writes_the_same_file_in_the_end(tmp_path: Path) -> None:
    whole, cut = plan(tmp_path / "whole.safetensors"), plan(tmp_path / "cut.safetensors", log_every=1)
    whole.run(lambda stage, done, total: None, lambda: False)
    with pytest.raises(KeyboardInterrupt):
        cut.run(lambda stage, done, total: None, lambda: cut.log.exists())
    assert not cut.out.exists()
    with pytest.raises(UsageError, match="go on with --resume"):
        cut.check(resume=False)
    cut.check(resume=True)
    cut.run(lambda stage, done, total: None, lambda: False)
    assert cut.out.read_bytes() == whole.out.read_bytes()
    assert [json.loads(line)["step"] for line in cut.log.read_text().splitlines()] == [1, 2, 3]
    with pytest.raises(UsageError, match="nothing to resume"):
        cut.check(resume=True)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"run": PhiRun(steps=4, batch=2)}, "its steps is 3, not 4"),
        ({"captions": CAPTIONS[:3]}, "its captions is '4 captions of digest .*', not '3 captions"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path, changed: dict[str, Any], reason: str) -> None:
    out = tmp_path / "phi.safetensors"
    job = plan(out, log_every=1)
    with pytest.raises(KeyboardInterrupt):
        job.run(lambda stage, done, total: None, lambda: job.log.exists())
    with pytest.raises(UsageError, match=reason):
        plan(out, **changed).check(resume=True)


def test_files_that_cannot_be_written_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"must end in \.safetensors"):
        plan(tmp_path / "phi.pt").check(resume=False)
    with pytest.raises(UsageError, match="there is no folder"):
        plan(tmp_path / "none" / "phi.safetensors").check(resume=False)
    with pytest.raises(BundleError, match="unknown model 'best'"):
        plan(tmp_path / "phi.safetensors", model="best")
