"""Golden plans: what the planner makes of a logical query, as it prints; each is executed too.

The files in golden/ hold one plan each, under the name of its query.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cvsi_db.errors import RankError
from cvsi_db.records import Branch, Column, LogicalQuery, Term
from cvsi_db.search.plan.build import build_plan, naive_plan
from cvsi_db.search.plan.nodes import format_plan
from cvsi_db.search.plan.strategies import NO_FACTS, Facts
from cvsi_db.search.run.executor import run_plan
from cvsi_db.search.run.rerank import rerank
from tests.search.conftest import assert_exact, brute_force, logical_query, unit

if TYPE_CHECKING:
    from cvsi_db.store.images import Store

GOLDEN = Path(__file__).parent / "golden"
ROWS = 1500
ROW_BYTES = 4096
CVSI = [0.6, 0, 0.4, 0.0, 0.0]
REFERENCE = f"{7919:064x}"

ASKED = Facts(ROW_BYTES, searches=1)
LOADED = Facts(ROW_BYTES, loaded=True)
BRANCHES = Facts(forced="branches")
INDEXED = Facts(forced="indexed")

BOTH_WAYS = LogicalQuery(
    (
        Branch("pseudo_token", (Term("pseudo_token", unit(1), 1.0),)),
        Branch("image_objects", (Term("image", unit(1), -1.0),)),
    ),
    (Column("image_vector", 0.9), Column("caption_vector", 0.1)),
    where=None,
    exclude=None,
    k=3,
)
LACKING = LogicalQuery(
    (Branch("image_objects", (Term("image", unit(1), 1.0),)),),
    (Column("image_vector", 1.0),),
    where=None,
    exclude=None,
    k=5,
    missing=("pseudo_token",),
)

PLANS: dict[str, tuple[LogicalQuery, Facts]] = {
    "first_search": (logical_query(CVSI, 0.2, k=10), NO_FACTS),
    "first_search_with_filter": (logical_query(CVSI, 0.2, 30, "width > 900", REFERENCE), NO_FACTS),
    "one_column": (logical_query([0.5, 0, 0.5, 0.2, 0.1], 0.0, k=10), NO_FACTS),
    "captions_alone": (logical_query([0.5, 0, 0.5, 0, 0], 1.0, k=10), NO_FACTS),
    "one_branch": (logical_query([0, 0, 0, -1.0, 0.5], 0.0, k=1), NO_FACTS),
    "k_above_the_rows": (logical_query(CVSI, 0.2, k=5000), NO_FACTS),
    "branches_forced": (logical_query(CVSI, 0.2, 30, "width > 900", REFERENCE), BRANCHES),
    "branches_that_cancel_out": (BOTH_WAYS, NO_FACTS),
    "fused_over_budget": (logical_query(CVSI, 0.2, k=10), replace(ASKED, budget_mb=5)),
    "resident_after_a_search": (logical_query(CVSI, 0.2, k=10), ASKED),
    "resident_in_memory": (logical_query(CVSI, 0.2, 10, "taken_at IS NOT NULL", REFERENCE), LOADED),
    "resident_forced": (logical_query(CVSI, 0.2, k=10), Facts(forced="resident")),
    "resident_where_branches_cancel_out": (BOTH_WAYS, LOADED),
    "indexed": (logical_query(CVSI, 0.2, k=10), INDEXED),
    "indexed_with_filter": (logical_query(CVSI, 0.2, 30, "width > 300", REFERENCE), INDEXED),
    "unit_captions": (logical_query(CVSI, 0.1, 30, "width > 900", REFERENCE, unit_captions=True), NO_FACTS),
    "unit_captions_in_memory": (logical_query(CVSI, 0.1, k=10, unit_captions=True), LOADED),
    "a_branch_is_missing": (LACKING, NO_FACTS),
    "a_branch_is_missing_in_memory": (LACKING, LOADED),
}


@pytest.mark.parametrize("name", PLANS)
def test_golden_plans(name: str) -> None:
    logical, facts = PLANS[name]
    assert format_plan(build_plan(logical, ROWS, facts)) == (GOLDEN / f"{name}.txt").read_text("utf-8").rstrip("\n")


@pytest.mark.parametrize("name", PLANS)
def test_golden_plans_run(indexed_store: Store, name: str) -> None:
    logical, facts = PLANS[name]
    assert indexed_store.count() == ROWS
    executed = run_plan(build_plan(logical, ROWS, facts), indexed_store, "cpu")
    ranking = rerank(executed.plan, executed.candidates)
    found = list(zip(ranking.image_ids, ranking.scores.tolist(), strict=True))
    assert_exact(found, brute_force(indexed_store, logical), logical.k)


def test_there_is_no_golden_file_without_its_query() -> None:
    assert {file.stem for file in GOLDEN.glob("*.txt")} == {*PLANS, "naive"}


def test_the_naive_plan_says_what_is_to_be_computed() -> None:
    logical = logical_query(CVSI, 0.2, k=10, where="width > 1000", exclude="ab" * 32)
    assert format_plan(naive_plan(logical, 5000)) + "\n" == (GOLDEN / "naive.txt").read_text("utf-8")


def test_terms_that_cancel_out_are_an_error() -> None:
    terms = (Term("image", unit(1), 1.0), Term("objects", unit(1), -1.0))
    logical = LogicalQuery((Branch("image_objects", terms),), (Column("image_vector", 1.0),), None, None, 5)
    with pytest.raises(RankError, match="cancel out"):
        build_plan(logical, 50)
