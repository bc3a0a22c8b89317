"""Cost as a gallery grows: tables of 10⁴ to 10⁷ rows on disk, each measured, a power law through what was measured.

Rows are clustered unit vectors of one column, made and written fast enough for tens of millions; captions are left out,
so every query reads one column. `python -m benchmarks scale` prints what docs/scale.md shows: what was measured, what
the fit says for more rows and for other widths, and what that takes in machines.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import mean, median
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa
from lancedb import index as kinds

from benchmarks.memory import own_peak_mib
from benchmarks.vectors import unit
from cvsi_db.records import Branch, Column, FloatArray, LogicalQuery, Term
from cvsi_db.search.plan.build import build_plan
from cvsi_db.search.plan.nodes import Strategy
from cvsi_db.search.plan.strategies import Facts
from cvsi_db.search.run.executor import run_plan
from cvsi_db.search.run.rerank import rerank
from cvsi_db.search.run.resident_matrix import Resident, row_bytes
from cvsi_db.store.images import Store, matrix
from cvsi_db.store.indexes import wanted_indexes

CHUNK = 100_000
CLUSTERS, POOL = 4_000, 2**16
QUERIES = 12
PROJECTED = (10**8, 10**9)
WIDTH = 512
"""The width that projections are made for: bytes and products grow with it in proportion."""


@dataclass(frozen=True)
class Measured:
    """One size: seconds to write, to build the index and to load; bytes on disk and in the index; milliseconds of a
    search by index, flat and resident (nan where the rows do not fit in memory); recall at 10 of the index."""

    rows: int
    write_s: float
    disk_bytes: float
    index_s: float
    index_bytes: float
    indexed_ms: float
    recall: float
    flat_ms: float
    load_s: float
    resident_ms: float
    peak_mib: float


def run_scale(
    sizes: Sequence[int], dim: int, k: int, memory_gb: float, folder: Path, faiss: bool = False
) -> list[Measured]:
    """Measure every size and print its row, then the fit and the projection; a gallery is deleted once measured. Where
    `faiss` is to be measured too and its rows fit, a line says what it took."""
    print(f"{os.cpu_count()} cores, rows of one column of width {dim}, k = {k}, {QUERIES} queries of each kind\n")
    print("\n".join(_heading()), flush=True)
    found, beside = [], []
    for rows in sizes:
        place = folder / f"scale-{rows}x{dim}"
        try:
            found.append(measure(place, rows, dim, k, memory_gb))
            if faiss and 4 * dim * rows < memory_gb * 1e9:
                beside.append(_beside_faiss(place, rows, dim, k))
        finally:
            shutil.rmtree(place, ignore_errors=True)
        print(_row(found[-1]), flush=True)
    print("\n".join([_exponents(found), "", *_projection(found, dim), "", *beside]))
    return found


def measure(place: Path, rows: int, dim: int, k: int, memory_gb: float) -> Measured:
    """One gallery, from its writing to its searches."""
    store = Store.create(place, dim)
    write = _seconds(lambda: _write(store, rows, dim))
    disk = _size(place)
    (spec,) = (each for each in wanted_indexes("images", max(rows, 10**6)) if each.column == "image_vector")
    table = store._images  # its indexes are for galleries that ask for them; here each size gets one
    index = _seconds(lambda: table.create_index(spec.column, config=getattr(kinds, spec.kind)(**spec.options)))
    index_bytes = _size(place) - disk
    asked = _queries(dim, k)
    flat_ms, truth = _answers(store, asked, "fused", None)
    indexed_ms, found = _answers(store, asked, "indexed", None)
    load, resident_ms = float("nan"), float("nan")
    if rows * row_bytes(dim, "cpu", rows) < memory_gb * 1e9:
        resident = Resident()
        load = _seconds(lambda: resident.matrix(store, "cpu"))
        resident_ms, same = _answers(store, asked, "resident", resident)
        assert same == truth
    recall = mean(len(set(a[:10]) & set(b[:10])) / 10 for a, b in zip(found, truth, strict=True))
    return Measured(
        rows, write, disk, index, index_bytes, indexed_ms, recall, flat_ms, load, resident_ms, own_peak_mib()
    )


def _beside_faiss(place: Path, rows: int, dim: int, k: int) -> str:
    """What faiss takes for the same queries, in this process, over the same rows in float32."""
    import faiss

    store, image_ids, filled = Store.open(place), [], 0
    vectors = np.memmap(place / "rows.f32", np.float32, "w+", shape=(rows, dim))  # added at once: no room to grow
    for batch in store.batches(["image_id", "image_vector"], 2**13):
        vectors[filled : filled + len(batch)] = matrix(pa.Table.from_batches([batch]), "image_vector")
        image_ids.append(batch["image_id"].take(pa.array(range(len(batch)), pa.int64())))
        filled += len(batch)
    index, names, times, same = faiss.IndexFlatIP(dim), pa.chunked_array(image_ids), [], []
    index.add(vectors)
    asked = _queries(dim, k)
    for query, truth in zip([asked[0], *asked], [[], *_answers(store, asked, "fused", None)[1]], strict=True):
        start = perf_counter()
        _, numbers = index.search(query.branches[0].terms[0].vector[None], k)
        times.append((perf_counter() - start) * 1000)
        same.append(len({*names.take(pa.array(numbers[0, :10])).to_pylist()} & {*truth[:10]}) / 10)
    return (
        f"faiss IndexFlatIP, {rows:,} × {dim}: {_short(median(times[1:]))} ms over {vectors.nbytes / 1e9:.2f} GB of "
        f"vectors, recall@10 {mean(same[1:]):.3f}."
    )


def _answers(
    store: Store, asked: Sequence[LogicalQuery], strategy: Strategy, resident: Resident | None
) -> tuple[float, list[list[str]]]:
    """The median milliseconds of the queries by a strategy, after one that does not count, and their hits."""
    rows, version, times, hits = store.count(), store.version, [], []
    for query in [asked[0], *asked]:
        start = perf_counter()
        ran = run_plan(build_plan(query, rows, Facts(forced=strategy)), store, "cpu", resident, version)
        hits.append(list(rerank(ran.plan, ran.candidates).image_ids))
        times.append((perf_counter() - start) * 1000)
    return median(times[1:]), hits[1:]


def _write(store: Store, rows: int, dim: int) -> None:
    for start in range(0, rows, CHUNK):
        count = min(CHUNK, rows - start)
        vectors = _clustered(np.random.default_rng((1, start)), count, dim)
        store._images.add(_batch(store._images.schema, start, vectors))


def _batch(schema: pa.Schema, start: int, vectors: FloatArray) -> pa.Table:
    """Rows with all of the table's columns: ids as wide as a sha256, the rest the same for all or null."""
    count, numbers = len(vectors), range(start, start + len(vectors))
    given = {
        "image_id": pa.array([f"{number:064x}" for number in numbers]),
        "path": pa.array([f"/photos/{number % 1000:03}/{number}.jpg" for number in numbers]),
        "image_vector": vectors.astype(np.float16),
        "caption_vector": np.zeros(vectors.shape, np.float16),
    }
    columns = []
    for column in schema:
        values = given.get(column.name)
        if isinstance(values, np.ndarray):
            values = pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])
        elif values is None and column.nullable:
            values = pa.nulls(count, column.type)
        elif values is None:
            empty: Any = [] if pa.types.is_list(column.type) else "" if pa.types.is_string(column.type) else 0
            values = pa.array([empty] * count, column.type)
        columns.append(values)
    return pa.table(columns, schema=schema)


def _clustered(rng: np.random.Generator, count: int, dim: int) -> FloatArray:
    """(count, dim) unit vectors around CLUSTERS centres: two draws from a pool of noise stand for one of their own."""
    world = np.random.default_rng((dim, 7))
    scale = ((1 + np.arange(dim)) ** -0.25 / np.sqrt(dim)).astype(np.float32)
    centres = world.standard_normal((CLUSTERS, dim), np.float32) * scale
    pool = world.standard_normal((POOL, dim), np.float32) * scale
    noise = pool[rng.integers(POOL, size=count)] + pool[rng.integers(POOL, size=count)]
    return unit(centres[rng.integers(CLUSTERS, size=count)] + np.float32(0.5) * noise)


def _queries(dim: int, k: int) -> list[LogicalQuery]:
    """Queries near rows that the gallery does not hold."""
    vectors = _clustered(np.random.default_rng((2, 0)), QUERIES, dim)
    terms = [Term("image", vector, 1.0) for vector in vectors]
    column = (Column("image_vector", 1.0),)
    return [LogicalQuery((Branch("image_objects", (term,)),), column, None, None, k) for term in terms]


def _seconds(call: Callable[[], Any]) -> float:
    start = perf_counter()
    call()
    return perf_counter() - start


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


# --- what it says ----------------------------------------------------------------------------------------------------


def fit(found: Sequence[Measured], name: str) -> tuple[float, float]:
    """The factor a and the exponent b of a · rows^b, by least squares of the logarithms of what was measured."""
    points = [(each.rows, getattr(each, name)) for each in found if np.isfinite(getattr(each, name))]
    if len(points) < 2:
        return float("nan"), float("nan")
    rows, values = np.log(np.array(points, np.float64)).T
    exponent, factor = np.polyfit(rows, values, 1)
    return float(np.exp(factor)), float(exponent)


NAMES = [field.name for field in fields(Measured)]


def _heading() -> Iterator[str]:
    heads = ("rows", "write, s", "on disk, MB", "index, s", "index, MB", "by index, ms", "recall@10", "flat, ms")
    yield "| " + " | ".join([*heads, "load, s", "resident, ms", "peak, MiB"]) + " |"
    yield "|" + "---|" * len(NAMES)


def _row(size: Measured) -> str:
    values = [f"{size.rows:,}"]
    for name in NAMES[1:]:
        value = getattr(size, name) / (1e6 if name.endswith("bytes") else 1)
        values.append("" if np.isnan(value) else f"{value:.3f}" if name == "recall" else _short(value))
    return "| " + " | ".join(values) + " |"


def _exponents(found: Sequence[Measured]) -> str:
    exponents = [f"{fit(found, name)[1]:.2f}" for name in NAMES[1:]]
    exponents[NAMES.index("recall") - 1] = ""
    return "| grows as rows to the power of | " + " | ".join(exponents) + " |"


def _projection(found: Sequence[Measured], dim: int) -> Iterator[str]:
    """For PROJECTED rows of two columns of WIDTH, from the fit: bytes, seconds and products in proportion to width."""
    wide = WIDTH / dim
    both = 2 * wide

    def at(name: str, rows: int) -> float:
        factor, exponent = fit(found, name)
        return factor * rows**exponent

    lines: dict[str, Callable[[int], str]] = {
        "vectors on disk, float16, TB": lambda rows: _short(rows * 2 * 2 * WIDTH / 1e12),
        "tables without vectors, TB": lambda rows: _short(max(at("disk_bytes", rows) - rows * 2 * 2 * dim, 0) / 1e12),
        "indexes of both columns, GB": lambda rows: _short(both * at("index_bytes", rows) / 1e9),
        "building both, hours on this machine": lambda rows: _short(both * at("index_s", rows) / 3600),
        "a search by index, both columns, ms": lambda rows: _short(both * at("indexed_ms", rows)),
        "a flat search, both columns, s": lambda rows: _short(both * at("flat_ms", rows) / 1000),
        "all rows in memory, GB": lambda rows: _short(rows * row_bytes(WIDTH, "cpu", int(rows)) / 1e9),
    }
    yield (
        f"| two columns of width {WIDTH}, from the fit | " + " | ".join(f"{rows:.0e} rows" for rows in PROJECTED) + " |"
    )
    yield "|---|" + "---|" * len(PROJECTED)
    for what, value in lines.items():
        yield f"| {what} | " + " | ".join(value(rows) for rows in PROJECTED) + " |"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
