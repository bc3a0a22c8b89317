"""Tags and selections: which images are meant, and what becomes of their tags."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cvsi_db.errors import FilterError, UsageError
from cvsi_db.ingest import ingest
from cvsi_db.manage.listing import each_image
from cvsi_db.manage.selection import root_of, select
from cvsi_db.manage.tags import TagSummary, count_tags, tag
from cvsi_db.query.where import check_where
from cvsi_db.records.tags import normalise_tags
from cvsi_db.store.catalog import Catalog
from cvsi_db.store.images import Store
from tests.fakes import FakeCaptioner, FakeEncoder


@pytest.fixture
def filled(photos: Path, store: Store, catalog: Catalog, encoder: FakeEncoder, captioner: FakeCaptioner) -> Store:
    ingest([photos], store=store, catalog=catalog, encoder=encoder, captioner=captioner)
    return store


def tags(store: Store) -> dict[str, list[str]]:
    """The tags of each image that has some, by its file's name."""
    return {row["name"]: row["tags"] for row in list(each_image(store)) if row["tags"]}


def test_tagging_a_folder_and_a_file(filled: Store, photos: Path) -> None:
    assert tag(filled, [photos / "trip", photos / "red.png"], None, ["sea", "2024"], []) == TagSummary(3, 3)
    assert tags(filled) == {name: ["sea", "2024"] for name in ("red.png", "purple.png", "yellow.png")}
    assert count_tags(filled, [], None) == {"2024": 3, "sea": 3}
    assert count_tags(filled, [photos / "red.png"], None) == {"2024": 1, "sea": 1}


def test_adding_a_tag_twice_or_removing_a_missing_one_changes_nothing(filled: Store, photos: Path) -> None:
    tag(filled, [photos / "red.png"], None, ["sea"], [])
    version = filled.version
    assert tag(filled, [photos / "red.png"], None, ["sea"], ["sky"]) == TagSummary(1, 0)
    assert filled.version == version
    assert tag(filled, [photos], None, ["sky"], ["sea"]) == TagSummary(5, 5)
    assert set(map(tuple, tags(filled).values())) == {("sky",)}


def test_conditions_can_use_tags(filled: Store, photos: Path) -> None:
    assert tag(filled, [], "width = 50", ["square"], []) == TagSummary(1, 1)
    assert tag(filled, [photos / "trip"], "name LIKE 'y%'", ["yes"], []) == TagSummary(1, 1)
    assert tags(filled) == {"blue.png": ["square"], "yellow.png": ["yes"]}
    assert filled.count(check_where("array_has(tags, 'square')", filled.columns)) == 1
    assert tag(filled, [], "array_has(tags, 'yes') OR array_has(tags, 'square')", [], ["yes", "square"]).changed == 2
    assert tags(filled) == {}


def test_only_tags_change(filled: Store, photos: Path) -> None:
    before = filled.rows(filled.ids())
    tag(filled, [photos], None, ["sea"], [])
    for image_id, row in filled.rows(filled.ids()).items():
        assert row.tags == ("sea",)
        assert (row.image_vector == before[image_id].image_vector).all()
        assert (row.caption_vector == before[image_id].caption_vector).all()
        assert vars(replace(row, tags=())).keys() == vars(before[image_id]).keys()
        same = [name for name in vars(row) if not name.endswith("_vector") and name != "tags"]
        assert [getattr(row, name) for name in same] == [getattr(before[image_id], name) for name in same]


@pytest.mark.parametrize(
    ("paths", "where", "add", "remove", "error", "said"),
    [
        ([], None, ["a"], [], UsageError, "no image is named"),
        (["none"], None, ["a"], [], UsageError, r"at or under .*none"),
        (["."], None, [], [], UsageError, "no tag is named"),
        (["."], None, ["a"], [" a "], UsageError, "'a' is both added and removed"),
        (["."], None, [" "], [], UsageError, "cannot use the tag"),
        (["."], None, ["a\x00b"], [], UsageError, "cannot use the tag"),
        (["."], None, ["a" * 101], [], UsageError, "1 to 100"),
        ([], "colour = 'red'", ["a"], [], FilterError, "colour"),
    ],
)
def test_unusable_arguments_change_nothing(
    filled: Store,
    photos: Path,
    paths: list[str],
    where: str | None,
    add: list[str],
    remove: list[str],
    error: type[Exception],
    said: str,
) -> None:
    version = filled.version
    with pytest.raises(error, match=said):
        tag(filled, [photos / path for path in paths], where, add, remove)
    assert filled.version == version


def test_tags_are_normalised() -> None:
    assert normalise_tags(["  by  the sea ", "Zoë", "by the sea"]) == ("by the sea", "Zoë")


def test_a_root_is_a_folder_and_not_the_beginning_of_a_name() -> None:
    roots = frozenset({"/a/b", "/a/b/c"})
    assert root_of("/a/b/x.png", roots) == "/a/b"
    assert root_of("/a/b/c/x.png", roots) == "/a/b/c"
    assert root_of("/a/b", roots) == "/a/b"
    assert root_of("/a/bc/x.png", roots) is None
    assert root_of("/x.png", frozenset({"/"})) == "/"


def test_removed_images_are_selected_only_with_removed(filled: Store, photos: Path) -> None:
    red = next(row for row in filled.rows(filled.ids()).values() if row.name == "red.png")
    filled.remove([red])
    assert red.image_id not in select(filled, [photos], None).images
    both = select(filled, [photos], None, removed=True).images
    assert (both[red.image_id], len(both)) == ((str(photos / "red.png"),), 5)
