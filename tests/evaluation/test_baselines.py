"""Methods are linear scores; an ablation lacks its term and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from cvsi_db.errors import UsageError
from cvsi_db.evaluation.baselines import METHODS, TEXT_WEIGHT, Method, choose_methods
from cvsi_db.evaluation.scene_features import Features
from cvsi_db.evaluation.scene_report import Prepared
from cvsi_db.models.spec import BUNDLES
from cvsi_db.models.unit_vectors import normalise
from cvsi_db.query.weights import PRESETS
from cvsi_db.records import FloatArray


def test_scores_match_worked_example() -> None:
    features = Features(np.array([[2, 0], [0, 3]], np.float32), ((), ()), np.array([[0, 0.5], [0.5, 0]], np.float32))
    terms: dict[str, FloatArray] = {"a": np.array([[1, 0]], np.float32), "b": np.array([[0, 1]], np.float32)}
    found = Method({"a": 0.6, "b": 0.3}, gamma=0.2).scores(terms, features)
    # columns (0.8, 0.1) and (0.1, 0.8)
    assert found == pytest.approx(np.array([[0.6 * 0.8 + 0.3 * 0.1, 0.6 * 0.1 + 0.3 * 0.8]]))


def test_scores_equal_the_sum_of_similarities(prepared: Prepared) -> None:
    terms, features = prepared.terms, prepared.features
    images = normalise(features.embeddings, len(features.embeddings))
    for method in METHODS.values():
        expected = sum(
            weight
            * ((1 - method.gamma) * terms[name] @ images.T + method.gamma * terms[name] @ features.caption_means.T)
            for name, weight in method.weights.items()
        )
        assert method.scores(terms, features) == pytest.approx(np.asarray(expected), abs=1e-5)


@pytest.mark.parametrize(("name", "preset"), [("cvsi", "default"), ("cvsi_paper", "cirr")])
def test_methods_use_the_presets_weights(name: str, preset: str) -> None:
    weights = {term: weight for term, weight in PRESETS[preset].weights.items() if weight}
    assert METHODS[name] == Method(weights, PRESETS[preset].gamma)


@pytest.mark.parametrize("term", ["pseudo_token", "edited_captions", "edit_direction", "image"])
def test_ablation_lacks_exactly_its_term(term: str) -> None:
    whole, ablated = METHODS["cvsi"], METHODS[f"cvsi-{term}"]
    assert ablated.gamma == whole.gamma
    gone = {"edited_captions", "edit_direction"} if term == "edited_captions" else {term}
    assert dict(ablated.weights) == {name: weight for name, weight in whole.weights.items() if name not in gone}


def test_ablations_of_gamma_and_objects() -> None:
    whole = METHODS["cvsi"]
    assert METHODS["cvsi-gamma"] == Method(whole.weights, 0.0)
    bare = METHODS["cvsi-objects"]
    expected = {name: weight for name, weight in whole.weights.items() if name != "objects"}
    expected["pseudo_token_alone"] = expected.pop("pseudo_token")
    assert dict(bare.weights) == expected
    assert bare.gamma == whole.gamma


def test_image_and_text_share_one() -> None:
    assert dict(METHODS["image+text"].weights) == {"image": 1 - TEXT_WEIGHT, "text": TEXT_WEIGHT}


def test_choose_methods_by_name() -> None:
    assert list(choose_methods((), BUNDLES["starter"])) == list(METHODS)
    assert list(choose_methods(("cvsi", "image"), BUNDLES["starter"])) == ["image", "cvsi"]
    assert list(choose_methods((), BUNDLES["bge-vl-base"])) == [
        "image", "text", "image+text", "sum", "edited_caption", "edited_captions", "cvsi-pseudo_token", "ceiling",
    ]  # fmt: skip
    with pytest.raises(UsageError, match="unknown method 'clip': choose among image, text"):
        choose_methods(("clip",), BUNDLES["starter"])
    with pytest.raises(UsageError, match="method 'cvsi' takes a phi, and this bundle has none"):
        choose_methods(("cvsi",), BUNDLES["bge-vl-base"])
