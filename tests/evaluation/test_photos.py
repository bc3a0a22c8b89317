"""`cvsi-db eval photos`: what it reads, the queries it makes, its figures, and a run of the command on drawings."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvsi_db.errors import UsageError
from cvsi_db.evaluation.photos import (
    PhotoQuery,
    PhotoSet,
    _chance,
    _measured,
    evaluate_photos,
    make_queries,
    photo_tables,
    read_photos,
    take_in,
)
from cvsi_db.gallery import Gallery

PHOTOS = os.environ.get("CVSI_PHOTOS")
CAPTIONS = {
    "a.png": ["a dog in a kitchen", "a puppy sits in the kitchen"],
    "b.png": ["a dog on the beach", "a dog and a boat at the shore"],
    "c.png": ["a cat in a kitchen", "a cat in the kitchen"],
    "d.png": ["a dog and a cat", "the dog with a cat on a bed"],
}


def photo_set(captions: dict[str, list[str]]) -> PhotoSet:
    return PhotoSet(Path("photos"), {name: tuple(texts) for name, texts in captions.items()})


def write_photos(folder: Path, captions: dict[str, list[str]]) -> Path:
    colours = ((200, 40, 40), (40, 200, 40), (40, 40, 200), (200, 200, 40))
    for name, colour in zip(captions, colours, strict=True):
        Image.new("RGB", (64, 48), colour).save(folder / name)
    (folder / "captions.json").write_text(json.dumps(captions), "utf-8")
    return folder


def test_captions_are_read_in_the_order_of_the_files(tmp_path: Path) -> None:
    found = read_photos(write_photos(tmp_path, dict(reversed(CAPTIONS.items()))))
    assert found.names == ("a.png", "b.png", "c.png", "d.png")
    assert found.captions["c.png"] == ("a cat in a kitchen", "a cat in the kitchen")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "cannot read"),
        ("{", "cannot read"),
        ("[]", "is not {FILE NAME"),
        ("{}", "is not {FILE NAME"),
        ('{"a.png": "a dog"}', "is not {FILE NAME"),
        ('{"a.png": []}', "is not {FILE NAME"),
        ('{"a.png": [" "]}', "is not {FILE NAME"),
        ('{"a.png": ["a dog"]}', "names 'a.png', which is not in"),
        ('{"../captions.json": ["a dog"]}', "names '../captions.json', which is not in"),
    ],
)
def test_captions_of_another_form_are_refused(tmp_path: Path, text: str | None, problem: str) -> None:
    if text is not None:
        (tmp_path / "captions.json").write_text(text)
    with pytest.raises(UsageError, match=problem):
        read_photos(tmp_path)


def test_queries_ask_for_another_place_one_more_thing_or_another_thing() -> None:
    queries = make_queries(photo_set(CAPTIONS))
    found = {(query.kind, query.reference): query for query in queries}
    assert found["scene", "a.png"].targets == {"b.png"}
    assert "on the beach" in found["scene", "a.png"].edit_text
    assert found["addition", "a.png"].targets == {"d.png"}
    assert "a cat" in found["addition", "a.png"].edit_text
    assert found["swap", "a.png"].targets == {"c.png"}
    assert {"dog", "cat"} < set(found["swap", "a.png"].edit_text.replace(",", "").split())
    assert queries == make_queries(photo_set(CAPTIONS))
    for query in queries:
        assert query.reference not in query.targets


def test_what_one_caption_of_many_names_is_no_target_but_no_query_either() -> None:
    captions = {
        "a.png": ["a dog in a kitchen", "a dog", "a dog", "a dog", "a dog near a cat"],
        "b.png": ["a dog with a cat", "a dog with a cat", "a dog", "a dog", "a dog"],
        "c.png": ["a dog with a cat", "a dog", "a dog", "a dog", "a dog"],
    }
    additions = [query for query in make_queries(photo_set(captions)) if query.kind == "addition"]
    assert additions == []  # a.png and c.png name the cat already, if only once


def test_a_kind_has_no_more_queries_than_asked_for() -> None:
    captions = {f"{number}.png": CAPTIONS["abcd"[number % 4] + ".png"] for number in range(20)}
    assert all(
        sum(query.kind == kind for query in make_queries(photo_set(captions), per_kind=7)) == 7
        for kind in ("scene", "addition", "swap")
    )


def test_hits_and_precision_by_hand() -> None:
    queries = [
        PhotoQuery("scene", "a", "x", frozenset({"b", "c"})),
        PhotoQuery("swap", "a", "x", frozenset({"d"})),
    ]
    found = _measured(queries, [["b", "x", "c"], ["u", "v", "w", "x", "y", "d"]])
    assert found["hit@5"]["value"] == 50
    assert found["map@10"]["value"] == pytest.approx(100 * ((1 + 2 / 3) / 2 + 1 / 6) / 2, abs=0.01)
    assert found["aspects"]["scene"]["value"] == 100
    assert found["aspects"]["swap"]["value"] == 0
    assert _measured([], []) == {}


def test_chance_is_the_share_of_random_draws_that_hit() -> None:
    queries = [PhotoQuery("scene", "0", "x", frozenset({"1", "2", "3"}))]
    rng = np.random.default_rng(0)
    drawn = np.mean([bool({0, 1, 2} & {*rng.permutation(40)[:5].tolist()}) for _ in range(4000)])
    assert _chance(queries, 40) == pytest.approx(drawn, abs=0.02)
    assert _chance([], 40) == 0


def test_a_run_over_a_gallery(tmp_path: Path) -> None:
    photos = read_photos(write_photos(tmp_path, CAPTIONS))
    stages: set[str] = set()
    with Gallery.create(tmp_path / "gallery", model="starter") as gallery:
        take_in(photos, gallery, lambda stage, _done, _total: stages.add(stage))
        report = evaluate_photos(photos, gallery, lambda stage, _done, _total: stages.add(stage))
    assert stages >= {"embedding", "text → photo", "composed: preset", "composed: image", "composed: text"}
    assert (report["model"], report["photos"], report["captions"]) == ("starter", 4, 8)
    assert report["text_to_photo"]["recall@5"]["value"] == 100  # there are but four
    assert report["text_to_photo_chance"] == {"recall@1": 25.0, "recall@5": 100, "recall@10": 100}
    assert list(report["methods"]) == ["preset", "image", "text"]
    assert all(found["hit@5"]["value"] == 100 for found in report["methods"].values())
    assert report["chance"]["hit@5"] == 100
    table = photo_tables(report)
    assert table.startswith("4 photos, 8 captions; model starter")
    assert "hit@5 by kind" in table


@pytest.mark.slow
@pytest.mark.skipif(PHOTOS is None, reason="CVSI_PHOTOS names no folder of captioned photographs")
def test_photos_lite_on_photographs(tmp_path: Path) -> None:
    photos = read_photos(Path(PHOTOS or ""))
    with Gallery.create(tmp_path / "gallery", model="photos-lite") as gallery:
        take_in(photos, gallery, lambda *_: None)
        report = evaluate_photos(photos, gallery, lambda *_: None)
    assert report["text_to_photo"]["recall@10"]["value"] > 10 * report["text_to_photo_chance"]["recall@10"]
    assert report["methods"]["preset"]["hit@5"]["value"] > report["methods"]["text"]["hit@5"]["value"]
