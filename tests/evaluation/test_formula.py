"""The paper's presets score exactly as the paper's formula written out."""

from __future__ import annotations

import numpy as np
import pytest

from cvsi_db.evaluation.baselines import field_methods
from cvsi_db.evaluation.field_gallery import GalleryFeatures
from cvsi_db.records import FloatArray

QUERIES, IMAGES, DIM, CAPTIONS = 500, 2000, 64, 5
PAPER = {"cirr": (0.6, 0.4, 0.0, 0.2), "circo": (0.6, 0.4, 0.0, 0.2), "fashioniq": (0.2, 0.6, 0.2, 0.1)}
"""The weights of edited captions, pseudo-token and image, and γ (Ye et al., ICDM 2025)."""


def unit(rng: np.random.Generator, *shape: int) -> FloatArray:
    rows = rng.standard_normal(shape).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), dtype=np.float32)


@pytest.mark.parametrize("preset", PAPER)
def test_scores_equal_the_formula(preset: str) -> None:
    rng = np.random.default_rng(5)
    edited = unit(rng, QUERIES, CAPTIONS, DIM).mean(axis=1)
    pseudo, image = unit(rng, QUERIES, DIM), unit(rng, QUERIES, DIM)
    images, captions = unit(rng, IMAGES, DIM), unit(rng, IMAGES, CAPTIONS, DIM)

    w_edit, w_pseudo, w_image, gamma = PAPER[preset]
    mean = captions.mean(axis=1)
    if preset == "fashioniq":
        mean = mean / np.sqrt((mean**2).sum(axis=1))[:, None]
    expected = (w_edit * edited + w_pseudo * pseudo + w_image * image) @ ((1 - gamma) * images + gamma * mean).T

    features = GalleryFeatures((), (), images, captions.mean(axis=1), renormalised=preset == "fashioniq")
    terms = {"edited_captions": edited, "pseudo_token": pseudo, "image": image}
    found = field_methods(preset)["cvsi_paper"].scores(terms, features)
    assert found.shape == (QUERIES, IMAGES)
    assert np.abs(found - expected).max() < 1e-5
