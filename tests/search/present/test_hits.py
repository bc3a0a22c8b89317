from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cvsi_db.records import METHOD_TERMS, ComposedQuery
from cvsi_db.search import SearchContext, search
from cvsi_db.search.plan.nodes import EXACT, Strategy
from cvsi_db.search.present.explain import explain_text
from cvsi_db.search.present.json import to_json
from cvsi_db.search.score_gap import clear_gap
from cvsi_db.store.images import matrix
from tests.fakes import FakeEncoder, make_picture
from tests.search.conftest import assert_exact, brute_force, fill, random_vectors, with_caption_means


def test_a_search_end_to_end_is_exact_and_its_contributions_sum_to_the_score(context: SearchContext) -> None:
    fill(context.store, random_vectors(60, seed=4))
    result = search(ComposedQuery(make_picture(), "with a hat", k=7, where="width > 110"), context)
    truth = brute_force(context.store, result.compiled.logical)
    assert_exact([(hit.image_id, hit.score) for hit in result], truth, 7)
    assert [hit.rank for hit in result] == list(range(1, 8))
    for hit in result:
        assert tuple(hit.terms) == METHOD_TERMS
        assert sum(term.contribution for term in hit.terms.values()) == pytest.approx(hit.score, abs=1e-5)
        for term in hit.terms.values():
            assert term.contribution == pytest.approx(term.weight * term.similarity, abs=1e-6)
        assert hit.metadata["width"] > 110
        assert hit.metadata["captions"] == ["a picture"]


def test_json_has_the_shape_of_the_contract(context: SearchContext, photos: Path) -> None:
    fill(context.store, random_vectors(5, seed=4))
    query = ComposedQuery(photos / "red.png", "with a hat", k=2, preset="fashioniq")
    shape = to_json(search(query, replace(context, model="clip-b32")))
    assert shape["query"]["model"] == "clip-b32"
    assert json.loads(json.dumps(shape)) == shape
    assert list(shape) == ["query", "plan", "hits", "timings_ms", "warnings"]
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
    assert list(shape["hits"][0]) == ["rank", "path", "image_id", "score", "confidence", "terms"]
    assert list(shape["hits"][0]["terms"]["image"]) == ["similarity", "weight", "contribution"]
    assert list(shape["timings_ms"]) == ["compile", "plan", "run", "rerank", "present", "total"]


def test_explain_tells_texts_weights_plan_and_time(context: SearchContext) -> None:
    fill(context.store, random_vectors(5, seed=4))
    query = ComposedQuery(make_picture(), "make it blue", k=2, preset="fashioniq")
    text = explain_text(search(query, replace(context, model="clip-b32")))
    assert text.splitlines()[1] == "model clip-b32"
    assert "a red picture, make it blue" in text
    assert "+0.6 · pseudo_token\n      a photo of $ that make it blue." in text
    assert "Union by image_id rounds=1 candidates=5" in text
    assert "limit=6 fetched=5 where image_id <> '" in text
    assert "total" in text
    assert "warning: the rewriter fake-rewriter did not understand 'make it blue'" in text


def test_explain_shows_the_branch_that_a_bundle_without_phi_lacks(context: SearchContext) -> None:
    fill(context.store, random_vectors(5, seed=4))
    query = ComposedQuery(make_picture(), "with a hat", k=2, preset="fashioniq")
    text = explain_text(search(query, replace(context, models=replace(context.models, phi=None))))
    assert "branch pseudo_token is missing: this bundle has no phi\n" in text
    assert "Union by image_id rounds=1 candidates=5 without pseudo_token\n" in text
    assert text.count("warning: this bundle has no phi") == 1
    assert "missing" not in explain_text(search(query, context))


def test_pages_by_offset_neither_repeat_nor_skip_a_hit(context: SearchContext) -> None:
    fill(context.store, random_vectors(60, seed=4), copies=30)  # ties, some of them across the edge of a page
    query = ComposedQuery(make_picture(), "with a hat", k=7)
    whole = search(replace(query, k=1000), context)
    pages = [search(replace(query, offset=offset), context) for offset in range(0, 98, 7)]
    assert [len(page) for page in pages] == [7] * 12 + [6, 0]
    paged = [(hit.rank, hit.image_id, hit.score) for page in pages for hit in page]
    assert paged == [(hit.rank, hit.image_id, hit.score) for hit in whole]
    assert [hit.rank for hit in whole] == list(range(1, 91))


def test_no_hit_scores_below_min_score(context: SearchContext) -> None:
    fill(context.store, random_vectors(60, seed=4))
    query = ComposedQuery(make_picture(), "with a hat", k=10)
    scores = [hit.score for hit in search(query, context)]
    assert [hit.score for hit in search(replace(query, min_score=scores[3]), context)] == scores[:4]
    assert [hit.score for hit in search(replace(query, min_score=scores[3], offset=2), context)] == scores[2:4]
    assert [hit.score for hit in search(replace(query, min_score=-5), context)] == scores
    assert search(replace(query, min_score=5), context) == []


def test_auto_cut_shows_three_hits_where_three_match(context: SearchContext, encoder: FakeEncoder) -> None:
    vectors = random_vectors(80, seed=4)
    wanted = encoder.encode_images([make_picture("red")])[0]
    vectors[:3] = wanted / np.linalg.norm(wanted)
    fill(context.store, vectors)
    query = ComposedQuery(make_picture("red"), k=10, auto_cut=True)
    assert [Path(hit.path).stem for hit in search(query, context)] == ["0", "2", "1"]
    assert [hit.rank for hit in search(replace(query, offset=2), context)] == [3]
    assert search(replace(query, offset=3), context) == []
    assert len(search(replace(query, k=2), context)) == 2
    even = search(replace(query, where="name <> '0.png' AND name <> '1.png' AND name <> '2.png'"), context)
    assert clear_gap([hit.score for hit in even]) is None
    assert len(even) == 10


def test_examples_show_in_json_and_explain_only_where_there_are_some(context: SearchContext, photos: Path) -> None:
    fill(context.store, random_vectors(60, seed=4))
    query = ComposedQuery(make_picture(), "with a hat", k=3)
    assert not {"liked", "unliked", "negative"} & set(to_json(search(query, context))["query"])
    result = search(replace(query, liked=(photos / "blue.png",), negative=("a dark tree",)), context)
    truth = brute_force(context.store, result.compiled.logical)
    assert_exact([(hit.image_id, hit.score) for hit in result], truth, 3)
    shape = to_json(result)
    assert (shape["query"]["liked"], shape["query"]["negative"]) == ([str(photos / "blue.png")], ["a dark tree"])
    assert shape["query"]["weights"]["negative"] == -0.5
    assert list(shape["hits"][0]["terms"]) == [*METHOD_TERMS, "liked", "negative"]
    text = explain_text(result)
    assert f"<image> + 'with a hat' + liked {photos / 'blue.png'} + negative a dark tree" in text
    assert "branch examples\n  +0.3 · liked\n      1 picture\n  -0.5 · negative\n      a dark tree\n" in text
    searched = explain_text(search(result.compiled.query, replace(context, strategy="branches")))
    assert "VectorSearch examples × image_vector" in searched


@pytest.mark.parametrize("strategy", EXACT)
def test_the_fashioniq_preset_takes_caption_means_at_unit_length(context: SearchContext, strategy: Strategy) -> None:
    fill(context.store, with_caption_means(random_vectors(250, seed=4)))
    query = ComposedQuery(make_picture(), "with a hat", k=5, preset="fashioniq")
    result = search(query, replace(context, strategy=strategy))
    terms = {term.name: term.vector for term in result.compiled.logical.terms}
    wanted = 0.2 * terms["edited_captions"] + 0.6 * terms["pseudo_token"] + 0.2 * terms["image"]
    table = context.store.scan(["image_id", "image_vector", "caption_vector"])
    images, means = matrix(table, "image_vector"), matrix(table, "caption_vector")
    scores = (0.9 * images + 0.1 * means / np.linalg.norm(means, axis=1, keepdims=True)) @ wanted
    best = np.argsort(-scores)[:5]
    assert [hit.image_id for hit in result] == [table["image_id"][int(place)].as_py() for place in best]
    np.testing.assert_allclose([hit.score for hit in result], scores[best], atol=1e-6)
    assert np.abs(scores[best] - ((0.9 * images + 0.1 * means) @ wanted)[best]).max() > 1e-3
    assert "γ 0.1, captions at unit length)" in explain_text(result)


@pytest.mark.parametrize("strategy", EXACT)
def test_every_strategy_searches_for_examples_and_pages_alike(
    context: SearchContext, photos: Path, strategy: Strategy
) -> None:
    fill(context.store, random_vectors(60, seed=4), copies=20)
    examples = {"liked": (photos / "blue.png",), "unliked": (make_picture("green"),), "negative": ("a dark tree",)}
    query = ComposedQuery(make_picture(), "with a hat", k=9, where="width > 110", **examples)  # type: ignore[arg-type]
    whole = search(query, replace(context, strategy=strategy))
    assert_exact([(hit.image_id, hit.score) for hit in whole], brute_force(context.store, whole.compiled.logical), 9)
    page = search(replace(query, k=4, offset=5), replace(context, strategy=strategy))
    assert [(hit.rank, hit.image_id) for hit in page] == [(hit.rank, hit.image_id) for hit in whole[5:]]
