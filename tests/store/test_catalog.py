"""The catalog on a real SQLite file: records go in and come out, over and over."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event
from sqlmodel import SQLModel

from cvsi_db.errors import GalleryError
from cvsi_db.records import IngestFailure, IngestSummary, Rewrite
from cvsi_db.store.catalog import GIVEN, Catalog, GalleryInfo, SourceFile, open_engine
from cvsi_db.store.folder import create_gallery_folder

INFO = GalleryInfo("starter", "f00d", 4, "2024-01-01T00:00:00+00:00")
FILE = SourceFile("/a.jpg", 2**40, 1_700_000_000_123_456_789, "id1", "ok", None)


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A new catalog's bytes: migrated once, copied for each test."""
    folder = tmp_path_factory.mktemp("blank") / "gallery"
    create_gallery_folder(folder, INFO)[1].close()
    assert not (folder / "catalog.sqlite-wal").exists()
    return (folder / "catalog.sqlite").read_bytes()


@pytest.fixture
def path(blank: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "catalog.sqlite"
    path.write_bytes(blank)
    return path


@pytest.fixture
def catalog(path: Path) -> Iterator[Catalog]:
    catalog = Catalog(path)
    yield catalog
    catalog.close()


def test_the_migrations_make_the_tables_that_the_code_expects(path: Path) -> None:
    engine = open_engine(path)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == []
    engine.dispose()


def test_a_missing_catalog_is_an_error_and_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match="no catalog at"):
        Catalog(tmp_path / "catalog.sqlite")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_a_catalog_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite").write_text("not a database at all, but long enough to be read as one" * 20)
    with pytest.raises(GalleryError, match="file is not a database"):
        Catalog(tmp_path / "catalog.sqlite").gallery()


def test_sqlite_is_set_up_for_many_readers_and_a_patient_writer(catalog: Catalog) -> None:
    with catalog._engine.connect() as connection:
        said = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "foreign_keys")]
        assert said == ["wal", 1]
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 10_000


def test_the_gallery_is_described_once(catalog: Catalog) -> None:
    assert catalog.gallery() == INFO
    catalog.describe(replace(INFO, fingerprint="beef"))
    assert catalog.gallery() == replace(INFO, fingerprint="beef")


def test_files_are_recorded_by_path(catalog: Catalog) -> None:
    other = SourceFile("/b.jpg", 1, 2, None, "failed", "cannot read '/b.jpg': truncated")
    catalog.record_files([FILE, other])
    catalog.record_files([replace(FILE, state="missing")])
    catalog.record_files([])
    assert catalog.source_files() == {"/a.jpg": replace(FILE, state="missing"), "/b.jpg": other}


def test_many_files_are_one_transaction(catalog: Catalog) -> None:
    files = [replace(FILE, path=f"/{number}.jpg") for number in range(5000)]
    broken = replace(FILE, path="/x.jpg", state=None)  # type: ignore[arg-type]
    with pytest.raises(GalleryError, match="NOT NULL"):
        catalog.record_files([*files, broken])
    assert catalog.source_files() == {}
    catalog.record_files(files)
    assert len(catalog.source_files()) == 5000


def test_each_file_comes_in_the_order_of_paths_while_others_write(catalog: Catalog) -> None:
    catalog.record_files([replace(FILE, path=f"/{number:05}.jpg") for number in range(3000)])
    seen = []
    for file in catalog.each_file():
        if not seen:
            catalog.record_files([replace(FILE, path="/new.jpg")])
        seen.append(file.path)
    assert seen == [f"/{number:05}.jpg" for number in range(3000)]


def test_forgotten_files_are_unknown(catalog: Catalog) -> None:
    catalog.record_files([replace(FILE, path=f"/{number}.jpg") for number in range(2500)])
    catalog.forget_files([f"/{number}.jpg" for number in range(1, 2500)] + ["/never seen"])
    catalog.forget_files([])
    assert catalog.source_files() == {"/0.jpg": replace(FILE, path="/0.jpg")}


def test_an_ingest_that_did_not_finish_was_cut_short(catalog: Catalog) -> None:
    assert not catalog.was_cut_short()
    run = catalog.start_run(["/photos"])
    assert catalog.was_cut_short()
    catalog.finish_run(run, IngestSummary())
    assert not catalog.was_cut_short()


def test_runs_come_newest_first_and_a_dead_one_has_no_summary(catalog: Catalog) -> None:
    dead, done = catalog.start_run(["/photos"]), catalog.start_run(["/a", "/b"])
    failures = (IngestFailure("/b/x.jpg", "truncated"),), (IngestFailure("/a", "empty"),)
    summary = IngestSummary(new=2, failed=1, pruned=3, seconds=0.5, errors=failures[0], lost=failures[1])
    catalog.finish_run(done, summary)
    newest, oldest = catalog.runs()
    assert (newest.run_id, newest.roots, newest.summary) == (done, ("/a", "/b"), summary)
    assert (newest.finished_at or "") >= newest.started_at
    assert (oldest.run_id, oldest.roots, oldest.finished_at, oldest.summary) == (dead, ("/photos",), None, None)
    assert [run.run_id for run in catalog.runs(limit=1)] == [done]


def test_a_search_caching_its_rewrite_does_not_block_the_end_of_an_ingest(catalog: Catalog, path: Path) -> None:
    other, run = Catalog(path), catalog.start_run(["/photos"])

    def write_first(connection: object, cursor: object, statement: str, *rest: object) -> None:
        if statement.startswith("UPDATE ingest_run"):
            other.keep_rewrite(["a"], "b", "c", Rewrite(("d",), "", "c"))

    event.listen(catalog._engine, "before_cursor_execute", write_first)
    catalog.finish_run(run, IngestSummary(new=7))
    assert catalog.rewrite(["a"], "b", "c") == Rewrite(("d",), "", "c")
    assert [done.summary and done.summary.new for done in catalog.runs()] == [7]
    other.close()


def test_captions_are_kept_by_image_and_captioner(catalog: Catalog) -> None:
    catalog.keep_captions("blip@1", {f"id{n}": (f"a {n}", "é 猫") for n in range(2500)})
    catalog.keep_captions("blip@2", {"id1": ()})
    catalog.keep_captions("blip@1", {"id1": ("again",)})
    catalog.keep_captions("blip@1", {})
    assert catalog.captions(["id0", "id1", "none"], "blip@1") == {"id0": ("a 0", "é 猫"), "id1": ("again",)}
    assert catalog.captions(["id0", "id1"], "blip@2") == {"id1": ()}
    assert len(catalog.captions([f"id{n}" for n in range(2500)], "blip@1")) == 2500


def test_forget_captions_deletes_those_of_every_captioner(catalog: Catalog) -> None:
    catalog.keep_captions("blip@1", {"id1": ("said",), "id2": ("said too",)})
    catalog.give_captions({"id1": ("given",)})
    catalog.forget_captions(["id1", "never there"])
    assert catalog.kept_captions(["id1", "id2"]) == {"id2": {"blip@1": ("said too",)}}


def test_captions_with_given_hold_for_every_captioner(catalog: Catalog) -> None:
    catalog.keep_captions("blip@1", {"id1": ("said",), "id2": ("said too",)})
    catalog.give_captions({"id1": ("given",)})
    assert catalog.captions(["id1", "id2"], "blip@1") == {"id1": ("given",), "id2": ("said too",)}
    assert catalog.captions(["id1", "id2"], "blip@2") == {"id1": ("given",)}
    kept = catalog.kept_captions(["id1", "id2", "none"])
    assert kept == {"id1": {"blip@1": ("said",), GIVEN: ("given",)}, "id2": {"blip@1": ("said too",)}}


def test_rewrites_are_kept_by_everything_they_depend_on(catalog: Catalog) -> None:
    rewrite = Rewrite(("a cat with a hat",), "a hat", "rules", fallback=True)
    catalog.keep_rewrite(["a cat"], "with a hat", "rules@1", rewrite)
    assert catalog.rewrite(["a cat"], "with a hat", "rules@1") == rewrite
    for captions, edit_text, rewriter in (
        (["a cat", ""], "with a hat", "rules@1"),
        (["a cat"], "with a hat!", "rules@1"),
        (["a cat"], "with a hat", "rules@2"),
        ([], "with a hat", "rules@1"),
    ):
        assert catalog.rewrite(captions, edit_text, rewriter) is None
    catalog.keep_rewrite(["a cat"], "with a hat", "rules@1", replace(rewrite, fallback=False))
    assert catalog.rewrite(["a cat"], "with a hat", "rules@1") == replace(rewrite, fallback=False)


def test_two_catalogs_on_one_file_see_each_other(catalog: Catalog, path: Path) -> None:
    other = Catalog(path)
    other.record_files([FILE])
    assert catalog.source_files() == {"/a.jpg": FILE}
    other.close()


def test_an_undescribed_catalog_says_so(catalog: Catalog, path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM gallery")
    with pytest.raises(GalleryError, match="describes no gallery"):
        catalog.gallery()
