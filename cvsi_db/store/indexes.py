"""Indexes: which ones a gallery's tables should have, which they have, and how they are compacted and built.

Takes LanceDB's open tables; returns IndexFacts and an OptimizeSummary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from time import perf_counter
from types import MappingProxyType
from typing import Any

from cvsi_db.store.location import Location, size_of

VECTOR_INDEX_ROWS = 50_000
"""Fewer rows than this get no vector index: comparing them all takes less than a tenth of a second."""

SCALAR_INDEX_ROWS = 10_000
"""Fewer rows than this get no index for filters: reading the column is as fast."""

KEEP = timedelta(hours=1)
"""Versions younger than this stay, since another process may be reading one."""

_KEYS = MappingProxyType({"images": ("image_id",), "captions": ("caption_id", "image_id")})
_FILTERED = MappingProxyType(
    {
        "BTree": ("path", "name", "width", "height", "size_bytes", "modified_at", "taken_at", "latitude", "longitude"),
        "Bitmap": ("folder", "format", "camera", "lens", "rating", "date_source"),
        "LabelList": ("tags",),
    }
)
_QUICK = MappingProxyType({"distance_type": "dot", "max_iterations": 10, "sample_rate": 64, "num_bits": 3})
"""LanceDB's defaults, 50 and 256, make partitions many times more slowly and find no more; with its one bit for each
number of a vector a search reads ten times as many rows to find as much."""
_VECTORS = ("image_vector", "caption_vector")


@dataclass(frozen=True)
class IndexSpec:
    """An index to have: its column, LanceDB's name for its kind, and that kind's options."""

    column: str
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class IndexFacts:
    """An index: how many of the table's rows it holds, and how many were added since.

    A search compares each of the rows added since.
    """

    column: str
    kind: str
    rows: int
    rows_since: int
    size_bytes: int


@dataclass(frozen=True)
class IndexEffort:
    """How hard an indexed search tries: the least number of partitions read, and exact comparisons per row asked for.

    A search whose filter leaves too few rows in `partitions` goes on to the others.
    """

    partitions: int = 20
    refine: int = 1


@dataclass(frozen=True)
class OptimizeSummary:
    """What optimizing did: `built` and `kept` indexes as "table.column kind"; bytes are those of the folder."""

    rows: int
    built: tuple[str, ...]
    kept: tuple[str, ...]
    versions_removed: int
    bytes_before: int
    bytes_after: int
    seconds: float


def wanted_indexes(table: str, rows: int) -> tuple[IndexSpec, ...]:
    """The indexes that `table` (images or captions) of `rows` rows should have.

    The vectors' kind is IVF with RaBitQ codes (Gao and Long, SIGMOD 2024), for the inner product: of the kinds that
    reach the same recall it is by far the fastest to build and the smallest; benchmarks/README.md has the figures.
    """
    specs = [IndexSpec(column, "BTree") for column in _KEYS[table]]
    if table == "captions":
        return (*specs, IndexSpec("text", "FTS"))
    if rows >= SCALAR_INDEX_ROWS:
        specs += [IndexSpec(column, kind) for kind, columns in _FILTERED.items() for column in columns]
    if rows >= VECTOR_INDEX_ROWS:
        specs += [IndexSpec(column, "IvfRq", _QUICK) for column in _VECTORS]
    return tuple(specs)


def indexes_of(table: Any) -> tuple[IndexFacts, ...]:
    """The indexes that a table has, by column."""
    there = sorted(table.list_indices(), key=lambda index: index.columns)
    return tuple(
        IndexFacts(i.columns[0], i.index_type, i.num_indexed_rows, i.num_unindexed_rows, i.size_bytes) for i in there
    )


def optimize(
    tables: Sequence[Any], folder: Location, keep: timedelta, on_step: Callable[[int, int, str], None] | None
) -> OptimizeSummary:
    """Compact the tables in `folder`, drop versions older than `keep`, build the missing indexes.

    `on_step` is called with the steps done, their total and the next one. Safe to repeat: a second call finds nothing
    to do. LanceDB's own errors come through.
    """
    from lancedb import index as kinds

    def build(table: Any, spec: IndexSpec) -> None:
        table.create_index(spec.column, config=getattr(kinds, spec.kind)(**spec.options))

    start, before, versions = perf_counter(), size_of(folder), _versions(tables)
    missing = [(table, spec) for table in tables for spec in _missing(table)]
    kept = [f"{table.name}.{i.column} {i.kind}" for table in tables for i in indexes_of(table) if not is_outgrown(i)]
    steps: list[tuple[str, Callable[[], Any]]] = [
        *((f"compact {table.name}", partial(table.optimize, cleanup_older_than=keep)) for table in tables),
        *((f"index {table.name}.{spec.column}", partial(build, table, spec)) for table, spec in missing),
    ]
    for done, (name, step) in enumerate(steps):
        if on_step:
            on_step(done, len(steps), name)
        step()
    return OptimizeSummary(
        rows=int(tables[0].count_rows()),
        built=tuple(f"{table.name}.{spec.column} {spec.kind}" for table, spec in missing),
        kept=tuple(kept),
        versions_removed=len(versions - _versions(tables)),
        bytes_before=before,
        bytes_after=size_of(folder),
        seconds=perf_counter() - start,
    )


def _missing(table: Any) -> list[IndexSpec]:
    usable = {facts.column for facts in indexes_of(table) if not is_outgrown(facts)}
    return [spec for spec in wanted_indexes(table.name, table.count_rows()) if spec.column not in usable]


def is_outgrown(facts: IndexFacts) -> bool:
    """Whether most rows were added after a vector index was built: it is then built again."""
    return facts.column in _VECTORS and facts.rows_since > facts.rows


def _versions(tables: Sequence[Any]) -> set[tuple[str, int]]:
    return {(table.name, version["version"]) for table in tables for version in table.list_versions()}
