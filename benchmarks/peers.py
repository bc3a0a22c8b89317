"""The resident scan beside other stores of vectors: the same rows and queries, each in a process of its own, with as
many threads, in one run.

Two comparisons. A composed query is one vector where both columns stand side by side, [(1-γ)·q ; γ·q]: one search over
rows twice as wide, exact where the peer is. A store that keeps the columns apart takes two searches, whose hits are
merged: a row scores what the searches that found it say, which is not exact. `python -m benchmarks.peers NAME …` is the
process of one peer, and prints JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.galleries import both_columns, gallery_folder, image_id, open_gallery
from benchmarks.memory import own_peak_mib
from benchmarks.peer_stores import QUICK, SLOW, Found, Search
from benchmarks.vectors import GAMMA, queries
from cvsi_db.records import FloatArray, LogicalQuery

OURS = "cvsi-db, resident"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS", "LANCE_CPU_THREADS")


@dataclass(frozen=True)
class Setting:
    """Sizes in rows, width of a column, hits, rounds, queries of the batch, the most rows that slow peers are given,
    threads of each process, and the folder of the galleries."""

    sizes: Sequence[int]
    dim: int
    k: int
    rounds: int
    batch: int
    slow: int
    threads: int
    folder: Path


def run_peers(setting: Setting) -> None:
    """Measure every size and print its table."""
    print(f"{os.cpu_count()} cores, {setting.threads} threads each, load {os.getloadavg()[0]:.1f}\n")
    for rows in setting.sizes:
        open_gallery(setting.folder, rows, setting.dim)
        with tempfile.TemporaryDirectory(dir=setting.folder, prefix="peers-") as place:
            for line in measure(setting, rows, Path(place)):
                print(line, flush=True)


def measure(setting: Setting, rows: int, place: Path) -> Iterator[str]:
    """The Markdown of one size, line by line; what peers need is put in `place`."""
    dim, k = setting.dim, min(setting.k, rows)
    both = both_columns(rows, dim)
    np.save(place / "rows.npy", both)
    truth = _brute_force(both, np.stack([fused(query) for query in queries(setting.rounds + 1, dim, k)]), k)
    del both
    yield f"### {rows:,} × {dim} × 2 columns, k = {k}, {setting.rounds} rounds\n"
    yield (
        f"| | one search, ms | cvsi-db is … times as fast | recall@10 | recall@{k} "
        f"| a search per column, ms | recall@10 | recall@{k} | peak memory, MiB |"
    )
    yield "|---|" + "---|" * 8
    ours = _in_process(OURS, setting, rows, place)
    for name in (OURS, *QUICK, *(SLOW if rows <= setting.slow else ())):
        found = ours if name == OURS else _in_process(name, setting, rows, place)
        if "absent" in found:
            yield f"| {name} | not installed: {found['absent']} |" + " |" * 7
            continue
        cells = [name, f"{median(found['one']['ms']):.1f}", f"**{median(found['one']['ms']) / ours['ms']:.1f}**"]
        cells += _recalls(found["one"]["found"], truth, k)
        if name == OURS:
            cells += ["", "", ""]
        else:
            cells += [f"{median(found['two']['ms']):.1f}", *_recalls(found["two"]["found"], truth, k)]
        yield f"| {' | '.join(cells)} | {found['peak']:,.0f} |"
    yield from _of_ours(ours, setting.batch)


def _of_ours(ours: Mapping[str, Any], batch: int) -> Iterator[str]:
    """What else was measured of the resident scan: its floor, a batch, loading and refreshing."""
    read, size, scan, found = ours["read_ms"], ours["bytes"], ours["ms"], ours["rows_ms"]
    yield (
        f"\nFirst pass: {size / 1e6:,.0f} MB of {ours['kind']}, read in {read:.1f} ms ({size / read / 1e6:.0f} GB/s). "
        f"The rows in question are found in {found:.1f} ms, {(found - 1) / read:.2f} times that and 1 ms; from plan to "
        f"ranking it is {(scan - 1) / read:.2f} times and 1 ms; {ours['whole_ms']:.1f} ms with the hits' metadata."
    )
    yield (
        f"{batch} queries: {ours['many_ms']:.0f} ms as a batch, {ours['single_ms']:.0f} ms one by one: "
        f"**{ours['single_ms'] / ours['many_ms']:.1f}** × the throughput."
    )
    yield (
        f"Loading: {ours['load_ms']:,.0f} ms; refreshing after {ours['written']:,} rows were written: "
        f"{ours['refresh_ms']:.0f} ms, **{ours['load_ms'] / ours['refresh_ms']:.0f}** × faster.\n"
    )


def _in_process(name: str, setting: Setting, rows: int, place: Path) -> dict[str, Any]:
    """What the process of one peer measured, or why it is absent."""
    numbers = [rows, setting.dim, min(setting.k, rows), setting.rounds, setting.batch, setting.threads]
    command = [sys.executable, "-m", "benchmarks.peers", name, str(setting.folder), *map(str, numbers)]
    environ = os.environ | dict.fromkeys(THREADS, str(setting.threads))
    environ |= {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=place, env=environ)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _brute_force(both: FloatArray, vectors: FloatArray, k: int) -> list[list[int]]:
    """The best k rows of each vector by scores in float64."""
    wide = vectors.astype(np.float64)
    scores = np.concatenate([both[at : at + 2**14].astype(np.float64) @ wide.T for at in range(0, len(both), 2**14)])
    return [np.argsort(-of, kind="stable")[:k].tolist() for of in scores.T]


def _recalls(found: Sequence[Sequence[int]], truth: Sequence[Sequence[int]], k: int) -> list[str]:
    """The share of the best 10, and k, that are among the first as many found."""
    return [
        f"{mean(len(set(of[:at]) & set(best[:at])) / at for of, best in zip(found, truth, strict=True)):.3f}"
        for at in (min(10, k), k)
    ]


def fused(query: LogicalQuery) -> FloatArray:
    """(2 · dim,) the whole query as one vector over both columns side by side."""
    vector = np.sum([term.weight * term.vector for term in query.terms], axis=0)
    return np.concatenate([(1 - GAMMA) * vector, GAMMA * vector]).astype(np.float32)


# --- the process of one peer -----------------------------------------------------------------------------------------


def measure_peer(name: str, dim: int, k: int, rounds: int) -> dict[str, Any]:
    """Both ways of a peer over the rows in this folder."""
    make: Callable[[FloatArray, int], Search] = {**QUICK, **SLOW}[name]
    both: FloatArray = np.load("rows.npy", mmap_mode="r")
    asked = [fused(query) for query in queries(rounds + 1, dim, k)]
    try:
        measured = {"one": _timed(make(both, k), asked)}
        parts = [np.ascontiguousarray(part) for part in np.split(both, 2, axis=1)]
        measured["two"] = _timed(_merged([make(part, k) for part in parts], k), asked)
    except ImportError as error:
        return {"absent": str(error)}
    return {**measured, "peak": own_peak_mib()}


def _merged(searches: Sequence[Search], k: int) -> Search:
    """A search per column; a row scores what the searches that found it say."""

    def search(query: FloatArray) -> Found:
        scores: dict[int, float] = {}
        for column, part in zip(searches, np.split(query, len(searches)), strict=True):
            for number, score in zip(*column(part), strict=True):
                scores[number] = scores.get(number, 0.0) + score
        best = sorted(scores, key=lambda number: -scores[number])[:k]
        return best, [scores[number] for number in best]

    return search


def _timed(search: Search, asked: Sequence[FloatArray]) -> dict[str, Any]:
    """Milliseconds of each query but the first, and what each found."""
    times, found = [], []
    for query in asked:
        start = perf_counter()
        numbers, _ = search(query)
        times.append((perf_counter() - start) * 1000)
        found.append(list(numbers))
    return {"ms": times[1:], "found": found}


def measure_ours(folder: Path, rows: int, dim: int, k: int, rounds: int, batch: int) -> dict[str, Any]:
    """The resident scan from plan to ranking, in turn with a reading of its first pass; then the rest of _of_ours."""
    from benchmarks.strategies import batch_of, strategies
    from benchmarks.timing import in_rounds
    from cvsi_db.search.plan.build import build_plan
    from cvsi_db.search.plan.strategies import Facts
    from cvsi_db.search.result import METADATA
    from cvsi_db.search.run.exact_scan import Request, find_rows
    from cvsi_db.search.run.executor import run_plan
    from cvsi_db.search.run.rerank import rerank
    from cvsi_db.search.run.resident_matrix import Resident
    from cvsi_db.store.images import Store

    store, resident = Store.open(gallery_folder(folder, rows, dim)), Resident()
    load_ms = _milliseconds(lambda: resident.matrix(store, "cpu"))
    matrix = resident.matrix(store, "cpu")
    search, asked = strategies(store, "cpu", resident)["resident"], queries(rounds + 1, dim, k)
    for query in asked[:2]:  # the second has codes made
        search(query)
    codes = next(iter(matrix.mixed_codes.values()), None) or matrix.codes
    first = matrix.rows.numpy() if codes is None else codes.values
    found: dict[int, list[int]] = {}

    def answer(number: int) -> None:
        found[number] = search(asked[number])

    def with_metadata(number: int) -> None:
        plan = build_plan(asked[number], resident.rows(store, version := store.version), Facts(forced="resident"))
        executed = run_plan(plan, store, "cpu", resident, version)
        ranking = rerank(executed.plan, executed.candidates)
        store.take(ranking.image_ids, METADATA, ranking.row_ids)

    def find(number: int) -> None:
        find_rows(matrix, [Request(asked[number].terms, asked[number].columns, k)])

    calls = {"scan": answer, "rows": find, "read": reading(first), "whole": with_metadata}
    times = in_rounds(calls, rounds)
    many, several = batch_of(store, "cpu", resident), queries(batch, dim, k, seed=1)
    batches = in_rounds({"many": lambda _: many(several), "single": lambda _: [search(query) for query in several]}, 3)
    peak = own_peak_mib()
    written = list(store.rows([image_id(number) for number in range(min(1000, rows // 10))]).values())
    store.update(written)  # as they are: to the scan they are new
    refresh_ms = _milliseconds(lambda: resident.matrix(store, "cpu"))
    return {
        "one": {"ms": times["scan"], "found": [found[number] for number in range(rounds + 1)]},
        "ms": median(times["scan"]),
        "whole_ms": median(times["whole"]),
        "rows_ms": median(times["rows"]),
        "read_ms": median(times["read"]),
        "bytes": first.nbytes,
        "kind": "float16" if codes is None else "8-bit codes" if codes.mix is None else "8-bit codes of the mix",
        "many_ms": median(batches["many"]),
        "single_ms": median(batches["single"]),
        "load_ms": load_ms,
        "written": len(written),
        "refresh_ms": refresh_ms,
        "peak": peak,
    }


def reading(values: Any) -> Callable[[int], object]:
    """A call that reads an array's bytes once, by as many threads as torch uses, and does next to nothing with them."""
    import torch

    words, threads = values.reshape(-1).view(np.int64), torch.get_num_threads()
    pool, parts = ThreadPoolExecutor(threads), np.array_split(words, 8 * threads)
    return lambda _: list(pool.map(np.max, parts))


def _milliseconds(call: Callable[[], object]) -> float:
    start = perf_counter()
    call()
    return (perf_counter() - start) * 1000


def main(name: str, folder: str, *numbers: str) -> None:
    """Measure one peer in this process, and print what was found."""
    rows, dim, k, rounds, batch, threads = map(int, numbers)
    if name == OURS:
        import torch

        torch.set_num_threads(threads)
        print(json.dumps(measure_ours(Path(folder), rows, dim, k, rounds, batch)))
    else:
        print(json.dumps(measure_peer(name, dim, k, rounds)))


if __name__ == "__main__":
    main(*sys.argv[1:])
