"""Peak memory of a process that searches: `python -m benchmarks.memory STRATEGY FOLDER K` prints MiB and nothing else.

Each contender is measured in a process of its own, because a peak is never forgotten.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

from benchmarks.vectors import queries

QUERIES = 5


def peak_mib(strategy: str, folder: Path, k: int, device: str) -> tuple[float, float]:
    """The peak resident memory of a new process, in MiB: with everything imported, and after QUERIES searches."""
    command = [sys.executable, "-m", "benchmarks.memory", strategy, str(folder), str(k), device]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    imported, searched = done.stdout.split()
    return float(imported), float(searched)


def measure(strategy: str, folder: str, k: str, device: str) -> None:
    """Search in this process, and print its peak before and after."""
    from benchmarks.strategies import strategies
    from cvsi_db.store.images import Store

    store = Store.open(Path(folder))
    search = strategies(store, device)[strategy]
    print(own_peak_mib())
    for query in queries(QUERIES, store.dim, int(k)):
        search(query)
    print(own_peak_mib())


def own_peak_mib() -> float:
    """The peak resident memory of this process so far, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # the peak that getrusage reports there begins with that of the process that started this one
        line = next(line for line in status.read_text("utf-8").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10  # bytes there, KiB elsewhere


if __name__ == "__main__":
    measure(*sys.argv[1:])
