"""Submissions have the shapes that the servers take; predictions come back as rankings, or as a clear error."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cvsi_db.errors import CvsiError, UsageError
from cvsi_db.evaluation.annotations import read_circo, read_cirr, read_fashioniq
from cvsi_db.evaluation.field import FieldBenchmark, Rankings
from cvsi_db.evaluation.submissions import read_predictions, submission_files, write_files
from tests.evaluation import field_data
from tests.evaluation.field_data import real, write_json


def random_rankings(benchmark: FieldBenchmark, index: list[str] | None = None) -> Rankings:
    rng = random.Random(1)
    lists: dict[Any, dict[str, tuple[str, ...]]] = {"recall": {}}
    for query in benchmark.queries:
        left_out = query.reference if benchmark.rules.excludes_reference else None
        names = [name for name in index or benchmark.indexes[query.category] if name != left_out]
        lists["recall"][query.query_id] = tuple(rng.sample(names, min(50, len(names))))
        if query.subset:
            lists.setdefault("recall_subset", {})[query.query_id] = tuple(rng.sample(query.subset, 3))
    return lists


def test_cirr_submission_is_two_files(tmp_path: Path) -> None:
    benchmark = read_cirr(real("cirr"), "test1")
    rankings = random_rankings(benchmark)
    paths = write_files(tmp_path, submission_files(benchmark, "cvsi", rankings))
    assert [path.name for path in paths] == ["cirr-test1-cvsi-recall.json", "cirr-test1-cvsi-recall_subset.json"]
    for path, metric, count in zip(paths, ("recall", "recall_subset"), (50, 3), strict=True):
        content = json.loads(path.read_text())
        assert (content.pop("version"), content.pop("metric")) == ("rc2", metric)
        assert content.keys() == {query.query_id for query in benchmark.queries}
        assert {len(names) for names in content.values()} == {count}
        assert content["12063"] == list(rankings[metric]["12063"])
        assert path.stat().st_size < 5_000_000
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    assert read_predictions(benchmark, paths) == rankings


def test_circo_submission_is_one_file_of_numbers(tmp_path: Path) -> None:
    benchmark = read_circo(real("circo"), "test")
    rankings = random_rankings(benchmark, [str(number) for number in range(1, 600_000, 500)])
    (path,) = write_files(tmp_path / "new", submission_files(benchmark, "cvsi", rankings))
    assert path == tmp_path / "new" / "circo-test-cvsi.json"
    content = json.loads(path.read_text())
    assert list(content) == [str(number) for number in range(800)]
    assert all(len(set(images)) == 50 and all(type(image) is int for image in images) for images in content.values())
    assert read_predictions(benchmark, [path]) == rankings


def test_fashioniq_predictions_by_category(tmp_path: Path) -> None:
    benchmark = read_fashioniq(field_data.fashioniq(tmp_path / "data"), "val")
    rankings = random_rankings(benchmark)
    (path,) = write_files(tmp_path, submission_files(benchmark, "cvsi", rankings))
    content = json.loads(path.read_text())
    assert content["shirt/1"] == list(rankings["recall"]["shirt/1"])
    parts = [
        write_json(tmp_path / f"{name}.json", {key: value for key, value in content.items() if key.startswith(name)})
        for name in ("dress", "shirt", "toptee")
    ]
    assert read_predictions(benchmark, parts) == read_predictions(benchmark, [path])
    with pytest.raises(UsageError, match="predictions lack query 'toptee/0' and 1 more of FashionIQ val"):
        read_predictions(benchmark, parts[:2])
    with pytest.raises(UsageError, match=r"query 'dress/0' in .* is in another file too"):
        read_predictions(benchmark, [path, *parts])


def test_write_files_writes_all_or_none(tmp_path: Path) -> None:
    (tmp_path / "b.json").mkdir()  # in the way
    with pytest.raises(CvsiError, match="cannot write submissions to"):
        write_files(tmp_path, {"b.json": "{}", "a.json": "{}"})
    assert [path.name for path in tmp_path.iterdir()] == ["b.json"]
    (tmp_path / "file").write_text("")
    with pytest.raises(CvsiError, match="cannot write submissions to"):
        write_files(tmp_path / "file", {})


Change = Callable[[dict[str, Any]], object]


def _swap(images: list[Any], image: Any) -> None:
    images[0] = image


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: content.pop("1"), "the recall predictions lack query '1' of CIRCO val"),
        (lambda content: content.update({"7": content["0"]}), "query '7' in .* is not one of CIRCO val"),
        (lambda content: content["1"].pop(), "query '1' in .* has 11 images: it takes 12"),
        (lambda content: content.update({"1": "1 2 3"}), "query '1' in .* has no list of images: it takes 12"),
        (lambda content: _swap(content["2"], content["2"][5]), "query '2' in .* names image 6 twice"),
        (lambda content: _swap(content["2"], 99), "query '2' in .* names image 99, which is not among the 12 to rank"),
        (lambda content: _swap(content["2"], True), "query '2' in .* names image True: images are numbers here"),
        (lambda content: _swap(content["2"], 7.5), "query '2' in .* names image 7.5: images are numbers here"),
        (lambda content: _swap(content["2"], -7), "query '2' in .* names image -7: images are numbers here"),
        (lambda content: _swap(content["2"], float("nan")), "query '2' in .* names image nan: images are numbers here"),
        (lambda content: _swap(content["2"], None), "query '2' in .* names image None: images are numbers here"),
        (
            lambda content: _swap(content["2"], "000000000007.jpg"),
            "query '2' in .* names image '000000000007.jpg': images are numbers here, as in 123 for 000000000123.jpg",
        ),
        (lambda content: content.clear(), "holds no rankings by query"),
    ],
)
def test_predictions_that_cannot_be_scored(change: Change, said: str, tmp_path: Path) -> None:
    benchmark = read_circo(field_data.circo(tmp_path / "data"), "val")
    content = {str(row): list(range(1, 13)) for row in range(3)}
    path = write_json(tmp_path / "predictions.json", content)
    assert read_predictions(benchmark, [path])["recall"]["2"][:2] == ("1", "2")
    change(content)
    with pytest.raises(UsageError, match=said):
        read_predictions(benchmark, [write_json(path, content)])


def test_predictions_for_cirr(tmp_path: Path) -> None:
    benchmark = read_cirr(field_data.cirr(tmp_path / "data"), "val")
    files = write_files(tmp_path, submission_files(benchmark, "m", random_rankings(benchmark)))
    assert list(read_predictions(benchmark, files[1:])) == ["recall_subset"]
    content = json.loads(files[1].read_text())
    write_json(files[1], {**content, "metric": "recall"})
    with pytest.raises(UsageError, match=r"query '100' in .* is in another file too: give each recall ranking once"):
        read_predictions(benchmark, files)
    write_json(files[1], {**content, "version": "rc1"})
    with pytest.raises(UsageError, match="has version 'rc1' and metric 'recall_subset': it takes version 'rc2'"):
        read_predictions(benchmark, files)
    write_json(files[1], {**content, "101": ["val-0-img0", "val-2-img0", "val-3-img0"]})
    with pytest.raises(UsageError, match="names image val-0-img0, which is not among the 5 to rank"):
        read_predictions(benchmark, files)


def test_predictions_of_circo_may_write_numbers_as_floats_or_digits(tmp_path: Path) -> None:
    benchmark = read_circo(field_data.circo(tmp_path / "data"), "val")
    written = [7.0, 6, "5", "000000000004", 3.0, 2.0, 1.0, 8.0, 9.0, 10.0, 11.0, 12.0]
    path = write_json(tmp_path / "predictions.json", {str(row): written for row in range(3)})
    expected = tuple(map(str, (7, 6, 5, 4, 3, 2, 1, 8, 9, 10, 11, 12)))
    assert read_predictions(benchmark, [path])["recall"] == {"0": expected, "1": expected, "2": expected}


def test_predictions_of_circo_without_images_still_take_numbers_alone(tmp_path: Path) -> None:
    benchmark = read_circo(real("circo"), "val", tmp_path)  # then nothing says what is in the index
    names = {query.query_id: [f"{number}.jpg" for number in range(50)] for query in benchmark.queries}
    with pytest.raises(UsageError, match=r"query '0' in .* names image '0\.jpg': images are numbers here"):
        read_predictions(benchmark, [write_json(tmp_path / "predictions.json", names)])


def test_predictions_of_cirr_that_rank_the_own_reference_are_refused(tmp_path: Path) -> None:
    benchmark = read_cirr(field_data.cirr(tmp_path / "data"), "val")
    rankings = random_rankings(benchmark)
    reference = benchmark.queries[1].reference
    recall = {**rankings["recall"], "101": (reference, *rankings["recall"]["101"][1:])}
    files = write_files(tmp_path, submission_files(benchmark, "m", {**rankings, "recall": recall}))
    with pytest.raises(
        UsageError,
        match=rf"query '101' in .* ranks its own reference {reference}: CIRR leaves the reference out, so rank 11 oth",
    ):
        read_predictions(benchmark, files)
