"""The losses: small when embeddings are right, blind to what a caption does not state."""

from __future__ import annotations

import math

import pytest
import torch

from cvsi_db.scenes.grammar import labels
from cvsi_db.scenes.scene import ATTRIBUTES, DEPENDENTS, Scene
from cvsi_db.training.losses import WEIGHTS, AttributeHeads, applicable, composed_contrast, contrast, total


def test_contrast_of_nothing_known_is_log_n() -> None:
    assert contrast(torch.zeros(8, 8)).item() == pytest.approx(math.log(8))
    assert contrast(50 * torch.eye(8)).item() == pytest.approx(0, abs=1e-6)


def test_composed_sentences_belong_to_the_second_half() -> None:
    right = 50 * torch.cat([torch.zeros(4, 4), torch.eye(4)], dim=1)
    unedited = 50 * torch.cat([torch.eye(4), torch.zeros(4, 4)], dim=1)
    assert composed_contrast(right).item() == pytest.approx(0, abs=1e-6)
    assert composed_contrast(unedited).item() > 20


def test_heads_have_a_logit_for_every_value() -> None:
    logits = AttributeHeads(6)(torch.zeros(2, 6))
    assert [tuple(one.shape) for one in logits] == [(2, len(values)) for values in ATTRIBUTES.values()]


def test_unstated_attributes_cost_nothing() -> None:
    heads, embeddings = AttributeHeads(6), torch.randn(3, 6)
    stated = torch.zeros(3, len(ATTRIBUTES), dtype=torch.bool)
    labels = torch.zeros(3, len(ATTRIBUTES), dtype=torch.long)
    assert heads.loss(embeddings, labels, stated).item() == 0
    stated[1, 2] = True
    expected = torch.nn.functional.cross_entropy(heads(embeddings)[2][1:2], labels[1:2, 2])
    assert heads.loss(embeddings, labels, stated).item() == pytest.approx(expected.item())


def test_details_of_what_is_absent_cost_nothing() -> None:
    scenes = [Scene("cat", "red"), Scene("cat", "red", companion="duck"), Scene("cat", "red", other="dog")]
    means = applicable(torch.tensor([labels(scene) for scene in scenes]))
    told = [{name for name, known in zip(ATTRIBUTES, row, strict=True) if known} for row in means.tolist()]
    assert [set(DEPENDENTS) & names for names in told] == [
        set(),
        {"companion_place"},
        set(DEPENDENTS) - {"companion_place"},
    ]
    assert all(set(ATTRIBUTES) - set(DEPENDENTS) <= names for names in told)


def test_total_weighs_by_name() -> None:
    losses = {name: torch.tensor(1.0) for name in WEIGHTS}
    assert total(losses).item() == pytest.approx(sum(WEIGHTS.values()))
