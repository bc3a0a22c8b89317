"""The study of sums across a modality gap, on vectors made for it."""

from __future__ import annotations

import numpy as np
import pytest

from cvsi_db.evaluation.modality_gap import FORMS, PAIRS, Trial, Vectors, find_shifts, formed, pair_cosine, study, tune
from cvsi_db.evaluation.scenes import SceneBenchmark
from cvsi_db.models.unit_vectors import normalise
from cvsi_db.records import FloatArray

DIM = 16


@pytest.fixture
def vectors(small: SceneBenchmark) -> Vectors:
    """Captions near their image, two of each; edited ones near a target."""
    rng = np.random.default_rng(3)

    def near(rows: FloatArray) -> FloatArray:
        rows = np.repeat(rows, 2, axis=0) + 0.1 * rng.standard_normal((2 * len(rows), DIM))
        return normalise(rows.astype(np.float32), len(rows))

    images = normalise(rng.standard_normal((len(small.gallery), DIM)).astype(np.float32), len(small.gallery))
    targets = images[[min(query.targets) for query in small.queries]]
    starts = list(range(0, 2 * len(small.queries), 2))
    edits = normalise(targets - images[small.references], len(targets))
    return Vectors(small, images, edits, near(images[small.references]), starts, near(targets), starts)


def test_the_settings_are_a_gap_and_two_cones(vectors: Vectors) -> None:
    settings = {name: vectors.pushed(*shifts) for name, *shifts in find_shifts(vectors)}
    trained, apart, cones = settings.values()
    assert pair_cosine(trained) == pytest.approx(pair_cosine(vectors), abs=1e-6)
    assert pair_cosine(apart) == pytest.approx(PAIRS, abs=0.01)
    assert float((cones.captions @ cones.captions.T).mean()) > float((cones.images @ cones.images.T).mean()) > 0.3
    for each in settings.values():
        assert np.linalg.norm(each.images, axis=1) == pytest.approx(np.ones(len(each.images)), abs=1e-5)


def test_each_form_does_what_it_says(vectors: Vectors) -> None:
    terms = vectors.terms()
    centres = {"image": vectors.images.mean(axis=0)}
    plain, centred, spread = (formed(terms, form, vectors.images, centres) for form in FORMS)
    assert plain == terms
    assert centred["edit_text"] is terms["edit_text"]
    moved = terms["image"] - centres["image"]
    assert centred["image"] == pytest.approx(moved / np.linalg.norm(moved, axis=1, keepdims=True), abs=1e-5)
    for term in spread.values():
        assert (term @ vectors.images.T).std(axis=1) == pytest.approx(np.ones(len(term)), abs=1e-3)


def test_tuning_finds_the_term_that_knows(vectors: Vectors) -> None:
    terms = vectors.terms()
    noise = np.random.default_rng(1).standard_normal(terms["image"].shape).astype(np.float32)
    queries = {"edited_captions": terms["edited_captions"], "noise": noise}
    trial = Trial(vectors.benchmark, {name: term @ vectors.images.T for name, term in queries.items()})
    found = tune(trial, {"edited_captions": 0.5, "noise": 0.5})
    assert found["edited_captions"] > found["noise"]
    assert sum(found.values()) == pytest.approx(1, abs=0.002)


def test_the_tables_have_a_row_for_every_sum_and_form(vectors: Vectors) -> None:
    lines = list(study(vectors, [vectors]))
    assert sum(line.startswith("**") for line in lines) == 3
    assert sum(line.startswith("| without phi") for line in lines) == 9
    assert sum(line.startswith("| edited captions alone") for line in lines) == 3
