"""The gallery's features: what an ingest would keep, in the benchmark's order; a cache changes nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cvsi_db.evaluation.cache import Cache
from cvsi_db.evaluation.encoding import Models, caption_means, unit_text_vectors
from cvsi_db.evaluation.scene_features import FEW, Features, Pictures, compute_features
from cvsi_db.evaluation.scenes import SceneBenchmark
from cvsi_db.models.unit_vectors import normalise
from cvsi_db.records import PseudoText
from cvsi_db.scenes.grammar import sample_scenes
from tests.evaluation.conftest import silent
from tests.fakes import TOKEN_DIM, FakeCaptioner, FakeEncoder, word_vector


def test_caption_means_average_unit_vectors(models: Models) -> None:
    captions = [("red", "blue"), ("green",)]
    means = caption_means(captions, models, Cache(None), silent)
    assert means[0] == pytest.approx((word_vector("red") + word_vector("blue")) / 2, abs=1e-6)
    assert means[1] == pytest.approx(word_vector("green"), abs=1e-6)


def test_texts_are_kept_by_content(tmp_path: Path, models: Models) -> None:
    encoder, cache = models.encoder, Cache(tmp_path)
    assert isinstance(encoder, FakeEncoder)
    words = [PseudoText("a photo of $", np.full(TOKEN_DIM, value, np.float32)) for value in (0.0, 1.0)]
    rows = [unit_text_vectors([text], models, cache, silent) for text in ("a", *words)]
    again = [unit_text_vectors([text], models, cache, silent) for text in ("a", *words)]
    assert [row.tolist() for row in rows] == [row.tolist() for row in again]
    assert rows[1].tolist() != rows[2].tolist()
    assert encoder.text_batches == [1, 1, 1]


def test_the_column_mixes_images_and_captions() -> None:
    features = Features(np.array([[3.0, 4.0]], np.float32), (("a",),), np.array([[1.0, 0.0]], np.float32))
    assert features.column(0.0) == pytest.approx(np.array([[0.6, 0.8]]))
    assert features.column(0.25) == pytest.approx(np.array([[0.7, 0.6]]))


def test_features_follow_the_gallery(tmp_path: Path, small: SceneBenchmark, models: Models) -> None:
    render = pytest.importorskip("cvsi_db.scenes.renderer", exc_type=Exception).render
    stages: list[tuple[str, int, int]] = []
    found = compute_features(small.gallery, models, Cache(tmp_path), lambda *now: stages.append(now))
    pictures = [render(scene, 128) for scene in small.gallery]
    assert found.embeddings.tolist() == FakeEncoder().encode_images(pictures).tolist()
    assert found.captions == tuple(FakeCaptioner().caption(pictures, [f"scenes-cir/{row}" for row in range(100)]))
    assert found.caption_means[7] == pytest.approx(
        normalise(FakeEncoder().encode_texts(found.captions[7]), 3).mean(axis=0)
    )
    assert {stage for stage, _, _ in stages} == {"drawing", "embedding", "captioning", "embedding texts"}
    assert ("captioning", 100, 100) in stages

    stages.clear()
    kept = compute_features(small.gallery, models, Cache(tmp_path), lambda *now: stages.append(now))
    assert stages == []
    assert kept.captions == found.captions
    assert (kept.embeddings.tolist(), kept.caption_means.tolist()) == (
        found.embeddings.tolist(),
        found.caption_means.tolist(),
    )


@pytest.mark.slow
def test_workers_draw_the_same_pictures() -> None:
    render = pytest.importorskip("cvsi_db.scenes.renderer", exc_type=Exception).render
    scenes = sample_scenes(FEW + 1, seed=1)
    chunks = list(Pictures(scenes, silent).chunks("embedding", 200))
    assert [(start, len(chunk)) for start, chunk in chunks] == [(0, 200), (200, FEW - 199)]
    assert chunks[1][1][-1].tobytes() == render(scenes[-1], 128).tobytes()
