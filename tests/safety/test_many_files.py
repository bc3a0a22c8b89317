"""Twenty thousand files in one folder: taken in without captions, in little more memory than two thousand."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


def taken_in(count: int, folder: Path) -> dict[str, float]:
    """What a process that ingests `count` files prints; see below."""
    command = [sys.executable, "-m", "tests.safety.test_many_files", str(count), str(folder)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    told: dict[str, float] = json.loads(done.stdout)
    return told


def test_memory_does_not_grow_with_the_files(tmp_path: Path) -> None:
    few, many = (taken_in(count, tmp_path / str(count)) for count in (2_000, 20_000))
    print(few, many)
    assert (few["new"], many["new"]) == (2_000, 20_000)
    assert many["peak_mib"] / few["peak_mib"] < 1.2
    assert many["again_s"] < many["first_s"] / 20
    assert many["moved_embedded"] == 0


def main(count: int, folder: Path) -> None:
    """Ingest `count` files of one folder without captions, again unchanged, and again when it has another name."""
    from benchmarks.memory import own_peak_mib
    from tests.safety.photos import tiny_picture
    from tests.safety.workers import gallery_in

    (folder / "photos").mkdir(parents=True)
    for number in range(count):
        (folder / "photos" / f"{number:05}.png").write_bytes(tiny_picture(number))
    with gallery_in(folder / "gallery") as gallery:
        imported_mib = own_peak_mib()
        first = gallery.ingest(folder / "photos", caption=False)
        peak_mib = own_peak_mib()
        again = gallery.ingest(folder / "photos", caption=False)
        (folder / "photos").rename(folder / "moved")
        moved = gallery.ingest(folder / "moved", caption=False)
        told = {"new": first.new, "peak_mib": peak_mib, "imported_mib": imported_mib, "moved_embedded": moved.embedded}
        times = {"first_s": first.seconds, "again_s": again.seconds, "moved_s": moved.seconds}
        assert (again.unchanged, moved.moved, gallery.check()) == (count, count, [])
    print(json.dumps(told | times))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
