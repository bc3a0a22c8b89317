"""Stats: what a gallery holds, counted from its tables and its catalog, and its size on the disk.

Takes the folder, the open store and catalog; returns plain values, ready for JSON. Reads every row's metadata once, a
batch at a time, and no vector.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cvsi_db.store.location import Location, files_in

if TYPE_CHECKING:
    from cvsi_db.store.catalog import Catalog, IngestRun
    from cvsi_db.store.images import Store

RUNS = 5
"""How many of the last ingests are listed."""

_BATCH = 8192


def stats(folder: Location, store: Store, catalog: Catalog) -> dict[str, Any]:
    """Counts and facts about a gallery.

    Of the bundle: folder, model, fingerprint, dim, created_at. In images: images, uncaptioned, removed (their files are
    all gone), and by value formats, folders and tags, the most frequent first. In files: files by state, duplicates
    (files whose content another one has). And indexes, bytes on the disk, and the last runs, newest first.
    """
    info = catalog.gallery()
    formats, folders, tags, duplicates = Counter[str](), Counter[str](), Counter[str](), 0
    for batch in store.batches(["format", "folder", "tags", "paths"], _BATCH):
        formats.update(batch["format"].to_pylist())
        folders.update(batch["folder"].to_pylist())
        tags.update(batch["tags"].flatten().to_pylist())
        duplicates += len(batch["paths"].flatten()) - len(batch)
    return {
        "folder": str(folder),
        "model": info.bundle,
        "fingerprint": info.fingerprint,
        "dim": info.dim,
        "created_at": info.created_at,
        "images": store.count(),
        "uncaptioned": store.count_uncaptioned(),
        "removed": store.count(table="removed"),
        "duplicates": duplicates,
        "files": dict(sorted(Counter(file.state for file in catalog.each_file()).items())),
        "formats": _frequent_first(formats),
        "folders": _frequent_first(folders),
        "tags": _frequent_first(tags),
        "indexes": [asdict(facts) for facts in store.indexes()],
        "bytes": bytes_on_disk(folder),
        "runs": [_run(run) for run in catalog.runs(RUNS)],
    }


def bytes_on_disk(folder: Location) -> dict[str, int]:
    """The bytes in a gallery's folder: of each table without its indexes, of all indexes, the catalog, the rest."""
    sizes = Counter({"images": 0, "captions": 0, "removed": 0, "thumbnails": 0, "indexes": 0, "catalog": 0, "other": 0})
    for name, size in files_in(folder):
        sizes[_part_of(name)] += size
    return dict(sizes)


def _part_of(file: str) -> str:
    parts = file.split("/")
    if parts[0].startswith("lance") and len(parts) > 2:
        return "indexes" if parts[2] == "_indices" else parts[1].removesuffix(".lance")
    return "catalog" if parts[0] == "catalog" or parts[0].startswith("catalog.sqlite") else "other"


def _frequent_first(counter: Counter[str]) -> dict[str, int]:
    return dict(sorted(counter.items(), key=lambda item: (-item[1], item[0])))


def _run(run: IngestRun) -> dict[str, Any]:
    """A run without the list of its failures, which `cvsi-db list --failed` shows as they are now."""
    summary = asdict(run.summary) if run.summary else None
    return {
        "roots": list(run.roots),
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "summary": summary and {name: value for name, value in summary.items() if not isinstance(value, tuple | list)},
    }
