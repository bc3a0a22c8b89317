"""Where a training of phi stands, and the file that keeps it: one safetensors file, no pickle.

The file holds the network, AdamW's moments and the random generators' states as tensors, and in its header, as JSON,
the step and what run it belongs to: one file, moved into place whole, so that the two can never disagree.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

import torch

from cvsi_db.atomic_file import replace_file
from cvsi_db.errors import ModelError, UsageError
from cvsi_db.models.phi import MappingNetwork

_NETWORK, _MOMENTS, _RANDOM = "network.", "adamw.", "random."


class AdamSettings(Protocol):
    """What the optimizer is made of."""

    @property
    def learning_rate(self) -> float:
        """At the start; `set_rate` changes it."""

    @property
    def weight_decay(self) -> float:
        """AdamW's, of every weight."""


@dataclass
class PhiTrainee:
    """The network that learns, on its device, with its optimizer; `step` steps are behind it."""

    network: MappingNetwork
    optimizer: torch.optim.Optimizer
    device: str
    step: int = 0

    @classmethod
    def new(cls, network: MappingNetwork, device: str, settings: AdamSettings) -> Self:
        """The network at its start, ready to learn."""
        network = network.to(device).train()
        weights, decay = network.parameters(), settings.weight_decay
        return cls(network, torch.optim.AdamW(weights, lr=settings.learning_rate, weight_decay=decay), device)

    def set_rate(self, rate: float) -> None:
        """The learning rate of the next step."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def learn(self, loss: torch.Tensor) -> None:
        """One optimizer step down the gradient of `loss`."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.step += 1

    def tensors(self) -> dict[str, torch.Tensor]:
        """Everything that decides how it goes on."""
        network = {_NETWORK + name: value for name, value in self.network.state_dict().items()}
        moments = {
            f"{_MOMENTS}{parameter}.{name}": value
            for parameter, state in self.optimizer.state_dict()["state"].items()
            for name, value in state.items()
        }
        return network | moments | {_RANDOM + name: state for name, state in _random_states(self.device).items()}

    def restore(self, tensors: Mapping[str, torch.Tensor], step: int) -> None:
        """Takes the state that `tensors` hold."""
        self.network.load_state_dict(_under(_NETWORK, tensors))
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in _under(_MOMENTS, tensors).items():
            parameter, name = key.split(".")
            moments.setdefault(int(parameter), {})[name] = value
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})
        _set_random_states(self.device, _under(_RANDOM, tensors))
        self.step = step


@dataclass(frozen=True)
class PhiCheckpoint:
    """The file that keeps a run, written every `every` steps.

    `identity` is what must be the same for a run to go on: its settings, captions and weights, as plain values.
    """

    path: Path
    every: int = 500
    identity: Mapping[str, Any] = field(default_factory=dict)

    def check(self) -> None:
        """Raises UsageError when the file keeps another run, ModelError when it cannot be read."""
        if self.path.exists():
            self._state()

    def save(self, trainee: PhiTrainee) -> None:
        """Replaces the file in one move: a run killed while saving keeps the older one."""
        from safetensors.torch import save_file

        tensors = {name: value.detach().cpu().contiguous() for name, value in trainee.tensors().items()}
        with replace_file(self.path) as part:
            save_file(tensors, part, {"state": json.dumps({"step": trainee.step, "run": dict(self.identity)})})
            part.chmod(0o644)  # safetensors leaves it to its owner alone

    def resume(self, trainee: PhiTrainee) -> None:
        """Takes up what `save` wrote, if it wrote anything. Raises what `check` raises."""
        if not self.path.exists():
            return
        from safetensors.torch import load_file

        step = self._state()["step"]
        trainee.restore(load_file(self.path), step)

    def remove(self) -> None:
        """The run is over: nothing is left to resume."""
        self.path.unlink(missing_ok=True)

    def _state(self) -> dict[str, Any]:
        """The JSON in the header, checked."""
        from safetensors import safe_open

        try:
            with safe_open(self.path, "pt") as opened:
                state: dict[str, Any] = json.loads(opened.metadata()["state"])
                kept = state["run"]
        except Exception as error:  # a damaged file raises whatever its reader stumbles over
            raise ModelError(
                f"cannot read the checkpoint {str(self.path)!r}: {error!r}: delete it to start again"
            ) from error
        for name in sorted({*kept, *self.identity}):
            if kept.get(name) != self.identity.get(name):
                raise UsageError(
                    f"the checkpoint {str(self.path)!r} is of another run: its {name} is {kept.get(name)!r}, "
                    f"not {self.identity.get(name)!r}; give that, or delete the file to start again"
                )
        return state


def _under(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _random_states(device: str) -> dict[str, torch.Tensor]:
    """Torch's generators: noise and batches come from the CPU's, dropout from the device's."""
    states = {"cpu": torch.get_rng_state()}
    return states if device == "cpu" else states | {"device": torch.get_device_module(device).get_rng_state()}


def _set_random_states(device: str, states: Mapping[str, torch.Tensor]) -> None:
    torch.set_rng_state(states["cpu"])
    if "device" in states and device != "cpu":
        torch.get_device_module(device).set_rng_state(states["device"])
