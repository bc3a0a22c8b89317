"""`cvsi-db train phi` as a person runs it, and searches before and after a bundle has a phi."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from cvsi_db.models.starter import FOLDER
from tests.e2e.conftest import SAMPLES, Cli
from tests.processes import Forked

REFERENCE = SAMPLES / "red-cat-beach.png"
NO_PHI = "this bundle has no phi"
TINY = ("--batch", "4", "--log-every", "1", "--device", "cpu")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the starter's models without its phi."""
    path = tmp_path_factory.mktemp("bundle") / "mine.toml"
    lines = [f'arch = "local-dir:{FOLDER / "clip"}"', f'captioner = "{FOLDER / "captioner"}"', "captions = 2"]
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(scope="module")
def db(cli: Cli, bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of three pictures, made with that bundle."""
    folder = tmp_path_factory.mktemp("gallery")
    for picture in sorted(SAMPLES.glob("*.png"))[:3]:
        shutil.copy(picture, folder)
    done = cli("ingest", folder, "--model", bundle, "--db", folder / "db", "--quiet")
    assert done.returncode == 0, done.stderr
    return folder / "db"


def test_without_phi_a_search_warns_once_and_a_strict_one_fails(cli: Cli, db: Path) -> None:
    done = cli("search", REFERENCE, "with a hat", "--db", db, "--format", "paths")
    assert (done.returncode, done.stderr.count(NO_PHI), len(done.stdout.splitlines())) == (0, 1, 3)
    told = cli("search", REFERENCE, "with a hat", "--db", db, "--format", "paths", "--explain").stderr
    assert told.count("warning: ") == 1
    assert "branch pseudo_token is missing: this bundle has no phi" in told
    assert "without pseudo_token" in told
    strict = cli("search", REFERENCE, "with a hat", "--db", db, "--strict")
    assert (strict.returncode, strict.stdout) == (2, "")
    assert strict.stderr.startswith("error: the preset circo gives pseudo_token a weight")
    assert strict.stderr.count("\n") == 1


def test_phi_learns_from_the_gallerys_captions_and_serves_it(cli: Cli, db: Path, bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "phi.safetensors"
    done = cli(
        "train", "phi", "--captions", "gallery", "--db", db, "--out", out, "--steps", "3", *TINY, "--format", "json"
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["captions"] == 6
    assert told["run"] == {
        "steps": 3, "batch": 4, "learning_rate": 1e-4, "schedule": "constant", "weight_decay": 0.01, "dropout": 0.5,
        "noise": 1.0, "whole": 0.0, "seed": 0,
    }  # fmt: skip
    losses = [json.loads(line)["loss"] for line in (tmp_path / "phi.jsonl").read_text().splitlines()]
    assert (len(losses), losses[-1]) == (3, told["loss"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["phi.jsonl", "phi.png", "phi.safetensors"]
    before = bundle.read_text()
    bundle.write_text(f'{before}\nphi = "{out}"')
    try:
        found = cli("search", REFERENCE, "with a hat", "--db", db, "--strict", "--format", "json")
    finally:
        bundle.write_text(before)
    assert found.returncode == 0, found.stderr
    assert NO_PHI not in found.stderr
    assert json.loads(found.stdout)["hits"][0]["terms"]["pseudo_token"]["weight"] == 0.4


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGINT to send")
def test_ctrl_c_leaves_a_run_that_resumes(cli: Cli, tmp_path: Path) -> None:
    captions, out = "a red cat\na dog with a hat\ntwo birds on a tree\na robot at night\n", tmp_path / "phi.safetensors"
    (tmp_path / "captions.txt").write_text(captions)
    command = ["train", "phi", "--captions", tmp_path / "captions.txt", "--out", out, "--steps", "60", *TINY]
    kept = tmp_path / "phi.checkpoint.safetensors"
    env = os.environ | {"CVSI_CONFIG": os.devnull, "CVSI_MODEL": "starter"}
    running = Forked(command, env)
    wait_for(tmp_path / "phi.jsonl")
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=60)
    assert (running.returncode, said[0]) == (130, "")
    assert said[1].split("\n\n") == [
        f"{kept} keeps the run: the same command with --resume goes on",
        "error: interrupted\n",
    ]
    again = cli(*command)
    assert (again.returncode, again.stdout) == (2, "")
    assert "--resume" in again.stderr
    resumed = cli(*command, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout.startswith(f"{out}: 60 steps on 4 captions")
    steps = [json.loads(line)["step"] for line in (tmp_path / "phi.jsonl").read_text().splitlines()]
    assert steps == list(range(1, 61))
    assert not kept.exists()


def wait_for(path: Path, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("arguments", "given", "code", "said"),
    [
        (("--model", "clip-b32"), "", 2, "--captions is missing: phi for clip-b32"),
        (("--captions", "-"), "\n", 2, "stdin holds no captions"),
        (("--captions", "-"), '{"caption": "a"}\n{}\n', 2, "line 2 of stdin has neither"),
        (("--captions", "none.txt"), "", 2, "cannot read captions from 'none.txt'"),
        (("--captions", "-", "--steps", "0"), "", 2, "--steps"),
        (("--captions", "gallery", "--db", "none"), "", 1, "no gallery in 'none'"),
    ],
)
def test_what_cannot_be_trained_is_one_line(
    cli: Cli, tmp_path: Path, arguments: tuple[str, ...], given: str, code: int, said: str
) -> None:
    done = cli("train", "phi", "--out", tmp_path / "phi.safetensors", *arguments, input=given)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
