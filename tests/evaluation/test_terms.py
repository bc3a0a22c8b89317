"""Terms are what a search embeds, and the ceiling's captions state all of the edited scene."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from cvsi_db.evaluation.cache import Cache
from cvsi_db.evaluation.encoding import Models, caption_means
from cvsi_db.evaluation.scene_features import Features
from cvsi_db.evaluation.scene_terms import SCENE_TERMS, TRUE_CAPTIONS, SceneSource, true_captions
from cvsi_db.evaluation.scenes import SceneBenchmark
from cvsi_db.evaluation.terms import make_terms
from cvsi_db.records import METHOD_TERMS, ComposedQuery
from cvsi_db.search import SearchContext
from cvsi_db.search.compile.compiler import compile_queries
from tests.evaluation.conftest import silent
from tests.fakes import DIM, FakeCaptioner, FakeModels, FakeRewriter, make_picture

if TYPE_CHECKING:
    from cvsi_db.store.catalog import Catalog
    from cvsi_db.store.images import Store


def test_terms_equal_those_of_a_search(store: Store, catalog: Catalog, small: SceneBenchmark, models: Models) -> None:
    context = SearchContext(store, catalog, FakeModels(models.encoder, models.phi, models.captioner), models.rewriter)
    picture = make_picture("red", dot="blue")
    edit = replace(small.queries[0].edit, text="with a top hat")
    compiled = compile_queries([ComposedQuery(picture, edit.text)], context)[0]
    query = replace(small.queries[0], reference=0, edit=edit)
    told = caption_means([compiled.captions], models, Cache(None), silent)
    features = Features(models.encoder.encode_images([picture]), (compiled.captions,), told)
    source = SceneSource(replace(small, queries=(query,)), features, models, Cache(None), silent)
    found = make_terms(METHOD_TERMS, source, SCENE_TERMS)
    assert [term.name for term in compiled.logical.terms] == list(METHOD_TERMS)
    for term in compiled.logical.terms:
        assert found[term.name][0] == pytest.approx(term.vector, abs=1e-6)


def test_every_term_has_a_row_per_query(source: SceneSource) -> None:
    terms = make_terms(tuple(SCENE_TERMS), source, SCENE_TERMS)
    assert {term.shape for term in terms.values()} == {(9, DIM)}
    first = source.features.captions[source.benchmark.queries[0].reference][0]
    rewriter = source.models.rewriter
    assert isinstance(rewriter, FakeRewriter)
    assert ((first,), source.edit_texts[0]) in rewriter.calls  # one caption, edited on its own
    assert not np.allclose(terms["edited_caption"], terms["edited_captions"])


def test_objects_are_zero_where_the_edit_adds_none(source: SceneSource) -> None:
    added = [bool(rewrite.added_objects) for rewrite in source.rewrites()]
    lengths = np.linalg.norm(make_terms(["objects"], source, SCENE_TERMS)["objects"], axis=1)
    assert lengths == pytest.approx(np.array(added, float), abs=1e-6)
    terms = make_terms(["pseudo_token", "pseudo_token_alone"], source, SCENE_TERMS)
    same = (np.abs(terms["pseudo_token"] - terms["pseudo_token_alone"]) < 1e-6).all(axis=1)
    assert same.tolist() == [not adds for adds in added]


def test_only_requested_terms_are_computed(source: SceneSource) -> None:
    make_terms(["image", "text"], source, SCENE_TERMS)
    rewriter, captioner = source.models.rewriter, source.models.captioner
    assert isinstance(rewriter, FakeRewriter)
    assert isinstance(captioner, FakeCaptioner)
    assert rewriter.calls == []
    assert len(captioner.batches) == 1  # the fixture's own


def test_true_captions_together_state_the_edited_scene(val: SceneBenchmark) -> None:
    query = next(query for query in val.queries if query.edit.changes.keys() == {"headwear"})
    said = true_captions(val.gallery[query.reference], query, random.Random(1))
    assert len(said) == TRUE_CAPTIONS
    assert len(set(said)) == TRUE_CAPTIONS
    assert said == true_captions(val.gallery[query.reference], query, random.Random(1))
    place = val.gallery[query.reference].setting
    assert sum(place in text for text in said) >= 1
