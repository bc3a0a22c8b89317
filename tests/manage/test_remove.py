"""remove: images leave the gallery with everything it knows of them; the files stay, and may come back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cvsi_db.errors import FilterError, UsageError
from cvsi_db.ingest import ingest
from cvsi_db.manage.check import find_problems
from cvsi_db.manage.remove import remove
from cvsi_db.records import IngestSummary
from cvsi_db.store.catalog import Catalog
from cvsi_db.store.images import Store
from tests.fakes import CutShort, FakeCaptioner, FakeEncoder


@pytest.fixture
def again(
    photos: Path, store: Store, catalog: Catalog, encoder: FakeEncoder, captioner: FakeCaptioner
) -> Callable[[], IngestSummary]:
    """Ingests six files of five contents and a broken one; has done so once."""
    (photos / "trip" / "twin.png").write_bytes((photos / "red.png").read_bytes())
    (photos / "trip" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")

    def take_in() -> IngestSummary:
        return ingest([photos], store=store, catalog=catalog, encoder=encoder, captioner=captioner)

    assert take_in().new == 5
    return take_in


def names(store: Store) -> list[str]:
    return sorted(store.scan(["name"])["name"].to_pylist())


@pytest.mark.usefixtures("again")
def test_an_image_goes_with_captions_and_files(store: Store, catalog: Catalog, photos: Path) -> None:
    (blue,) = (file.image_id for file in catalog.each_file() if file.path.endswith("blue.png"))
    summary = remove(store, catalog, [photos / "blue.png"], None)
    assert (summary.images, summary.kept, summary.paths) == (1, 0, (str(photos / "blue.png"),))
    assert names(store) == ["green.png", "purple.png", "red.png", "yellow.png"]
    assert blue is not None
    assert str(photos / "blue.png") not in catalog.source_files()
    assert (catalog.kept_captions([blue]), store.orphans(), find_problems(store, catalog)) == ({}, set(), [])
    assert (photos / "blue.png").exists()


@pytest.mark.usefixtures("again")
def test_an_image_with_another_file_stays_with_that_one(store: Store, catalog: Catalog, photos: Path) -> None:
    summary = remove(store, catalog, [photos / "red.png"], None)
    assert (summary.images, summary.kept, len(summary.paths)) == (0, 1, 1)
    assert "twin.png" in names(store)
    assert find_problems(store, catalog) == []
    summary = remove(store, catalog, [photos / "trip"], None)  # the broken file is forgotten too
    assert (summary.images, summary.kept, len(summary.paths)) == (3, 0, 4)
    assert (names(store), len(catalog.source_files())) == (["blue.png", "green.png"], 2)
    assert find_problems(store, catalog) == []


def test_removed_files_come_back_with_the_next_ingest(
    store: Store, catalog: Catalog, photos: Path, again: Callable[[], IngestSummary]
) -> None:
    remove(store, catalog, [photos], None)
    assert (store.count(), catalog.source_files()) == (0, {})
    summary = again()
    assert (summary.new, summary.duplicates, summary.embedded, store.count()) == (5, 1, 5, 5)


@pytest.mark.usefixtures("again")
def test_a_condition_removes_whole_images(store: Store, catalog: Catalog, photos: Path) -> None:
    summary = remove(store, catalog, [], "name = 'red.png'")
    assert (summary.images, summary.kept) == (1, 0)
    assert [Path(path).name for path in summary.paths] == ["red.png", "twin.png"]
    assert remove(store, catalog, [photos / "trip"], "name = 'blue.png'").images == 0
    assert find_problems(store, catalog) == []


def test_images_whose_files_are_gone_are_removed_too(
    store: Store, catalog: Catalog, photos: Path, again: Callable[[], IngestSummary]
) -> None:
    (photos / "blue.png").unlink()
    assert again().removed == 1
    assert len(store.ids("removed")) == 1
    summary = remove(store, catalog, [photos / "blue.png"], None)
    assert (summary.images, store.ids("removed"), store.orphans()) == (1, set(), set())
    assert str(photos / "blue.png") not in catalog.source_files()


@pytest.mark.usefixtures("again")
def test_a_dry_run_counts_and_changes_nothing(store: Store, catalog: Catalog, photos: Path) -> None:
    version, files = store.version, catalog.source_files()
    summary = remove(store, catalog, [photos], None, dry_run=True)
    assert (summary.images, summary.kept, len(summary.paths), summary.dry_run) == (5, 0, 7, True)
    assert (store.version, catalog.source_files()) == (version, files)


@pytest.mark.usefixtures("again")
def test_removing_a_broken_file_forgets_it(store: Store, catalog: Catalog, photos: Path) -> None:
    broken = photos / "trip" / "broken.png"
    assert remove(store, catalog, [broken], None).paths == (str(broken),)
    assert str(broken) not in catalog.source_files()


@pytest.mark.usefixtures("again")
def test_an_interrupted_import_can_be_repeated(store: Store, catalog: Catalog, photos: Path) -> None:
    def cut() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        remove(store, CutShort(catalog, "forget_files", 1, cut), [photos / "trip"], None)  # type: ignore[arg-type]
    assert {problem.kind for problem in find_problems(store, catalog)} == {"path unknown"}
    summary = remove(store, catalog, [photos / "trip"], None)
    assert (summary.images, summary.kept, find_problems(store, catalog)) == (2, 1, [])


@pytest.mark.usefixtures("again")
def test_a_path_without_images_is_refused(store: Store, catalog: Catalog, photos: Path) -> None:
    with pytest.raises(UsageError, match=r"at or under .*none.png"):
        remove(store, catalog, [photos / "red.png", photos / "none.png"], None)
    with pytest.raises(UsageError, match="no image is named"):
        remove(store, catalog, [], None)
    with pytest.raises(FilterError, match="colour"):
        remove(store, catalog, [], "colour = 'red'")
    assert store.count() == 5
