"""The vocabulary's build, on a WordNet of a few nouns, and what holds of the vocabulary that ships."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any

import pytest

from cvsi_db.models.photos_lite.build import WordNet, build
from cvsi_db.models.photos_lite.vocabulary import FILE, vocabulary

NOUNS = """  1 a licence line
02085620 05 n 01 Chihuahua 0 001 @ 02085374 n 0000 | a toy dog
02085374 05 n 02 toy_dog 0 toy 0 001 @ 02084071 n 0000 | small
02084071 05 n 02 dog 0 domestic_dog 0 001 @ 00015388 n 0000 | a dog
02110341 05 n 01 dalmatian 0 001 @ 02084071 n 0000 | spotted
90000001 05 n 01 mutt 0 001 @ 90000002 n 0000 | of no breed
90000002 05 n 01 cur 0 001 @ 02084071 n 0000 | a mongrel
90000003 18 n 01 Rex 0 001 @i 02084071 n 0000 | a dog by name
90000004 12 n 01 joy 0 001 @ 00000001 n 0000 | a feeling
"""
LEMMAS = {
    "chihuahua": "02085620", "toy_dog": "02085374", "dog": "02084071", "domestic_dog": "02084071", "mutt": "90000001",
    "cur": "90000002", "rex": "90000003", "joy": "90000004", "dalmatian": "02110341",
}  # fmt: skip
CONCEPTS = """# a comment
[thing]
* dog, hound : @dog, ~muzzle | brown.a
0.5 zebra crossing, crossing : ~~street sign, -crane#134 | grey.b, ~white.b
crossing : crane#517

[misleading]
drake : tench
"""


@pytest.fixture(scope="module")
def wordnet(tmp_path_factory: pytest.TempPathFactory) -> WordNet:
    folder = tmp_path_factory.mktemp("wordnet")
    (folder / "data.noun").write_text(NOUNS)
    (folder / "index.noun").write_text(
        "  1 a licence line\n"
        + "".join(f"{lemma} n 1 1 @ 1 1 {offset}\n" for lemma, offset in LEMMAS.items())
        + "run n 1 1 @ 1 1 90000004\n"
    )
    (folder / "index.verb").write_text("run v 1 1 @ 1 9 00000001\n")
    for part in ("adj", "adv"):
        (folder / f"index.{part}").write_text("happy a 1 0 1 3 00000001\n" if part == "adj" else "")
    (folder / "noun.exc").write_text("dogges dog\nice_men ice_man\n")
    (folder / "verb.exc").write_text("ran run\n")
    return WordNet(folder)


@pytest.fixture(scope="module")
def built(wordnet: WordNet) -> dict[str, Any]:
    return build(wordnet, CONCEPTS)


def meaning(built: dict[str, Any], word: str) -> dict[str, Any]:
    found: dict[str, Any] = built["meanings"][built["words"][word]]
    return found


def test_a_line_gives_classes_and_colours_their_shares(built: dict[str, Any]) -> None:
    dog = meaning(built, "hound")
    assert (dog["name"], dog["kind"], dog["weight"]) == ("dog", "thing", 1.0)
    shares = dict(zip(dog["at"], dog["by"], strict=True))
    assert shares == {151: 1.0, 251: 1.0, 676: 0.5, "brown.t": 0.3333, "brown.m": 0.3333, "brown.b": 0.3333}
    assert built["groups"] == [built["words"]["dog"]]
    crossing = meaning(built, "zebra crossing")
    assert dict(zip(crossing["at"], crossing["by"], strict=True)) == {
        919: 0.25,
        134: -1.0,
        "grey.b": 1.0,
        "white.b": 0.5,
    }
    assert crossing["weight"] == 0.5


def test_the_line_with_the_fewest_words_counts(built: dict[str, Any]) -> None:
    assert meaning(built, "crossing")["at"] == [517]


def test_class_names_and_nouns_above_them_are_words(built: dict[str, Any]) -> None:
    assert meaning(built, "dalmatian")["at"] == [251]
    assert meaning(built, "toy dog")["at"] == [151]
    assert "drake" not in built["words"]
    assert len(built["classes"]) == 1000
    assert built["classes"][151] == "chihuahua"


def test_an_unknown_noun_climbs_to_a_known_one_and_what_shows_nothing_is_unseen(built: dict[str, Any]) -> None:
    assert built["near"]["mutt"] == built["near"]["cur"] == "dog"
    assert {*built["unseen"].split()} >= {"joy", "run", "happy"}
    assert "rex" not in {*built["near"], *built["unseen"].split()}  # a name is not known at all
    assert built["irregular"] == {"dogges": "dog"}


def test_the_same_input_gives_the_same_vocabulary(wordnet: WordNet, built: dict[str, Any]) -> None:
    assert json.dumps(build(wordnet, CONCEPTS)) == json.dumps(built)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("dog, cat", "line 2 is not WORDS : CLASSES"),
        ("dog : hund", "line 2 names 'hund', which is no class, noun or colour"),
        ("dog : muzzle | brawn.t", "line 2 names 'brawn.t'"),
    ],
)
def test_a_line_that_makes_no_sense_is_named(wordnet: WordNet, line: str, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        build(wordnet, f"[thing]\n{line}\n")


def test_the_vocabulary_that_ships_is_small_and_holds_the_words_of_the_list() -> None:
    lines = (FILE.parent / "concepts.txt").read_text("utf-8").split("[misleading]")[0].splitlines()
    words = {
        word.strip()
        for line in lines
        if " : " in line and not line.startswith("#")
        for word in re.sub(r"^([\d.]+ )?(\* )?", "", line).split(" : ")[0].split(",")
    }
    assert len(words) > 3000
    assert words <= vocabulary().words.keys()
    assert FILE.stat().st_size < 3_000_000
    assert json.loads(gzip.decompress(FILE.read_bytes())).keys() >= {"meanings", "words", "groups", "near", "unseen"}
