"""Every value has words, no word names two values, and word forms are English."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pytest

from cvsi_db.scenes import lexicon, phrasings
from cvsi_db.scenes.scene import ATTRIBUTES, NONE

TABLES: dict[str, list[Mapping[str, tuple[str, ...]]]] = {
    "colour": [lexicon.COLOURS],
    "setting": [lexicon.PLACES, lexicon.DESTINATIONS, lexicon.BACKGROUNDS],
    "time": [lexicon.TIMES, phrasings.TIME_WORDS],
    "weather": [lexicon.WEATHERS, lexicon.WEATHER_CLAUSES, phrasings.WEATHER_WORDS],
    "viewpoint": [lexicon.VIEWS, lexicon.VIEW_LEADS, phrasings.VIEW_WORDS],
    "style": [lexicon.STYLES, lexicon.STYLE_LEADS, phrasings.STYLE_NOUNS],
    "pattern": [lexicon.PATTERNS, lexicon.PATTERN_TAILS],
    "pose": [lexicon.POSES],
    "expression": [lexicon.EXPRESSIONS, lexicon.EXPRESSION_ADJECTIVES],
    "season": [lexicon.SEASONS],
    "prop": [lexicon.PROPS],
    "other_size": [lexicon.SIZES],
    **{name: [table] for name, table in lexicon.NOUNS.items()},
}


@pytest.mark.parametrize("name", TABLES)
def test_every_value_has_words_of_its_own(name: str) -> None:
    for table in TABLES[name]:
        assert set(table) == set(ATTRIBUTES[name]) - {NONE}
        times = Counter(word for words in table.values() for word in words)
        assert set(times.values()) == {1}, times.most_common(1)


def test_things_of_different_attributes_never_share_a_word() -> None:
    times = Counter(
        noun for table in (*lexicon.NOUNS.values(), lexicon.PROPS) for nouns in table.values() for noun in nouns
    )
    assert set(times.values()) == {1}


def test_every_side_and_pose_has_words() -> None:
    assert set(lexicon.SIDES) == {*ATTRIBUTES["companion_place"], *ATTRIBUTES["relation"]}
    assert set(lexicon.POSE_VERBS) == set(ATTRIBUTES["pose"])
    words = [form.format(them="it", their="its") for forms in lexicon.SIDES.values() for form in forms]
    assert len(set(words)) == len(words)


@pytest.mark.parametrize(
    ("subject", "many", "their"),
    [("cat", False, "its"), ("girl", False, "her"), ("boy", False, "his"), ("boy", True, "their")],
)
def test_possessives(subject: str, many: bool, their: str) -> None:
    assert lexicon.possessive(subject, many) == their


@pytest.mark.parametrize(
    ("noun", "singular", "many"),
    [
        ("top hat", "a top hat", "top hats"),
        ("umbrella", "an umbrella", "umbrellas"),
        ("ice cream", "an ice cream", "ice creams"),
        ("glasses", "glasses", "glasses"),
        ("scarf", "a scarf", "scarves"),
        ("little mouse", "a little mouse", "little mice"),
        ("snowman", "a snowman", "snowmen"),
        ("orange fox", "an orange fox", "orange foxes"),
    ],
)
def test_word_forms(noun: str, singular: str, many: str) -> None:
    assert lexicon.with_article(noun) == singular
    assert lexicon.plural(noun) == many
