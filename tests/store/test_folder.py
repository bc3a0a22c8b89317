"""The gallery's folder: made whole or not at all, locked, migrated, never opened by an older program."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from cvsi_db import migrations
from cvsi_db.errors import GalleryError, MigrationError
from cvsi_db.migrations import CHAIN, REVISIONS, Chain
from cvsi_db.records import CaptionRow, ImageRow, IngestFailure, IngestSummary
from cvsi_db.store.arrow_rows import caption_batch, image_batch
from cvsi_db.store.catalog import Catalog, GalleryInfo, SourceFile, open_engine
from cvsi_db.store.folder import create_gallery_folder, is_gallery, open_gallery_folder, write_lock
from cvsi_db.store.images import Store
from cvsi_db.store.lance import TABLE_NAMES, connect
from tests.processes import context

INFO = GalleryInfo("starter", "f00d", 4, "2024-01-01T00:00:00+00:00")
FILE = SourceFile("/a.jpg", 1, 2, "id1", "ok", None)
VECTOR = np.full(4, 0.5, np.float32)
IMAGE = ImageRow(
    "id1", "/a.jpg", ("/a.jpg",), "/", "a.jpg", "JPEG", 1, 2, 3, "2024-01-01T00:00:00+00:00", None, None, ("a",), (),
    VECTOR, VECTOR,
)  # fmt: skip

SECOND = '''"""The second gallery."""
import sqlalchemy as sa
from alembic import context, op

revision, down_revision = "0099_second", "0006_verdicts"

def upgrade():
    lance = context.config.attributes["lance"]
    lance.open_table("images").add_columns({"stars": "cast(0 as int)"})
    op.add_column("source_file", sa.Column("stars", sa.Integer()))
'''
THIRD = '''"""The third gallery, which fails half way."""
import sqlalchemy as sa
from alembic import context, op

revision, down_revision = "0100_third", "0099_second"

def upgrade():
    context.config.attributes["lance"].open_table("images").drop_columns(["camera"])
    op.add_column("source_file", sa.Column("half", sa.Integer()))
    raise RuntimeError("the disk is full")
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "my 100% #1 photos"


@pytest.fixture
def gallery(folder: Path) -> Path:
    """A gallery with one image, closed."""
    store, catalog = create_gallery_folder(folder, INFO)
    store.upsert([IMAGE], [])
    catalog.record_files([FILE])
    catalog.close()
    return folder


@pytest.fixture
def later(tmp_path: Path) -> Callable[..., Chain]:
    """Makes the chain of a later cvsi-db, with more revisions."""

    def make(**revisions: str) -> Chain:
        scripts = tmp_path / "migrations"
        shutil.copytree(CHAIN.scripts, scripts, dirs_exist_ok=True)
        for name, source in revisions.items():
            (scripts / "versions" / f"{name.removeprefix('r')}.py").write_text(source)
        return Chain(scripts, (*REVISIONS, *(name.removeprefix("r") for name in revisions)))

    return make


def columns(folder: Path) -> set[str]:
    with closing(sqlite3.connect(folder / "catalog.sqlite")) as connection:
        return {row[1] for row in connection.execute("PRAGMA table_info(source_file)")}


def stamp(folder: Path, revision: str | None = None) -> str:
    with closing(sqlite3.connect(folder / "catalog.sqlite", isolation_level=None)) as connection:
        if revision:
            connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


# --- making and opening -----------------------------------------------------------------------------------------


def test_a_gallery_is_made_and_opened_again(folder: Path) -> None:
    assert not is_gallery(folder)
    store, catalog = create_gallery_folder(folder, INFO)
    assert is_gallery(folder)
    assert (store.dim, store.count(), catalog.gallery()) == (4, 0, INFO)
    catalog.close()
    store, catalog = open_gallery_folder(folder)
    assert (store.dim, catalog.gallery(), stamp(folder)) == (4, INFO, CHAIN.head)
    catalog.close()


def test_there_is_nothing_to_open_in_an_empty_folder(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(GalleryError, match=r"no gallery in .*cvsi-db ingest"):
            open_gallery_folder(folder)
    assert list(tmp_path.iterdir()) == []


def test_a_gallery_is_not_made_twice(gallery: Path) -> None:
    (gallery / "notes.txt").touch()  # a person may keep notes beside the gallery
    with pytest.raises(GalleryError, match="holds a gallery already"):
        create_gallery_folder(gallery, INFO)
    assert open_gallery_folder(gallery)[0].count() == 1


def test_a_folder_with_other_files_is_refused_and_unchanged(folder: Path) -> None:
    folder.mkdir()
    (folder / "thesis.doc").write_text("years of work")
    for place in (folder, folder / "thesis.doc"):
        with pytest.raises(GalleryError, match="holds other files and no gallery"):
            create_gallery_folder(place, INFO)
    assert [path.name for path in folder.iterdir()] == ["thesis.doc"]


@pytest.mark.parametrize("left", ["lance", "catalog", "both"])
def test_an_unfinished_gallery_is_made_again(folder: Path, left: str) -> None:
    folder.mkdir()
    if left != "catalog":
        Store.create(folder / "lance", 7)  # another width: the first try was with another bundle
    if left != "lance":
        with sqlite3.connect(folder / "catalog.sqlite") as connection:
            connection.execute("CREATE TABLE gallery (id INTEGER)")
    assert not is_gallery(folder)
    store, catalog = create_gallery_folder(folder, INFO)
    assert (store.dim, catalog.gallery()) == (4, INFO)
    catalog.close()


def test_images_without_a_catalog_are_never_deleted(gallery: Path) -> None:
    (gallery / "catalog.sqlite").unlink()
    with pytest.raises(GalleryError, match="holds images but no catalog"):
        create_gallery_folder(gallery, INFO)
    assert Store.open(gallery / "lance").count() == 1


def test_a_damaged_catalog_is_named(gallery: Path) -> None:
    (gallery / "catalog.sqlite").write_bytes(b"\0\1" * 5000)
    with pytest.raises(GalleryError, match=r"cannot read the catalog .*catalog\.sqlite"):
        open_gallery_folder(gallery)


# --- the lock ---------------------------------------------------------------------------------------------------


def _hold(folder: Path, held: object, done: object) -> None:
    with write_lock(folder):
        held.set()  # type: ignore[attr-defined]
        done.wait(60)  # type: ignore[attr-defined]


def test_there_is_one_writer_at_a_time(gallery: Path) -> None:
    held, done = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(gallery, held, done))
    other.start()
    assert held.wait(60)
    said = rf"another process is writing to '.*' \(process {other.pid} on .+\): wait until it is done"
    for _ in range(2):  # a refused process does not change the name of the holder
        with pytest.raises(GalleryError, match=said), write_lock(gallery, timeout=0.1):
            pass
    assert open_gallery_folder(gallery)[0].count() == 1  # reading goes on
    done.set()
    other.join(60)
    with write_lock(gallery), write_lock(gallery, timeout=0.1):  # free again, and it nests
        pass


# --- migrations -------------------------------------------------------------------------------------------------


def test_the_revisions_are_those_that_alembic_finds() -> None:
    scripts = ScriptDirectory.from_config(_config())
    assert tuple(reversed([script.revision for script in scripts.walk_revisions()])) == REVISIONS
    assert scripts.get_current_head() == CHAIN.head


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    return config


def test_the_store_alone_has_the_tables_of_a_migrated_gallery(gallery: Path, tmp_path: Path) -> None:
    Store.create(tmp_path / "lance", 4)
    for name in TABLE_NAMES:
        schemas = [connect(place).open_table(name).schema for place in (tmp_path / "lance", gallery / "lance")]
        assert schemas[0].equals(schemas[1], check_metadata=True)


def test_a_pending_revision_migrates_catalog_and_tables_after_a_backup(
    gallery: Path, later: Callable[..., Chain]
) -> None:
    chain = later(r0099_second=SECOND)
    store, catalog = open_gallery_folder(gallery, chain)
    assert (stamp(gallery), store.count("stars = 0"), "stars" in columns(gallery)) == ("0099_second", 1, True)
    assert catalog.source_files() == {"/a.jpg": FILE}
    catalog.close()
    (backup,) = (gallery / "backups").iterdir()
    assert backup.name.startswith(f"catalog-{CHAIN.head}-")
    with closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("SELECT path FROM source_file").fetchall() == [("/a.jpg",)]
    open_gallery_folder(gallery, chain)[1].close()  # up to date: no second backup
    assert list((gallery / "backups").iterdir()) == [backup]


@pytest.fixture
def first(folder: Path, tmp_path: Path) -> Path:
    """A gallery as the first cvsi-db made it, with 300 images, an index and what its ingest noted."""
    scripts = tmp_path / "first"
    shutil.copytree(CHAIN.scripts, scripts, ignore=shutil.ignore_patterns("000[2-9]*", "__pycache__"))
    folder.mkdir()
    engine, lance = open_engine(folder / "catalog.sqlite"), connect(folder / "lance")
    with engine.connect() as connection:
        Chain(scripts, REVISIONS[:1]).upgrade(connection, lance, 4)
    engine.dispose()
    assert set(lance.list_tables().tables) == {"images", "captions"}
    images, captions = lance.open_table("images"), lance.open_table("captions")
    images.add(image_batch([replace(IMAGE, image_id=f"id{n}", width=n) for n in range(300)], images.schema))
    captions.add(caption_batch([CaptionRow(f"id{n}", 0, "a", VECTOR) for n in range(300)], captions.schema))
    images.create_scalar_index("image_id")
    catalog = Catalog(folder / "catalog.sqlite")
    with sqlite3.connect(folder / "catalog.sqlite") as connection:
        known = (FILE.path, FILE.size_bytes, FILE.mtime_ns, FILE.image_id, FILE.state, FILE.error)
        connection.execute("INSERT INTO source_file VALUES (?, ?, ?, ?, ?, ?)", known)
        made = (INFO.bundle, INFO.fingerprint, INFO.dim, INFO.created_at)
        connection.execute("INSERT INTO gallery VALUES (1, ?, ?, ?, ?)", made)
        summary = '{"new": 7, "unchanged": 0, "moved": 1, "duplicates": 0, "failed": 1, "removed": 0, "embedded": 7,'
        summary += ' "seconds": 1.5, "errors": [{"path": "/x.jpg", "reason": "truncated"}]}'
        connection.execute("INSERT INTO ingest_run VALUES (1, '[]', '2024', '2025', ?)", (summary,))
    catalog.close()
    return folder


def test_a_gallery_of_the_first_revision_is_migrated_with_all_that_is_in_it(first: Path) -> None:
    store, catalog = open_gallery_folder(first)
    assert stamp(first) == CHAIN.head
    rows = store.rows(store.ids())
    facts = {
        (row.width, row.captions, row.latitude, row.longitude, row.image_norm, row.rating) for row in rows.values()
    }
    assert facts == {(n, ("a",), None, None, None, None) for n in range(300)}
    assert all((row.image_vector == VECTOR).all() for row in rows.values())
    assert (store.ids("captions"), store.ids("removed"), store.orphans()) == (store.ids(), set(), set())
    assert [facts.column for facts in store.indexes()] == ["image_id"]
    # What the file says is not known: the next ingest reads it again.
    assert catalog.source_files() == {"/a.jpg": replace(FILE, sidecars=None, keywords=None)}
    failure = IngestFailure("/x.jpg", "truncated")
    assert catalog.runs()[0].summary == IngestSummary(
        new=7, moved=1, failed=1, embedded=7, seconds=1.5, errors=(failure,)
    )
    known = {"rating": 4, "lens": "50 mm", "orientation": 6, "date_source": "name", "utc_offset": "+02:00"}
    changed = replace(rows["id7"], latitude=48.5, longitude=-0.25, image_norm=11.25, **known)
    store.update([changed])
    assert {name: getattr(store.rows(["id7"])["id7"], name) for name in known} == known
    assert store.rows(["id7"])["id7"].image_norm == 11.25
    store.remove([rows["id8"]])
    assert (store.count("latitude = 48.5 AND longitude < 0"), store.count(), store.ids("removed")) == (1, 299, {"id8"})
    catalog.close()


def test_a_migration_that_was_cut_short_is_done_again(first: Path) -> None:
    connect(first / "lance").open_table("images").add_columns({"latitude": "cast(null as double)"})
    store, catalog = open_gallery_folder(first)
    assert (store.count("latitude IS NULL AND longitude IS NULL"), store.ids("removed")) == (300, set())
    catalog.close()


def test_a_failed_migration_of_the_first_revision_leaves_it_as_it_was(first: Path, later: Callable[..., Chain]) -> None:
    with pytest.raises(MigrationError, match="the disk is full"):
        open_gallery_folder(first, later(r0099_second=SECOND, r0100_third=THIRD))
    lance = connect(first / "lance")
    assert (stamp(first), set(lance.list_tables().tables)) == ("0001_first", {"images", "captions"})
    assert "latitude" not in lance.open_table("images").schema.names
    assert lance.open_table("images").count_rows() == 300
    open_gallery_folder(first)[1].close()
    assert stamp(first) == CHAIN.head


def test_a_failed_revision_leaves_the_gallery_as_it_was(gallery: Path, later: Callable[..., Chain]) -> None:
    before = columns(gallery)
    with pytest.raises(MigrationError) as failure:
        open_gallery_folder(gallery, later(r0099_second=SECOND, r0100_third=THIRD))
    (backup,) = (gallery / "backups").iterdir()
    assert "the disk is full" in str(failure.value)
    assert str(backup) in str(failure.value)
    assert (stamp(gallery), columns(gallery)) == (CHAIN.head, before)
    store, catalog = open_gallery_folder(gallery)
    assert store.columns.keys() >= {"camera"}
    assert "stars" not in store.columns
    assert (store.rows(["id1"])["id1"].path, catalog.source_files()) == ("/a.jpg", {"/a.jpg": FILE})
    catalog.close()


def test_open_refuses_a_gallery_of_a_newer_version(gallery: Path) -> None:
    stamp(gallery, "0999_future")
    with pytest.raises(MigrationError, match=r"was made by a newer cvsi-db .*'0999_future'.*upgrade cvsi-db"):
        open_gallery_folder(gallery)
    assert stamp(gallery) == "0999_future"
    assert not (gallery / "backups").exists()


@pytest.mark.slow
def test_an_up_to_date_gallery_opens_without_alembic(gallery: Path) -> None:
    program = (
        "import sys; from pathlib import Path; import cvsi_db.store.folder;"
        "light = 'lancedb' in sys.modules or 'sqlmodel' in sys.modules;"
        "cvsi_db.store.folder.open_gallery_folder(Path(sys.argv[1])); print(light, 'alembic' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", program, str(gallery)], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False", "False"]
