from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cvsi_db.records import TERM_NAMES, ComposedQuery
from cvsi_db.search import SearchContext, search
from cvsi_db.search.present import explain_text, to_json
from tests.fakes import make_picture
from tests.search.conftest import assert_exact, brute_force, fill, random_vectors


def test_a_search_end_to_end_is_exact_and_its_contributions_sum_to_the_score(context: SearchContext) -> None:
    fill(context.store, random_vectors(60, seed=4))
    result = search(ComposedQuery(make_picture(), "with a hat", k=7, where="width > 110"), context)
    truth = brute_force(context.store, result.compiled.logical)
    assert_exact([(hit.image_id, hit.score) for hit in result], truth, 7)
    assert [hit.rank for hit in result] == list(range(1, 8))
    for hit in result:
        assert tuple(hit.terms) == TERM_NAMES
        assert sum(term.contribution for term in hit.terms.values()) == pytest.approx(hit.score, abs=1e-5)
        for term in hit.terms.values():
            assert term.contribution == pytest.approx(term.weight * term.similarity, abs=1e-6)
        assert hit.metadata["width"] > 110
        assert hit.metadata["captions"] == ["a picture"]


def test_json_has_the_shape_of_the_contract(context: SearchContext, photos: Path) -> None:
    fill(context.store, random_vectors(5, seed=4))
    shape = to_json(search(ComposedQuery(photos / "red.png", "with a hat", k=2, preset="fashioniq"), context))
    assert json.loads(json.dumps(shape)) == shape
    assert list(shape) == ["query", "hits", "timings_ms", "warnings"]
    assert shape["query"]["reference"] == str(photos / "red.png")
    assert shape["query"]["added_objects"] == "a hat"
    assert shape["query"]["weights"] == {
        "edited_captions": 0.2,
        "edit_direction": 0.0,
        "pseudo_token": 0.6,
        "image": 0.2,
        "objects": 0.0,
    }
    assert (shape["query"]["preset"], shape["query"]["gamma"]) == ("fashioniq", 0.1)
    assert list(shape["hits"][0]) == ["rank", "path", "image_id", "score", "terms"]
    assert list(shape["hits"][0]["terms"]["image"]) == ["similarity", "weight", "contribution"]
    assert list(shape["timings_ms"]) == ["compile", "plan", "run", "rerank", "present", "total"]


def test_explain_tells_texts_weights_plan_and_time(context: SearchContext) -> None:
    fill(context.store, random_vectors(5, seed=4))
    text = explain_text(search(ComposedQuery(make_picture(), "make it blue", k=2, preset="fashioniq"), context))
    assert "a red picture, make it blue" in text
    assert "+0.6 · pseudo_token\n      a photo of $ that make it blue." in text
    assert "Union by image_id rounds=1 candidates=5" in text
    assert "limit=6 fetched=5 where image_id <> '" in text
    assert "total" in text
    assert "warning: the rewriter fake-rewriter did not understand 'make it blue'" in text


def test_explain_shows_the_branch_that_a_bundle_without_phi_lacks(context: SearchContext) -> None:
    fill(context.store, random_vectors(5, seed=4))
    query = ComposedQuery(make_picture(), "with a hat", k=2, preset="fashioniq")
    text = explain_text(search(query, replace(context, phi=None)))
    assert "branch pseudo_token is missing: this bundle has no phi\n" in text
    assert "Union by image_id rounds=1 candidates=5 without pseudo_token\n" in text
    assert text.count("warning: this bundle has no phi") == 1
    assert "missing" not in explain_text(search(query, context))
