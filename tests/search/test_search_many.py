"""Gallery.search and Gallery.search_many: one gallery keeps its rows in memory, for single searches and for batches."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cvsi_db import ComposedQuery, Gallery
from cvsi_db.errors import QueryError
from cvsi_db.search import SearchContext
from tests.fakes import picture_bytes
from tests.search.conftest import fill, random_vectors

REFERENCE = picture_bytes("red")


@pytest.fixture
def gallery(context: SearchContext, tmp_path: Path) -> Gallery:
    fill(context.store, random_vectors(60, seed=4))
    models = {"encoder": context.encoder, "phi": context.phi, "captioner": context.captioner}
    bundle = SimpleNamespace(**models, spec=SimpleNamespace(preset="default"), device="cpu")
    return Gallery(tmp_path, context.store, context.catalog, cast(Any, bundle), context.rewriter)


def test_a_gallery_that_has_answered_keeps_its_rows_in_memory(gallery: Gallery) -> None:
    plans = [gallery.explain(REFERENCE, "with a hat") for _ in range(2)]
    assert "fused: the first search over these 60 rows does not load them" in plans[0]
    assert "resident: 60 rows, 1 MB of 1,024 MB" in plans[1]
    assert "ResidentScan rows=60 candidates=" in plans[1]


def test_many_are_answered_each_as_alone(gallery: Gallery) -> None:
    queries = [ComposedQuery(REFERENCE, text, k=3) for text in ("with a hat", "at night", "in green")]
    many = gallery.search_many(queries)
    assert [list(result) for result in many] == [
        list(gallery.search(REFERENCE, each.edit_text, k=3)) for each in queries
    ]
    assert [result.compiled.query for result in many] == queries


def test_a_query_without_sense_is_found_before_any_model_runs(gallery: Gallery, context: SearchContext) -> None:
    with pytest.raises(QueryError, match="k is 0"):
        gallery.search_many([ComposedQuery(REFERENCE), ComposedQuery(REFERENCE, k=0)])
    assert cast(Any, context.encoder).image_batches == []
