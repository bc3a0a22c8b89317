"""Rankings as the files that benchmarks' servers take, and such files back as rankings.

Shapes: CIRR has two files, {"version": "rc2", "metric": "recall", "PAIRID": [50 names], …} and the same with
"recall_subset" and 3 names; CIRCO has one, {"0": [50 numbers], …}. FashionIQ has no server, and here the shape
{"dress/0": [50 names], …}: a category and a query's place in its caption file; the categories may be in one file or in
several. Knows nothing about models or metrics.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cvsi_db.errors import CvsiError, UsageError
from cvsi_db.evaluation.field import DEPTH, FieldBenchmark, FieldQuery, ListName, Rankings, read_json


def submission_files(benchmark: FieldBenchmark, method: str, rankings: Rankings) -> dict[str, str]:
    """The text of each file by its name, which says benchmark, split, method and list."""
    rules = benchmark.rules
    stem = f"{rules.name.lower()}-{benchmark.split}-{method}"
    return {
        f"{stem}-{name}.json" if len(rules.lists) > 1 else f"{stem}.json": _text(benchmark, name, rankings[name])
        for name in rules.lists
    }


def _text(benchmark: FieldBenchmark, name: ListName, ranked: Mapping[str, Sequence[str]]) -> str:
    rules = benchmark.rules
    stamp = {} if rules.version is None else {"version": rules.version, "metric": name}
    entries = {
        query: [int(image) for image in images] if rules.numbered else images for query, images in ranked.items()
    }
    return json.dumps({**stamp, **entries}, separators=(",", ":"))


def write_files(folder: Path, files: Mapping[str, str]) -> list[Path]:
    """Writes all of the files or, when one cannot be written, none; returns where they are. Raises CvsiError."""
    parts = {folder / name: folder / f"{name}.part" for name in files}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, part in parts.items():
            part.write_text(files[path.name], "utf-8")
        for path, part in parts.items():
            part.replace(path)
    except OSError as error:
        raise CvsiError(f"cannot write submissions to {str(folder)!r}: {error.strerror or error}") from error
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
    return list(parts)


# --- reading ----------------------------------------------------------------------------------------------------


def read_predictions(benchmark: FieldBenchmark, files: Sequence[Path]) -> Rankings:
    """The rankings in files of the benchmark's shape, checked.

    Raises UsageError, naming file and query, for a file of another shape, a query that is missing or unknown, a wrong
    number of images, an image twice, and an image that is not in the query's index or subset.
    """
    found: dict[ListName, dict[str, tuple[str, ...]]] = {}
    queries = {query.query_id: query for query in benchmark.queries}
    for path in files:
        name, entries = _entries(benchmark, path)
        for query_id, images in entries.items():
            where = f"query {query_id!r} in {str(path)!r}"
            if query_id not in queries:
                raise UsageError(f"{where} is not one of {benchmark.title}")
            if query_id in found.setdefault(name, {}):
                raise UsageError(f"{where} is in another file too: give each {name} ranking once")
            found[name][query_id] = _checked(benchmark, name, queries[query_id], images, where)
    for name, ranked in found.items():
        _refuse_gaps(benchmark, name, ranked)
    return found


def _entries(benchmark: FieldBenchmark, path: Path) -> tuple[ListName, Mapping[str, Any]]:
    """Which list a file holds, and its rankings by query."""
    content = read_json(path)
    if not isinstance(content, dict) or not content:
        raise UsageError(f"{str(path)!r} holds no rankings by query: see `cvsi-db eval` for the shape of predictions")
    version = benchmark.rules.version
    if version is None:
        return "recall", content
    stamp, metric = content.pop("version", None), content.pop("metric", None)
    if stamp != version or metric not in benchmark.rules.lists:
        raise UsageError(
            f"{str(path)!r} has version {stamp!r} and metric {metric!r}: it takes version {version!r} and one of the "
            f"metrics {', '.join(benchmark.rules.lists)}"
        )
    return metric, content


def _checked(benchmark: FieldBenchmark, name: ListName, query: FieldQuery, images: Any, where: str) -> tuple[str, ...]:
    """The images of one ranking as names."""
    allowed = query.subset if name == "recall_subset" else benchmark.index_of(query)
    count = _count(benchmark, name, query)
    if not isinstance(images, list) or len(images) != count:
        length = len(images) if isinstance(images, list) else "no list of"
        raise UsageError(f"{where} has {length} images: it takes {count}")
    names = [_name(benchmark, image) for image in images]
    seen: set[str] = set()
    for image in names:
        if image in seen:
            raise UsageError(f"{where} names image {image} twice")
        if allowed and image not in allowed:
            raise UsageError(f"{where} names image {image}, which is not among the {len(allowed)} to rank")
        seen.add(image)
    return tuple(names)


def _count(benchmark: FieldBenchmark, name: ListName, query: FieldQuery) -> int:
    """How many images a ranking has: fewer than asked for where there are not as many."""
    if name == "recall_subset":
        return min(DEPTH[name], len(query.subset))
    index = benchmark.index_of(query)
    rankable = len(index) - (benchmark.rules.excludes_reference and query.reference in index)
    return min(DEPTH[name], rankable) if index else DEPTH[name]


def _name(benchmark: FieldBenchmark, image: Any) -> str:
    """An image's name; numbers are written in many ways."""
    numbered = benchmark.rules.numbered and not isinstance(image, bool)
    return str(int(image)) if numbered and str(image).isdecimal() else str(image)


def _refuse_gaps(benchmark: FieldBenchmark, name: ListName, ranked: Iterable[str]) -> None:
    there = set(ranked)
    missing = [query.query_id for query in benchmark.queries if query.query_id not in there]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise UsageError(f"the {name} predictions lack query {missing[0]!r}{more} of {benchmark.title}")
