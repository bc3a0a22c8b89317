"""The sample gallery: its lists agree with what matches, and its files are all there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cvsi_db.scenes.edits import find_edit, is_match
from cvsi_db.scenes.samples import PICTURES, QUERIES, Sample, queries, samples
from cvsi_db.scenes.scene import ATTRIBUTES, Scene

FOLDER = Path(__file__).parents[2] / "sample_gallery"
BUDGET = 10_000_000


@pytest.fixture(scope="module")
def gallery() -> list[Sample]:
    """As the written list has it; a slow test makes it again."""
    listed = json.loads((FOLDER / "scenes.json").read_text(encoding="utf-8"))
    return [Sample(item.pop("file"), Scene(**item)) for item in listed]


@pytest.fixture(scope="module")
def asked() -> list[dict[str, Any]]:
    written: list[dict[str, Any]] = json.loads((FOLDER / "queries.json").read_text(encoding="utf-8"))
    return written


def distance(first: Scene, second: Scene) -> int:
    return sum(getattr(first, name) != getattr(second, name) for name in ATTRIBUTES)


@pytest.mark.slow
def test_the_written_lists_are_those_of_the_code(gallery: list[Sample], asked: list[dict[str, Any]]) -> None:
    assert gallery == samples()
    assert asked == queries(gallery)
    assert len(gallery) == len({sample.file for sample in gallery}) == PICTURES


def test_only_right_answers_show_the_same_twice(gallery: list[Sample], asked: list[dict[str, Any]]) -> None:
    right = {file for query in asked for file in query["right"]}
    seen: dict[tuple[str, ...], str] = {}
    for sample in gallery:
        twin = seen.setdefault(tuple(sample.scene.attributes().values()), sample.file)
        assert twin == sample.file or {twin, sample.file} <= right


@pytest.mark.slow
def test_each_query_has_right_answers_and_near_misses(gallery: list[Sample], asked: list[dict[str, Any]]) -> None:
    for (reference, text), query in zip(QUERIES, asked, strict=True):
        edit = find_edit(reference, text)
        right = [sample.scene for sample in gallery if sample.file in query["right"]]
        wrong = [sample.scene for sample in gallery if not is_match(reference, edit, sample.scene)]
        near = [scene for scene in wrong if min(distance(scene, answer) for answer in right) <= 2]
        assert 1 <= len(right) <= 3
        assert len(near) >= 6
        assert all(is_match(reference, edit, scene) for scene in right)
        assert query["reference"] not in query["right"]


def test_the_queries_cover_different_kinds(asked: list[dict[str, Any]]) -> None:
    changed = [name for query in asked for name in query["changes"]]
    assert len(changed) == len(set(changed)) == 10
    assert asked[0]["edit_text"] == "with a hat"


def test_every_picture_is_there_and_opens_within_the_budget(gallery: list[Sample]) -> None:
    pictures = {path.name for path in FOLDER.iterdir() if path.suffix in {".png", ".jpg"}}
    assert pictures == {sample.file for sample in gallery}
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < BUDGET
    for name in sorted(pictures):
        with Image.open(FOLDER / name) as picture:
            picture.load()
            assert 384 <= picture.width == picture.height <= 512
    assert {"png", "jpg"} == {name.rsplit(".")[-1] for name in pictures}


def test_the_readme_names_every_query(asked: list[dict[str, Any]]) -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    for query in asked:
        assert f"| `{query['reference']}` | {query['edit_text']} |" in readme
