"""Galleries whose own files are gone, cut or altered: each can be checked, repaired and filled up again.

docs/damage.md has the table of these states; each of its rows is a case here.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from cvsi_db.errors import CvsiError, GalleryError
from cvsi_db.gallery import Gallery
from cvsi_db.ingest import ingest
from cvsi_db.ingest.recaption import recaption
from cvsi_db.records import ComposedQuery, IngestSummary
from cvsi_db.search import SearchContext, search
from cvsi_db.store.catalog import GalleryInfo
from cvsi_db.store.folder import create_gallery_folder, open_gallery_folder, write_lock
from tests.disks import fill, small_disk
from tests.fakes import COLOURS, DIM, FakeCaptioner, FakeEncoder, FakeModels, FakeRewriter, save_picture

IMAGES = 12
INFO = GalleryInfo("fake", "fake-1", DIM, "2024-01-01T00:00:00+00:00")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with twelve photos, and a gallery of them in `db`: two ingests, one image removed, one tagged."""
    root = tmp_path_factory.mktemp("sound")
    for number in range(IMAGES):
        save_picture(root / "photos" / f"{number}.png", list(COLOURS)[number % len(COLOURS)], (40 + number, 30))
    save_picture(root / "photos" / "gone.png", "white", (33, 77))
    store, catalog = create_gallery_folder(root / "db", INFO)
    models: dict[str, Any] = {"encoder": FakeEncoder(), "captioner": FakeCaptioner()}
    ingest([root / "photos"], store=store, catalog=catalog, batch_size=5, **models)
    (root / "photos" / "gone.png").unlink()
    ingest([root / "photos"], store=store, catalog=catalog, **models)
    first = min(store.ids())
    store.update([replace(store.rows([first])[first], tags=("mine",))])
    store.optimize()
    catalog.close()
    return root


@dataclass(frozen=True)
class Place:
    """A copy of the gallery, to be damaged, and the photos it is of."""

    db: Path
    photos: Path

    def ingest(self) -> IngestSummary:
        store, catalog = open_gallery_folder(self.db)
        with closing(catalog):
            return ingest([self.photos], store=store, catalog=catalog, encoder=FakeEncoder(), captioner=FakeCaptioner())

    def found(self) -> set[str]:
        """The names of all images, as a search finds them."""
        store, catalog = open_gallery_folder(self.db)
        with closing(catalog):
            context = SearchContext(store, catalog, FakeModels(), FakeRewriter())
            return {Path(hit.path).name for hit in search(ComposedQuery(None, "a red picture", 100), context)}

    def tags(self) -> list[str]:
        store, catalog = open_gallery_folder(self.db)
        catalog.close()
        return [tag for tags in store.scan(["tags"])["tags"].to_pylist() for tag in tags]


ALL = {f"{number}.png" for number in range(IMAGES)}


@pytest.fixture
def place(sound: Path, tmp_path: Path) -> Place:
    shutil.copytree(sound / "db", tmp_path / "db")
    return Place(tmp_path / "db", sound / "photos")


# --- the table of states ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class State:
    """What is done to a gallery, what an attempt to open it says (None: it opens), what `check` says; how many images
    the next ingest has to read again, and whether tags that a person gave are lost."""

    damage: Callable[[Path], object]
    opening: str | None
    told: tuple[str, ...]
    embedded: int = 0
    tags_lost: bool = False


def cut(share: float, pattern: str) -> Callable[[Path], None]:
    def damage(db: Path) -> None:
        for file in db.glob(pattern):
            os.truncate(file, int(file.stat().st_size * share))

    return damage


def gone(name: str) -> Callable[[Path], None]:
    def damage(db: Path) -> None:
        shutil.rmtree(db / name) if (db / name).is_dir() else (db / name).unlink()

    return damage


def half_migrated(db: Path) -> None:
    """As when a migration was killed after the tables had changed, before the catalog said so."""
    with closing(sqlite3.connect(db / "catalog.sqlite", isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0003_file_metadata'")
        connection.execute("ALTER TABLE gallery DROP COLUMN tables")


def dead_lock(db: Path) -> None:
    (db / "lock").touch()
    (db / "lock.holder").write_text("process 1 on elsewhere")


TABLE_GONE = r"cannot open the table '{}'.*`cvsi-db check --repair`"
NO_CATALOG = "holds images but no catalog of them: `cvsi-db check --repair"
STATES = {
    "images gone": State(
        gone("lance/images.lance"), TABLE_GONE.format("images"), ("table damaged: images",), IMAGES, tags_lost=True
    ),
    "captions gone": State(gone("lance/captions.lance"), TABLE_GONE.format("captions"), ("table damaged: captions",)),
    "removed gone": State(gone("lance/removed.lance"), TABLE_GONE.format("removed"), ("table damaged: removed",)),
    "lance gone": State(
        gone("lance"),
        r"the image tables .* are gone: `cvsi-db check --repair`",
        tuple(f"table damaged: {name}" for name in ("images", "captions", "removed", "thumbnails")),
        IMAGES,
        tags_lost=True,
    ),
    "versions gone": State(
        gone("lance/images.lance/_versions"),
        TABLE_GONE.format("images"),
        ("table damaged: images .*it has no _versions.*all its rows are lost",),
        IMAGES,
        tags_lost=True,
    ),
    "data emptied": State(
        cut(0, "lance/images.lance/data/*"), None, ("table damaged: images",), IMAGES, tags_lost=True
    ),
    "captions cut": State(cut(0.5, "lance/captions.lance/data/*"), None, ("table damaged: captions",)),
    "index cut": State(cut(0.5, "lance/images.lance/_indices/*/*"), None, ("table damaged: images",)),
    "newest version cut": State(
        lambda db: os.truncate(min((db / "lance/images.lance/_versions").glob("*.manifest")), 100),
        TABLE_GONE.format("images"),
        ("table damaged: images",),
    ),
    "catalog gone": State(gone("catalog.sqlite"), NO_CATALOG, ("catalog damaged: .*it is gone",)),
    "catalog emptied": State(cut(0, "catalog.sqlite"), NO_CATALOG, ("catalog damaged: .*it is empty",)),
    "catalog cut": State(
        cut(0.5, "catalog.sqlite"), "cannot read the catalog .*`cvsi-db check --repair", ("catalog damaged",)
    ),
    "catalog overwritten": State(
        lambda db: (db / "catalog.sqlite").write_bytes(b"\0\1" * 5000),
        "cannot read the catalog .*`cvsi-db check --repair",
        ("catalog damaged: .*not a database",),
    ),
    "half migrated": State(half_migrated, None, ()),
    "lock of a dead process": State(dead_lock, None, ()),
    "backups gone": State(lambda db: shutil.rmtree(db / "backups", ignore_errors=True), None, ()),
}


REPEATED = {"removed gone", "captions cut", "catalog emptied", "catalog cut", "captions gone", "backups gone"}
"""What is damaged as another state is: only the slow tests mend it."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in REPEATED else name for name in STATES]
)
def test_a_damaged_gallery_says_what_is_wrong_and_is_mended(place: Place, name: str) -> None:
    state = STATES[name]
    state.damage(place.db)
    if state.opening is not None:
        with pytest.raises(GalleryError, match=state.opening):
            open_gallery_folder(place.db)
    problems = Gallery.check_folder(place.db)
    assert len(problems) == len(state.told), problems
    for problem, told in zip(problems, state.told, strict=True):
        assert re.match(told, str(problem)), problem
        assert "--repair" in problem.remedy
    summary = Gallery.repair_folder(place.db)
    assert (summary.remaining, len(summary.damage)) == ((), len(state.told))
    assert Gallery.check_folder(place.db) == []
    assert place.ingest().embedded == state.embedded
    assert (place.found(), place.tags()) == (ALL, [] if state.tags_lost else ["mine"])
    store, catalog = open_gallery_folder(place.db)
    with closing(catalog):
        assert catalog.gallery() == INFO
        encoder, captioner = FakeEncoder(), FakeCaptioner()
        recaption(store=store, catalog=catalog, encoder=encoder, captioner=captioner)
        assert (store.count_uncaptioned(), captioner.batches) == (0, [])  # no caption had to be written again
    assert Gallery.check_folder(place.db) == []


def test_a_locked_catalog_is_named_and_nothing_is_repaired(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cvsi_db.store.sqlite.PATIENCE", 0.1)
    with closing(sqlite3.connect(place.db / "catalog.sqlite", isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        other.execute("UPDATE gallery SET dim = dim")
        for call in (Gallery.check_folder, Gallery.repair_folder, open_gallery_folder):
            with pytest.raises(GalleryError, match=r"another program has locked the catalog .*close that"):
                call(place.db)
    assert Gallery.check_folder(place.db) == []


def test_a_gallery_that_another_process_writes_to_is_not_repaired(place: Place) -> None:
    (place.db / "catalog.sqlite").unlink()
    with write_lock(place.db):
        Gallery.check_folder(place.db)  # reading goes on
    assert Gallery.check_folder(place.db)[0].kind == "catalog damaged"


def test_without_catalog_and_note_the_model_must_be_named(place: Place) -> None:
    (place.db / "catalog.sqlite").unlink()
    (place.db / "lance" / "gallery.json").unlink()
    with pytest.raises(GalleryError, match=r"which model the gallery was made with: .*--repair --model BUNDLE"):
        Gallery.repair_folder(place.db)
    with pytest.raises(GalleryError, match=r"was not made with starter, whose vectors .* its own have 32"):
        Gallery.repair_folder(place.db, model="starter")
    shutil.rmtree(place.db / "lance" / "images.lance")  # now nothing speaks against it
    Gallery.repair_folder(place.db, model="starter")
    with closing(open_gallery_folder(place.db)[1]) as catalog:
        assert catalog.gallery().bundle == "starter"


def test_a_backup_of_the_catalog_names_the_model_too(place: Place) -> None:
    (place.db / "backups").mkdir()
    shutil.move(place.db / "catalog.sqlite", place.db / "backups" / "catalog-0003-2024.sqlite")
    (place.db / "lance" / "gallery.json").unlink()
    assert Gallery.repair_folder(place.db).remaining == ()
    with closing(open_gallery_folder(place.db)[1]) as catalog:
        assert catalog.gallery() == INFO


def test_rows_in_data_files_that_are_whole_are_kept(place: Place) -> None:
    save_picture(place.db.parent / "more" / "new.png", "orange", (99, 30))
    before = set((place.db / "lance/images.lance/data").iterdir())
    more = Place(place.db, place.db.parent / "more")
    assert more.ingest().embedded == 1
    for new in set((place.db / "lance/images.lance/data").iterdir()) - before:
        new.write_bytes(b"")
    summary = Gallery.repair_folder(place.db)
    assert (summary.mended["image missing"], place.found()) == (1, ALL)
    assert (more.ingest().embedded, place.ingest().embedded, place.found()) == (1, 0, {*ALL, "new.png"})


@pytest.mark.parametrize("table", ["images", "captions"])
def test_captions_outlive_the_catalog_and_one_of_their_tables(place: Place, table: str) -> None:
    store, catalog = open_gallery_folder(place.db)
    texts = {row.image_id: row.captions for row in store.rows(store.ids()).values()}
    catalog.close()
    (place.db / "catalog.sqlite").unlink()
    shutil.rmtree(place.db / "lance" / f"{table}.lance")
    Gallery.repair_folder(place.db)
    store, catalog = open_gallery_folder(place.db)
    with closing(catalog):
        ingest([place.photos], store=store, catalog=catalog, encoder=FakeEncoder(), captioner=None)
        summary = recaption(store=store, catalog=catalog, encoder=FakeEncoder(), captioner=None)
        assert (summary.captioned, summary.skipped) == (IMAGES, 0)
        assert {row.image_id: row.captions for row in store.rows(store.ids()).values()} == texts
    assert Gallery.check_folder(place.db) == []


def test_a_folder_without_a_gallery_is_not_repaired(tmp_path: Path) -> None:
    for call in (Gallery.check_folder, Gallery.repair_folder):
        with pytest.raises(GalleryError, match="no gallery in"):
            call(tmp_path / "none")
    assert list(tmp_path.iterdir()) == []


def test_what_is_replaced_is_kept_aside(place: Place) -> None:
    os.truncate(place.db / "catalog.sqlite", 20000)
    shutil.rmtree(place.db / "lance/images.lance/_versions")
    Gallery.repair_folder(place.db)
    assert {path.name for path in place.db.glob("damaged/*/*")} >= {"catalog.sqlite", "images.lance"}
    assert (place.db / "lance" / "images.lance").is_dir()
    assert not list(place.db.rglob("*.part*"))


def test_a_full_disk_leaves_a_gallery_that_can_be_repaired_later(sound: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 4096):
        place = Place(tmp_path / "disk" / "db", sound / "photos")
        shutil.copytree(sound / "db", place.db)
        (place.db / "catalog.sqlite").unlink()
        filling = fill(tmp_path / "disk")
        with pytest.raises(GalleryError, match=r"free some space|cannot write|cannot repair"):
            Gallery.repair_folder(place.db)
        filling.unlink()
        assert Gallery.repair_folder(place.db).remaining == ()
        assert (place.ingest().embedded, place.found()) == (0, ALL)


# --- at random --------------------------------------------------------------------------------------------------


def hurt(db: Path, seed: int) -> list[str]:
    """Flip bytes of some of the gallery's files, cut or remove them; returns what was done."""
    chance, done = random.Random(seed), []
    for _ in range(chance.choice((1, 1, 2, 4))):
        kind = chance.choice(("catalog.sqlite", "lance/*/data/*", "lance/*/_versions/*", "**/*"))
        files = sorted(path for path in db.glob(kind) if path.is_file() and path.stat().st_size)
        if not files:
            continue
        file = chance.choice(files)
        content = bytearray(file.read_bytes())
        how = chance.choice(("flip", "flip", "cut", "remove"))
        if how == "flip":
            for _ in range(chance.choice((1, 8, 64))):
                content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
            file.write_bytes(content)
        elif how == "cut":
            os.truncate(file, chance.randrange(len(content)))
        else:
            file.unlink()
        done.append(f"{how} {file.relative_to(db)}")
    return done


def at_random(place: Place, seed: int) -> None:
    done = hurt(place.db, seed)
    for use in (place.found, place.ingest):
        with suppress(CvsiError):  # nothing else
            use()
    Gallery.check_folder(place.db)
    Gallery.repair_folder(place.db)
    place.ingest()
    assert place.found() == ALL, done
    assert Gallery.check_folder(place.db) == [], done


@pytest.mark.parametrize("seed", range(1))
def test_random_damage_is_repaired(place: Place, seed: int) -> None:
    at_random(place, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 50))
def test_more_random_damage_is_repaired(place: Place, seed: int) -> None:
    at_random(place, seed)
