"""backup and restore: one file holds the whole gallery, and no archive can do harm."""

from __future__ import annotations

import io
import os
import sys
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from cvsi_db.errors import GalleryError
from cvsi_db.gallery import Gallery
from cvsi_db.ingest import ingest
from cvsi_db.manage.backup import BackupSummary, backup, restore
from cvsi_db.store.catalog import Catalog
from cvsi_db.store.folder import open_gallery_folder
from cvsi_db.store.images import Store
from tests.disks import read_only, small_disk
from tests.fakes import FakeCaptioner, FakeEncoder


@pytest.fixture
def filled(photos: Path, opened: tuple[Store, Catalog], gallery_folder: Path) -> Path:
    """The folder of a gallery of five pictures."""
    store, catalog = opened
    ingest([photos], store=store, catalog=catalog, encoder=FakeEncoder(), captioner=FakeCaptioner())
    return gallery_folder


@pytest.fixture
def file(filled: Path, tmp_path: Path) -> Path:
    """A backup of it."""
    summary = backup(filled, tmp_path / "backup.tar")
    assert summary == BackupSummary(5, (tmp_path / "backup.tar").stat().st_size)
    return tmp_path / "backup.tar"


def test_a_restored_gallery_is_the_one_that_was_backed_up(
    filled: Path, file: Path, photos: Path, tmp_path: Path
) -> None:
    assert restore(file, tmp_path / "new" / "db").images == 5
    store, catalog = open_gallery_folder(tmp_path / "new" / "db")
    before, known = open_gallery_folder(filled)
    with closing(catalog), closing(known):
        assert store.rows(store.ids()).keys() == before.rows(before.ids()).keys()
        assert store.scan(["text"], table="captions").num_rows == 15
        assert (catalog.gallery(), catalog.source_files()) == (known.gallery(), known.source_files())
        again = ingest([photos], store=store, catalog=catalog, encoder=FakeEncoder(), captioner=FakeCaptioner())
        assert (again.unchanged, again.embedded) == (5, 0)
    assert Gallery.check_folder(tmp_path / "new" / "db") == []


def test_an_archive_holds_the_catalog_and_the_tables_only(file: Path) -> None:
    with tarfile.open(file) as archive:
        assert {name.split("/")[0] for name in archive.getnames()} == {"catalog.sqlite", "lance"}


def test_an_existing_file_is_not_overwritten(filled: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.tar").write_text("years of work")
    with pytest.raises(GalleryError, match="exists: name a new file"):
        backup(filled, tmp_path / "mine.tar")
    assert (tmp_path / "mine.tar").read_text() == "years of work"


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="this Python can compress")
def test_compression_that_python_lacks_is_refused(filled: Path, tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match=r"needs Python 3.14; name it .tar"):
        backup(filled, tmp_path / "backup.tar.zst")
    assert not (tmp_path / "backup.tar.zst").exists()


def test_a_gallery_in_a_read_only_folder_is_backed_up(filled: Path, opened: object, tmp_path: Path) -> None:
    opened[1].close()  # type: ignore[index]
    with read_only(filled):
        assert backup(filled, tmp_path / "backup.tar").images == 5


def test_a_full_disk_leaves_no_half_of_a_backup_and_none_of_a_gallery(filled: Path, file: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 64):
        with pytest.raises(GalleryError, match=r"cannot write the backup .*No space left"):
            backup(filled, tmp_path / "disk" / "backup.tar")
        with pytest.raises(GalleryError, match=r"cannot restore .*No space left"):
            restore(file, tmp_path / "disk" / "db")
        assert list((tmp_path / "disk").iterdir()) == []


def test_nothing_is_restored_over_files(file: Path, tmp_path: Path) -> None:
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "thesis.doc").write_text("years of work")
    for place in (tmp_path / "db", tmp_path / "db" / "thesis.doc"):
        with pytest.raises(GalleryError, match="is not empty: name a new or an empty folder"):
            restore(file, place)
    assert [path.name for path in (tmp_path / "db").iterdir()] == ["thesis.doc"]


def test_an_empty_folder_takes_a_gallery_and_what_a_killed_restore_left_goes(file: Path, tmp_path: Path) -> None:
    (tmp_path / "db" / "restore.part" / "lance").mkdir(parents=True)
    assert restore(file, tmp_path / "db").images == 5
    assert sorted(path.name for path in (tmp_path / "db").iterdir()) == ["catalog.sqlite", "lance"]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_an_archive_that_is_cut_is_refused(file: Path, tmp_path: Path, share: float) -> None:
    os.truncate(file, int(file.stat().st_size * share))
    with pytest.raises(GalleryError, match=r"cannot restore|is damaged|no backup"):
        restore(file, tmp_path / "db")
    assert not (tmp_path / "db").exists()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


@pytest.mark.parametrize(
    "hostile",
    [
        member("../escaped"),
        member("lance/../../escaped"),
        member("/tmp/escaped"),
        member("lance/link", tarfile.SYMTYPE, "/etc/passwd"),
        member("lance/link", tarfile.LNKTYPE, "catalog.sqlite"),
        member("lance/pipe", tarfile.FIFOTYPE),
        member("thesis.doc"),
        member("catalog.sqlite", tarfile.SYMTYPE, "/etc/passwd"),
    ],
    ids=lambda made: f"{made.name} {made.type!r}",
)
def test_a_hostile_archive_is_refused(tmp_path: Path, hostile: tarfile.TarInfo) -> None:
    with tarfile.open(tmp_path / "hostile.tar", "w") as archive:
        archive.addfile(hostile, io.BytesIO())
    with pytest.raises(GalleryError, match="is no backup of a gallery: it holds"):
        restore(tmp_path / "hostile.tar", tmp_path / "db")
    assert [path.name for path in tmp_path.iterdir()] == ["hostile.tar"]


def test_a_photo_is_no_backup(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match="cannot restore"):
        restore(photos / "red.png", tmp_path / "db")
    assert not (tmp_path / "db").exists()
