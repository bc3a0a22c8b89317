"""Thumbnails: made by an ingest or a rewrite, kept when the file is gone, deleted with their image."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from cvsi_db.ingest import ingest
from cvsi_db.ingest.thumbnail import make_thumbnail
from cvsi_db.manage.check import find_problems
from cvsi_db.manage.remove import remove
from cvsi_db.manage.repair import repair
from cvsi_db.manage.rewrite import rewrite
from cvsi_db.store.catalog import Catalog
from cvsi_db.store.images import Store
from cvsi_db.store.location import table_folders
from tests.fakes import FakeCaptioner, FakeEncoder, save_picture


def taken_in(photos: Path, store: Store, catalog: Catalog, *, thumbnails: bool = True) -> None:
    encoder, captioner = FakeEncoder(), FakeCaptioner()
    ingest([photos], store=store, catalog=catalog, encoder=encoder, captioner=captioner, thumbnails=thumbnails)


def test_a_thumbnail_is_at_most_320_pixels_long_and_never_enlarged() -> None:
    sizes = {(1000, 500): (320, 160), (30, 640): (15, 320), (64, 48): (64, 48)}
    for size, expected in sizes.items():
        made = Image.open(BytesIO(make_thumbnail(Image.new("RGB", size, "red"))))
        assert (made.format, made.size) == ("JPEG", expected)


def test_an_ingest_keeps_a_thumbnail_of_each_content_the_right_way_up(
    photos: Path, store: Store, catalog: Catalog
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    Image.new("RGB", (60, 40), "red").save(photos / "turned.jpg", exif=exif)
    taken_in(photos, store, catalog)
    assert store.ids("thumbnails") == store.ids()
    (turned,) = (row.image_id for row in store.rows(store.ids()).values() if row.name == "turned.jpg")
    assert Image.open(BytesIO(store.thumbnails([turned])[turned])).size == (40, 60)
    assert find_problems(store, catalog) == []
    (photos / "turned.jpg").unlink()
    taken_in(photos, store, catalog)
    assert turned in store.ids("thumbnails")  # as long as the image may come back
    remove(store, catalog, [photos], None)
    assert store.ids("thumbnails") == set()


def test_a_thumbnail_without_an_image_is_found_and_dropped(photos: Path, store: Store, catalog: Catalog) -> None:
    taken_in(photos, store, catalog)
    store.add_thumbnails({"f" * 64: b"x"})
    assert [(each.kind, each.image_id) for each in find_problems(store, catalog)] == [
        ("thumbnail without image", "f" * 64)
    ]
    assert repair(store, catalog).mended == {"thumbnail without image": 1}
    assert store.ids("thumbnails") == store.ids()


def test_a_rewrite_keeps_all_rows_and_makes_the_thumbnails_that_can_be_made(
    photos: Path, store: Store, catalog: Catalog, gallery_folder: Path
) -> None:
    save_picture(photos / "gone.png", "purple")
    taken_in(photos, store, catalog, thumbnails=False)
    assert store.ids("thumbnails") == set()
    before = {name: store.scan(list(store.columns), table=name).sort_by("image_id") for name in ("images", "removed")}
    (gone,) = (row.image_id for row in store.rows(store.ids()).values() if row.name == "gone.png")
    (photos / "gone.png").unlink()
    rewrite(gallery_folder, store, catalog)
    tables = catalog.gallery().tables
    new = Store.open(gallery_folder / tables)
    assert (tables, (gallery_folder / "lance").exists()) == ("lance-rewritten", False)
    for name, rows in before.items():
        assert new.scan(list(new.columns), table=name).sort_by("image_id").equals(rows)  # type: ignore[arg-type]
    assert new.ids("captions") == new.ids()
    assert new.ids("thumbnails") == new.ids() - {gone}
    rewrite(gallery_folder, new, catalog)
    assert catalog.gallery().tables == "lance"


def test_a_rewrite_that_is_cut_short_leaves_the_gallery_as_it_was(
    photos: Path, store: Store, catalog: Catalog, gallery_folder: Path
) -> None:
    taken_in(photos, store, catalog, thumbnails=False)

    def stop(_done: int, _total: int, what: str) -> None:
        if what == "make thumbnails":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rewrite(gallery_folder, store, catalog, stop)
    assert (catalog.gallery().tables, store.count()) == ("lance", 5)
    rewrite(gallery_folder, store, catalog)
    assert Store.open(gallery_folder / "lance-rewritten").count(table="thumbnails") == 5


def test_a_rewrite_leaves_what_a_reembed_has_done(
    photos: Path, store: Store, catalog: Catalog, gallery_folder: Path
) -> None:
    taken_in(photos, store, catalog)
    Store.create(gallery_folder / "lance-abc123", 8)
    Store.create(gallery_folder / "lance-rewritten", 8)
    rewrite(gallery_folder, store, catalog)
    assert [each.name for each in table_folders(gallery_folder)] == ["lance-abc123", "lance-rewritten"]
    assert Store.open(gallery_folder / "lance-rewritten").ids() == Store.open(gallery_folder / "lance-rewritten").ids(
        "thumbnails"
    )
