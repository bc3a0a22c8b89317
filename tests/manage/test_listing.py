"""Listing and stats: what a gallery holds, in order and in numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cvsi_db.errors import FilterError, QueryError
from cvsi_db.ingest import ingest
from cvsi_db.manage.listing import each_image, list_failed
from cvsi_db.manage.stats import bytes_on_disk, stats
from cvsi_db.manage.tags import tag
from cvsi_db.store import images, lance
from cvsi_db.store.catalog import Catalog
from cvsi_db.store.images import Store
from tests.fakes import FakeCaptioner, FakeEncoder


@pytest.fixture
def filled(photos: Path, store: Store, catalog: Catalog, encoder: FakeEncoder, captioner: FakeCaptioner) -> Store:
    """Five images, one of them with two files and one removed, and a file that cannot be read."""
    (photos / "twin.png").write_bytes((photos / "red.png").read_bytes())
    (photos / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for _ in range(2):
        ingest([photos], store=store, catalog=catalog, encoder=encoder, captioner=captioner)
        (photos / "green.png").unlink(missing_ok=True)
    return store


def list_images(*args: Any, **named: Any) -> list[dict[str, Any]]:
    return list(each_image(*args, **named))


def names(rows: list[dict[str, object]]) -> list[str]:
    return [Path(str(row["path"])).name for row in rows]


def test_images_come_in_the_order_of_their_paths(filled: Store) -> None:
    rows = list_images(filled)
    assert names(rows) == ["blue.png", "red.png", "purple.png", "yellow.png"]
    assert set(rows[0]) == set(filled.columns)
    assert names(list_images(filled, limit=2, offset=1)) == ["red.png", "purple.png"]
    assert names(list_images(filled, limit=5000, offset=1)) == ["red.png", "purple.png", "yellow.png"]
    assert names(list_images(filled, offset=3)) == ["yellow.png"]
    assert names(list_images(filled, limit=0)) == names(list_images(filled, limit=9, offset=9)) == []
    assert list_images(filled, "width = 50", columns=("name", "width")) == [{"name": "blue.png", "width": 50}]
    assert names(list_images(filled, "folder = 'trip'", limit=1)) == ["purple.png"]


@pytest.mark.parametrize("page", [1, 2, 3, 200_000])
def test_a_list_is_the_same_page_by_page(filled: Store, page: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lance, "PAGE", page)
    whole = sorted(filled.scan([*filled.columns]).to_pylist(), key=lambda row: row["path"])
    assert list_images(filled) == whole
    assert list_images(filled, columns=["path"]) == [{"path": row["path"]} for row in whole]
    assert list_images(filled, "width >= 50", limit=2000, offset=1) == [row for row in whole if row["width"] >= 50][1:]
    assert list_images(filled, limit=2, filters={"match": "picture"}) == whole[:2]
    assert names(list_images(filled, removed=True, columns=["name", "path"])) == ["green.png"]
    monkeypatch.setattr(images, "NAMED", 0)
    assert list_images(filled, filters={"match": "picture"}) == whole
    assert list_images(filled, limit=2, offset=1, filters={"match": "picture"}) == whole[1:3]


def test_rows_are_told_apart_by_all_keys(filled: Store) -> None:
    keys = ["width", "height", "image_id"]
    whole = filled.scan(keys).sort_by([(key, "ascending") for key in keys])
    for size in (1, 2, 4, 9):
        assert pa.concat_tables(filled.pages(keys, keys, size=size)).equals(whole)


def test_removed_images_and_failed_files_are_listed_apart(filled: Store, catalog: Catalog) -> None:
    assert names(list_images(filled, removed=True)) == ["green.png"]
    assert names(list_images(filled, "width = 50", removed=True)) == []
    (failed,) = list_failed(catalog)
    assert (Path(failed["path"]).name, failed["size_bytes"]) == ("broken.png", 8)
    assert failed["error"]


def test_list_errors(filled: Store) -> None:
    with pytest.raises(QueryError, match="may be negative"):
        list_images(filled, limit=-1)
    with pytest.raises(FilterError, match="colour"):
        list_images(filled, "colour = 'red'")


def test_stats_count_everything_once(filled: Store, catalog: Catalog, gallery_folder: Path, photos: Path) -> None:
    tag(filled, [photos / "trip"], None, ["sea"], [])
    tag(filled, [photos / "red.png"], None, ["sea", "2024"], [])
    told = stats(gallery_folder, filled, catalog)
    assert json.loads(json.dumps(told)) == told
    assert (told["images"], told["uncaptioned"], told["removed"], told["duplicates"]) == (4, 0, 1, 1)
    assert (told["model"], told["fingerprint"], told["dim"]) == ("fake", "fake-1", filled.dim)
    assert told["files"] == {"failed": 1, "missing": 1, "ok": 5}
    assert (told["formats"], told["folders"]) == ({"png": 4}, {"photos": 2, "trip": 2})
    assert list(told["tags"].items()) == [("sea", 3), ("2024", 1)]
    assert told["indexes"] == []
    last, first = told["runs"]
    assert (last["roots"], last["summary"]["removed"], first["summary"]["new"]) == ([str(photos)], 1, 5)
    assert "errors" not in last["summary"]


def test_sniff_names_the_format_by_content(filled: Store, gallery_folder: Path) -> None:
    filled.optimize()
    (gallery_folder / "evaluation").mkdir()
    (gallery_folder / "evaluation" / "x.npz").write_bytes(b"123")
    sizes = bytes_on_disk(gallery_folder)
    assert set(sizes) == {"images", "captions", "removed", "thumbnails", "indexes", "catalog", "other"}
    assert sizes["other"] >= 3
    assert min(sizes["images"], sizes["captions"], sizes["removed"], sizes["indexes"], sizes["catalog"]) > 0
    assert sum(sizes.values()) == sum(file.stat().st_size for file in gallery_folder.rglob("*") if file.is_file())
