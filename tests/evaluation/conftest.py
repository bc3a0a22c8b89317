"""A small benchmark of each split, and models and features of it that need neither drawing nor weights."""

from __future__ import annotations

import pytest

from cvsi_db.evaluation.cache import Cache
from cvsi_db.evaluation.encoding import Models, caption_means
from cvsi_db.evaluation.scene_features import Features
from cvsi_db.evaluation.scene_report import Prepared
from cvsi_db.evaluation.scene_terms import SCENE_TERMS, SceneSource
from cvsi_db.evaluation.scenes import SceneBenchmark, make_benchmark
from cvsi_db.evaluation.terms import make_terms
from tests.fakes import COLOURS, FakeCaptioner, FakeEncoder, FakePhi, FakeRewriter, make_picture

QUERIES, GALLERY = 54, 600


@pytest.fixture(scope="session")
def val() -> SceneBenchmark:
    return make_benchmark("val", seed=3, queries=QUERIES, gallery=GALLERY)


@pytest.fixture(scope="session")
def test() -> SceneBenchmark:
    return make_benchmark("test", seed=3, queries=QUERIES, gallery=GALLERY)


@pytest.fixture(scope="session")
def small() -> SceneBenchmark:
    """A benchmark to run models over."""
    return make_benchmark("val", seed=3, queries=9, gallery=100)


@pytest.fixture
def models() -> Models:
    return Models(FakeEncoder(), "fake-1", FakeCaptioner(), FakeRewriter(), FakePhi())


def silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


@pytest.fixture
def source(small: SceneBenchmark, models: Models) -> SceneSource:
    """The small benchmark with plain coloured pictures in place of its drawings."""
    colours = list(COLOURS)
    sizes = [(64, 48), (48, 64), (50, 50)]
    pictures = [
        make_picture(colours[row % 9], sizes[row % 3], dot=colours[row // 9 % 9]) for row in range(len(small.gallery))
    ]
    captions = models.captioner.caption(pictures, [str(row) for row in range(len(pictures))])
    means = caption_means(captions, models, Cache(None), silent)
    features = Features(models.encoder.encode_images(pictures), tuple(captions), means)
    return SceneSource(small, features, models, Cache(None), silent)


@pytest.fixture
def prepared(source: SceneSource) -> Prepared:
    return Prepared(source.benchmark, source.features, make_terms(tuple(SCENE_TERMS), source, SCENE_TERMS))
