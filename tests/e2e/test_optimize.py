"""`cvsi-db optimize` on a small gallery: compacted, its keys indexed, and the second time nothing left to do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.e2e.conftest import Cli


def test_optimize_tells_what_it_did_as_json_and_repeats_to_nothing(cli: Cli, sample_db: Path, tmp_path: Path) -> None:
    db = tmp_path / "gallery"
    shutil.copytree(sample_db, db)
    summaries = []
    for _ in range(2):
        done = cli("optimize", "--db", db, "--format", "json")
        assert (done.returncode, done.stderr) == (0, "")
        summaries.append(json.loads(done.stdout))
    first, second = summaries
    assert first.keys() == {"rows", "built", "kept", "versions_removed", "bytes_before", "bytes_after", "seconds"}
    assert first["rows"] == second["rows"] == 120
    assert not [name for name in first["built"] + first["kept"] if "_vector" in name]  # too small for one
    assert second["built"] == []
    assert sorted(second["kept"]) == sorted(first["built"] + first["kept"])
    done = cli("optimize", "--db", db)
    assert done.stdout.startswith(f"optimized {db}: 120 images, ")
    assert done.stdout.endswith("; nothing to build\n")
