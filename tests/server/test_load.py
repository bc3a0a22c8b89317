"""Many clients at once, and searches while the gallery is written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from benchmarks.serve import measure
from cvsi_db import Gallery
from tests.server.conftest import serving

pytestmark = pytest.mark.slow


def test_32_clients_are_answered_faster_together(url: str) -> None:
    measure(url, 1, 3.0)
    one, many = measure(url, 1, 15.0), measure(url, 32, float(os.environ.get("CVSI_LOAD_SECONDS", "60")))
    print(one, many)
    assert many["errors"] == one["errors"] == 0
    assert many["rate"] > 2 * one["rate"]  # `python -m benchmarks serve` measures it on a quiet machine


def test_every_answer_while_others_write_is_of_one_state(gallery: Gallery, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(gallery.folder, tmp_path / "copy", ignore=shutil.ignore_patterns("*.sock")))
    script = (
        "import sys; from cvsi_db import Gallery\n"
        "with Gallery.open(sys.argv[1]) as gallery:\n"
        "    for turn in range(20):\n"
        "        change = {'add' if turn % 2 else 'remove': ['even']}\n"
        "        gallery.tag(where='width > 0', **change)\n"
    )
    with Gallery.open(folder, device="cpu") as copy:
        copy.tag(where="width > 0", add=["even"])
        with serving(copy) as url, httpx.Client(base_url=url, timeout=60) as client:
            with subprocess.Popen([sys.executable, "-c", script, str(folder)]) as writer:
                counts = []
                while writer.poll() is None:
                    answer = client.post("/api/search", json={"edit_text": "a cat", "k": 100, "tag": ["even"]})
                    assert answer.status_code == 200, answer.text
                    counts.append(len(answer.json()["hits"]))
            assert writer.returncode == 0
    assert set(counts) <= {0, len(gallery)}
    assert len(counts) > 20
