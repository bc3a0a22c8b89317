"""The file that keeps a run: everything comes back, without pickle, and only to the run it belongs to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from cvsi_db.errors import ModelError, UsageError
from cvsi_db.models.phi import MappingNetwork
from cvsi_db.training.phi_checkpoint import PhiCheckpoint, PhiTrainee


@dataclass(frozen=True)
class Settings:
    learning_rate: float = 0.01
    weight_decay: float = 0.1


def trainee(seed: int) -> PhiTrainee:
    torch.manual_seed(seed)
    return PhiTrainee.new(MappingNetwork(3, 2), "cpu", Settings())


def learn(one: PhiTrainee, steps: int) -> None:
    for _ in range(steps):
        one.learn(one.network(torch.randn(4, 3)).square().mean())


@pytest.fixture
def kept(tmp_path: Path) -> PhiCheckpoint:
    return PhiCheckpoint(tmp_path / "kept.safetensors", identity={"seed": 1, "learning_rate": 0.01})


def test_weights_moments_and_random_numbers_come_back(kept: PhiCheckpoint) -> None:
    one, other = trainee(1), trainee(2)
    kept.resume(one)  # there is nothing yet
    assert one.step == 0
    learn(one, 3)
    kept.save(one)
    learn(one, 2)
    kept.resume(other)
    assert other.step == 3
    learn(other, 2)
    after = one.tensors()
    assert after.keys() == other.tensors().keys()
    assert all(value.equal(after[name]) for name, value in other.tensors().items())


def test_the_file_is_safetensors_with_json_in_its_header(kept: PhiCheckpoint) -> None:
    one = trainee(1)
    learn(one, 1)
    kept.save(one)
    with safe_open(kept.path, "pt") as opened:
        names = set(opened.keys())
        state = json.loads(opened.metadata()["state"])
    assert state == {"step": 1, "run": {"seed": 1, "learning_rate": 0.01}}
    assert {"network.layers.6.bias", "adamw.5.exp_avg", "adamw.5.exp_avg_sq", "adamw.5.step", "random.cpu"} <= names
    assert [path.name for path in kept.path.parent.iterdir()] == ["kept.safetensors"]
    kept.remove()
    kept.remove()
    assert not kept.path.exists()


def test_another_run_is_refused(kept: PhiCheckpoint) -> None:
    kept.save(trainee(1))
    kept.check()
    other = PhiCheckpoint(kept.path, identity={"seed": 1, "learning_rate": 0.02})
    for refuse in (other.check, lambda: other.resume(trainee(1))):
        with pytest.raises(UsageError, match=r"its learning_rate is 0.01, not 0.02"):
            refuse()


@pytest.mark.parametrize("content", [b"", b"bad", b"\x02\0\0\0\0\0\0\0{}"])
def test_a_damaged_file_is_refused(kept: PhiCheckpoint, content: bytes) -> None:
    kept.path.write_bytes(content)
    with pytest.raises(ModelError, match="delete it to start again"):
        kept.check()


def test_the_rate_is_that_of_the_next_step() -> None:
    one = trainee(1)
    before = one.network.layers[6].bias.detach().clone()
    one.set_rate(0.0)
    learn(one, 1)
    assert one.network.layers[6].bias.equal(before)
    assert one.step == 1
