"""A gallery on a disk that is read-only or full: it opens and answers, and a write gets an error with the reason."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cvsi_db.errors import GalleryError, MigrationError
from cvsi_db.ingest import ingest
from cvsi_db.records import ComposedQuery, Rewrite
from cvsi_db.search import SearchContext, search
from cvsi_db.store.catalog import Catalog, GalleryInfo, SourceFile
from cvsi_db.store.folder import create_gallery_folder, open_gallery_folder, write_lock
from tests.disks import fill, read_only, small_disk
from tests.fakes import COLOURS, DIM, FakeCaptioner, FakeEncoder, FakeModels, FakeRewriter, save_picture

if TYPE_CHECKING:
    from cvsi_db.store.images import Store

REPOSITORY = Path(__file__).parents[2]
INFO = GalleryInfo("fake", "fake-1", DIM, "2024-01-01T00:00:00+00:00")


def make(folder: Path, photos: Path) -> None:
    """A closed gallery of the photos."""
    store, catalog = create_gallery_folder(folder, INFO)
    take_in(photos, store, catalog)
    catalog.close()


def take_in(photos: Path, store: Store, catalog: Catalog) -> int:
    """Ingest; returns how many were new."""
    models = {"encoder": FakeEncoder(), "captioner": FakeCaptioner()}
    return ingest([photos], store=store, catalog=catalog, batch_size=8, **models).new


def found(folder: Path, reference: Path) -> list[str]:
    """The names of the three nearest images to a changed reference: a search as people make it, with captions."""
    store, catalog = open_gallery_folder(folder)
    context = SearchContext(store, catalog, FakeModels(), FakeRewriter())
    hits = search(ComposedQuery(reference, "with a white dot", 3), context)
    catalog.close()
    return [Path(hit.path).name for hit in hits]


def more_photos(folder: Path, count: int) -> None:
    for number in range(count):
        save_picture(folder / "more" / f"{number}.png", list(COLOURS)[number % len(COLOURS)], (40 + number, 30))


# --- read-only --------------------------------------------------------------------------------------------------


def test_a_gallery_in_a_read_only_folder_opens_and_answers(gallery_folder: Path, photos: Path, tmp_path: Path) -> None:
    make(gallery_folder, photos)
    reference = save_picture(tmp_path / "unseen.png", "purple", (33, 33))
    before = found(gallery_folder, reference)
    unseen = save_picture(tmp_path / "another.png", "purple", (34, 34))  # its captions are in no cache
    with read_only(gallery_folder):
        assert found(gallery_folder, reference) == before
        assert found(gallery_folder, unseen)[0] == "purple.png"
        store, catalog = open_gallery_folder(gallery_folder)
        assert (store.count(), len(catalog.source_files()), catalog.gallery()) == (5, 5, INFO)
        catalog.keep_rewrite(["a"], "b", "c", Rewrite(("d",), "", "c"))
        assert catalog.rewrite(["a"], "b", "c") is None
        with pytest.raises(GalleryError, match=r"cannot use the catalog .*read-only"):
            catalog.record_files([SourceFile("/x", 1, 1, None, "ok", None)])
        with pytest.raises(GalleryError, match=r"cannot write to '.*gallery'.*: \w+"), write_lock(gallery_folder):
            pass
        with pytest.raises(GalleryError, match="cannot write to"):
            store.delete(store.ids())
        catalog.close()
    assert found(gallery_folder, reference) == before


def test_an_old_gallery_in_a_read_only_folder_says_what_to_do(gallery_folder: Path, photos: Path) -> None:
    make(gallery_folder, photos)
    with closing(sqlite3.connect(gallery_folder / "catalog.sqlite")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001_first'")
    with read_only(gallery_folder), pytest.raises(MigrationError, match=r"is read-only and needs a migration: open it"):
        open_gallery_folder(gallery_folder)


def test_a_read_only_gallery_is_read_as_it_was_when_its_writer_died(gallery_folder: Path, photos: Path) -> None:
    make(gallery_folder, photos)
    program = (
        "import os, sys; from pathlib import Path; from cvsi_db.store.catalog import Catalog, SourceFile;"
        "Catalog(Path(sys.argv[1])).record_files([SourceFile('/late', 1, 1, None, 'ok', None)]); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", program, str(gallery_folder / "catalog.sqlite")], check=True)
    assert (gallery_folder / "catalog.sqlite-wal").stat().st_size > 0
    with read_only(gallery_folder):
        catalog = open_gallery_folder(gallery_folder)[1]
        assert len(catalog.source_files()) == 6
        catalog.close()


def test_no_gallery_is_made_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    with read_only(tmp_path / "disk"), pytest.raises(GalleryError, match=r"cannot make the folder '.*disk/gallery'"):
        create_gallery_folder(tmp_path / "disk" / "gallery", INFO)


# --- full -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("left", [pytest.param(0, marks=pytest.mark.slow), 60_000, 240_000])
def test_a_full_disk_is_reported_and_loses_nothing(tmp_path: Path, photos: Path, left: int) -> None:
    disk, folder = tmp_path / "disk", tmp_path / "disk" / "gallery"
    with small_disk(disk, 3000):
        make(folder, photos)
        before = found(folder, photos / "red.png")
        more_photos(photos, 90)
        filling = fill(disk, left)
        store, catalog = open_gallery_folder(folder)
        with pytest.raises(GalleryError, match=r"^cannot [^\n]*(No space left|disk is full)[^\n]*$"):
            take_in(photos, store, catalog)
        catalog.close()
        rest = fill(folder)
        store, catalog = open_gallery_folder(folder)
        assert {file.image_id for file in catalog.source_files().values()} <= store.ids()
        assert len(found(folder, photos / "red.png")) == 3
        assert store.count() > 5 or found(folder, photos / "red.png") == before
        for file in (filling, rest):
            file.unlink()
        take_in(photos, store, catalog)
        assert (store.count(), len(catalog.source_files()), store.orphans()) == (95, 95, set())
        catalog.close()


LIMITED = """
import resource, sys
from pathlib import Path
from cvsi_db.errors import GalleryError
from cvsi_db.store.folder import open_gallery_folder, write_lock
from tests.store.test_disks import take_in
store, catalog = open_gallery_folder(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
try:
    with write_lock(Path(sys.argv[1])):
        take_in(Path(sys.argv[2]), store, catalog)
except GalleryError as error:
    print(error)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="no limit of file sizes")
@pytest.mark.parametrize("limit", [0, 40_000])
def test_an_exceeded_quota_is_reported_and_loses_nothing(gallery_folder: Path, photos: Path, limit: int) -> None:
    make(gallery_folder, photos)
    more_photos(photos, 20)
    command = [sys.executable, "-c", LIMITED, str(gallery_folder), str(photos), str(limit)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("cannot ")
    store, catalog = open_gallery_folder(gallery_folder)
    assert store.count() >= 5
    take_in(photos, store, catalog)
    assert (store.count(), len(catalog.source_files()), store.orphans()) == (25, 25, set())
    catalog.close()
