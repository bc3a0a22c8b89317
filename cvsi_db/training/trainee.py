"""What every training run shares: the thing that learns, one step of it, its checkpoint and its log.

Takes a model with its attribute heads, optimizer and schedule; writes to the paths it is given.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from cvsi_db.training.losses import AttributeHeads

WARMUP = 0.05
"""The share of a run over which the learning rate rises."""

GRADIENT_NORM = 5.0
"""The length to which longer gradients are cut."""


@dataclass
class Trainee:
    """What learns, and where it stands: all that a checkpoint holds."""

    model: Any
    heads: AttributeHeads
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LambdaLR
    step: int = 0

    def learn(self, loss: torch.Tensor) -> None:
        """One optimizer step down the gradient of `loss`."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), GRADIENT_NORM)
        self.optimizer.step()
        self.schedule.step()
        self.step += 1

    def save(self, checkpoint: Path) -> None:
        """Replaces the checkpoint in one move: a run killed while saving keeps the older one."""
        parts = {name: getattr(self, name).state_dict() for name in _PARTS}
        half_written = checkpoint.with_name(checkpoint.name + ".new")
        torch.save({**parts, "step": self.step}, half_written)
        half_written.replace(checkpoint)

    def resume(self, checkpoint: Path) -> None:
        """Takes up what `save` wrote, if it wrote anything."""
        if checkpoint.exists():
            state = torch.load(checkpoint, weights_only=True)
            for name in _PARTS:
                getattr(self, name).load_state_dict(state[name])
            self.step = state["step"]


_PARTS = ("model", "heads", "optimizer", "schedule")


def pace(done: float) -> float:
    """The share of the learning rate when `done` (0..1) of the run is over: a short rise, then a cosine fall."""
    if done < WARMUP:
        return done / WARMUP + 1e-3
    return max(0.005, 0.5 * (1 + math.cos(math.pi * (done - WARMUP) / (1 - WARMUP))))


def as_numbers(losses: Mapping[str, torch.Tensor]) -> dict[str, float]:
    """The losses for a log."""
    return {name: value.item() for name, value in losses.items()}


def append_log(path: Path, entry: Mapping[str, float]) -> None:
    """Adds a line to a file of JSON lines, its numbers to four places."""
    rounded = {name: round(value, 4) if isinstance(value, float) else value for name, value in entry.items()}
    with path.open("a") as log:
        log.write(json.dumps(rounded) + "\n")
