"""Export: a Parquet file that holds what the gallery holds, read back by pyarrow and DuckDB."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cvsi_db.errors import FilterError, GalleryError, QueryError
from cvsi_db.ingest import ingest
from cvsi_db.manage import export as module
from cvsi_db.manage.export import ExportSummary, export
from cvsi_db.manage.listing import each_image
from cvsi_db.store.catalog import Catalog
from cvsi_db.store.images import Store, any_of
from tests.fakes import DIM, FakeCaptioner, FakeEncoder, save_picture


@pytest.fixture
def filled(photos: Path, store: Store, catalog: Catalog, encoder: FakeEncoder, captioner: FakeCaptioner) -> Store:
    """Five images with captions, and one without."""
    ingest([photos], store=store, catalog=catalog, encoder=encoder, captioner=captioner, tags=["sea"])
    bare = save_picture(photos / "bare" / "white.png", "white")
    ingest([bare], store=store, catalog=catalog, encoder=encoder, captioner=None)
    return store


def test_all_columns_with_all_vectors_as_stored(
    filled: Store, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROWS_WITH_VECTORS", 4)
    file, told = tmp_path / "out.parquet", list[tuple[int, int]]()
    summary = export(
        file, store=filled, catalog=catalog, vectors=True, progress=lambda done, total: told.append((done, total))
    )
    assert (summary, told) == (ExportSummary(6, file.stat().st_size), [(4, 6), (6, 6)])
    table = pq.read_table(file)
    vector = pa.list_(pa.float16(), DIM)
    assert table.schema.names == [*filled.columns, "image_vector", "caption_vectors"]
    assert [table.schema.field(name).type for name in filled.columns] == list(filled.columns.values())
    assert table.schema.field("image_vector").type == vector
    assert table.schema.field("caption_vectors").type == pa.list_(vector)
    assert table.schema.metadata == {b"cvsi_db.model": b"fake", b"cvsi_db.fingerprint": b"fake-1"}
    assert pq.ParquetFile(file).num_row_groups == 2

    rows = table.sort_by("path")
    assert rows.select(list(filled.columns)).to_pylist() == list(each_image(filled))
    kept = filled.rows(filled.ids())
    captions = filled.scan(["image_id", "text", "vector"], table="captions").to_pylist()
    vectors = {(row["image_id"], row["text"]): row["vector"] for row in captions}
    for row in rows.to_pylist():
        image = kept[row["image_id"]]
        assert np.array_equal(np.array(row["image_vector"], np.float32), image.image_vector)
        wanted = [vectors[image.image_id, text] for text in image.captions]
        assert row["caption_vectors"] == wanted
        assert len(wanted) == (0 if row["name"] == "white.png" else len(image.captions))
    assert sum(map(len, rows["caption_vectors"].to_pylist())) == len(captions) > 0


def test_chosen_columns_of_the_images_that_satisfy_the_filters(
    filled: Store, catalog: Catalog, tmp_path: Path, photos: Path
) -> None:
    file = tmp_path / "out.parquet"

    def names(**options: object) -> list[str]:
        export(file, store=filled, catalog=catalog, columns=["name"], **options)  # type: ignore[arg-type]
        table = pq.read_table(file)
        assert table.column_names == ["name"]
        return sorted(table["name"].to_pylist())

    assert names(where="width = 50") == ["blue.png"]
    assert names(filters={"folder": "trip"}) == ["purple.png", "yellow.png"]
    assert names(where="name LIKE 'y%'", filters={"tag": "sea"}) == ["yellow.png"]
    assert names(where="width < 0") == []
    summary = export(file, store=filled, catalog=catalog, columns=["name", "width", "name"], vectors=True)
    assert pq.read_table(file).column_names == ["name", "width", "image_vector", "caption_vectors"]
    assert duckdb.sql(f"SELECT count(*), sum(len(caption_vectors)) FROM '{file}'").fetchall()[0][0] == summary.images


def test_the_file_is_written_whole_or_not_at_all(filled: Store, catalog: Catalog, tmp_path: Path) -> None:
    file = tmp_path / "out.parquet"
    file.write_text("before")
    with pytest.raises(QueryError, match=r"unknown column 'pth': did you mean path\?"):
        export(file, store=filled, catalog=catalog, columns=["pth"])
    with pytest.raises(QueryError, match="columns is 'path': give a list of names"):
        export(file, store=filled, catalog=catalog, columns="path")
    with pytest.raises(FilterError, match="colour"):
        export(file, store=filled, catalog=catalog, where="colour = 'red'")
    filled._captions.delete(any_of([next(iter(filled.ids("captions")))]))
    with pytest.raises(GalleryError, match=r"has no vector \(any more\): .*check --repair"):
        export(file, store=filled, catalog=catalog, vectors=True)
    assert file.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir() if ".part" in path.name] == []
    with pytest.raises(GalleryError, match=r"cannot write '.*none/out.parquet': No such file or directory"):
        export(tmp_path / "none" / "out.parquet", store=filled, catalog=catalog)


def test_the_rows_are_those_of_one_moment(filled: Store, catalog: Catalog, tmp_path: Path) -> None:
    """What another process deletes while the file is written is in it, with its vectors."""
    file, ids = tmp_path / "out.parquet", filled.ids()

    def delete(_done: int, _total: int) -> None:
        filled.delete(ids)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ROWS_WITH_VECTORS", 2)
        summary = export(file, store=filled, catalog=catalog, vectors=True, progress=delete)
    assert (summary.images, filled.count()) == (6, 0)
    assert set(pq.read_table(file)["image_id"].to_pylist()) == ids


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_one_line(filled: Store, catalog: Catalog, tmp_path: Path) -> None:
    file = tmp_path / "out.parquet"
    with pytest.MonkeyPatch.context() as patch:
        part = file.with_name(f"{file.name}.{os.getpid()}.part")
        part.symlink_to("/dev/full")
        patch.setattr(module, "ROWS", 1)
        with pytest.raises(GalleryError, match=r"cannot write '.*': No space left on device"):
            export(file, store=filled, catalog=catalog)
    assert not file.exists()
