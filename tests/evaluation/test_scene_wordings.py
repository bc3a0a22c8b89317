"""Scenes-CIR in other words: the same edits, and the spread of the ranking over them."""

from __future__ import annotations

import random

import numpy as np
import pytest

from cvsi_db.evaluation.baselines import Method
from cvsi_db.evaluation.cache import Cache
from cvsi_db.evaluation.encoding import Models
from cvsi_db.evaluation.metrics import average_precision
from cvsi_db.evaluation.scene_report import Prepared
from cvsi_db.evaluation.scene_terms import SCENE_TERMS, SceneSource
from cvsi_db.evaluation.scene_wordings import WORDINGS, reword, spread
from cvsi_db.evaluation.scenes import SceneBenchmark, book_of
from cvsi_db.evaluation.terms import make_terms
from cvsi_db.scenes.edits import find_edit, wordings
from tests.evaluation.conftest import silent


@pytest.mark.parametrize("name", [pytest.param("val", marks=pytest.mark.slow), "test"])
def test_every_wording_means_the_same_edit(name: str, request: pytest.FixtureRequest) -> None:
    benchmark: SceneBenchmark = request.getfixturevalue(name)
    reworded = reword(benchmark)
    assert reworded.benchmark.gallery == benchmark.gallery
    assert list(dict.fromkeys(reworded.of.tolist())) == list(range(len(benchmark.queries)))
    for place, query in enumerate(benchmark.queries):
        those = [reworded.benchmark.queries[at] for at in np.flatnonzero(reworded.of == place)]
        assert those[0] == query
        texts = [each.edit.text for each in those]
        assert 2 <= len(set(texts)) == len(texts) <= WORDINGS
        scene = benchmark.gallery[query.reference]
        for each in those:
            assert each.edit.changes == query.edit.changes
            assert (each.reference, each.targets, each.negatives) == (query.reference, query.targets, query.negatives)
            if place % 18 == 0:  # reading a text back takes a while
                assert find_edit(scene, each.edit.text, book_of(name)).changes == query.edit.changes
    again = reword(benchmark)
    assert again.benchmark.queries == reworded.benchmark.queries


def test_wordings_are_no_more_than_there_are(test: SceneBenchmark) -> None:
    query = test.queries[0]
    scene = test.gallery[query.reference]
    all_of_them = wordings(scene, query.edit, 10_000, random.Random(1), book_of("test"))
    assert len({each.text for each in all_of_them}) == len(all_of_them) > WORDINGS
    assert wordings(scene, query.edit, 1, random.Random(1), book_of("test")) == [query.edit]


def test_the_spread_is_that_of_the_wordings_of_each_edit(prepared: Prepared, models: Models) -> None:
    methods = {
        "image": Method({"image": 1.0}),
        "text": Method({"text": 1.0}),
        "ceiling": Method({"true_captions": 1.0}),
    }
    found = spread(prepared, methods, models, Cache(None), silent)
    assert list(found) == ["image", "text"]
    assert (found["image"]["spread"].value, found["image"]["worst"]) == (0, found["image"]["wordings"])
    reworded = reword(prepared.benchmark)
    source = SceneSource(reworded.benchmark, prepared.features, models, Cache(None), silent)
    whole = Prepared(reworded.benchmark, prepared.features, make_terms(("text",), source, SCENE_TERMS))
    precision = average_precision(whole.rank(methods["text"], 10), reworded.benchmark.target_counts, 10)
    of_edit = [precision[reworded.of == place] for place in range(len(prepared.benchmark.queries))]
    for name, value in {
        "wordings": np.mean([each.mean() for each in of_edit]),
        "spread": np.mean([each.std() for each in of_edit]),
        "worst": np.mean([each.min() for each in of_edit]),
    }.items():
        assert found["text"][name].value == pytest.approx(100 * value)
