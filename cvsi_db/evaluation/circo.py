"""CIRCO (Baldrati et al., ICCV 2023): photographs of COCO's unlabelled set, one to many targets per query.

Reads `annotations/SPLIT.json`; pictures lie in `COCO2017_unlabeled/unlabeled2017/` and are named by their number. The
index is what `COCO2017_unlabeled/annotations/image_info_unlabeled2017.json` lists, or without that file every picture
of the folder. Splits: val, and test without targets. The reference is ranked too. Knows nothing about models.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cvsi_db.errors import UsageError
from cvsi_db.evaluation.field import FieldBenchmark, FieldQuery, Rules, one_line, read_entries, read_json

RULES = Rules(
    name="CIRCO",
    preset="circo",
    precision_ranks=(5, 10, 25, 50),
    recall_ranks=(5, 10, 25, 50),
    groups="aspects",
    lead="map@5",
    numbered=True,
)


def read_circo(data: Path, split: str, images: Path | None = None) -> FieldBenchmark:
    """The split, from a folder as published; `images` is the folder of the pictures. Raises UsageError."""
    queries = read_entries(data / "annotations" / f"{split}.json", _query)
    coco = data / "COCO2017_unlabeled"
    folder = images or coco / "unlabeled2017"
    index = _index(coco / "annotations" / "image_info_unlabeled2017.json", folder)
    needed = (name for query in queries for name in (query.reference, *query.targets))
    return FieldBenchmark(
        rules=RULES,
        split=split,
        queries=queries,
        indexes={"": index},
        paths={name: folder / f"{int(name):012d}.jpg" for name in (*index, *needed)},
    )


def _index(listing: Path, folder: Path) -> tuple[str, ...]:
    if not listing.is_file():
        return tuple(sorted((str(int(path.stem)) for path in folder.glob("*.jpg") if path.stem.isdecimal()), key=int))
    try:
        return tuple(str(int(image["id"])) for image in read_json(listing)["images"])
    except (LookupError, TypeError, ValueError) as error:
        raise UsageError(f"{str(listing)!r} lists no images as published: {error!r}") from error


def _query(place: int, entry: Mapping[str, Any]) -> FieldQuery:
    numbers = [entry["target_img_id"], *entry["gt_img_ids"]] if "target_img_id" in entry else []
    return FieldQuery(
        query_id=str(entry["id"]),
        reference=str(int(entry["reference_img_id"])),
        edit_text=one_line(entry["relative_caption"]),
        targets=tuple(dict.fromkeys(str(int(number)) for number in numbers)),
        aspects=tuple(entry.get("semantic_aspects", ())),
    )
