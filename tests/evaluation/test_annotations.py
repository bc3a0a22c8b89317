"""Published annotations become records; an image or entry that is missing is one clear error before anything runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cvsi_db.errors import UsageError
from cvsi_db.evaluation.annotations import READERS, read_circo, read_cirr, read_fashioniq
from cvsi_db.evaluation.field import FieldBenchmark, FieldQuery
from tests.evaluation import field_data
from tests.evaluation.field_data import real, write_json

SIZES = [
    ("cirr", "val", 4181, 2297),
    ("cirr", "test1", 4148, 2315),
    ("circo", "val", 220, 0),
    ("circo", "test", 800, 0),
    ("fashioniq", "val", 6016, 3817 + 6346 + 5373 - 121),
]
"""Queries and distinct images of the index; CIRCO's annotations do not list it."""


@pytest.mark.parametrize(("name", "split", "queries", "images"), SIZES)
def test_published_annotations_have_their_queries_and_images(name: str, split: str, queries: int, images: int) -> None:
    benchmark = READERS[name](real(name), split, None)
    assert len(benchmark.queries) == len({query.query_id for query in benchmark.queries}) == queries
    assert len({image for index in benchmark.indexes.values() for image in index}) == images
    assert benchmark.has_truth == (split == "val")
    assert {len(query.subset) for query in benchmark.queries} == ({5} if name == "cirr" else {0})
    assert benchmark.paths.keys() >= set(benchmark.names)


def test_one_caption_of_cirr_is_empty() -> None:
    benchmark = read_cirr(real("cirr"), "test1")
    assert [query.query_id for query in benchmark.queries if not query.edit_text] == ["27098"]


def test_read_cirr(tmp_path: Path) -> None:
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
    assert benchmark.find_missing() == {}


def test_cirr_may_keep_its_annotations_in_a_folder_and_its_images_anywhere(tmp_path: Path) -> None:
    folder = field_data.cirr(tmp_path)
    (folder / "cirr").mkdir()
    for name in ("captions", "image_splits"):
        (folder / name).rename(folder / "cirr" / name)
    assert read_cirr(folder, "val").paths["val-3-img0"] == folder / "img_raw" / "dev" / "val-3-img0.png"
    elsewhere = (folder / "img_raw").rename(folder / "pictures")
    assert read_cirr(folder, "val").paths["val-3-img0"] == folder / "dev" / "val-3-img0.png"
    assert read_cirr(folder, "val", elsewhere).find_missing() == {}


def test_read_circo(tmp_path: Path) -> None:
    benchmark = read_circo(field_data.circo(tmp_path), "val")
    assert benchmark.queries[2] == FieldQuery(
        query_id="2", reference="3", edit_text="at night", targets=("7", "6"), aspects=("addition", "viewpoint")
    )
    assert benchmark.indexes == {"": tuple(str(number) for number in range(1, 13))}
    assert not benchmark.rules.excludes_reference
    assert benchmark.paths["12"] == tmp_path / "COCO2017_unlabeled" / "unlabeled2017" / "000000000012.jpg"
    assert benchmark.find_missing() == {}


def test_the_listing_of_coco_says_what_is_in_the_index(tmp_path: Path) -> None:
    folder = field_data.circo(tmp_path)
    listing = folder / "COCO2017_unlabeled" / "annotations" / "image_info_unlabeled2017.json"
    write_json(listing, {"images": [{"id": number} for number in range(1, 8)]})
    benchmark = read_circo(folder, "val")
    assert benchmark.names == ("1", "2", "3", "4", "5", "6", "7")
    assert benchmark.find_missing() == {}
    write_json(listing, {"images": [{"id": number} for number in range(1, 7)]})
    with pytest.raises(UsageError, match=r"unlabeled2017\.json' does not list image '7', which query 2 in .*val\.json"):
        read_circo(folder, "val")
    write_json(listing, {"pictures": []})
    with pytest.raises(UsageError, match="does not list images as published: KeyError"):
        read_circo(folder, "val")


def test_read_fashioniq(tmp_path: Path) -> None:
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
    assert benchmark.find_missing() == {}


@pytest.mark.parametrize("name", READERS)
def test_missing_images_are_counted_and_named(name: str, tmp_path: Path) -> None:
    make: Callable[[Path], Path] = getattr(field_data, name)
    benchmark = READERS[name](make(tmp_path), "val", None)
    paths = [benchmark.paths[image] for image in benchmark.names]
    for path in paths[4:8]:
        path.unlink()
    with pytest.raises(UsageError) as raised:
        benchmark.without(benchmark.find_missing(), allowed=False)
    message = str(raised.value)
    assert message.startswith(f"4 of the images that {benchmark.title} needs cannot be had: ")
    if name != "circo":  # its index is what the folder holds, so that the queries' images come in another order
        assert f"{str(paths[4])!r} (no such file), {str(paths[5])!r} (no such file), " in message
    assert message.count("no such file") == 3
    assert " and 1 more; put them there, say with --images where they are, or leave them out with --all" in message


@pytest.mark.parametrize("name", READERS)
def test_missing_reference_leaves_its_query_out_and_missing_target_stays_a_target(name: str, tmp_path: Path) -> None:
    make: Callable[[Path], Path] = getattr(field_data, name)
    benchmark = READERS[name](make(tmp_path), "val", None)
    first, last = benchmark.queries[0], benchmark.queries[-1]
    for image in (first.reference, last.targets[0]):
        benchmark.paths[image].unlink()
    found = benchmark.without(benchmark.find_missing(), allowed=True)
    assert found.missing == {first.reference, last.targets[0]}
    assert found.left_out == 1
    assert [query.query_id for query in found.queries] == [query.query_id for query in benchmark.queries[1:]]
    assert found.queries[-1].targets == last.targets
    assert not found.missing & {*found.names, *(image for query in found.queries for image in query.subset)}
    assert found.find_missing().keys() == {last.targets[0]}


def test_without_any_reference_there_is_nothing_to_evaluate(tmp_path: Path) -> None:
    benchmark = read_cirr(field_data.cirr(tmp_path / "data"), "val", tmp_path)
    with pytest.raises(UsageError, match="no query of CIRR val has its reference image: say with --images where"):
        benchmark.without(benchmark.find_missing(), allowed=True)


def test_without_any_images_those_of_the_queries_are_missing(tmp_path: Path) -> None:
    benchmark = read_circo(real("circo"), "val", tmp_path)
    with pytest.raises(UsageError, match=r"\d+ of the images that CIRCO val needs cannot be had: .*\.jpg' .* more;"):
        benchmark.without(benchmark.find_missing(), allowed=False)


@pytest.mark.parametrize(
    ("name", "split_file", "gone", "query"),
    [
        ("cirr", "image_splits/split.rc2.val.json", "val-0-img0", "100"),  # a reference
        ("cirr", "image_splits/split.rc2.val.json", "val-4-img0", "100"),  # a target, and first a candidate
        ("fashioniq", "image_splits/split.shirt.val.json", "SHIRT1", "shirt/1"),
        ("fashioniq", "image_splits/split.toptee.val.json", "TOPTEE2", "toptee/0"),
    ],
)
def test_split_file_that_lacks_an_annotated_image(
    name: str, split_file: str, gone: str, query: str, tmp_path: Path
) -> None:
    make: Callable[[Path], Path] = getattr(field_data, name)
    path = make(tmp_path) / split_file
    content = json.loads(path.read_text())
    content.remove(gone) if isinstance(content, list) else content.pop(gone)
    write_json(path, content)
    with pytest.raises(UsageError) as raised:
        READERS[name](tmp_path, "val", None)
    message = str(raised.value)
    assert message.startswith(f"{str(path)!r} does not list image {gone!r}, which query {query} in ")
    assert message.endswith("names: give both files as they are published, of one split")


@pytest.mark.parametrize(
    ("name", "file"), [("cirr", "image_splits/split.rc2.val.json"), ("circo", "annotations/val.json")]
)
def test_annotation_file_that_is_missing_or_malformed_is_named(name: str, file: str, tmp_path: Path) -> None:
    make: Callable[[Path], Path] = getattr(field_data, name)
    path = make(tmp_path) / file
    for content, said in (("{", "cannot read"), ("[]", "give the"), (None, "there is no")):
        path.unlink() if content is None else path.write_text(content)
        with pytest.raises(UsageError, match=f"{said}.*") as raised:
            READERS[name](tmp_path, "val", None)
        assert path.name in str(raised.value)


def test_malformed_entry_is_named(tmp_path: Path) -> None:
    path = field_data.circo(tmp_path) / "annotations" / "val.json"
    entries = json.loads(path.read_text())
    del entries[1]["relative_caption"]
    write_json(path, entries)
    with pytest.raises(
        UsageError, match=r"entry 1 of .*val\.json' is not as published: KeyError\('relative_caption'\)"
    ):
        read_circo(tmp_path, "val")


def test_first_limits_queries_and_keeps_the_index(tmp_path: Path) -> None:
    benchmark: FieldBenchmark = read_circo(field_data.circo(tmp_path), "val")
    assert benchmark.first(2).queries == benchmark.queries[:2]
    assert benchmark.first(None) == benchmark
    assert benchmark.first(1).names == benchmark.names
