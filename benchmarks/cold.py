"""Cold start: where a new `cvsi-db search` process spends its time, step by step, beside the whole command.

`python -m benchmarks.cold GALLERY` is the process that is measured: it prints milliseconds by step as JSON. The order
is that of the command, and each library is charged with what it imports that nothing before it did.
"""

from __future__ import annotations

import gc
import importlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.samples import COMMAND, EDIT, REFERENCE, SAMPLES

ROUNDS = 5
Step = tuple[str, Callable[[], object]]


def run_cold() -> None:
    """Ingest the sample gallery, then print the table: medians of ROUNDS new processes."""
    with tempfile.TemporaryDirectory() as folder:
        gallery = Path(folder) / "gallery"
        command = [COMMAND, "search", str(REFERENCE), EDIT, "--db", str(gallery)]
        subprocess.run(
            [COMMAND, "ingest", str(SAMPLES), "--model", "starter", "--db", str(gallery)],
            check=True,
            capture_output=True,
        )
        subprocess.run(command, check=True, capture_output=True)  # so that captions and rewrite are kept
        taken = [_in_new_process(gallery) for _ in range(ROUNDS)]
        whole = [_timed(lambda: subprocess.run(command, check=True, capture_output=True)) for _ in range(ROUNDS)]
    steps = {name: median(each[name] for each in taken) for name in taken[0]}
    rest = median(whole) - sum(steps.values())
    print("| step | ms |")
    print("|---|---|")
    for name, milliseconds in {**steps, "start and end of Python, and the command line": rest}.items():
        print(f"| {name} | {milliseconds:.0f} |")
    print(f"| **the whole command** | **{median(whole):.0f}** ({min(whole):.0f} to {max(whole):.0f}) |")


def measure(gallery: Path) -> dict[str, float]:
    """Milliseconds of each step of a search in this process, which must be new."""
    gc.set_threshold(500_000, 20, 100)  # as the command does
    return {name: _timed(step) for name, step in _steps(gallery)}


def _steps(folder: Path) -> Iterator[Step]:
    yield "import numpy and pyarrow", partial(importlib.import_module, "pyarrow")
    yield "import lancedb", partial(importlib.import_module, "lancedb")
    yield "import sqlmodel", partial(importlib.import_module, "sqlmodel")
    from cvsi_db.gallery import Gallery

    opened: list[Gallery] = []
    yield "open the gallery", lambda: opened.append(Gallery.open(folder, device="cpu"))
    yield "import torch", partial(importlib.import_module, "torch")
    from cvsi_db.models.torchvision_shim import ensure_torchvision

    yield "import torchvision", ensure_torchvision
    for name in ("timm", "transformers", "open_clip"):
        yield f"import {name}", partial(importlib.import_module, name)
    gallery = opened[0]
    yield "build the CLIP, read its weights and phi's", lambda: gallery._bundle.encoder and gallery._bundle.phi
    yield "the search", lambda: gallery.search(REFERENCE, EDIT)


def _in_new_process(gallery: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.cold", str(gallery)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    steps: dict[str, float] = json.loads(done.stdout)
    return steps


def _timed(step: Callable[[], object]) -> float:
    start = time.perf_counter()
    step()
    return (time.perf_counter() - start) * 1000


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]))))
