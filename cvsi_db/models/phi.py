"""phi, the mapping network: an image embedding becomes the embedding of one word, the pseudo-token.

Reads and writes its weights: our own safetensors, and the `.pt` files of LinCIR, SEARLE and CVSI, which share one
layout. Knows nothing about sentences, training or where weights come from.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from cvsi_db.errors import ModelError
from cvsi_db.records import FloatArray


class MappingNetwork(nn.Module):
    """Linear(dim, 4·dim) · GELU · Linear(4·dim, 4·dim) · GELU · Linear(4·dim, token_dim), with dropout after each GELU.

    The network of LinCIR (Gu et al., CVPR 2024) and SEARLE (Baldrati et al., ICCV 2023); the indices 0, 3 and 6 of
    `layers` are those of their checkpoints. Input: un-normalised CLIP image embeddings (n, dim).
    """

    def __init__(self, dim: int, token_dim: int, dropout: float = 0.5) -> None:
        super().__init__()
        hidden = 4 * dim
        self.layers = nn.Sequential(
            nn.Linear(dim, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, token_dim),
        )

    def forward(self, embeddings: torch.Tensor) -> torch.Tensor:
        """(n, token_dim) word embeddings from (n, dim) un-normalised embeddings."""
        words: torch.Tensor = self.layers(embeddings)
        return words


class MappedPhi:
    """A trained mapping network behind the Phi protocol: numpy in, numpy out, no dropout."""

    def __init__(self, network: MappingNetwork, device: str) -> None:
        self.network = network.float().to(device).eval()
        self._device = device

    def __call__(self, embeddings: FloatArray) -> FloatArray:
        """(n, token_dim) float32 word embeddings from (n, dim) un-normalised image embeddings."""
        with torch.inference_mode():
            words: FloatArray = self.network(torch.from_numpy(embeddings).float().to(self._device)).cpu().numpy()
        return words


def load_phi(path: Path, *, dim: int, token_dim: int, device: str) -> MappedPhi:
    """Reads phi from safetensors or a `.pt` file (its dict may hold the weights under `Phi`).

    Raises ModelError when the file is missing or unreadable, or when phi was made for another CLIP than one of joint
    width `dim` and text width `token_dim`.
    """
    weights = _read(path)
    _check_widths(path, weights, dim, token_dim)
    network = MappingNetwork(dim, token_dim)
    network.load_state_dict(weights)
    return MappedPhi(network, device)


def save_phi(network: MappingNetwork, path: Path) -> None:
    """Writes the weights as float16 safetensors."""
    from safetensors.torch import save_file

    save_file({name: value.detach().half().cpu().contiguous() for name, value in network.state_dict().items()}, path)
    path.chmod(0o644)  # safetensors leaves it to its owner alone


def _read(path: Path) -> dict[str, torch.Tensor]:
    if not path.is_file():
        raise ModelError(f"phi {str(path)!r} does not exist: give the path of a .safetensors or .pt file, or train one")
    try:
        content = _load_file(path)
    except Exception as error:  # a damaged file raises whatever its reader stumbles over
        kind = "holds more than weights" if isinstance(error, pickle.UnpicklingError) else str(error).split("\n")[0]
        raise ModelError(f"cannot read phi {str(path)!r} ({kind}): is it a mapping network's weights?") from error
    inner = content.get("Phi", content) if isinstance(content, Mapping) else None
    if not isinstance(inner, Mapping):
        raise ModelError(f"phi {str(path)!r} holds no weights under 'Phi': is it a mapping network's checkpoint?")
    return {name.removeprefix("module."): value for name, value in inner.items()}


def _load_file(path: Path) -> object:
    """Whatever the file holds; of a pickle, weights and plain values only."""
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        weights: object = load_file(path)
        return weights
    content: object = torch.load(path, map_location="cpu", weights_only=True)
    return content


def _check_widths(path: Path, weights: Mapping[str, torch.Tensor], dim: int, token_dim: int) -> None:
    expected = {name: tuple(value.shape) for name, value in _skeleton(dim, token_dim).items()}
    found = {name: tuple(value.shape) for name, value in weights.items()}
    if found == expected:
        return
    first, last = found.get("layers.0.weight"), found.get("layers.6.weight")
    if first is None or last is None or set(found) != set(expected):
        raise ModelError(f"phi {str(path)!r} is no mapping network: expected the weights {', '.join(expected)}")
    raise ModelError(
        f"phi {str(path)!r} maps width {first[-1]} to {last[0]}, but this CLIP needs {dim} to {token_dim}: "
        "use the phi that was trained for its weights"
    )


def _skeleton(dim: int, token_dim: int) -> dict[str, torch.Tensor]:
    """The weights of a network of these widths, without memory behind them."""
    with torch.device("meta"):
        return MappingNetwork(dim, token_dim).state_dict()
