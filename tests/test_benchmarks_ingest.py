"""The benchmarks of ingest at a tiny size: every part runs, and measures what it says."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from benchmarks import ingest, photos, small_files
from benchmarks.photos import commented, make_photos, photo
from cvsi_db.ingest.decode import decode_bytes
from tests.fakes import FakeEncoder


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos.photo, "__defaults__", ((400, 300),))


def test_photos_are_distinct_files_of_few_pictures(small: None, tmp_path: Path) -> None:
    made = make_photos(tmp_path / "photos", 6)
    files = sorted((tmp_path / "photos").iterdir())
    assert len({hashlib.sha256(file.read_bytes()).hexdigest() for file in files}) == 6
    assert len(made) == photos.DISTINCT
    first, fifth = (Image.open(files[number]) for number in (0, 4))
    assert (first.size, first.tobytes() == fifth.tobytes()) == ((400, 300), True)
    assert first.tobytes() == Image.open(BytesIO(made[0])).tobytes()
    assert Image.open(BytesIO(commented(made[1], "hello"))).info["comment"] == b"hello"


@pytest.mark.slow
def test_a_photo_has_twelve_megapixels_and_about_two_megabytes() -> None:
    jpeg = photo(1)
    assert decode_bytes(jpeg, "", "it", side=96).width == 4000
    assert 1.5e6 < len(jpeg) < 3e6


def test_both_sides_of_the_photos_rows_do_all_of_the_work(small: None, tmp_path: Path) -> None:
    make_photos(tmp_path / "photos", 5)
    encoder = FakeEncoder()
    ingest.taken(tmp_path / "photos", tmp_path, encoder)()
    ingest.plain_loop(tmp_path / "photos", encoder)
    ingest.encoded(encoder, [Image.new("RGB", (9, 9))], 40)
    assert encoder.image_batches == [5, 5, 32, 8]


def test_small_files_are_taken_in_again_and_after_a_move(tmp_path: Path) -> None:
    found = small_files.measure(12, tmp_path)
    assert (found.files, found.moved_embedded) == (12, 0)
    assert found.first_s > found.again_s > 0
    assert found.peak_mib > 100
