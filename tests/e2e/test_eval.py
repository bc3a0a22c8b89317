"""`cvsi-db eval scenes` on a benchmark of three queries, with the real starter models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import Cli

pytest.importorskip("skia")

TINY = ("eval", "scenes", "--queries", "3", "--gallery", "36", "--device", "cpu")
PLAIN = (*TINY, "--no-paraphrases")


@pytest.mark.slow
def test_tuning_starts_from_the_preset(cli: Cli, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    report = json.loads(cli(*PLAIN, "--cache", cache, "--method", "cvsi", "--format", "json").stdout)
    tuned = json.loads(cli(*TINY, "--cache", cache, "--tune").stdout)
    assert tuned["cvsi"]["map10"] >= report["methods"]["cvsi"]["map@10"]["value"] - 0.5  # its weights are rounded


@pytest.mark.slow
def test_second_run_gives_the_same_numbers(cli: Cli, tmp_path: Path) -> None:
    cache, chart = tmp_path / "cache", tmp_path / "chart.svg"
    methods = ("--method", "text", "--method", "cvsi")
    first = cli(*TINY, *methods, "--cache", cache, "--format", "json", "--chart", chart)
    assert first.returncode == 0, first.stderr
    report = json.loads(first.stdout)
    assert report["methods"]["cvsi"]["map@10"]["value"] > report["methods"]["text"]["map@10"]["value"]
    assert chart.read_text("utf-8").startswith("<svg ")
    spreads = report["paraphrases"]
    assert list(spreads) == ["text", "cvsi"]
    assert spreads["cvsi"]["worst"]["value"] <= spreads["cvsi"]["wordings"]["value"]
    again = cli(*PLAIN, "--cache", cache, "--method", "cvsi")
    assert "six wordings" not in again.stdout
    assert "warning" not in again.stderr
    assert f"{report['methods']['cvsi']['map@10']['value']:.2f}" in again.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--method", "clip"), "unknown method 'clip'"),
        (("--tune", "--split", "test"), "--tune finds all weights"),
        (("--chart", "chart.png"), "'chart.png' must end in .svg"),
        (("--chart", "nowhere/chart.svg"), "cannot write 'nowhere/chart.svg': there is no folder 'nowhere'"),
        (
            ("--examples", "hits.png", "--method", "text"),
            "--examples shows what cvsi finds: leave --examples",
        ),
        (("--queries", "50"), "has no room for 50 queries"),
    ],
)
def test_wrong_usage_is_refused(cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    done = cli(*TINY, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""
