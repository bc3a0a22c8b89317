"""The query engine's benchmark: galleries of growing size, each strategy against each baseline, one table per size.

Speed as ratios with their spread, recall against brute force, the memory of a searching process, batches against single
queries.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

import torch

from benchmarks.baselines import floor, research_code, six_searches
from benchmarks.chart import draw_growth
from benchmarks.galleries import both_columns, default_folder, gallery_folder, open_gallery
from benchmarks.memory import peak_mib
from benchmarks.strategies import Batch, Search, batch_of, strategies
from benchmarks.timing import in_rounds, ratio
from benchmarks.vectors import queries
from cvsi_db.models.device import choose_device
from cvsi_db.records import LogicalQuery

RESEARCH, SIX, FLOOR, WIDE = "(a) research code", "(b) six searches", "(c) floor", "(c) in float32"
BASELINES = (RESEARCH, SIX, FLOOR, WIDE)
"""The floor reads the bytes that resident rows take: float16 on a CPU, float32 on other devices."""


@dataclass(frozen=True)
class Setting:
    """What to run: sizes in rows, width, hits, rounds and their time, the batch, the device, where galleries are,
    and whether to measure memory, which takes a new process per strategy."""

    sizes: Sequence[int]
    dim: int = 512
    k: int = 100
    rounds: int = 15
    seconds: float = 180
    batch: int = 256
    device: str = "auto"
    data: Path | None = None
    memory: bool = True

    @property
    def folder(self) -> Path:
        """Where the galleries are kept."""
        return self.data or default_folder()


@dataclass(frozen=True)
class Measured:
    """One size: milliseconds per round, recall at 10 and at k, and peak MiB (imported, searched) by contender.

    `batch` holds the milliseconds per round of a batch, and of as many single queries, by the resident rows.
    """

    rows: int
    times: Mapping[str, Sequence[float]]
    recall: Mapping[str, tuple[float, float]]
    peaks: Mapping[str, tuple[float, float]]
    batch: tuple[Sequence[float], Sequence[float]]


def run_engine(setting: Setting, chart: Path | None) -> list[Measured]:
    """Measure every size, print its tables as it is done, then draw `chart`."""
    device = choose_device(setting.device)
    python = f"torch on {device}, Python {platform.python_version()}"
    print(f"{os.cpu_count()} cores, {_processor()}, {python}\n", flush=True)
    found = []
    for rows in setting.sizes:
        found.append(measure(setting, rows, device))
        print("\n".join(_tables(found[-1], setting)), flush=True)
    if chart is not None:
        chart.write_text(draw_growth([(size.rows, size.times) for size in found], setting.dim), "utf-8")
    return found


def measure(setting: Setting, rows: int, device: str) -> Measured:
    """Every contender over one gallery, in turn; brute force is the research code."""
    store = open_gallery(setting.folder, rows, setting.dim)
    ours = strategies(store, device)
    both = torch.from_numpy(both_columns(rows, setting.dim)).to(device)
    lance = gallery_folder(setting.folder, rows, setting.dim)
    research = research_code(both)
    same = both.half() if device == "cpu" else both
    contenders = ours | {RESEARCH: research, SIX: six_searches(lance), FLOOR: floor(same), WIDE: floor(both)}
    asked = queries(setting.rounds + 1, setting.dim, min(setting.k, rows))
    answers: dict[str, dict[int, list[int]]] = {name: {} for name in contenders}
    calls = {name: _kept(search, asked, answers[name]) for name, search in contenders.items()}
    times = in_rounds(calls, setting.rounds, setting.seconds)
    recall = {name: _recall(given, answers[RESEARCH]) for name, given in answers.items()}
    del both, same, contenders, calls, research
    timed = _batch_times(batch_of(store, device), ours["resident"], setting, rows)
    peaks = {name: peak_mib(name, lance, setting.k, device) for name in ours} if setting.memory else {}
    return Measured(rows, times, recall, peaks, timed)


def _kept(search: Search, asked: Sequence[LogicalQuery], answers: dict[int, list[int]]) -> Callable[[int], None]:
    def call(number: int) -> None:
        answers[number] = search(asked[number])

    return call


def _recall(given: Mapping[int, list[int]], truth: Mapping[int, list[int]]) -> tuple[float, float]:
    """The share of brute force's first 10, and of all its hits, that are among as many of those given."""

    def at(k: int) -> float:
        return mean(len(set(given[n][:k]) & set(truth[n][:k])) / len(truth[n][:k]) for n in truth)

    return at(10), at(max(map(len, truth.values())))


def _batch_times(many: Batch, single: Search, setting: Setting, rows: int) -> tuple[list[float], list[float]]:
    asked = queries(setting.batch, setting.dim, min(setting.k, rows), seed=1)
    times = in_rounds({"many": lambda _: many(asked), "single": lambda _: [single(query) for query in asked]}, 3)
    return times["many"], times["single"]


def _processor() -> str:
    """The processor's name, where the system knows it."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text("utf-8").splitlines() if facts.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _tables(size: Measured, setting: Setting) -> Iterator[str]:
    """The Markdown of one size: cost and recall, then batches where a strategy takes them."""
    yield f"### {size.rows:,} × {setting.dim}, k = {setting.k}, {len(size.times[FLOOR])} rounds\n"
    against = " | ".join(f"÷ {name}" for name in BASELINES)
    yield f"| | ms | {against} | recall@10 | recall@{setting.k} | peak memory, MiB |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for name, times in size.times.items():
        ratios = " | ".join(ratio(times, size.times[other]) if other != name else "1" for other in BASELINES)
        recall = " | ".join(f"{value:.3f}" for value in size.recall[name])
        peak = f"{size.peaks[name][1]:,.0f} ({size.peaks[name][0]:,.0f} of it imports)" if name in size.peaks else ""
        yield f"| {name} | {median(times):.1f} | {ratios} | {recall} | {peak} |"
    yield ""
    many, single = size.batch
    yield (
        f"{setting.batch} queries on the resident rows: {median(many):.0f} ms as a batch, {median(single):.0f} ms one "
        f"by one: {ratio(single, many)} × the throughput.\n"
    )
