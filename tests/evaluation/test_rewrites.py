"""Rewrites made elsewhere: the published forms, and what is said of files that do not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cvsi_db.errors import UsageError
from cvsi_db.evaluation.annotations import READERS
from cvsi_db.evaluation.field import FieldBenchmark
from cvsi_db.evaluation.rewrites import read_rewrites
from cvsi_db.records import Rewrite
from tests.evaluation import field_data
from tests.evaluation.field_data import write_json

TEXTS = ["make it blue", "without the hat", "at night"]


@pytest.fixture
def circo(tmp_path: Path) -> FieldBenchmark:
    return READERS["circo"](field_data.circo(tmp_path / "circo"), "val", None)


def read(benchmark: FieldBenchmark, path: Path, content: Any) -> dict[str, Rewrite]:
    return read_rewrites(benchmark, [write_json(path, content)])


def test_cirevls_files_stand_in_the_order_of_the_queries(circo: FieldBenchmark, tmp_path: Path) -> None:
    content = {"base_caption": ["a", "b", "c"], "instruction": TEXTS, "modified_captions": ["blue cat", "dog", "moon"]}
    found = read(circo, tmp_path / "mods.json", content)
    assert found == {
        "0": Rewrite(("blue cat",), "", "imported:mods"),
        "1": Rewrite(("dog",), "", "imported:mods"),
        "2": Rewrite(("moon",), "", "imported:mods"),
    }


def test_cvsis_files_have_several_captions_and_the_added_objects(circo: FieldBenchmark, tmp_path: Path) -> None:
    content = {
        "instruction": TEXTS,
        "modified_captions": [["a blue cat. ", "the cat\nis blue"], ["a dog"], ["the moon", ""]],
        "added_content": ["blue fur", "", "moon and stars"],
    }
    found = read(circo, tmp_path / "mods.json", content)
    assert found["0"].edited_captions == ("a blue cat.", "the cat is blue")
    assert [found[each].added_objects for each in "012"] == ["blue fur", "", "moon and stars"]
    assert found["2"].edited_captions == ("the moon",)


def test_ldres_files_are_the_annotations_with_a_list_each(circo: FieldBenchmark, tmp_path: Path) -> None:
    content = [
        {
            "id": row,
            "relative_caption": text,
            "multi_caption_opt": ["a"],
            "multi_gpt-3.5_opt": [f"{text} 1", f"{text} 2"],
        }
        for row, text in enumerate(TEXTS)
    ]
    assert read(circo, tmp_path / "ldre.json", content)["1"].edited_captions == (
        "without the hat 1",
        "without the hat 2",
    )
    content[0]["multi_gpt-4_opt"] = ["x"]
    with pytest.raises(
        UsageError, match=r"2 lists whose name begins with multi_gpt \(multi_gpt-3.5_opt, multi_gpt-4_opt\)"
    ):
        read(circo, tmp_path / "ldre.json", content)


def test_our_own_form_goes_by_query(tmp_path: Path) -> None:
    cirr = READERS["cirr"](field_data.cirr(tmp_path / "cirr"), "val", None)
    content = {"101": ["a dog with a hat"], "100": {"edited_captions": ["a blue dog"], "added_objects": "blue fur"}}
    found = read(cirr, tmp_path / "mine.json", content)  # the third query's edit text says nothing
    assert found["100"] == Rewrite(("a blue dog",), "blue fur", "imported:mine")
    assert found["101"] == Rewrite(("a dog with a hat",), "", "imported:mine")


def test_fashioniqs_files_are_told_apart_by_their_instructions(tmp_path: Path) -> None:
    folder = field_data.fashioniq(tmp_path / "fiq")
    entries = [
        {"candidate": f"SHIRT{row}", "target": f"SHIRT{row + 2}", "captions": ["is  red", "has stripes"]}
        for row in (0, 1)
    ]
    write_json(folder / "captions" / "cap.shirt.val.json", entries)
    fashioniq = READERS["fashioniq"](folder, "val", None)
    said = {"dress": "is blue and has a hat", "shirt": "is red and has stripes", "toptee": "is blue and has a hat"}
    files = [
        write_json(
            tmp_path / f"{each}.json", {"instruction": [said[each]] * 2, "modified_captions": [f"a {each}", "b"]}
        )
        for each in ("shirt", "dress")
    ]
    with pytest.raises(UsageError, match="no rewrite for 2 of 6 queries of FashionIQ val, as for 'toptee/0'"):
        read_rewrites(fashioniq, files)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"instruction": TEXTS[:2], "modified_captions": ["a", "b"]}, "holds 2 rewrites, and CIRCO val has 3 queries"),
        (
            {"instruction": [TEXTS[0], "at noon", TEXTS[2]], "modified_captions": ["a", "b", "c"]},
            "is for other queries than those of CIRCO val: where it says 'at noon', query '1' says 'without the hat'",
        ),
        (
            {"instruction": TEXTS, "modified_captions": ["a", " ", "c"]},
            "the rewrite of query '1' has no edited caption",
        ),
        ({"modified_captions": ["a"], "added_content": []}, "holds 1 rewrites"),
        ({"modified_captions": ["a"] * 3, "added_content": ["x"]}, "are lists of one length"),
        ({"0": "a", "1": "b"}, "no rewrite for 1 of 3 queries of CIRCO val, as for '2'"),
        ([{"caption": "x"}], "an entry has neither pairid nor id"),
        ("text", "holds no rewrites: see"),
    ],
)
def test_a_file_that_does_not_fit_is_one_clear_line(
    circo: FieldBenchmark, tmp_path: Path, content: Any, said: str
) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        read(circo, tmp_path / "mods.json", content)
    assert "mods.json" in str(caught.value)
    assert "\n" not in str(caught.value)
