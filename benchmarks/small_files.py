"""Small files by the thousand, in a process of its own: `python -m benchmarks.small_files COUNT` prints a JSON object.

Ingests them with the starter's encoder, without captions, then again unchanged, then after the folder was moved. A new
process, because a peak of memory is never forgotten.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 64


@dataclass(frozen=True)
class Small:
    """What `files` files took: seconds, pictures embedded after the move, and the peak memory of the first ingest."""

    files: int
    first_s: float
    again_s: float
    moved_s: float
    moved_embedded: int
    peak_mib: float


def measured(count: int) -> Small:
    """`count` files in a new process."""
    command = [sys.executable, "-m", "benchmarks.small_files", str(count)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    return Small(**json.loads(done.stdout))


def measure(count: int, folder: Path) -> Small:
    """`count` files in this process, in an empty folder."""
    from benchmarks.memory import own_peak_mib
    from cvsi_db import Gallery

    make_files(folder / "photos", count)
    with Gallery.create(folder / "gallery", model="starter", device="cpu") as gallery:
        first = gallery.ingest(folder / "photos", caption=False)
        peak_mib = own_peak_mib()
        again = gallery.ingest(folder / "photos", caption=False)
        (folder / "photos").rename(folder / "moved")
        moved = gallery.ingest(folder / "moved", caption=False)
    assert (first.new, again.unchanged, moved.moved) == (count, count, count)
    return Small(count, first.seconds, again.seconds, moved.seconds, moved.embedded, peak_mib)


def make_files(folder: Path, count: int) -> None:
    """`count` distinct PNGs of random blocks, 1,000 in each folder below `folder`."""
    rng = np.random.default_rng(0)
    for number in range(count):
        place = folder / f"{number // 1000:03}"
        place.mkdir(parents=True, exist_ok=True)
        blocks = Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8))
        blocks.resize((SIDE, SIDE), Image.Resampling.NEAREST).save(place / f"{number:06}.png")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as work:
        print(json.dumps(asdict(measure(int(sys.argv[1]), Path(work)))))
