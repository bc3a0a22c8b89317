"""The gallery's folder: made whole or not at all, locked, migrated, never opened by an older program."""

from __future__ import annotations

import multiprocessing
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from cvsi_db import migrations
from cvsi_db.catalog import GalleryInfo, SourceFile
from cvsi_db.errors import GalleryError, MigrationError
from cvsi_db.migrations import CHAIN, REVISIONS, Chain, head
from cvsi_db.records import ImageRow
from cvsi_db.storage import create_gallery_folder, is_gallery, open_gallery_folder, write_lock
from cvsi_db.store import Store, connect

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

revision, down_revision = "0002_second", "0001_first"

def upgrade():
    lance = context.config.attributes["lance"]
    lance.open_table("images").add_columns({"stars": "cast(0 as int)"})
    op.add_column("source_file", sa.Column("stars", sa.Integer()))
'''
THIRD = '''"""The third gallery, which fails half way."""
import sqlalchemy as sa
from alembic import context, op

revision, down_revision = "0003_third", "0002_second"

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
    assert (store.dim, catalog.gallery(), stamp(folder)) == (4, INFO, head())
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


def test_a_folder_of_something_else_is_left_alone(folder: Path) -> None:
    folder.mkdir()
    (folder / "thesis.doc").write_text("years of work")
    for place in (folder, folder / "thesis.doc"):
        with pytest.raises(GalleryError, match="no gallery and not empty"):
            create_gallery_folder(place, INFO)
    assert [path.name for path in folder.iterdir()] == ["thesis.doc"]


@pytest.mark.parametrize("left", ["lance", "catalog", "both"])
def test_a_half_made_gallery_is_no_gallery_and_is_made_anew(folder: Path, left: str) -> None:
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


def test_images_without_a_catalog_are_never_thrown_away(gallery: Path) -> None:
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
    spawn = multiprocessing.get_context("spawn")
    held, done = spawn.Event(), spawn.Event()
    other = spawn.Process(target=_hold, args=(gallery, held, done))
    other.start()
    assert held.wait(60)
    with pytest.raises(GalleryError, match="another process is writing"), write_lock(gallery, timeout=0.1):
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
    assert scripts.get_current_head() == head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    return config


def test_the_store_alone_has_the_tables_of_a_migrated_gallery(gallery: Path, tmp_path: Path) -> None:
    Store.create(tmp_path / "lance", 4)
    for name in ("images", "captions"):
        schemas = [connect(place).open_table(name).schema for place in (tmp_path / "lance", gallery / "lance")]
        assert schemas[0].equals(schemas[1], check_metadata=True)


def test_a_pending_revision_moves_catalog_and_tables_after_a_backup(gallery: Path, later: Callable[..., Chain]) -> None:
    chain = later(r0002_second=SECOND)
    store, catalog = open_gallery_folder(gallery, chain)
    assert (stamp(gallery), store.count("stars = 0"), "stars" in columns(gallery)) == ("0002_second", 1, True)
    assert catalog.source_files() == {"/a.jpg": FILE}
    catalog.close()
    (backup,) = (gallery / "backups").iterdir()
    assert backup.name.startswith("catalog-0001_first-")
    with closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("SELECT path FROM source_file").fetchall() == [("/a.jpg",)]
    open_gallery_folder(gallery, chain)[1].close()  # up to date: no second backup
    assert list((gallery / "backups").iterdir()) == [backup]


def test_a_failed_revision_leaves_the_gallery_as_it_was(gallery: Path, later: Callable[..., Chain]) -> None:
    before = columns(gallery)
    with pytest.raises(MigrationError) as failure:
        open_gallery_folder(gallery, later(r0002_second=SECOND, r0003_third=THIRD))
    (backup,) = (gallery / "backups").iterdir()
    assert "the disk is full" in str(failure.value)
    assert str(backup) in str(failure.value)
    assert (stamp(gallery), columns(gallery)) == ("0001_first", before)
    store, catalog = open_gallery_folder(gallery)
    assert store.columns.keys() >= {"camera"}
    assert "stars" not in store.columns
    assert (store.rows(["id1"])["id1"].path, catalog.source_files()) == ("/a.jpg", {"/a.jpg": FILE})
    catalog.close()


def test_a_gallery_from_the_future_is_refused_and_not_touched(gallery: Path) -> None:
    stamp(gallery, "0099_future")
    with pytest.raises(MigrationError, match=r"was made by a newer cvsi-db .*'0099_future'.*upgrade cvsi-db"):
        open_gallery_folder(gallery)
    assert stamp(gallery) == "0099_future"
    assert not (gallery / "backups").exists()


def test_an_up_to_date_gallery_opens_without_alembic(gallery: Path) -> None:
    program = (
        "import sys; from pathlib import Path; import cvsi_db.storage;"
        "light = 'lancedb' in sys.modules or 'sqlmodel' in sys.modules;"
        "cvsi_db.storage.open_gallery_folder(Path(sys.argv[1])); print(light, 'alembic' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", program, str(gallery)], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False", "False"]
