"""How a language model's answer is read, whatever shape it has."""

from __future__ import annotations

import json
import time

import pytest

from cvsi_db.errors import RewriteError
from cvsi_db.models.chat import shortened
from cvsi_db.models.rewriters.answer import MAX_TEXT, Answer, parse_answer

GOOD = '{"edited_captions": ["a cat in a hat", "a hat"], "added_objects": "a hat"}'
READ = Answer(("a cat in a hat", "a hat"), "a hat")


@pytest.mark.parametrize(
    "wrapping",
    [
        "%s",
        "```json\n%s\n```",
        "Here you are: %s Anything else?",
        "{ %s } %s",
        "{broken %s",
        '{"answer": %s}',
        "\ufeff%s",
    ],
)
def test_json_is_found_in_what_surrounds_it(wrapping: str) -> None:
    assert parse_answer(wrapping.replace("%s", GOOD), 2) == READ


def test_the_order_of_the_keys_does_not_matter() -> None:
    assert parse_answer('{"added_objects": "a hat", "edited_captions": ["a cat in a hat", "a hat"]}', 2) == READ


def test_the_last_json_object_is_the_answer() -> None:
    draft = '<think>perhaps {"edited_captions": ["a dog"], "added_objects": ""}, or {x}?</think>'
    assert parse_answer(f"{draft}\n{GOOD}", 2) == READ


def test_blanks_are_dropped_and_equal_ones_stay() -> None:
    answer = parse_answer('{"edited_captions": ["a  cat", " ", "a\\ncat", "a dog"], "added_objects": null}', 4)
    assert answer == Answer(("a cat", "a cat", "a dog"), "")


def test_surplus_captions_are_dropped_and_missing_ones_accepted() -> None:
    assert parse_answer(GOOD, 1).edited_captions == ("a cat in a hat",)
    assert parse_answer(GOOD, 15).edited_captions == READ.edited_captions


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no idea", "holds no JSON object with edited_captions: no idea"),
        ('{"captions": ["a cat"]}', "holds no JSON object"),
        ('{"edited_captions": ["a cat"', "holds no JSON object"),
        ('"edited_captions"', "holds no JSON object"),
        ('{"edited_captions": "a cat"}', "not a list of strings"),
        ('{"edited_captions": ["a cat", 3]}', "not a list of strings"),
        ('{"edited_captions": ["a cat"], "added_objects": ["a hat"]}', "not a string"),
        ('{"edited_captions": []}', "no edited caption"),
        ('{"edited_captions": [" ", ""]}', "no edited caption"),
        ('{"edited_captions": ["' + "cat " * 300 + '"]}', f"1199 characters, over {MAX_TEXT}: cat cat"),
        ('{"edited_captions": ["a cat"], "added_objects": "' + "hat " * 300 + '"}', "1199 characters"),
    ],
)
def test_an_unusable_answer_is_one_clear_line(text: str, words: str) -> None:
    with pytest.raises(RewriteError, match=words) as caught:
        parse_answer(text, 2)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "garbage",
    ["{" * 200_000, '{"edited_captions": ' * 10_000, '{"edited_captions": "' * 10_000, "[" * 200_000 + GOOD[:-1]],
)
def test_long_garbage_is_refused_in_linear_time(garbage: str) -> None:
    started = time.perf_counter()
    with pytest.raises(RewriteError, match="holds no JSON object"):
        parse_answer(garbage, 2)
    assert time.perf_counter() - started < 1


def test_200_kilobytes_of_valid_json_are_refused_for_their_length() -> None:
    text = json.dumps({"edited_captions": ["very long " * 1400] * 15, "added_objects": ""})
    assert len(text) > 200_000
    with pytest.raises(RewriteError, match="has 13999 characters, over 1000: very long very"):
        parse_answer(text, 15)


def test_shortened_keeps_a_message_in_a_line() -> None:
    assert shortened("a\n b") == "a b"
    assert shortened("x" * 5000) == "x" * 117 + "..."
