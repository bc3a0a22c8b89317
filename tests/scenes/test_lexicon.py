"""Every value has words, no word names two values, and word forms are English."""

from __future__ import annotations

from collections import Counter

import pytest

from cvsi_db.scenes import lexicon, phrasings
from cvsi_db.scenes.scene import ATTRIBUTES, NONE

TABLES = {
    "colour": [lexicon.COLOURS],
    "setting": [lexicon.PLACES, lexicon.DESTINATIONS, lexicon.BACKGROUNDS],
    "time": [lexicon.TIMES, phrasings.TIME_WORDS],
    "weather": [lexicon.WEATHERS, lexicon.WEATHER_CLAUSES, phrasings.WEATHER_WORDS],
    "viewpoint": [lexicon.VIEWS, lexicon.VIEW_LEADS, phrasings.VIEW_WORDS],
    "style": [lexicon.STYLES, lexicon.STYLE_LEADS, phrasings.STYLE_NOUNS],
} | {name: [table] for name, table in lexicon.NOUNS.items()}


@pytest.mark.parametrize("name", TABLES)
def test_every_value_has_words_of_its_own(name: str) -> None:
    for table in TABLES[name]:
        assert set(table) == set(ATTRIBUTES[name]) - {NONE}
        times = Counter(word for words in table.values() for word in words)
        assert set(times.values()) == {1}, times.most_common(1)


def test_things_of_different_attributes_never_share_a_word() -> None:
    times = Counter(noun for table in lexicon.NOUNS.values() for nouns in table.values() for noun in nouns)
    assert set(times.values()) == {1}


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
