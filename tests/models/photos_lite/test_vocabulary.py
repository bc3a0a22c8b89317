"""What texts are read as: expressions, plurals, "without", unknown and unseeable words."""

from __future__ import annotations

import pytest

from cvsi_db.models.photos_lite.vocabulary import vocabulary


def read(text: str) -> list[tuple[str, str, int]]:
    return [(word.text, word.name or word.status, word.sign) for word in vocabulary().read(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a cat and a dog on a sofa", [("cat", "cat", 1), ("dog", "dog", 1), ("sofa", "sofa", 1)]),
        ("three buses in front of churches", [("three", "unseen", 1), ("buses", "bus", 1), ("churches", "church", 1)]),
        ("without the dog", [("dog", "dog", -1)]),
        ("no dogs but a cat", [("dogs", "dog", -1), ("cat", "cat", 1)]),
        (
            "an elephant instead of the horses, in the snow",
            [("elephant", "elephant", 1), ("horses", "horse", -1), ("snow", "snow", 1)],
        ),
        ("there aren't any boats", [("boats", "boat", -1)]),
        ("in light blue", [("blue", "blue", 1)]),
        ("at night", [("at night", "night", 1)]),
        ("my grandma with Einstein", [("grandma", "grandmother", 1), ("Einstein", "unknown", 1)]),
        ("a happy tabby", [("happy", "unseen", 1), ("tabby", "tabby", 1)]),
        ("", []),
    ],
)
def test_a_text_is_read_word_by_word(text: str, expected: list[tuple[str, str, int]]) -> None:
    assert read(text) == expected
