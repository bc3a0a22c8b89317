"""Reads the published annotations of CIRR, CIRCO and FashionIQ into a FieldBenchmark; opens no image.

`READERS[name](data, split, images)` takes the benchmark's folder, a split, and the folder of the images where that is
not in its place. Every reader raises UsageError for a file that is missing, is not of the published shape, or names an
image that the list of images lacks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from cvsi_db.errors import UsageError
from cvsi_db.evaluation.field import FieldBenchmark, FieldQuery, Rules

CIRR = Rules(
    name="CIRR",
    preset="cirr",
    recall_ranks=(1, 5, 10, 50),
    subset_ranks=(1, 2, 3),
    lead="recall@1",
    excludes_reference=True,
    version="rc2",
)
CIRCO = Rules(
    name="CIRCO",
    preset="circo",
    precision_ranks=(5, 10, 25, 50),
    recall_ranks=(5, 10, 25, 50),
    groups="aspects",
    lead="map@5",
    numbered=True,
)
FASHIONIQ = Rules(
    name="FashionIQ",
    preset="fashioniq",
    recall_ranks=(10, 50),
    groups="categories",
    lead="recall@10",
    renormalises=True,
)
CATEGORIES = ("dress", "shirt", "toptee")
"""FashionIQ's."""


def read_cirr(data: Path, split: str, images: Path | None = None) -> FieldBenchmark:
    """CIRR (Liu et al., ICCV 2021): one target per query, and a subset of five look-alikes.

    Reads `captions/cap.rc2.SPLIT.json` and `image_splits/split.rc2.SPLIT.json`, in the folder or in `cirr/` below it.
    The split file names each image relative to `images`, else to `img_raw/`, else to the folder itself. Splits: val,
    and test1 without targets, where one caption is empty.
    """

    def query(_place: int, entry: Mapping[str, Any]) -> FieldQuery:
        reference, target = entry["reference"], entry.get("target_hard")
        return FieldQuery(
            query_id=str(entry["pairid"]),
            reference=reference,
            edit_text=_one_line(entry["caption"]),
            targets=() if target is None else (target,),
            subset=tuple(name for name in entry["img_set"]["members"] if name != reference),
        )

    home = data / "cirr" if (data / "cirr" / "captions").is_dir() else data
    split_file = home / "image_splits" / f"split.rc2.{split}.json"
    files = read_json(split_file)
    if not isinstance(files, Mapping) or not files or not all(isinstance(path, str) for path in files.values()):
        raise UsageError(f"{str(split_file)!r} does not say where images are: give the split file as it is published")
    folder = images or next((root / "img_raw" for root in (home, data) if (root / "img_raw").is_dir()), data)
    queries = _read_queries(home / "captions" / f"cap.rc2.{split}.json", query, files, split_file)
    paths = {name: folder / path for name, path in files.items()}
    return FieldBenchmark(CIRR, split, queries, {"": tuple(files)}, paths)


def read_circo(data: Path, split: str, images: Path | None = None) -> FieldBenchmark:
    """CIRCO (Baldrati et al., ICCV 2023): photographs of COCO's unlabelled set, one to many targets per query.

    Reads `annotations/SPLIT.json`; images lie in `images`, else in `COCO2017_unlabeled/unlabeled2017/`, and are named
    by their number. The index is what `COCO2017_unlabeled/annotations/image_info_unlabeled2017.json` lists, or without
    that file every image of the folder. Splits: val, and test without targets.
    """

    def query(_place: int, entry: Mapping[str, Any]) -> FieldQuery:
        numbers = [entry["target_img_id"], *entry["gt_img_ids"]] if "target_img_id" in entry else []
        return FieldQuery(
            query_id=str(entry["id"]),
            reference=str(int(entry["reference_img_id"])),
            edit_text=_one_line(entry["relative_caption"]),
            targets=tuple(dict.fromkeys(str(int(number)) for number in numbers)),
            aspects=tuple(entry.get("semantic_aspects", ())),
        )

    coco = data / "COCO2017_unlabeled"
    folder = images or coco / "unlabeled2017"
    listing = coco / "annotations" / "image_info_unlabeled2017.json"
    index: tuple[str, ...] | None = None
    if listing.is_file():
        try:
            index = tuple(str(int(image["id"])) for image in read_json(listing)["images"])
        except (LookupError, TypeError, ValueError) as error:
            raise UsageError(f"{str(listing)!r} does not list images as published: {error!r}") from error
    queries = _read_queries(data / "annotations" / f"{split}.json", query, index, listing)
    if index is None:
        index = tuple(sorted((str(int(file.stem)) for file in folder.glob("*.jpg") if file.stem.isdecimal()), key=int))
    names = {*index, *(name for query in queries for name in query.images)}
    return FieldBenchmark(
        CIRCO, split, queries, {"": index}, {name: folder / f"{int(name):012d}.jpg" for name in names}
    )


def read_fashioniq(data: Path, split: str, images: Path | None = None) -> FieldBenchmark:
    """FashionIQ (Wu et al., CVPR 2021): clothes of three categories, two captions and one target per query.

    Reads `captions/cap.CATEGORY.SPLIT.json` and `image_splits/split.CATEGORY.SPLIT.json`; images are `NAME.png` or
    `.jpg` in `images`, else in `images/`. Each category is ranked over the images of its own split file. Split: val.
    Queries have no names of their own: here they are `CATEGORY/PLACE`, as in `dress/0`.
    """
    folder = images or data / "images"
    files = {file.name for file in folder.iterdir()} if folder.is_dir() else set()
    queries: list[FieldQuery] = []
    indexes: dict[str, tuple[str, ...]] = {}
    for category in CATEGORIES:

        def query(place: int, entry: Mapping[str, Any], category: str = category) -> FieldQuery:
            first, second = (caption.strip(".?, ") for caption in entry["captions"])
            target = entry.get("target")
            return FieldQuery(
                query_id=f"{category}/{place}",
                reference=entry["candidate"],
                edit_text=_one_line(f"{first} and {second}"),
                targets=() if target is None else (target,),
                category=category,
            )

        split_file = data / "image_splits" / f"split.{category}.{split}.json"
        names = read_json(split_file)
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise UsageError(f"{str(split_file)!r} is not a list of images: give the split file as it is published")
        indexes[category] = tuple(dict.fromkeys(names))
        queries += _read_queries(data / "captions" / f"cap.{category}.{split}.json", query, set(names), split_file)
    paths = {
        name: folder / (f"{name}.jpg" if f"{name}.jpg" in files else f"{name}.png")
        for index in indexes.values()
        for name in index
    }
    return FieldBenchmark(FASHIONIQ, split, tuple(queries), indexes, paths)


Reader: TypeAlias = Callable[[Path, str, Path | None], FieldBenchmark]

READERS: Mapping[str, Reader] = MappingProxyType({"cirr": read_cirr, "circo": read_circo, "fashioniq": read_fashioniq})
"""By the name that `cvsi-db eval` takes."""


def read_json(path: Path) -> Any:
    """What a JSON file holds. Raises UsageError when it is missing or is not JSON."""
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"there is no {str(path)!r}: give the benchmark's folder, laid out as it is published"
        ) from None
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {str(path)!r}: {error}") from error


def _read_queries(
    path: Path, make: Callable[[int, Any], FieldQuery], listed: Collection[str] | None, listing: Path
) -> tuple[FieldQuery, ...]:
    """The queries that `make` makes of the places and entries of an annotation file.

    `listed` are the images that the file `listing` lists, None where nothing lists them: every image that a query names
    must be among them.
    """
    entries = read_json(path)
    if not isinstance(entries, list) or not entries:
        raise UsageError(f"{str(path)!r} is not a list of queries: give the annotations as they are published")
    queries = []
    known = None if listed is None else frozenset(listed)
    for place, entry in enumerate(entries):
        try:
            query = make(place, entry)
            unlisted = [] if known is None else [name for name in query.images if name not in known]
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(f"entry {place} of {str(path)!r} is not as published: {error!r}") from error
        if unlisted:
            raise UsageError(
                f"{str(listing)!r} does not list image {unlisted[0]!r}, which query {query.query_id} in {str(path)!r} "
                "names: give both files as they are published, of one split"
            )
        queries.append(query)
    return tuple(queries)


def _one_line(text: str) -> str:
    """The text with single spaces, as a search takes it."""
    return " ".join(text.split())
