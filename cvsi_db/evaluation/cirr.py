"""CIRR (Liu et al., ICCV 2021): pictures of real life, one target per query, and a subset of five look-alikes.

Reads `captions/cap.rc2.SPLIT.json` and `image_splits/split.rc2.SPLIT.json`, in the folder or in `cirr/` below it; the
split file names each picture relative to `img_raw/`, or to the folder itself where there is no such. Splits: val, and
test1 without targets. The query's reference is not ranked. One caption of test1 is empty. Knows nothing about models.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cvsi_db.errors import UsageError
from cvsi_db.evaluation.field import FieldBenchmark, FieldQuery, Rules, one_line, read_entries, read_json

RULES = Rules(
    name="CIRR",
    preset="cirr",
    recall_ranks=(1, 5, 10, 50),
    subset_ranks=(1, 2, 3),
    lead="recall@1",
    excludes_reference=True,
    version="rc2",
)


def read_cirr(data: Path, split: str, images: Path | None = None) -> FieldBenchmark:
    """The split, from a folder as published; `images` is where the split file's paths start. Raises UsageError."""
    home = data / "cirr" if (data / "cirr" / "captions").is_dir() else data
    split_file = home / "image_splits" / f"split.rc2.{split}.json"
    files = read_json(split_file)
    if not isinstance(files, Mapping) or not files or not all(isinstance(path, str) for path in files.values()):
        raise UsageError(f"{str(split_file)!r} does not say where images are: give the split file as it is published")
    folder = images or next((root / "img_raw" for root in (home, data) if (root / "img_raw").is_dir()), data)
    return FieldBenchmark(
        rules=RULES,
        split=split,
        queries=read_entries(home / "captions" / f"cap.rc2.{split}.json", _query),
        indexes={"": tuple(files)},
        paths={name: folder / path for name, path in files.items()},
    )


def _query(place: int, entry: Mapping[str, Any]) -> FieldQuery:
    reference, target = entry["reference"], entry.get("target_hard")
    return FieldQuery(
        query_id=str(entry["pairid"]),
        reference=reference,
        edit_text=one_line(entry["caption"]),
        targets=() if target is None else (target,),
        subset=tuple(name for name in entry["img_set"]["members"] if name != reference),
    )
