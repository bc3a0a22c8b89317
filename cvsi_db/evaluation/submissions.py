"""Rankings as the files that benchmarks' servers take, and such files back as rankings.

Shapes: CIRR has two files, {"version": "rc2", "metric": "recall", "PAIRID": [50 names], …} and the same with
"recall_subset" and 3 names; CIRCO has one, {"0": [50 numbers], …}. FashionIQ has no server, and here the shape
{"dress/0": [50 names], …}: a category and a query's place in its caption file; the categories may be in one file or in
several.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cvsi_db.errors import CvsiError, UsageError
from cvsi_db.evaluation.annotations import read_json
from cvsi_db.evaluation.field import DEPTH, FieldBenchmark, FieldQuery, ListName, Rankings


def submission_files(benchmark: FieldBenchmark, method: str, rankings: Rankings) -> dict[str, str]:
    """The text of each file by its name, which says benchmark, split, method and list."""
    rules = benchmark.rules
    files = {}
    for name in rules.lists:
        stamp = {} if rules.version is None else {"version": rules.version, "metric": name}
        entries = {
            query: [int(image) for image in images] if rules.numbered else images
            for query, images in rankings[name].items()
        }
        list_name = f"-{name}" if len(rules.lists) > 1 else ""
        file_name = f"{rules.name.lower()}-{benchmark.split}-{method}{list_name}.json"
        files[file_name] = json.dumps({**stamp, **entries}, separators=(",", ":"))
    return files


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
    number of images, an image twice, an image that is not in the query's index or subset, the query's own reference
    where the protocol leaves that out, and a name where the benchmark has numbers.
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
        missing = [query_id for query_id in queries if query_id not in ranked]
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise UsageError(f"the {name} predictions lack query {missing[0]!r}{more} of {benchmark.title}")
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
    excluded = query.reference if benchmark.rules.excludes_reference else None
    allowed = frozenset(query.subset) if name == "recall_subset" else benchmark.index_of(query) - {excluded}
    count = min(DEPTH[name], len(allowed) or DEPTH[name])  # an index may be unknown
    if not isinstance(images, list) or len(images) != count:
        length = len(images) if isinstance(images, list) else "no list of"
        raise UsageError(f"{where} has {length} images: it takes {count}")
    names: dict[str, None] = {}
    for image in images:
        chosen = _number(image, where) if benchmark.rules.numbered else str(image)
        if chosen == excluded:
            raise UsageError(
                f"{where} ranks its own reference {chosen}: {benchmark.rules.name} leaves the reference out, "
                f"so rank {count} others"
            )
        if chosen in names:
            raise UsageError(f"{where} names image {chosen} twice")
        if allowed and chosen not in allowed:
            raise UsageError(f"{where} names image {chosen}, which is not among the {len(allowed)} to rank")
        names[chosen] = None
    return tuple(names)


def _number(image: Any, where: str) -> str:
    """The number of an image, which files write as 7, 7.0, "7" or "000000000007"."""
    is_number = isinstance(image, int | float) and not isinstance(image, bool)
    if (math.isfinite(image) and image >= 0 and image == int(image)) if is_number else str(image).isdecimal():
        return str(int(image))
    raise UsageError(f"{where} names image {image!r}: images are numbers here, as in 123 for 000000000123.jpg")
