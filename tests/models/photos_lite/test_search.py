"""A gallery of photos-lite: ingest, search, warnings about words, and what explain says of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from cvsi_db.gallery import Gallery

SCENES = {
    "meadow.png": ((80, 140, 230), (60, 140, 50)),
    "night.png": ((5, 5, 15), (0, 0, 0)),
    "snow.png": ((200, 210, 250), (250, 250, 250)),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for name, (top, bottom) in SCENES.items():
        picture = Image.new("RGB", (90, 60), top)
        picture.paste(bottom, (0, 30, 90, 60))
        picture.save(folder / name)
    return folder


@pytest.fixture(scope="module")
def gallery(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    with Gallery.create(tmp_path_factory.mktemp("db") / "gallery", model="photos-lite") as gallery:
        assert gallery.ingest(folder).new == 3
        yield gallery


def test_texts_find_the_pictures_of_their_colours(gallery: Gallery) -> None:
    for text, name in (("in a green meadow under a blue sky", "meadow.png"), ("at night", "night.png")):
        assert Path(gallery.search(edit_text=text, k=1)[0].path).name == name


def test_a_composed_search_has_the_branches_of_its_preset(gallery: Gallery, folder: Path) -> None:
    found = gallery.search(folder / "meadow.png", "at night")
    assert Path(found[0].path).name == "night.png"
    assert found.compiled.preset.name == "photos-lite"
    assert {"pseudo_token", "edited_captions", "image"} <= found[0].terms.keys()
    assert found.warnings == ()


def test_words_that_do_not_count_are_warned_of_and_explained(gallery: Gallery, folder: Path) -> None:
    found = gallery.search(folder / "snow.png", "with my grandma smiling, without Zork", negative="happy dogs")
    assert found.warnings[-3:] == (
        "photos-lite does not know «grandma»: it looks for «grandmother»",
        "photos-lite does not know «Zork»: it does not count",
        "photos-lite cannot see «happy»: it does not count",
    )
    explained = gallery.explain(folder / "snow.png", "at night, without the zebra")
    assert "words\n  at night: black at the top" in explained
    assert "\n  not zebra: zebra, gazelle, impala, ostrich\n" in explained


def test_another_model_says_nothing_of_words(folder: Path, tmp_path: Path) -> None:
    with Gallery.create(tmp_path / "gallery", model="starter") as gallery:
        gallery.ingest(folder, caption=False)
        found = gallery.search(edit_text="my grandma with Zork")
        assert found.compiled.words == ()
        assert not any("Zork" in warning for warning in found.warnings)
