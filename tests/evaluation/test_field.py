"""Annotations as published become records; what is missing is told in one line before anything is computed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cvsi_db.errors import UsageError
from cvsi_db.evaluation.benchmarks import READERS
from cvsi_db.evaluation.circo import read_circo
from cvsi_db.evaluation.cirr import read_cirr
from cvsi_db.evaluation.fashioniq import read_fashioniq
from cvsi_db.evaluation.field import FieldBenchmark, FieldQuery, check_images
from tests.evaluation import field_data
from tests.evaluation.field_data import real, write_json

SIZES = [
    ("cirr", "val", 4181, 2297),
    ("cirr", "test1", 4148, 2315),
    ("circo", "val", 220, 0),
    ("circo", "test", 800, 0),
    ("fashioniq", "val", 6016, 3817 + 6346 + 5373 - 121),
]
"""Queries and distinct images of the index; CIRCO's is not told by its annotations."""


@pytest.mark.parametrize(("name", "split", "queries", "images"), SIZES)
def test_the_published_annotations(name: str, split: str, queries: int, images: int) -> None:
    benchmark = READERS[name](real(name), split, None)
    assert len(benchmark.queries) == len({query.query_id for query in benchmark.queries}) == queries
    assert len({image for index in benchmark.indexes.values() for image in index}) == images
    assert benchmark.has_truth == (split == "val")
    assert {len(query.subset) for query in benchmark.queries} == ({5} if name == "cirr" else {0})
    assert benchmark.paths.keys() >= set(benchmark.names)


def test_one_caption_of_cirr_is_empty() -> None:
    benchmark = read_cirr(real("cirr"), "test1")
    assert [query.query_id for query in benchmark.queries if not query.edit_text] == ["27098"]


def test_cirr(tmp_path: Path) -> None:
    benchmark = read_cirr(field_data.cirr(tmp_path), "val")
    assert benchmark.queries[0] == FieldQuery(
        query_id="100",
        reference="val-0-img0",
        edit_text="make it blue",
        targets=("val-2-img0",),
        subset=tuple(f"val-{number}-img0" for number in range(1, 6)),
    )
    assert benchmark.rules.excludes_reference
    assert benchmark.paths["val-3-img0"] == tmp_path / "img_raw" / "dev" / "val-3-img0.png"
    check_images(benchmark)


def test_cirr_may_keep_its_annotations_in_a_folder_and_its_images_anywhere(tmp_path: Path) -> None:
    folder = field_data.cirr(tmp_path)
    (folder / "cirr").mkdir()
    for name in ("captions", "image_splits"):
        (folder / name).rename(folder / "cirr" / name)
    assert read_cirr(folder, "val").paths["val-3-img0"] == folder / "img_raw" / "dev" / "val-3-img0.png"
    elsewhere = (folder / "img_raw").rename(folder / "pictures")
    assert read_cirr(folder, "val").paths["val-3-img0"] == folder / "dev" / "val-3-img0.png"
    check_images(read_cirr(folder, "val", elsewhere))


def test_circo(tmp_path: Path) -> None:
    benchmark = read_circo(field_data.circo(tmp_path), "val")
    assert benchmark.queries[2] == FieldQuery(
        query_id="2", reference="3", edit_text="at night", targets=("7", "6"), aspects=("addition", "viewpoint")
    )
    assert benchmark.indexes == {"": tuple(str(number) for number in range(1, 13))}
    assert not benchmark.rules.excludes_reference
    assert benchmark.paths["12"] == tmp_path / "COCO2017_unlabeled" / "unlabeled2017" / "000000000012.jpg"
    check_images(benchmark)


def test_the_listing_of_coco_says_what_is_in_the_index(tmp_path: Path) -> None:
    folder = field_data.circo(tmp_path)
    listing = folder / "COCO2017_unlabeled" / "annotations" / "image_info_unlabeled2017.json"
    write_json(listing, {"images": [{"id": number} for number in range(1, 8)]})
    benchmark = read_circo(folder, "val")
    assert benchmark.names == ("1", "2", "3", "4", "5", "6", "7")
    check_images(benchmark)
    write_json(listing, {"images": [{"id": number} for number in range(1, 7)]})
    with pytest.raises(UsageError, match="query 2 of CIRCO val needs image 7 in the index"):
        check_images(read_circo(folder, "val"))
    check_images(read_circo(folder, "val").first(2))
    write_json(listing, {"pictures": []})
    with pytest.raises(UsageError, match="lists no images as published: KeyError"):
        read_circo(folder, "val")


def test_fashioniq(tmp_path: Path) -> None:
    benchmark = read_fashioniq(field_data.fashioniq(tmp_path), "val")
    assert benchmark.queries[2] == FieldQuery(
        query_id="shirt/0",
        reference="SHIRT0",
        edit_text="is blue and has a hat",
        targets=("SHIRT2",),
        category="shirt",
    )
    assert benchmark.rules.renormalises
    assert benchmark.indexes["toptee"][2:4] == ("TOPTEE2", "SHIRT3")
    assert len(benchmark.names) == 35
    assert benchmark.paths["DRESS1"] == tmp_path / "images" / "DRESS1.jpg"
    check_images(benchmark)


@pytest.mark.parametrize("name", READERS)
def test_missing_images_are_told_at_once(name: str, tmp_path: Path) -> None:
    make: Callable[[Path], Path] = getattr(field_data, name)
    benchmark = READERS[name](make(tmp_path), "val", None)
    paths = [benchmark.paths[image] for image in benchmark.names]
    for path in paths[4:7]:
        path.unlink()
    with pytest.raises(
        UsageError, match=f"needs {len(paths)} images, and .*{paths[4].stem}.* is missing, and 2 more: "
    ):
        check_images(benchmark)


def test_without_any_images_those_of_the_queries_are_missing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"needs \d+ images, and .*\.jpg' is missing, and \d+ more"):
        check_images(read_circo(real("circo"), "val", tmp_path))


@pytest.mark.parametrize(
    ("name", "file"), [("cirr", "image_splits/split.rc2.val.json"), ("circo", "annotations/val.json")]
)
def test_bad_annotation_files(name: str, file: str, tmp_path: Path) -> None:
    make: Callable[[Path], Path] = getattr(field_data, name)
    path = make(tmp_path) / file
    for content, said in (("{", "cannot read"), ("[]", "give the"), (None, "there is no")):
        path.unlink() if content is None else path.write_text(content)
        with pytest.raises(UsageError, match=f"{said}.*") as raised:
            READERS[name](tmp_path, "val", None)
        assert path.name in str(raised.value)


def test_an_entry_of_another_shape_is_named(tmp_path: Path) -> None:
    path = field_data.circo(tmp_path) / "annotations" / "val.json"
    entries = json.loads(path.read_text())
    del entries[1]["relative_caption"]
    write_json(path, entries)
    with pytest.raises(
        UsageError, match=r"entry 1 of .*val\.json' is not as published: KeyError\('relative_caption'\)"
    ):
        read_circo(tmp_path, "val")


def test_the_first_queries_keep_the_whole_index(tmp_path: Path) -> None:
    benchmark: FieldBenchmark = read_circo(field_data.circo(tmp_path), "val")
    assert benchmark.first(2).queries == benchmark.queries[:2]
    assert benchmark.first(None) == benchmark
    assert benchmark.first(1).names == benchmark.names
