"""The server under load: many clients against one, and searches while an ingest writes.

Starts `cvsi-db serve` as a person would, on loopback; prints Markdown. Clients are threads of a process of their own:
they take nothing from the interpreter of the server.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.samples import SAMPLES

EDITS = ("with a hat", "at night", "make it blue", "in the snow", "as a dog", "three of them", "holding a balloon")


@contextmanager
def server(gallery: Path) -> Iterator[str]:
    """A running `cvsi-db serve` of the gallery: its URL."""
    command = [sys.executable, "-m", "cvsi_db", "serve", "--db", str(gallery), "--port", "0", "--device", "cpu"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        told = ""
        for line in process.stderr:
            told += line
            if found := re.search(r" at (http://\S+)", line):
                break
        else:
            raise RuntimeError(f"the server did not start: {told}")
        try:
            yield found[1]
        finally:
            process.terminate()
            process.wait(30)


def run_serve(clients: int, seconds: float, gallery: Path | None) -> None:
    """Print throughput and times of one client and of `clients`, on the sample gallery or on `gallery`."""
    with tempfile.TemporaryDirectory() as folder:
        if gallery is None:
            gallery = Path(folder) / "gallery"
            made = [sys.executable, "-m", "cvsi_db", "ingest", str(SAMPLES), "--model", "starter", "--db", str(gallery)]
            subprocess.run(made, check=True, capture_output=True)
        with server(gallery) as url:
            measure(url, 1, 5.0)  # so that captions and rewrites are kept
            print("| clients | searches/s | p50 ms | p99 ms | errors |")
            print("|---|---|---|---|---|")
            for count in (1, clients):
                found = measure(url, count, seconds)
                rate, p50, p99 = found["rate"], found["p50"], found["p99"]
                print(f"| {count} | {rate:.1f} | {p50:.0f} | {p99:.0f} | {found['errors']:.0f} |", flush=True)


def measure(url: str, clients: int, seconds: float) -> dict[str, float]:
    """Searches per second, percentiles in milliseconds, and errors, by clients in another process."""
    command = [sys.executable, "-m", "benchmarks.serve", url, str(clients), str(seconds)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    found: dict[str, float] = json.loads(done.stdout)
    return found


def load(url: str, clients: int, seconds: float) -> dict[str, float]:
    """The same, by threads of this process: each searches, waits for the answer, and searches again."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
    connection.request("GET", "/api/images?limit=40")
    ids = [image["image_id"] for image in json.loads(connection.getresponse().read())["images"]]
    taken: list[float] = []
    errors: list[str] = []
    end = time.perf_counter() + seconds

    def client(number: int) -> None:
        own, turn = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60), number
        while time.perf_counter() < end:
            turn += 1
            query = {"reference": ids[turn % len(ids)], "edit_text": EDITS[turn % len(EDITS)], "k": 10}
            start = time.perf_counter()
            try:
                own.request("POST", "/api/search", json.dumps(query), {"Content-Type": "application/json"})
                answer = own.getresponse()
                hits = len(json.loads(answer.read()).get("hits", ()))
                if answer.status != 200 or hits != 10:
                    errors.append(f"{answer.status}, {hits} hits")
            except OSError as error:
                errors.append(str(error))
                own.close()
            taken.append(time.perf_counter() - start)

    threads = [threading.Thread(target=client, args=(number * 7,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken.sort()
    return {
        "rate": len(taken) / seconds,
        "p50": 1000 * _percentile(taken, 50),
        "p99": 1000 * _percentile(taken, 99),
        "errors": len(errors),
    }


def _percentile(taken: Sequence[float], percent: int) -> float:
    return taken[min(len(taken) - 1, len(taken) * percent // 100)]


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    print(json.dumps(load(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))))
