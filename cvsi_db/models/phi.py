"""phi, the mapping network: an image embedding becomes the embedding of one word, the pseudo-token.

Reads and writes its weights: our own safetensors, and the `.pt` files of LinCIR, SEARLE and CVSI. All three save
`{"epoch": int, "Phi": weights}` (LinCIR's averaged `ema_phi_*.pt` too); a full checkpoint of SEARLE adds the states of
optimizer and scaler and the path of its run.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import torch
from torch import nn

from cvsi_db.atomic_file import replace_file
from cvsi_db.errors import ModelError
from cvsi_db.records import FloatArray

Weights = dict[str, torch.Tensor]


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


def build_phi(path: Path, weights: Weights, *, dim: int, token_dim: int, device: str) -> MappedPhi:
    """The network with the weights that `read_phi` found in `path`.

    Raises ModelError when they were made for a CLIP of other widths, are not a mapping network's, or are not finite.
    """
    _check_widths(path, weights, dim, token_dim)
    if not all(value.isfinite().all() for value in weights.values()):
        raise ModelError(
            f"phi {str(path)!r} holds weights that are not finite: use a file from before its training diverged"
        )
    network = MappingNetwork(dim, token_dim)
    network.load_state_dict(weights)
    return MappedPhi(network, device)


def save_phi(network: MappingNetwork, path: Path) -> None:
    """Writes the weights as float16 safetensors, whole or not at all."""
    from safetensors.torch import save_file

    weights = {name: value.detach().half().cpu().contiguous() for name, value in network.state_dict().items()}
    with replace_file(path) as part:
        save_file(weights, part)
        part.chmod(0o644)  # safetensors leaves it to its owner alone


def read_phi(path: Path) -> Weights:
    """The weights in a file, by their names in `MappingNetwork`; whether they fit is for `build_phi` to check.

    Of a `.pt` file's dict they may be under `Phi`. Raises ModelError when the file is missing, unreadable, or holds
    anything but tensors there.
    """
    if not path.is_file():
        raise ModelError(f"phi {str(path)!r} does not exist: give the path of a .safetensors or .pt file, or train one")
    try:
        content = _load_file(path)
    except Exception as error:  # a damaged file raises whatever its reader stumbles over
        raise ModelError(f"cannot read phi {str(path)!r}: {_why(error)}") from error
    inner = content.get("Phi", content) if isinstance(content, Mapping) else None
    if not isinstance(inner, Mapping):
        raise ModelError(f"phi {str(path)!r} holds no weights under 'Phi': is it a mapping network's checkpoint?")
    if not inner or not all(isinstance(value, torch.Tensor) for value in inner.values()):
        raise ModelError(f"phi {str(path)!r} holds {_names(inner)} and no weights: {_expected()}")
    return {str(name).removeprefix("module."): value for name, value in inner.items()}


def _load_file(path: Path) -> object:
    """Whatever the file holds; of a pickle, weights and plain values only."""
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        weights: object = load_file(path)
        return weights
    # SEARLE's full checkpoints hold a path. A pure one opens nothing, and can be made on every platform.
    with torch.serialization.safe_globals([(PurePosixPath, "pathlib.PosixPath")]):
        content: object = torch.load(path, map_location="cpu", weights_only=True)
    return content


def _why(error: Exception) -> str:
    """What stood in the way of reading, in one line; of a pickle with more than weights, which type it was."""
    refused = re.search(r"GLOBAL ([\w.]+)", str(error)) if isinstance(error, pickle.UnpicklingError) else None
    if refused:
        return (
            f"beside weights it holds a {refused[1]}, and reading that could run code: if you trust the file, load it "
            'with torch and save {"Phi": its weights} alone'
        )
    return f"{str(error).splitlines()[0] if str(error) else type(error).__name__} (is it a mapping network's weights?)"


def _check_widths(path: Path, weights: Mapping[str, torch.Tensor], dim: int, token_dim: int) -> None:
    expected = {name: tuple(value.shape) for name, value in _skeleton(dim, token_dim).items()}
    found = {name: tuple(value.shape) for name, value in weights.items()}
    if found == expected:
        return
    if set(found) != set(expected) or any(len(found[name]) != len(expected[name]) for name in expected):
        raise ModelError(f"phi {str(path)!r} is not a mapping network but holds {_names(weights)}: {_expected()}")
    raise ModelError(
        f"phi {str(path)!r} maps width {_widths(found)}, but this CLIP needs {_widths(expected)}: "
        "use the phi that was trained for its weights"
    )


def _widths(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """Its input, hidden and output widths."""
    return f"{shapes['layers.0.weight'][1]} over {shapes['layers.3.weight'][1]} to {shapes['layers.6.weight'][0]}"


def _names(content: Mapping[str, object]) -> str:
    """The first few names in a checkpoint, for a message."""
    names = [repr(str(name)) for name in content]
    return ", ".join(names[:3]) + (" …" if len(names) > 3 else "") if names else "nothing"


def _expected() -> str:
    return f"the weights {', '.join(_skeleton(1, 1))} were expected"


def _skeleton(dim: int, token_dim: int) -> dict[str, torch.Tensor]:
    """The weights of a network of these widths, without memory behind them."""
    with torch.device("meta"):
        return MappingNetwork(dim, token_dim).state_dict()
