from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvsi_db.errors import FilterError, RankError
from cvsi_db.query.sql_errors import MAX_DEPTH
from cvsi_db.query.weights import weights_of
from cvsi_db.query.where import check_where
from cvsi_db.records import TERM_NAMES

if TYPE_CHECKING:
    from cvsi_db.store.images import Store

COLUMNS = {
    "width": pa.int32(),
    "name": pa.string(),
    "taken_at": pa.timestamp("us"),
    "tags": pa.list_(pa.string()),
}

DAY = "taken_at >= CAST('2024-10-31 00:00:00' AS TIMESTAMP) AND taken_at < CAST('2024-11-01 00:00:00' AS TIMESTAMP)"


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("image", {"image": 1.0}),
        ("IMAGE", {"image": 1.0}),
        ("-objects", {"objects": -1.0}),
        ("0.6*edited_captions + 0.4*pseudo_token", {"edited_captions": 0.6, "pseudo_token": 0.4}),
        ("2*(image - objects/4)*.5", {"image": 1.0, "objects": -0.25}),
        ("image + 1 - 1", {"image": 1.0}),
        ("image - image", {"image": 0.0}),
        ("1e-3*image", {"image": 0.001}),
    ],
)
def test_a_linear_rank_becomes_weights(text: str, weights: dict[str, float]) -> None:
    assert weights_of(text) == pytest.approx(weights)


@pytest.mark.parametrize(
    ("text", "reason", "place"),
    [
        ("0.2*pseudotoken + image", "unknown term 'pseudotoken'", 4),
        ("image*objects", "multiplies a term with a term", 0),
        ("1/image", "divides by a term", 2),
        ("image/0", "divides by zero", 6),
        ("image; objects", "without a semicolon", 5),
        ("abs(image)", "only numbers, terms", 0),
        ("image*", "something is missing", 5),
        ("0.5 image", "cannot read the rank", 4),
    ],
)
def test_a_wrong_rank_is_pointed_at(text: str, reason: str, place: int) -> None:
    with pytest.raises(RankError) as caught:
        weights_of(text)
    first, line, caret = str(caught.value).split("\n")
    assert reason in first
    assert line == f"  {text}"
    assert caret == " " * (2 + place) + "^"


@pytest.mark.parametrize(
    "text",
    ["", " ", "image + 1", "3", "1e999*image", "1e7*image", "1e308*10*image - 1e308*10*image", "image -- x", "select 1",
     "'image'", "image.objects", "(" * (MAX_DEPTH + 1) + "image" + ")" * (MAX_DEPTH + 1), "- " * 4000 + "image"],
)  # fmt: skip
def test_what_is_no_rank_is_an_error(text: str) -> None:
    with pytest.raises(RankError):
        weights_of(text)


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text(max_size=40),
        st.lists(
            st.sampled_from(
                [*TERM_NAMES, "0.5", "1e9", "+", "-", "*", "/", "(", ")", "'", '"', ";", "--", "x", ".", ","]
            ),
            max_size=14,
        ).map(" ".join),
    )
)
def test_any_text_is_weights_or_an_error_of_ours(text: str) -> None:
    try:
        weights = weights_of(text)
    except RankError:
        return
    assert all(math.isfinite(weight) for weight in weights.values())
    assert set(weights) <= set(TERM_NAMES)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("WIDTH > 1000", "width > 1000"),
        ('"width" > 1000', "width > 1000"),
        ("name ILIKE '%.jpg' OR NOT width IN (1, 2)", "name ILIKE '%.jpg' OR NOT width IN (1, 2)"),
        ("name = 'it''s; -- \\'", "name = 'it''s; -- \\'"),
        ("taken_at >= '2024-01-01'", "taken_at >= CAST('2024-01-01 00:00:00' AS TIMESTAMP)"),
        ("taken_at < '2024'", "taken_at < CAST('2024-01-01 00:00:00' AS TIMESTAMP)"),
        ("taken_at > '2024'", "taken_at >= CAST('2025-01-01 00:00:00' AS TIMESTAMP)"),
        ("'2024-02' >= taken_at", "taken_at < CAST('2024-03-01 00:00:00' AS TIMESTAMP)"),
        ("taken_at <= '2024-02-01T10:00+02:00'", "taken_at < CAST('2024-02-01 08:01:00' AS TIMESTAMP)"),
        ("taken_at > '2024-02-01 10:00:09.5'", "taken_at >= CAST('2024-02-01 10:00:09.600000' AS TIMESTAMP)"),
        ("taken_at = '2024/10/31'", f"({DAY})"),
        ("taken_at = DATE '2024-10-31'", f"({DAY})"),
        ("taken_at BETWEEN '2024-10-31' AND '2024-10-31'", f"({DAY})"),
        ("taken_at NOT IN ('2024-10-31')", f"NOT (({DAY}))"),
        ("taken_at = TIMESTAMP '2024-10-31 10:00:00'", "taken_at = CAST('2024-10-31 10:00:00' AS TIMESTAMP)"),
    ],
)
def test_a_condition_is_written_as_the_store_reads_it(text: str, condition: str) -> None:
    assert check_where(text, COLUMNS) == condition


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("height > 3", "the columns are width, name, taken_at, tags"),
        ("width IN (SELECT 1)", "cannot use"),
        ("width > 3; drop table images", "semicolon"),
        ("width > 3 -- all", "comment"),
        ("hidden(width) = 1", "cannot use 'HIDDEN(width)'"),
        ("taken_at > 'soon'", "compares a time with 'soon'"),
        ("cast(width AS decimal(3, 2)) > 1", "cannot cast to DECIMAL(3, 2)"),
        ("name = 'a", "left open"),
        ("select width from images", "cannot"),
        ("", "empty"),
        ("width > 1 AND " * 1000 + "width > 1", "characters long"),
        ("width = " + "+".join("1" * 2000), "nests more than 100 parts"),  # LanceDB ends the process
        ("width" + " IS NULL" * 1200, "nests more than 100 parts"),
        ("name = '\0'", "holds a NUL"),
        ("name = '\ud800'", "half a character"),
    ],
)
def test_what_is_no_condition_is_an_error(text: str, reason: str) -> None:
    with pytest.raises(FilterError) as caught:
        check_where(text, COLUMNS)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ("taken_at >= '2023-01-01'", 1),
        ("taken_at BETWEEN '2023' AND '2024'", 1),
        ("taken_at IN ('2023-06-01')", 1),
        ("taken_at = '2023-06-01'", 1),
        ("taken_at != '2023-06-01'", 0),
        ("taken_at > '2023-06-01'", 0),
        ("taken_at <= '2023'", 1),
        ("taken_at BETWEEN '2023-06-01' AND '2023-06-01'", 1),
        (f"taken_at IN ({', '.join(['2020'.join(chr(39) * 2)] * 1200)})", 0),
        ("lower(name) LIKE '%.PNG'", 0),
        ("length(name) > 4 AND width % 2 = 1", 1),
        ("array_has(captions, 'a picture')", 3),
        ("captions IS NOT NULL AND taken_at IS NULL", 2),
        ("CAST(width AS DOUBLE) / 2 > 50.4", 2),
    ],
)
def test_the_store_takes_what_the_check_lets_through(tiny_store: Store, where: str, count: int) -> None:
    condition = check_where(where, tiny_store.columns)
    tiny_store.check_filter(condition)
    assert tiny_store.count(condition) == count


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.text(max_size=40),
        st.lists(
            st.sampled_from(
                ["width", "name", "taken_at", "tags", "1", "'a'", "'2024'", "=", "<", "AND", "OR", "NOT", "IN", "(",
                 ")", "IS", "NULL", "LIKE", "BETWEEN", ",", "lower", "array_has", "+", "-", "%", "CAST", "AS", ";"]
            ),
            max_size=12,
        ).map(" ".join),
    )
)  # fmt: skip
def test_any_text_is_a_condition_or_an_error_of_ours(tiny_store: Store, text: str) -> None:
    try:
        tiny_store.check_filter(check_where(text, tiny_store.columns))
    except FilterError:
        return
