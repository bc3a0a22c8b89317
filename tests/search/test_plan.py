"""Golden plans: what the planner makes of a logical query, as it prints."""

from __future__ import annotations

from textwrap import dedent

import pytest

from cvsi_db.errors import RankError
from cvsi_db.records import Branch, Column, LogicalQuery, Term
from cvsi_db.search.plan import format_plan
from cvsi_db.search.planner import build_plan, naive_plan
from tests.search.conftest import logical_query, unit


def golden(text: str) -> str:
    return dedent(text).strip()


def test_the_naive_plan_says_what_is_to_be_computed() -> None:
    logical = logical_query([0.6, 0, 0.4, 0.0, 0.0], 0.2, k=10, where="width > 1000", exclude="ab" * 32)
    assert format_plan(naive_plan(logical, 5000)) == golden("""
        TopK k=10
        └─ Rerank (0.6·edited_captions + 0·edit_direction + 0.4·pseudo_token + 0·image + 0·objects) · (0.8·image_vector + 0.2·caption_vector)
           └─ Exclude image_id=abababababab…
              └─ Filter width > 1000
                 └─ Union by image_id
                    ├─ VectorSearch pseudo_token × image_vector rows=5,000
                    ├─ VectorSearch pseudo_token × caption_vector rows=5,000
                    ├─ VectorSearch edited_captions × image_vector rows=5,000
                    ├─ VectorSearch edited_captions × caption_vector rows=5,000
                    ├─ VectorSearch image_objects × image_vector rows=5,000
                    └─ VectorSearch image_objects × caption_vector rows=5,000
        """)  # noqa: E501


def test_the_rules_push_down_and_drop() -> None:
    logical = logical_query([0.6, 0, 0.4, 0.0, 0.0], 0.2, k=30, where="width > 1000", exclude="ab")
    assert format_plan(build_plan(logical, 5000)) == golden("""
        TopK k=30
        └─ Rerank (0.6·edited_captions + 0·edit_direction + 0.4·pseudo_token + 0·image + 0·objects) · (0.8·image_vector + 0.2·caption_vector)
           └─ Union by image_id
              ├─ VectorSearch pseudo_token × image_vector rows=5,000 limit=300 where (width > 1000) AND image_id <> 'ab'
              ├─ VectorSearch pseudo_token × caption_vector rows=5,000 limit=300 where (width > 1000) AND image_id <> 'ab'
              ├─ VectorSearch edited_captions × image_vector rows=5,000 limit=300 where (width > 1000) AND image_id <> 'ab'
              └─ VectorSearch edited_captions × caption_vector rows=5,000 limit=300 where (width > 1000) AND image_id <> 'ab'
        """)  # noqa: E501


def test_a_column_without_a_share_is_not_searched() -> None:
    assert format_plan(build_plan(logical_query([0, 0, 0, -1.0, 0.5], 0.0, k=1), 50)) == golden("""
        TopK k=1
        └─ Rerank (0·edited_captions + 0·edit_direction + 0·pseudo_token - 1·image + 0.5·objects) · (1·image_vector + 0·caption_vector)
           └─ Union by image_id
              └─ VectorSearch image_objects × image_vector rows=50 limit=51
        """)  # noqa: E501


def test_a_branch_that_the_bundle_lacks_is_named() -> None:
    terms = (Term("image", unit(1), 1.0),)
    columns = (Column("image_vector", 1.0),)
    logical = LogicalQuery((Branch("image_objects", terms),), columns, None, None, 5, missing=("pseudo_token",))
    assert format_plan(build_plan(logical, 50)) == golden("""
        TopK k=5
        └─ Rerank (1·image) · (1·image_vector)
           └─ Union by image_id without pseudo_token
              └─ VectorSearch image_objects × image_vector rows=50 limit=51
        """)


def test_terms_that_cancel_out_are_an_error() -> None:
    terms = (Term("image", unit(1), 1.0), Term("objects", unit(1), -1.0))
    logical = LogicalQuery((Branch("image_objects", terms),), (Column("image_vector", 1.0),), None, None, 5)
    with pytest.raises(RankError, match="cancel out"):
        build_plan(logical, 50)
