"""prepare_filter: what is one condition, what is not, and where dates become timestamps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvsi_db.errors import FilterError
from cvsi_db.filters import prepare_filter
from cvsi_db.store import literal

COLUMNS = frozenset({"name", "width", "tags", "taken_at", "modified_at"})


@pytest.mark.parametrize(
    "where",
    [
        "width > 1000 AND name LIKE 'a%'",
        'WIDTH > 3 OR "width" < 2',
        "array_has_any(tags, ['cat', 'hat'])",
        "taken_at IS NULL",
        "date_part('year', taken_at) = 2024",
        "name = '2024-01-01'",
        "name = 'a; b -- c'",
    ],
)
def test_a_plain_condition_stays_as_written(where: str) -> None:
    assert prepare_filter(where, COLUMNS) == where


@pytest.mark.parametrize(
    ("where", "prepared"),
    [
        ("taken_at >= '2024-01-05'", "taken_at >= CAST('2024-01-05T00:00:00' AS TIMESTAMP)"),
        ("'2024-01-05 10:30' < TAKEN_AT", "CAST('2024-01-05T10:30:00' AS TIMESTAMP) < TAKEN_AT"),
        ("modified_at < '2024-01-05T01:00:00+02:00'", "modified_at < CAST('2024-01-04T23:00:00' AS TIMESTAMP)"),
        (
            "name = 'it''s' AND taken_at BETWEEN '2024-01-01' AND '2024-01-02' AND array_has(tags, 'x')",
            "name = 'it''s' AND taken_at BETWEEN CAST('2024-01-01T00:00:00' AS TIMESTAMP)"
            " AND CAST('2024-01-02T00:00:00' AS TIMESTAMP) AND array_has(tags, 'x')",
        ),
        ("taken_at IN ('2024-01-01')", "taken_at IN (CAST('2024-01-01T00:00:00' AS TIMESTAMP))"),
    ],
)
def test_dates_become_timestamps(where: str, prepared: str) -> None:
    assert prepare_filter(where, COLUMNS) == prepared


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("", "one SQL condition"),
        ("width >", "one SQL condition"),
        ("width > 3; drop", "one SQL condition"),
        ("width > 3 LIMIT 1", "one SQL condition"),
        ("width > 1) OR (1=1", "one SQL condition"),
        ("width > 1 -- AND", "a comment"),
        ("width > (SELECT 1)", "a SELECT"),
        ("depth > 3", "'depth', no column; the columns are modified_at, name, tags, taken_at, width"),
        ('name = "bob"', "'bob', no column"),
        ("image_vector IS NULL", "'image_vector', no column"),
        ("taken_at > 'yesterday'", "'yesterday', which is no date: write it as '2024-01-31'"),
    ],
)
def test_what_cannot_be_meant_is_refused(where: str, said: str) -> None:
    with pytest.raises(FilterError) as refusal:
        prepare_filter(where, COLUMNS)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_any_text_survives_as_a_literal(text: str) -> None:
    where = f"name = {literal(text)} AND width > 1"
    assert prepare_filter(where, COLUMNS) == where
