"""What paths and tags make of a row, and when two names are one file."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cvsi_db.ingest.image_row import is_respelt, new_row, placed, with_tags
from cvsi_db.records import FoundFile, ImageRow, Metadata, Picture
from tests.disks import also_called
from tests.fakes import make_picture, save_picture

VECTOR = np.full(4, 0.5, np.float32)
ROW = ImageRow(
    "id1", "/no/a.jpg", ("/no/a.jpg",), "no", "a.jpg", "jpeg", 1, 2, 3, "2024-01-01T00:00:00+00:00", None, None,
    (), ("one",), VECTOR, VECTOR,
)  # fmt: skip


def test_the_first_path_that_is_there_is_the_primary_one(tmp_path: Path) -> None:
    here = save_picture(tmp_path / "trip" / "b.png")
    os.utime(here, (1_700_000_000, 1_700_000_000))
    row = placed(ROW, ("/no/a.jpg", str(here)))
    assert (row.path, row.paths, row.folder, row.name) == (str(here), ("/no/a.jpg", str(here)), "trip", "b.png")
    assert row.modified_at == "2023-11-14T22:13:20+00:00"


def test_without_any_file_the_first_path_is_primary_and_the_time_stays() -> None:
    row = placed(ROW, ("/no/c.jpg", "/no/a.jpg"))
    assert (row.path, row.name, row.modified_at) == ("/no/c.jpg", "c.jpg", ROW.modified_at)
    assert placed(ROW, ROW.paths) is ROW


@pytest.mark.parametrize("seconds", [-1, 9_000_000_000])
def test_impossible_times_are_none(tmp_path: Path, seconds: int) -> None:
    path = save_picture(tmp_path / "x.png")
    os.utime(path, ns=(0, seconds * 10**9))
    assert placed(ROW, (str(path),)).modified_at[:4] in ("1970", "2255")


def test_tags_are_added_once_at_the_end() -> None:
    assert with_tags(ROW, ("two", "one", "two")).tags == ("one", "two")
    assert with_tags(ROW, ("one",)) is ROW
    assert with_tags(replace(ROW, tags=()), ()).tags == ()


def test_is_respelt_is_false_for_two_files(tmp_path: Path) -> None:
    one = save_picture(tmp_path / "A.png")
    save_picture(tmp_path / "a.png")
    os.link(one, tmp_path / "B.png")
    os.link(one, tmp_path / "b.png")
    (tmp_path / "C.png").symlink_to(one)
    (tmp_path / "c.png").symlink_to(one)
    for name in ("a.png", "b.png", "c.png", "gone.png"):
        assert not is_respelt(str(tmp_path / name.upper().replace("PNG", "png")), str(tmp_path / name))
    assert not is_respelt(str(one), str(tmp_path / "B.png"))


def test_is_respelt_is_true_for_one_file_under_two_spellings(tmp_path: Path) -> None:
    one = save_picture(tmp_path / "A\u0308.png")
    with also_called(one, tmp_path / "\u00e4.PNG"):
        assert is_respelt(str(one), str(tmp_path / "\u00e4.PNG"))
    with also_called(one, tmp_path / "b.png"):
        assert not is_respelt(str(one), str(tmp_path / "b.png"))


def test_a_new_row_keeps_the_direction_of_its_embedding_and_its_length_apart() -> None:
    said = Metadata(latitude=1.5, longitude=-2.5, rating=4, tags=("sea",))
    picture = Picture("ab", make_picture(), "png", 64, 48, said)
    row = new_row(FoundFile(Path("/x.png"), 10, 0), picture, np.array([3, 4], np.float32))
    assert (row.image_vector.tolist(), row.image_norm) == (pytest.approx([0.6, 0.8]), 5.0)
    assert (row.latitude, row.longitude, row.rating, row.tags) == (1.5, -2.5, 4, ("sea",))
    assert (row.captions, row.caption_vector.tolist()) == ((), [0, 0])
