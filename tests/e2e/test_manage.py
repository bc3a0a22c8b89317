"""list, stats, tag, duplicates, check and remove as processes, one after the other; tests/cli has the details."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.e2e.conftest import SAMPLES, Cli


def test_a_gallery_is_kept(cli: Cli, sample_db: Path, tmp_path: Path) -> None:
    db, trip = tmp_path / "gallery", "name LIKE 'red%'"
    shutil.copytree(sample_db, db)

    def told(*arguments: str) -> object:
        done = cli(*arguments, "--db", db, "--format", "json")
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    tagged = told("tag", "--add", "sea", "--where", trip)
    assert isinstance(tagged, dict)
    assert tagged["images"] == tagged["changed"] > 1
    names = cli("list", "-0", "--where", "array_has(tags, 'sea')", "--db", db).stdout.split("\0")[:-1]
    assert len(names) == tagged["images"]
    assert all(Path(name).parent == SAMPLES and Path(name).name.startswith("red") for name in names)
    stats = told("stats")
    assert isinstance(stats, dict)
    assert (stats["images"], stats["tags"]) == (120, {"sea": len(names)})
    found = told("duplicates")
    assert isinstance(found, dict)
    assert (found["images"], found["exact"]) == (120, [])
    removed = told("remove", "--where", trip, "--yes")
    assert isinstance(removed, dict)
    assert removed["paths"] == sorted(names)
    assert told("check", "--repair") == {"sound": True, "mended": {}, "problems": []}


@pytest.mark.slow
def test_a_damaged_gallery_is_told_mended_and_restored(cli: Cli, sample_db: Path, tmp_path: Path) -> None:
    db, file = tmp_path / "gallery", tmp_path / "backup.tar"
    shutil.copytree(sample_db, db)
    done = cli("backup", file, "--db", db)
    assert done.stdout == f"120 images of {db} in {file} ({file.stat().st_size:,} bytes)\n"
    (db / "catalog.sqlite").unlink()
    shutil.rmtree(db / "lance" / "captions.lance")
    for arguments in (
        ["search", "--text", "a cat"],
        ["ingest", SAMPLES],
        ["stats"],
        ["backup", tmp_path / "other.tar"],
    ):
        done = cli(*arguments, "--db", db)
        assert (done.returncode, done.stdout) == (1, "")
        remedy = f"holds images but no catalog of them: `cvsi-db check --repair --db {db}` makes it anew"
        assert done.stderr == f"error: {str(db)!r} {remedy}\n"
    done = cli("check", "--db", db)
    assert (done.returncode, done.stdout.splitlines()) == (
        1,
        [
            f"catalog damaged: {db}/catalog.sqlite: it is gone",
            "  to fix: `cvsi-db check --repair`",
            f"table damaged: captions in {db}/lance: it is gone",
            "  to fix: `cvsi-db check --repair`, then `cvsi-db ingest` its folder",
            f"2 problems in {db}",
        ],
    )
    done = cli("check", "--repair", "--db", db)
    assert (done.returncode, done.stderr) == (0, "")
    fixed = ["1 of 'catalog damaged'", "1 of 'table damaged'", "120 of 'captions'", "120 of 'path unknown'"]
    assert done.stdout.splitlines() == [
        *(f"fixed {what}" for what in fixed),
        "  next: `cvsi-db caption`",
        "  next: `cvsi-db ingest` its folder",
        f"no problems in {db}",
    ]
    assert "120 unchanged" in cli("ingest", SAMPLES, "--db", db, "--no-captions").stdout
    done = cli("restore", file, "--db", db)
    assert (done.returncode, done.stderr) == (1, f"error: {str(db)!r} is not empty: name a new or an empty folder\n")
    done = cli("restore", file, "--db", tmp_path / "second")
    assert (done.returncode, done.stdout) == (0, f"120 images of {file} in {tmp_path / 'second'}\n")
    assert cli("check", "--db", tmp_path / "second").returncode == 0
