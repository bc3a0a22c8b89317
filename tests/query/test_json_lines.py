"""Lines of queries: what they may hold, and one clear error for the first that cannot be meant."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvsi_db.errors import CvsiError, QueryError
from cvsi_db.query.json_lines import read_queries
from cvsi_db.records import ComposedQuery

DEFAULTS = ComposedQuery(k=4, where="width > 10")


def test_lines_become_queries_and_say_only_what_differs(photos: Path) -> None:
    red, blue = str(photos / "red.png"), str(photos / "blue.png")
    lines = [
        json.dumps({"reference": red, "edit_text": "with a hat", "k": 2, "where": None}),
        "  ",
        json.dumps({"liked": [blue, red], "unliked": blue, "negative": "snow", "min_score": 1, "auto_cut": True}),
    ]
    assert read_queries(lines, DEFAULTS) == [
        (1, ComposedQuery(Path(red), "with a hat", 2)),
        (
            3,
            ComposedQuery(
                k=4,
                where="width > 10",
                liked=(Path(blue), Path(red)),
                unliked=(Path(blue),),
                negative=("snow",),
                min_score=1,
                auto_cut=True,
            ),
        ),
    ]


@pytest.mark.parametrize(
    ("line", "error", "reason"),
    [
        ("{", QueryError, "not valid JSON"),
        ("[" * 100_000, QueryError, "nested too deeply"),
        ('"a cat"', QueryError, "not a JSON object"),
        ('{"text": "a cat"}', QueryError, "unknown key 'text': the keys are reference, edit_text, k"),
        ('{"edit_text": "a cat", "k": "3"}', QueryError, "k is '3': give a whole number, 1 or more"),
        ('{"edit_text": "a cat", "k": true}', QueryError, "k is True: give a whole number, 1 or more"),
        ('{"edit_text": "a cat", "k": 0}', QueryError, "k is 0"),
        ('{"edit_text": "a cat", "min_score": NaN}', QueryError, "min_score is nan"),
        ('{"edit_text": "a cat", "auto_cut": 1}', QueryError, "auto_cut is 1: give true or false"),
        ('{"edit_text": 3}', QueryError, "edit_text is 3: give a text"),
        ('{"liked": [3]}', QueryError, "liked is (3,): give a path, an image, or a list of them"),
        ('{"liked": {"a": 1}}', QueryError, "give a path, an image, or a list of them"),
    ],
)
def test_the_first_line_that_cannot_be_meant_is_named(line: str, error: type[CvsiError], reason: str) -> None:
    with pytest.raises(error) as caught:
        read_queries(['{"edit_text": "a cat"}', line, "{"], DEFAULTS)
    assert str(caught.value).startswith("line 2: ")
    assert reason in str(caught.value)
    assert caught.value.exit_code == 2


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
KEYS = st.sampled_from([*ComposedQuery.__dataclass_fields__, "nope"])


@settings(max_examples=120, deadline=None)
@given(st.text(max_size=30) | st.dictionaries(KEYS, VALUES, max_size=4).map(json.dumps))
def test_any_line_is_a_query_or_an_error_of_ours(line: str) -> None:
    try:
        queries = read_queries([line], DEFAULTS)
    except CvsiError:
        return
    assert all(isinstance(query, ComposedQuery) for _, query in queries)
