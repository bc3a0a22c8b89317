"""Gallery.search and Gallery.search_many: one gallery keeps its rows in memory, for single searches and for batches.

A batch gives to the last bit what its queries give one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvsi_db import ComposedQuery, Gallery
from cvsi_db.errors import QueryError
from cvsi_db.search import SearchContext, search
from cvsi_db.search.plan.build import build_plan
from cvsi_db.search.plan.nodes import ResidentScan, find_node
from cvsi_db.search.plan.strategies import Facts
from cvsi_db.search.run import exact_scan, executor, int8_scan
from cvsi_db.search.run.executor import run_plan, run_plans
from cvsi_db.search.run.rerank import rerank
from cvsi_db.search.run.resident_matrix import Resident, ResidentMatrix, load_matrix
from tests.fakes import picture_bytes
from tests.search.conftest import fill, image_row, load_coded, logical_query, new_store, random_vectors

if TYPE_CHECKING:
    from cvsi_db.records import LogicalQuery
    from cvsi_db.store.images import Store

REFERENCE = picture_bytes("red")


@pytest.fixture
def gallery(context: SearchContext, tmp_path: Path) -> Gallery:
    fill(context.store, random_vectors(60, seed=4))
    models = {"encoder": context.models.encoder, "phi": context.models.phi, "captioner": context.models.captioner}
    bundle = SimpleNamespace(**models, spec=SimpleNamespace(preset="default"), device="cpu", source="fake")
    return Gallery(tmp_path, context.store, context.catalog, cast(Any, bundle), context.rewriter)


def test_a_gallery_that_has_answered_keeps_its_rows_in_memory(gallery: Gallery) -> None:
    plans = [gallery.explain(REFERENCE, "with a hat") for _ in range(2)]
    assert "fused: the first search over these 60 rows does not load them" in plans[0]
    assert "resident: 60 rows, 1 MB of 1,536 MB" in plans[1]
    assert "ResidentScan rows=60 candidates=" in plans[1]


def test_search_many_gives_what_search_gives(gallery: Gallery) -> None:
    queries = [ComposedQuery(REFERENCE, text, k=3) for text in ("with a hat", "at night", "in green")]
    many = gallery.search_many(queries)
    assert [list(result) for result in many] == [
        list(gallery.search(REFERENCE, each.edit_text, k=3)) for each in queries
    ]
    assert [result.compiled.query for result in many] == queries


def test_search_many_refuses_a_query_with_k_0_before_any_model_runs(gallery: Gallery, context: SearchContext) -> None:
    with pytest.raises(QueryError, match="k is 0"):
        gallery.search_many([ComposedQuery(REFERENCE), ComposedQuery(REFERENCE, k=0)])
    assert cast(Any, context.models.encoder).image_batches == []


# --- bit by bit -----------------------------------------------------------------------------------------------------

LOGICAL = st.builds(
    logical_query,
    weights=st.lists(st.sampled_from([0.0, 0.3, 1.0, -0.7, 2.5]), min_size=5, max_size=5).filter(any),
    gamma=st.sampled_from([0.0, 0.1, 0.1, 0.1, 0.5, 1.0]),
    k=st.sampled_from([1, 4, 40, 500]),
    where=st.sampled_from([None, None, "width > 250", "width < 0"]),
    exclude=st.sampled_from([None, f"{7919:064x}", "none-such"]),
    seed=st.integers(0, 50),
    unit_captions=st.booleans(),
)


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """400 rows in which each vector comes four times, or forty."""
    vectors = np.concatenate([np.repeat(random_vectors(90, seed=7), 4, axis=0), np.repeat(random_vectors(1, 8), 40, 0)])
    return fill(new_store(tmp_path_factory.mktemp("copies")), vectors)


@settings(max_examples=15, deadline=None)
@given(
    queries=st.lists(LOGICAL, min_size=1, max_size=25),
    passes=st.sampled_from([2**6, 2**12, 2**23]),
    read_together=st.sampled_from([1, 300, 10**6]),
    load=st.sampled_from([load_matrix, load_coded]),
)
def test_a_batch_gives_what_its_queries_give_alone(
    copies: Store,
    queries: list[LogicalQuery],
    passes: int,
    read_together: int,
    load: Callable[[Store, str], ResidentMatrix],
) -> None:
    resident, uncoded = Resident(load), Resident()
    plans = [build_plan(logical, copies.count(), Facts(forced="resident")) for logical in queries]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact_scan, "PASS_SCORES", passes)
        patch.setattr(exact_scan, "BLOCK_ROWS", 64)
        patch.setattr(exact_scan, "BATCH_TO", 8)
        patch.setattr(exact_scan, "CODES_TO", 8)
        patch.setattr(int8_scan, "PASS_SCORES", passes)
        patch.setattr(int8_scan, "MANY_BLOCK_ROWS", 64)
        patch.setattr(executor, "READ_TOGETHER", read_together)
        together = list(run_plans(plans, copies, "cpu", resident))
    for plan, many in zip(plans, together, strict=True):
        alone = run_plan(plan, copies, "cpu", uncoded)
        expected, found = rerank(alone.plan, alone.candidates), rerank(many.plan, many.candidates)
        assert found.image_ids == expected.image_ids
        assert np.array_equal(found.scores, expected.scores)
        assert np.array_equal(found.similarities, expected.similarities)
        ran, single = find_node(many.plan, ResidentScan), find_node(alone.plan, ResidentScan)
        assert (ran.rows, ran.matching) == (single.rows, single.matching)
        assert ran.candidates == len(many.candidates)


def test_a_search_without_hits_warns_of_the_reason(context: SearchContext) -> None:
    query = ComposedQuery(REFERENCE, "in blue")
    found = search(query, context)
    assert (list(found), found.warnings[-1]) == ([], "the gallery is empty: `cvsi-db ingest FOLDER` takes images in")
    context.store.upsert([image_row(1, *random_vectors(1, seed=2)[0])], [])
    assert len(search(query, context)) == 1
    found = search(replace(query, folder="phtos"), context)
    assert found.warnings[-1] == "the only image does not satisfy folder 'phtos': did you mean '/photos'?"
