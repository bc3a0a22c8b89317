"""Captions as JSON lines: out of one gallery and into another, against real stores and catalogs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cvsi_db.errors import IngestError
from cvsi_db.ingest import ingest
from cvsi_db.manage.caption_file import CaptionImport, export_captions, import_captions
from cvsi_db.manage.check import find_problems
from cvsi_db.records import ImageRow
from cvsi_db.store.catalog import Catalog, GalleryInfo
from cvsi_db.store.folder import create_gallery_folder
from cvsi_db.store.images import Store
from tests.fakes import DIM, FakeCaptioner, FakeEncoder, save_picture


def rows(store: Store) -> dict[str, ImageRow]:
    """Every row by its name."""
    found = store.rows(store.scan(["image_id"])["image_id"].to_pylist())
    return {Path(row.path).name: row for row in found.values()}


def take_in(photos: Path, store: Store, catalog: Catalog, captioner: FakeCaptioner | None) -> None:
    ingest([photos], store=store, catalog=catalog, encoder=FakeEncoder(), captioner=captioner)


@pytest.fixture
def bare(photos: Path, store: Store, catalog: Catalog) -> tuple[Store, Catalog]:
    """A gallery of the five pictures without captions."""
    take_in(photos, store, catalog, None)
    return store, catalog


@pytest.fixture
def captioned(photos: Path, tmp_path: Path, captioner: FakeCaptioner) -> Iterator[tuple[Store, Catalog]]:
    """Another gallery of them, with captions."""
    info = GalleryInfo("fake", "fake-1", DIM, "2024-01-01T00:00:00+00:00")
    store, catalog = create_gallery_folder(tmp_path / "captioned", info)
    take_in(photos, store, catalog, captioner)
    yield store, catalog
    catalog.close()


def write(tmp_path: Path, *lines: Any) -> Path:
    """A file of these lines, each a text or something to be put in JSON."""
    file = tmp_path / "captions.jsonl"
    file.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines) + "\n")
    return file


def read(file: Path, gallery: tuple[Store, Catalog], **options: Any) -> CaptionImport:
    return import_captions(file, store=gallery[0], catalog=gallery[1], encoder=FakeEncoder(), **options)


def said(gallery: tuple[Store, Catalog]) -> dict[str, tuple[str, ...]]:
    return {name: row.captions for name, row in rows(gallery[0]).items()}


# --- out --------------------------------------------------------------------------------------------------------


def test_a_line_per_image_in_the_order_of_their_paths(captioned: tuple[Store, Catalog]) -> None:
    lines = [json.loads(line) for line in export_captions(*captioned)]
    assert [set(line) for line in lines] == [{"image_id", "path", "captions", "captioner"}] * 5
    assert [line["path"] for line in lines] == sorted(line["path"] for line in lines)
    for line in lines:
        row = rows(captioned[0])[Path(line["path"]).name]
        assert (line["image_id"], tuple(line["captions"]), line["captioner"]) == (
            row.image_id,
            row.captions,
            "fake-captioner",
        )


def test_an_image_without_captions_is_exported_with_an_empty_list(bare: tuple[Store, Catalog]) -> None:
    lines = [json.loads(line) for line in export_captions(*bare)]
    assert {(tuple(line["captions"]), line["captioner"]) for line in lines} == {((), None)}


# --- from one gallery to another ---------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 2, 128])
def test_another_gallery_gets_the_same_captions_and_vectors(
    captioned: tuple[Store, Catalog], bare: tuple[Store, Catalog], tmp_path: Path, batch_size: int
) -> None:
    file = write(tmp_path, *export_captions(*captioned))
    seen: list[tuple[int, int]] = []
    summary = read(file, bare, batch_size=batch_size, progress=lambda *now: seen.append(now))
    assert summary == CaptionImport(matched=5, unmatched=0, empty=0, images=5)
    assert seen[-1] == (5, 5)
    before, after = rows(captioned[0]), rows(bare[0])
    for name, row in before.items():
        assert after[name].captions == row.captions
        np.testing.assert_array_equal(after[name].caption_vector, row.caption_vector)
        np.testing.assert_array_equal(after[name].image_vector, row.image_vector)
    assert find_problems(*bare) == []
    assert list(export_captions(*bare)) == list(export_captions(*captioned))  # with the captioner's name


def test_a_reference_in_the_gallery_uses_its_imported_captions(bare: tuple[Store, Catalog], tmp_path: Path) -> None:
    red = rows(bare[0])["red.png"].image_id
    read(write(tmp_path, {"image_id": red, "captions": ["A  crimson\nwall"]}), bare)
    assert bare[1].captions([red], FakeCaptioner().name) == {red: ("A crimson wall",)}
    assert (bare[0].count_uncaptioned(), bare[0]._captions.count_rows()) == (4, 1)


def test_captions_are_replaced_whole(captioned: tuple[Store, Catalog], tmp_path: Path) -> None:
    red = rows(captioned[0])["red.png"].image_id
    read(write(tmp_path, {"image_id": red, "captions": ["one"], "captioner": "me"}), captioned)
    assert said(captioned)["red.png"] == ("one",)
    assert captioned[0]._captions.count_rows(f"image_id = '{red}'") == 1
    assert find_problems(*captioned) == []
    exported = {line["path"]: line for line in map(json.loads, export_captions(*captioned))}
    assert exported[rows(captioned[0])["red.png"].path]["captioner"] == "me"


# --- which image a line names -------------------------------------------------------------------------------------


def test_lines_name_images_by_id_path_or_file_name(bare: tuple[Store, Catalog], photos: Path, tmp_path: Path) -> None:
    red = rows(bare[0])["red.png"].image_id
    file = write(
        tmp_path,
        {"image_id": red, "path": "/elsewhere/green.png", "captions": ["by id"]},
        {"path": str(photos / "trip" / "yellow.png"), "captions": ["by path"]},
        "",
        {"path": "C:\\pictures\\blue.png", "captions": ["by the name of a foreign path"], "captioner": None},
        {"path": "purple.png", "captions": []},
        {"path": "nobody.png", "captions": ["x"]},
        {"image_id": "0" * 64, "path": str(photos / "green.png"), "captions": ["another content"]},
    )
    assert read(file, bare) == CaptionImport(matched=3, unmatched=2, empty=1, images=5)
    assert said(bare) == {
        "red.png": ("by id",),
        "yellow.png": ("by path",),
        "blue.png": ("by the name of a foreign path",),
        "green.png": (),
        "purple.png": (),
    }


def test_a_file_name_that_two_images_have_is_an_error(
    bare: tuple[Store, Catalog], photos: Path, tmp_path: Path
) -> None:
    save_picture(photos / "trip" / "red.png", "orange")
    take_in(photos, *bare, None)
    file = write(tmp_path, {"path": "red.png", "captions": ["x"]})
    with pytest.raises(IngestError, match=r"line 1: 2 images have the file name of 'red.png': give the image_id"):
        read(file, bare)
    assert read(write(tmp_path, {"path": str(photos / "red.png"), "captions": ["x"]}), bare).matched == 1


# --- what cannot be used -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"path": "red.png", "captions": ["a cat"', r"not JSON \(.*column \d+\)"),
        ('["red.png"]', "not a JSON object"),
        ('{"captions": ["a cat"]}', "it has neither 'image_id' nor 'path'"),
        ('{"path": 7, "captions": ["a cat"]}', "'path' must be a text that is not empty, not 7"),
        ('{"image_id": " ", "captions": ["a cat"]}', "'image_id' must be a text that is not empty, not ' '"),
        (
            '{"path": "x", "captions": ["a cat"], "captioner": []}',
            r"'captioner' must be a text that is not empty, not \[\]",
        ),
        ('{"path": "red.png"}', "'captions' must be a list of texts"),
        ('{"path": "red.png", "captions": "a cat"}', "'captions' must be a list of texts"),
        ('{"path": "red.png", "captions": ["a cat", " "]}', "a caption must be a text that is not empty, not ' '"),
        ('{"path": "red.png", "captions": [3]}', "a caption must be a text that is not empty, not 3"),
        ('{"path": "red.png", "captions": ["\\ud800"]}', "a caption must be a text that is not empty"),
        ('{"path": "green.png", "captions": ["again"]}', "it names the same image as line 1: keep one of them"),
        ("[" * 100_000, "line 2"),
    ],
)
def test_an_invalid_line_is_named_and_nothing_is_written(
    bare: tuple[Store, Catalog], tmp_path: Path, line: str, reason: str
) -> None:
    file = write(tmp_path, {"path": "green.png", "captions": ["fine"]}, line)
    version = bare[0].version
    with pytest.raises(IngestError, match=f"captions.jsonl': line 2: .*{reason}" if "line 2" not in reason else reason):
        read(file, bare)
    assert (bare[0].version, bare[0].count_uncaptioned()) == (version, 5)


def test_a_caption_file_that_is_not_utf_8_or_missing_is_an_error(bare: tuple[Store, Catalog], tmp_path: Path) -> None:
    (tmp_path / "latin.jsonl").write_bytes(b'{"path": "caf\xe9.png", "captions": []}\n')
    with pytest.raises(IngestError, match="line 1: not UTF-8"):
        read(tmp_path / "latin.jsonl", bare)
    with pytest.raises(IngestError, match=r"cannot read the captions in .*none.jsonl': No such file"):
        read(tmp_path / "none.jsonl", bare)


def test_a_byte_order_mark_and_crlf_are_accepted(bare: tuple[Store, Catalog], tmp_path: Path) -> None:
    (tmp_path / "notepad.jsonl").write_bytes('\ufeff{"path": "red.png", "captions": ["a café"]}\r\n\r\n'.encode())
    assert read(tmp_path / "notepad.jsonl", bare).matched == 1
    assert said(bare)["red.png"] == ("a café",)
