"""FashionIQ (Wu et al., CVPR 2021): clothes of three categories, two captions and one target per query.

Reads `captions/cap.CATEGORY.SPLIT.json` and `image_splits/split.CATEGORY.SPLIT.json`; pictures are `images/NAME.png` or
`.jpg`. Each category is ranked over the images of its own split file. Split: val. The reference is ranked like any
other. Queries have no names of their own: here they are `CATEGORY/PLACE`, as in `dress/0`. Knows nothing about models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cvsi_db.errors import UsageError
from cvsi_db.evaluation.field import FieldBenchmark, FieldQuery, Rules, one_line, read_entries, read_json

CATEGORIES = ("dress", "shirt", "toptee")
RULES = Rules(
    name="FashionIQ",
    preset="fashioniq",
    recall_ranks=(10, 50),
    groups="categories",
    lead="recall@10",
    renormalises=True,
)


def read_fashioniq(data: Path, split: str, images: Path | None = None) -> FieldBenchmark:
    """The split of all categories, from a folder as published; `images` is the folder of the pictures.

    Raises UsageError.
    """
    queries = [read_entries(data / "captions" / f"cap.{name}.{split}.json", _maker(name)) for name in CATEGORIES]
    indexes = {name: _index(data / "image_splits" / f"split.{name}.{split}.json") for name in CATEGORIES}
    everything = tuple(query for part in queries for query in part)
    names = {name for index in indexes.values() for name in index} | {query.reference for query in everything}
    return FieldBenchmark(RULES, split, everything, indexes, _paths(names, images or data / "images"))


def _index(path: Path) -> tuple[str, ...]:
    names = read_json(path)
    if not isinstance(names, list) or not names:
        raise UsageError(f"{str(path)!r} is no list of images: give the split file as it is published")
    return tuple(dict.fromkeys(names))


def _paths(names: set[str], folder: Path) -> dict[str, Path]:
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    return {name: folder / (f"{name}.jpg" if f"{name}.jpg" in there else f"{name}.png") for name in names}


def _maker(category: str) -> Callable[[int, Mapping[str, Any]], FieldQuery]:
    def query(place: int, entry: Mapping[str, Any]) -> FieldQuery:
        first, second = (caption.strip(".?, ") for caption in entry["captions"])
        target = entry.get("target")
        return FieldQuery(
            query_id=f"{category}/{place}",
            reference=entry["candidate"],
            edit_text=one_line(f"{first} and {second}"),
            targets=() if target is None else (target,),
            category=category,
        )

    return query
