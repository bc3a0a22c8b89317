"""list, stats, tag, duplicates, check and remove as processes, one after the other; tests/cli has the details."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

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
