"""Tuning finds the term that knows, and never does worse than where it starts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cvsi_db.errors import UsageError
from cvsi_db.evaluation.baselines import CVSI
from cvsi_db.evaluation.cache import Cache
from cvsi_db.evaluation.encoding import Models
from cvsi_db.evaluation.metrics import average_precision
from cvsi_db.evaluation.scene_report import Prepared
from cvsi_db.evaluation.scene_tuning import TUNED, tune_cvsi, tune_image_and_text, tune_weights
from cvsi_db.evaluation.scenes import SceneBenchmark
from cvsi_db.models.unit_vectors import normalise
from tests.evaluation.conftest import silent


def _knowing(prepared: Prepared, term: str) -> Prepared:
    """The same, with noise for pictures and one term that is the embedding of a target."""
    images = len(prepared.features.embeddings)
    embeddings = np.random.default_rng(0).standard_normal((images, 32)).astype(np.float32)
    targets = [min(query.targets) for query in prepared.benchmark.queries]
    terms = {**prepared.terms, term: normalise(embeddings[targets], len(targets))}
    return replace(prepared, features=replace(prepared.features, embeddings=embeddings), terms=terms)


@pytest.mark.parametrize("term", ["pseudo_token", "image"])
def test_informative_term_gets_the_weight(prepared: Prepared, term: str) -> None:
    knowing = _knowing(prepared, term)
    tuned = tune_cvsi(knowing)
    assert list(tuned.method.weights) == list(TUNED)
    assert sum(tuned.method.weights.values()) == pytest.approx(1, abs=0.003)
    assert max(tuned.method.weights, key=lambda name: tuned.method.weights[name]) == term
    counts = prepared.benchmark.target_counts
    start = 100 * average_precision(knowing.rank(CVSI, 10), counts, 10).mean()
    assert tuned.map10 >= start - 0.01
    again = 100 * average_precision(knowing.rank(tuned.method, 10), counts, 10).mean()
    assert tuned.map10 == pytest.approx(again, abs=0.01)


def test_share_of_the_text_is_tuned(prepared: Prepared) -> None:
    weights = tune_image_and_text(_knowing(prepared, "text")).method.weights
    assert weights["text"] > 0.5
    assert weights["image"] + weights["text"] == pytest.approx(1)


def test_a_bundle_without_phi_is_not_tuned(small: SceneBenchmark, models: Models) -> None:
    with pytest.raises(UsageError, match="this bundle has no phi"):
        tune_weights(small, replace(models, phi=None), Cache(None), silent)
