"""Captions later, and captions from elsewhere, through the real command line."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.e2e.conftest import SAMPLES, Cli
from tests.processes import Forked

NAMES = ("red-cat-beach.png", "red-cat-beach-top-hat.png", "white-owl-room-book.png", "red-rabbit-meadow-gift.png")


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four sample pictures."""
    folder = tmp_path_factory.mktemp("few")
    for name in NAMES:
        shutil.copy(SAMPLES / name, folder)
    return folder


@pytest.fixture(scope="module")
def lines(cli: Cli, few: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a gallery exports whose pictures were captioned after they were taken in; one of them is gone by then."""
    folder = tmp_path_factory.mktemp("later")
    shutil.copytree(few, folder / "photos")
    db = folder / "gallery"
    taken = cli("ingest", folder / "photos", "--no-captions", "--model", "starter", "--db", db, "--format", "json")
    assert (taken.returncode, json.loads(taken.stdout)["new"]) == (0, 4), taken.stderr
    found = cli("search", few / NAMES[0], "with a hat", "--db", db, "--format", "json")
    assert len(json.loads(found.stdout)["hits"]) == 3
    assert "4 of 4 images have no captions yet" in found.stderr
    (folder / "photos" / NAMES[2]).unlink()
    done = cli("caption", "--db", db, "--format", "json", "--strict")
    gone = {"path": str(folder / "photos" / NAMES[2]), "reason": "no such file"}
    assert (done.returncode, done.stderr) == (1, f"skipped {gone['path']}: no such file\n")
    answer = json.loads(done.stdout)
    assert (answer["captioned"], answer["skipped"], answer["errors"]) == (3, 1, [gone])
    exported = cli("caption", "--db", db, "--export", "-")
    assert (exported.returncode, exported.stderr) == (0, "")
    return str(exported.stdout)


def test_the_export_is_a_line_per_image(lines: str) -> None:
    exported = {Path(line["path"]).name: line for line in map(json.loads, lines.splitlines())}
    assert {name: len(line["captions"]) for name, line in exported.items()} == dict.fromkeys(NAMES, 5) | {NAMES[2]: 0}
    assert any("cat" in caption for caption in exported[NAMES[0]]["captions"])


@pytest.fixture(scope="module")
def other(cli: Cli, few: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another gallery of the four pictures, without captions."""
    db = tmp_path_factory.mktemp("other") / "gallery"
    assert cli("ingest", few, "--no-captions", "--model", "starter", "--db", db).returncode == 0
    return db


def test_an_invalid_line_is_named_and_changes_nothing(cli: Cli, other: Path, lines: str, tmp_path: Path) -> None:
    (tmp_path / "captions.jsonl").write_text(lines + "{\n")
    done = cli("caption", "--db", other, "--import", tmp_path / "captions.jsonl")
    assert (done.returncode, done.stdout) == (2, "")
    where = f"'{tmp_path / 'captions.jsonl'}': line 5"
    assert done.stderr.startswith(f"error: cannot use the captions in {where}: not JSON (")


def test_another_gallery_takes_the_captions(cli: Cli, other: Path, lines: str, tmp_path: Path) -> None:
    (tmp_path / "captions.jsonl").write_text(lines)
    done = cli("caption", "--db", other, "--import", tmp_path / "captions.jsonl", "--format", "json")
    assert json.loads(done.stdout) == {"matched": 3, "unmatched": 0, "empty": 1, "images": 4}, done.stderr
    done = cli("caption", "--db", other, "--export", tmp_path / "again.jsonl")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert contents((tmp_path / "again.jsonl").read_text()) == contents(lines)


def contents(lines: str) -> list[tuple[str, list[str], str | None]]:
    """What exported lines say, but for where the pictures lie."""
    return [(line["image_id"], line["captions"], line["captioner"]) for line in map(json.loads, lines.splitlines())]


@pytest.mark.slow
def test_ctrl_c_while_captioning_leaves_a_gallery_that_searches(cli: Cli, tmp_path: Path) -> None:
    db = tmp_path / "gallery"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CVSI_")}
    (tmp_path / "photos").mkdir()
    for image in sorted(SAMPLES.glob("*.png"))[:50]:
        shutil.copy(image, tmp_path / "photos")
    running = Forked(["ingest", tmp_path / "photos", "--model", "starter", "--db", db], environ)
    deadline = time.monotonic() + 240
    while not kept_captions(db) and running.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    running.send_signal(signal.SIGINT)
    out, told = running.communicate(timeout=240)
    assert (running.returncode, out) == (130, ""), told
    left = re.match(rf"all images can be searched, (\d+) without captions: `cvsi-db caption --db {db}` goes on\n", told)
    assert left, told
    found = cli("search", SAMPLES / NAMES[0], "with a hat", "--db", db, "--format", "json")
    assert len(json.loads(found.stdout)["hits"]) == 10
    assert f"{left[1]} of 50 images have no captions yet" in found.stderr
    done = cli("caption", "--db", db, "--format", "json")
    assert json.loads(done.stdout)["captioned"] == int(left[1])
    assert cli("check", "--db", db).stdout == f"no problems in {db}\n"


def kept_captions(db: Path) -> int:
    """How many images have captions in the catalog's cache, as far as another process can see."""
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"file:{db / 'catalog.sqlite'}?mode=ro", uri=True)) as catalog,
    ):
        return int(catalog.execute("SELECT count(*) FROM caption_cache").fetchone()[0])
    return 0


def test_options_that_exclude_each_other(cli: Cli, tmp_path: Path) -> None:
    done = cli("caption", "--export", "-", "--captions", "3", "--db", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "exclude each other" in done.stderr
