"""Validation: ranks are counted right and all numbers are there."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from cvsi_db.scenes.scene import ATTRIBUTES
from cvsi_db.training.data import PairSet
from cvsi_db.training.losses import AttributeHeads
from cvsi_db.training.towers import new_clip
from cvsi_db.training.validate import Probe, mean_ap10, validate


def test_mean_ap10_is_the_mean_reciprocal_rank_without_the_reference() -> None:
    pictures = torch.eye(6)  # three A's, three B's: the answer of query i is row i + 3
    queries = torch.tensor([[9.0, 1, 0, 5, 0, 0], [0, 9, 3, 2, 1, 0]])  # ranks 1 and 3
    assert mean_ap10(queries, Probe(pictures, 3, 2)) == pytest.approx((1 + 1 / 3) / 2)


def test_validate_reports_every_number(pairs: PairSet, tokenizer: Any) -> None:
    torch.manual_seed(0)
    model = new_clip(len(tokenizer))
    found = validate(model, AttributeHeads(256), tokenizer, pairs, queries=4, phi=lambda v: v[:, :192])
    assert {f"read_{name}" for name in ATTRIBUTES} <= set(found)
    terms = ("image", "text", "image+text", "sentence", "edited_caption", "pseudo_token", "phi_only")
    assert {f"map10_{name}" for name in terms} <= set(found)
    assert all(0 <= value <= 1 for name, value in found.items() if name.startswith(("map10", "read", "caption")))
