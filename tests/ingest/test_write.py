"""The Writer on real tables, without the pipeline: moved, deleted and returned files, duplicates, tags, pruning."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Container, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cvsi_db.errors import ImageError
from cvsi_db.ingest.decode import read_picture
from cvsi_db.ingest.embed import embed_images
from cvsi_db.ingest.iptc_xmp import read_xmp
from cvsi_db.ingest.metadata import with_surroundings
from cvsi_db.ingest.read_bytes import DecodedBatch, FailedFile, ReadFile
from cvsi_db.ingest.recaption import recaption
from cvsi_db.ingest.scan import scan
from cvsi_db.ingest.write import Writer
from cvsi_db.manage.check import find_problems
from cvsi_db.records import FoundFile, ImageRow, IngestSummary, Metadata
from cvsi_db.store.catalog import Catalog, SourceFile
from cvsi_db.store.images import Store
from tests.disks import letters_alike
from tests.fakes import FakeCaptioner, FakeEncoder, save_picture
from tests.ingest.test_metadata import xmp_of

Sync = Callable[..., IngestSummary]


@pytest.fixture
def sync(store: Store, catalog: Catalog, encoder: FakeEncoder) -> Sync:
    """An ingest without the pipeline; the summary comes without its errors."""

    def call(*paths: Path, batch: int = 32, prune: bool = False, tags: Sequence[str] = ()) -> IngestSummary:
        writer = Writer(store, catalog, tags=tags)
        found = scan(paths, writer.files, writer.known)
        run, total = catalog.start_run([str(path) for path in paths]), IngestSummary()
        for start in range(0, len(found.pending), batch):
            decoded = decode(found.pending[start : start + batch], writer.known)
            total = plus(total, writer.write(decoded, embed_images(decoded.views, encoder)))
        total = plus(total, writer.finish(found, prune=prune))
        recaption(store=store, catalog=catalog, encoder=FakeEncoder(), captioner=FakeCaptioner())
        catalog.finish_run(run, total)
        return replace(total, errors=())

    return call


def decode(files: Sequence[FoundFile], known: Container[str]) -> DecodedBatch:
    read: dict[Path, ReadFile] = {}
    failed: list[FailedFile] = []
    for file in files:
        try:
            image_id = hashlib.sha256(file.path.read_bytes()).hexdigest()
            seen = image_id in known or image_id in {other.image_id for other in read.values()}
            picture = read_picture(file.path)
            said = with_surroundings(
                picture.metadata, file.path.name, [read_xmp(each.path.read_bytes()) for each in file.sidecars]
            )
            read[file.path] = ReadFile(file, image_id, None if seen else picture, said)
        except ImageError as error:
            failed.append(FailedFile(file, error.reason))
    return DecodedBatch(tuple(read.values()), tuple(failed))


def plus(total: IngestSummary, part: IngestSummary) -> IngestSummary:
    return IngestSummary(**{name: getattr(total, name) + getattr(part, name) for name in total.__dataclass_fields__})


def row_of(store: Store, path: Path) -> ImageRow:
    """The one shown row that has `path`."""
    (row,) = [row for row in store.rows(store.ids()).values() if str(path) in row.paths]
    return row


def removed(store: Store) -> dict[str, ImageRow]:
    """The removed rows by the name of their last path."""
    return {row.name: row for row in store.rows(store.ids("removed"), "removed").values()}


def captions_of(store: Store, image_id: str) -> int:
    return store.scan(["image_id"], f"image_id = '{image_id}'", table="captions").num_rows


def is_sound(store: Store, catalog: Catalog) -> bool:
    """The invariants: a file has an image_id exactly when that image's row has its path, and no row is twice."""
    rows = store.rows(store.ids())
    placed = {path: row.image_id for row in rows.values() for path in row.paths}
    recorded = {path: file.image_id for path, file in catalog.source_files().items() if file.image_id}
    alone = store.ids().isdisjoint(store.ids("removed")) and store.count() == len(rows) and not store.orphans()
    return placed == recorded and alone and find_problems(store, catalog) == []


# --- deleted files ----------------------------------------------------------------------------------------------


def test_a_deleted_file_is_in_no_search_and_keeps_its_vectors_and_captions(
    sync: Sync, store: Store, catalog: Catalog, photos: Path
) -> None:
    sync(photos)
    before = row_of(store, photos / "red.png")
    (photos / "red.png").unlink()
    assert sync(photos / "trip") == IngestSummary(unchanged=2)
    assert sync(photos) == IngestSummary(unchanged=4, removed=1)
    assert (store.count(), before.image_id in store.ids()) == (4, False)
    row = removed(store)["red.png"]
    assert (row.path, row.paths, row.captions) == (str(photos / "red.png"), (), before.captions)
    np.testing.assert_array_equal(row.image_vector, before.image_vector)
    assert captions_of(store, before.image_id) == 3
    gone = catalog.source_files()[str(photos / "red.png")]
    assert (gone.state, gone.image_id) == ("missing", None)
    assert sync(photos) == IngestSummary(unchanged=4)
    assert is_sound(store, catalog)


@pytest.mark.parametrize(("place", "said"), [("red.png", "unchanged"), ("trip/crimson.png", "moved")])
def test_a_deleted_file_that_returns_needs_no_model(
    sync: Sync, store: Store, catalog: Catalog, encoder: FakeEncoder, photos: Path, place: str, said: str
) -> None:
    sync(photos)
    before, content = row_of(store, photos / "red.png"), (photos / "red.png").read_bytes()
    (photos / "red.png").unlink()
    sync(photos)
    (photos / place).write_bytes(content)
    assert sync(photos) == plus(IngestSummary(unchanged=4), IngestSummary(**{said: 1}))
    row = row_of(store, photos / place)
    assert (row.image_id, row.paths, row.captions) == (before.image_id, (str(photos / place),), before.captions)
    assert (encoder.image_batches, removed(store)) == ([5], {})
    assert captions_of(store, before.image_id) == 3
    assert is_sound(store, catalog)


def test_a_deleted_copy_leaves_the_image_to_its_other_path(
    sync: Sync, store: Store, catalog: Catalog, photos: Path
) -> None:
    shutil.copy(photos / "red.png", photos / "trip" / "z.png")
    assert sync(photos) == IngestSummary(new=5, duplicates=1, embedded=5)
    (photos / "red.png").unlink()
    assert sync(photos) == IngestSummary(unchanged=5, removed=1)
    row = row_of(store, photos / "trip" / "z.png")
    assert (row.path, row.paths, row.folder) == (str(photos / "trip" / "z.png"), (row.path,), "trip")
    assert (removed(store), is_sound(store, catalog)) == ({}, True)


def test_a_changed_file_moves_its_old_content_to_removed(
    sync: Sync, store: Store, catalog: Catalog, encoder: FakeEncoder, photos: Path
) -> None:
    sync(photos)
    content = (photos / "red.png").read_bytes()
    save_picture(photos / "red.png", "orange")
    assert sync(photos) == IngestSummary(new=1, unchanged=4, embedded=1)
    assert (store.count(), list(removed(store))) == (5, ["red.png"])
    (photos / "red.png").write_bytes(content)
    assert sync(photos) == IngestSummary(unchanged=5)
    assert (row_of(store, photos / "red.png").captions[0], encoder.image_batches) == ("a red picture", [5, 1])
    assert is_sound(store, catalog)


def test_missing_files_of_an_older_version_are_moved_to_removed(
    sync: Sync, store: Store, catalog: Catalog, photos: Path
) -> None:
    sync(photos)
    file = catalog.source_files()[str(photos / "red.png")]
    (photos / "red.png").unlink()
    catalog.record_files([replace(file, state="missing")])
    assert sync(photos) == IngestSummary(unchanged=4, removed=1)
    assert (list(removed(store)), is_sound(store, catalog)) == (["red.png"], True)


def test_files_that_changed_after_an_ingest_died_leave_no_path_behind(
    sync: Sync, store: Store, catalog: Catalog, photos: Path, tmp_path: Path
) -> None:
    sync(photos)
    before = {name: row_of(store, photos / name).image_id for name in ("red.png", "blue.png")}
    # As if it had died between its rows and their records.
    catalog.start_run([str(photos)])
    catalog.forget_files([str(photos / name) for name in ("red.png", "blue.png", "green.png")])
    save_picture(photos / "red.png", "orange")
    (photos / "blue.png").unlink()
    assert sync(photos) == IngestSummary(new=2, unchanged=2, embedded=1)
    assert store.ids("removed") == set(before.values())
    assert find_problems(store, catalog, files=True) == []
    # The next ingest may be of another folder.
    catalog.start_run([str(photos)])
    catalog.forget_files([str(photos / "green.png")])
    save_picture(tmp_path / "other" / "white.png", "white")
    sync(tmp_path / "other")
    assert [problem.kind for problem in find_problems(store, catalog, files=True)] == ["file changed"]
    assert sync(photos) == IngestSummary(unchanged=4)
    assert find_problems(store, catalog, files=True) == []


def test_a_deleted_failed_file_does_not_count_as_removed(sync: Sync, catalog: Catalog, photos: Path) -> None:
    (photos / "bad.png").write_bytes(b"bad")
    sync(photos)
    (photos / "bad.png").unlink()
    assert sync(photos) == IngestSummary(unchanged=5)
    assert catalog.source_files()[str(photos / "bad.png")].state == "missing"


# --- moved files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("batch", "noticed"), [(1, False), (32, True)])
def test_a_moved_folder_needs_no_model(
    sync: Sync, store: Store, catalog: Catalog, encoder: FakeEncoder, photos: Path, noticed: bool, batch: int
) -> None:
    sync(photos)
    vectors = {row.name: row.image_vector for row in store.rows(store.ids()).values()}
    save_picture(photos / "last.png", "white")
    sync(photos)
    aside = photos.parent / "archive"
    (photos / "last.png").rename(photos.parent / "last.png")
    photos.rename(aside)
    photos.mkdir()
    (photos.parent / "last.png").rename(photos / "last.png")
    if noticed:
        assert sync(photos) == IngestSummary(unchanged=1, removed=5)
        assert store.count() == 1
    assert sync(aside, batch=batch) == IngestSummary(moved=5)
    found = {row.name: row for row in store.rows(store.ids()).values()}
    assert all(row.path.startswith((str(aside), str(photos / "last.png"))) for row in found.values())
    for name, vector in vectors.items():
        np.testing.assert_array_equal(found[name].image_vector, vector)
    assert encoder.image_batches == [5, 1]
    assert is_sound(store, catalog)
    assert sync(aside) == IngestSummary(unchanged=5)


def test_a_content_decoded_twice_gets_one_row(
    store: Store, catalog: Catalog, encoder: FakeEncoder, tmp_path: Path
) -> None:
    """A pipeline decodes ahead: two batches may both hold the picture of a content that is new to both."""
    paths = [save_picture(tmp_path / name, "red") for name in ("a.png", "b.png")]
    writer, outcomes = Writer(store, catalog), []
    for path in paths:
        (file,) = scan([path], {}, ()).pending
        batch = DecodedBatch((ReadFile(file, read_picture(path).image_id, read_picture(path)),), ())
        outcomes.append(writer.write(batch, embed_images(batch.views, encoder)))
    assert [(each.new, each.duplicates) for each in outcomes] == [(1, 0), (0, 1)]
    assert row_of(store, paths[0]).paths == tuple(map(str, paths))
    assert is_sound(store, catalog)


def test_names_that_differ_in_case_are_two_files(sync: Sync, store: Store, catalog: Catalog, tmp_path: Path) -> None:
    upper, lower = (save_picture(tmp_path / "p" / name, "red") for name in ("IMG.PNG", "img.png"))
    assert sync(tmp_path / "p") == IngestSummary(new=1, duplicates=1, embedded=1)
    assert row_of(store, lower).paths == (str(upper), str(lower))
    assert sync(tmp_path / "p") == IngestSummary(unchanged=2)
    assert is_sound(store, catalog)


def test_a_rename_in_case_only_is_a_move_on_a_case_insensitive_disk(
    sync: Sync, store: Store, catalog: Catalog, tmp_path: Path
) -> None:
    with letters_alike(tmp_path / "disk"):
        path = save_picture(tmp_path / "disk" / "IMG.PNG", "red")
        sync(tmp_path / "disk")
        path.rename(path.with_name("img.png"))
        assert [entry.name for entry in path.parent.iterdir()] == ["img.png"]
        assert path.exists()
        assert sync(tmp_path / "disk") == IngestSummary(moved=1)
        assert row_of(store, path.with_name("img.png")).paths == (str(path.with_name("img.png")),)
        assert sync(tmp_path / "disk") == IngestSummary(unchanged=1)
        assert is_sound(store, catalog)


# --- roots that are not there -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["gone", "empty", "a link to nothing"])
def test_a_missing_root_removes_and_prunes_nothing(
    sync: Sync, store: Store, catalog: Catalog, photos: Path, tmp_path: Path, how: str
) -> None:
    disk = tmp_path / "disk"
    paths = [save_picture(disk / f"{colour}.png", colour) for colour in ("white", "grey")]
    assert sync(photos, disk) == IngestSummary(new=7, embedded=7)
    paths[0].unlink()
    assert sync(photos, disk) == IngestSummary(unchanged=6, removed=1)
    shutil.rmtree(disk)
    if how == "empty":
        disk.mkdir()
    elif how == "a link to nothing":
        disk.symlink_to(tmp_path / "unplugged")
    (photos / "red.png").unlink()
    summary = sync(photos, disk, prune=True)
    assert replace(summary, lost=()) == IngestSummary(unchanged=4, removed=1, pruned=1)  # red is pruned, white is not
    (lost,) = summary.lost
    assert (lost.path, "where 1 image was: they stay in the gallery" in lost.reason) == (str(disk), True)
    assert (row_of(store, paths[1]).name, list(removed(store))) == ("grey.png", ["white.png"])
    assert is_sound(store, catalog)


# --- pruning ----------------------------------------------------------------------------------------------------


def test_prune_deletes_removed_images_below_the_roots(
    sync: Sync, store: Store, catalog: Catalog, photos: Path, tmp_path: Path
) -> None:
    other = save_picture(tmp_path / "other" / "white.png", "white")
    save_picture(tmp_path / "other" / "grey.png", "grey")
    sync(photos, tmp_path / "other")
    red, white = row_of(store, photos / "red.png").image_id, row_of(store, other).image_id
    (photos / "red.png").unlink()
    other.unlink()
    assert sync(photos, tmp_path / "other") == IngestSummary(unchanged=5, removed=2)
    assert sync(photos, prune=True) == IngestSummary(unchanged=4, pruned=1)
    assert (list(removed(store)), captions_of(store, red), captions_of(store, white)) == (["white.png"], 0, 3)
    assert catalog.kept_captions([red, white]).keys() == {white}
    assert sync(photos, prune=True) == IngestSummary(unchanged=4)
    assert is_sound(store, catalog)


def test_a_pruned_content_is_new_again(
    sync: Sync, store: Store, catalog: Catalog, encoder: FakeEncoder, photos: Path
) -> None:
    sync(photos)
    content = (photos / "red.png").read_bytes()
    (photos / "red.png").unlink()
    assert sync(photos, prune=True) == IngestSummary(unchanged=4, removed=1, pruned=1)
    (photos / "red.png").write_bytes(content)
    assert sync(photos) == IngestSummary(new=1, unchanged=4, embedded=1)
    assert (encoder.image_batches, is_sound(store, catalog)) == ([5, 1], True)


def test_a_moved_file_is_not_pruned(sync: Sync, store: Store, catalog: Catalog, photos: Path) -> None:
    sync(photos)
    (photos / "red.png").rename(photos / "trip" / "red.png")
    assert sync(photos, prune=True) == IngestSummary(unchanged=4, moved=1)
    assert (store.count(), is_sound(store, catalog)) == (5, True)


# --- tags and other metadata ------------------------------------------------------------------------------------


def test_every_ingested_file_gets_the_tags(sync: Sync, store: Store, catalog: Catalog, photos: Path) -> None:
    sync(photos / "trip", tags=("trip",))
    assert row_of(store, photos / "trip" / "yellow.png").tags == ("trip",)
    version = store.version
    assert sync(photos / "trip", tags=("trip",)) == IngestSummary(unchanged=2)
    assert store.version == version
    shutil.copy(photos / "trip" / "yellow.png", photos / "copy.png")
    assert sync(photos, tags=("all", "trip")) == IngestSummary(new=3, unchanged=2, duplicates=1, embedded=3)
    assert {row.name: row.tags for row in store.rows(store.ids()).values()} == {
        "yellow.png": ("trip", "all"),
        "purple.png": ("trip", "all"),
        **dict.fromkeys(("red.png", "green.png", "blue.png"), ("all", "trip")),
    }
    assert sync(photos) == IngestSummary(unchanged=6)
    assert (store.count("array_has(tags, 'all')"), is_sound(store, catalog)) == (5, True)


def test_a_returning_file_keeps_its_tags_and_gets_new_ones(sync: Sync, store: Store, photos: Path) -> None:
    sync(photos, tags=("old",))
    content = (photos / "red.png").read_bytes()
    (photos / "red.png").unlink()
    sync(photos)
    (photos / "red.png").write_bytes(content)
    sync(photos, tags=("new",))
    assert row_of(store, photos / "red.png").tags == ("old", "new")


def test_a_new_row_has_place_and_keywords(store: Store, catalog: Catalog, encoder: FakeEncoder, photos: Path) -> None:
    (file,) = scan([photos / "red.png"], {}, ()).pending
    said = Metadata(latitude=-33.8568, longitude=151.2153, tags=("Harbour", "opera"))
    picture = replace(read_picture(file.path), metadata=said)
    batch = DecodedBatch((ReadFile(file, picture.image_id, picture),), ())
    Writer(store, catalog, tags=("opera", "trip")).write(batch, embed_images(batch.views, encoder))
    row = row_of(store, photos / "red.png")
    assert (row.latitude, row.longitude, row.tags) == (-33.8568, 151.2153, ("Harbour", "opera", "trip"))
    assert store.count("latitude < -33 AND longitude > 151") == 1


def sidecar_of(path: Path, *keywords: str, rating: int = 0) -> None:
    path.with_name(f"{path.name}.xmp").write_bytes(xmp_of(keywords, attributes=f'xmp:Rating="{rating}"'))


def test_a_changed_sidecar_changes_the_row_without_a_model(
    sync: Sync, store: Store, catalog: Catalog, encoder: FakeEncoder, photos: Path
) -> None:
    sidecar_of(photos / "red.png", "sea", "sun", rating=3)
    assert sync(photos, tags=("trip",)) == IngestSummary(new=5, embedded=5)
    row = row_of(store, photos / "red.png")
    assert (row.rating, row.tags) == (3, ("sea", "sun", "trip"))
    store.update([replace(row, tags=("sea", "trip", "mine"))])  # as `cvsi-db tag` does
    sidecar_of(photos / "red.png", "sun", "moon", rating=5)
    assert sync(photos) == IngestSummary(unchanged=5)
    row = row_of(store, photos / "red.png")
    assert (row.rating, row.tags) == (5, ("trip", "mine", "moon"))  # "sun" was removed by a person
    (photos / "red.png.xmp").unlink()
    assert sync(photos) == IngestSummary(unchanged=5)
    row = row_of(store, photos / "red.png")
    assert (row.rating, row.tags) == (None, ("trip", "mine"))
    assert encoder.image_batches == [5]
    assert is_sound(store, catalog)


def test_the_primary_file_describes_its_image_and_every_file_gives_keywords(
    sync: Sync, store: Store, photos: Path
) -> None:
    twin = photos / "zz_20240506_070809.png"
    twin.write_bytes((photos / "red.png").read_bytes())
    sidecar_of(photos / "red.png", "sea", "both", rating=3)
    sidecar_of(twin, "sun", "both", rating=5)
    sync(photos)
    row = row_of(store, twin)
    assert (row.path, row.rating, row.taken_at, row.tags) == (
        str(photos / "red.png"), 3, None, ("sea", "both", "sun")
    )  # fmt: skip
    (photos / "red.png").unlink()
    (photos / "red.png.xmp").unlink()
    sync(photos)
    assert row_of(store, twin).tags == ("both", "sun")


def test_a_moved_file_is_described_anew_and_keeps_what_people_said(
    sync: Sync, store: Store, encoder: FakeEncoder, photos: Path
) -> None:
    sidecar_of(photos / "red.png", "sea", rating=3)
    sync(photos)
    store.update([replace(row_of(store, photos / "red.png"), tags=("mine",))])
    moved = photos / "IMG_20240506_070809.png"
    (photos / "red.png").rename(moved)
    (photos / "red.png.xmp").unlink()
    assert sync(photos) == IngestSummary(unchanged=4, moved=1)
    row = row_of(store, moved)
    assert (row.rating, row.tags) == (None, ("mine",))
    assert (row.taken_at, row.date_source) == ("2024-05-06T07:08:09", "name")
    assert encoder.image_batches == [5]


def test_a_gallery_of_an_older_version_is_described_at_its_next_ingest(
    sync: Sync, store: Store, catalog: Catalog, encoder: FakeEncoder, photos: Path
) -> None:
    (photos / "red.png").rename(photos / "IMG_20240506_070809.png")
    sync(photos)
    rows = store.rows(store.ids()).values()
    store.update([replace(row, taken_at=None, date_source=None) for row in rows])
    catalog.record_files([replace(file, sidecars=None, keywords=None) for file in catalog.source_files().values()])
    assert sync(photos) == IngestSummary(unchanged=5)
    assert row_of(store, photos / "IMG_20240506_070809.png").date_source == "name"
    assert encoder.image_batches == [5]


def test_what_is_not_taken_is_recorded_until_it_is_gone_or_taken(
    sync: Sync, store: Store, catalog: Catalog, photos: Path
) -> None:
    (photos / "notes.txt").write_text("x")
    (photos / "later.dat").write_text("x")
    (photos / "@eaDir").mkdir()
    summary = sync(photos)
    assert (summary.skipped, [Path(file.path).name for file in summary.skipped_files]) == (
        3, ["@eaDir", "later.dat", "notes.txt"]
    )  # fmt: skip
    skipped = {Path(file.path).name: file.error for file in catalog.each_file() if file.state == "skipped"}
    assert skipped == {
        "@eaDir": "a folder of thumbnails that a Synology NAS keeps",
        "later.dat": "not an image",
        "notes.txt": "not an image (text/plain)",
    }
    (photos / "notes.txt").unlink()
    save_picture(photos / "later.dat", "orange")
    summary = sync(photos)
    assert (summary.new, summary.skipped, summary.removed) == (1, 1, 0)
    assert Counter(file.state for file in catalog.each_file()) == {"ok": 6, "skipped": 1}


# --- what a killed writer left ----------------------------------------------------------------------------------


def test_a_row_in_both_tables_is_an_image(sync: Sync, store: Store, catalog: Catalog, photos: Path) -> None:
    sync(photos)
    row = row_of(store, photos / "red.png")
    store.remove([row])
    store.update([row])
    assert sync(photos) == IngestSummary(unchanged=5)
    assert is_sound(store, catalog)


def test_a_removed_row_whose_file_the_catalog_still_has_comes_back(
    sync: Sync, store: Store, catalog: Catalog, encoder: FakeEncoder, photos: Path
) -> None:
    sync(photos)
    store.remove([row_of(store, photos / "red.png")])  # killed here, then the file was put back, time and all
    assert sync(photos) == IngestSummary(unchanged=5)
    assert (encoder.image_batches, is_sound(store, catalog)) == ([5], True)


def test_orphaned_captions_of_a_killed_ingest_are_deleted(
    sync: Sync, store: Store, catalog: Catalog, photos: Path
) -> None:
    sync(photos)
    row = row_of(store, photos / "red.png")
    store._images.delete(f"image_id = '{row.image_id}'")
    assert store.orphans() == {row.image_id}
    (photos / "red.png").unlink()
    catalog.start_run([str(photos)])
    sync(photos)
    assert (store.orphans(), is_sound(store, catalog)) == (set(), True)


def test_the_records_of_many_files_are_read_fast_enough(store: Store, catalog: Catalog) -> None:
    catalog.record_files([SourceFile(f"/{number}.png", 1, 1, None, "failed", "x") for number in range(3000)])
    writer = Writer(store, catalog)
    assert len(writer.files.at([f"/{number}.png" for number in range(2500, 4000)])) == 500
    assert [file.path for file in writer.files.values()] == sorted(f"/{number}.png" for number in range(3000))
    known = writer.files.get("/17.png")
    assert known is not None
    assert (known.error, writer.files.get("/4000.png")) == ("x", None)
