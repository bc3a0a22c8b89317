"""phi: its layout, its files, and what is said when it does not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from cvsi_db.errors import ModelError
from cvsi_db.models.phi import MappingNetwork, load_phi, save_phi
from cvsi_db.models.starter import FOLDER

DIM, TOKEN_DIM = 8, 6


@pytest.fixture
def network() -> MappingNetwork:
    torch.manual_seed(3)
    return MappingNetwork(DIM, TOKEN_DIM)


def test_layout_is_that_of_published_checkpoints(network: MappingNetwork) -> None:
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    assert shapes == {
        "layers.0.weight": (32, 8),
        "layers.0.bias": (32,),
        "layers.3.weight": (32, 32),
        "layers.3.bias": (32,),
        "layers.6.weight": (6, 32),
        "layers.6.bias": (6,),
    }


def test_forward_is_two_gelu_layers_and_a_linear_one(network: MappingNetwork) -> None:
    x = torch.randn(4, DIM)
    w = network.state_dict()
    hidden = torch.nn.functional.gelu(x @ w["layers.0.weight"].T + w["layers.0.bias"])
    hidden = torch.nn.functional.gelu(hidden @ w["layers.3.weight"].T + w["layers.3.bias"])
    torch.testing.assert_close(network.eval()(x), hidden @ w["layers.6.weight"].T + w["layers.6.bias"])


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_foreign_checkpoints(network: MappingNetwork, tmp_path: Path, wrapped: bool, prefix: str) -> None:
    weights = {prefix + name: value for name, value in network.state_dict().items()}
    torch.save({"Phi": weights, "epoch": 3} if wrapped else weights, tmp_path / "phi.pt")
    check_same(network, tmp_path / "phi.pt", atol=1e-6)


def test_own_files_are_float16_on_disk_and_float32_in_use(network: MappingNetwork, tmp_path: Path) -> None:
    save_phi(network, tmp_path / "phi.safetensors")
    check_same(network, tmp_path / "phi.safetensors", atol=2e-3)
    size = sum(value.numel() for value in network.state_dict().values())
    assert (tmp_path / "phi.safetensors").stat().st_size < 2 * size + 1000


def check_same(network: MappingNetwork, path: Path, atol: float) -> None:
    vectors = np.random.default_rng(0).normal(size=(5, DIM)).astype(np.float32)
    words = load_phi(path, dim=DIM, token_dim=TOKEN_DIM, device="cpu")(vectors)
    assert words.shape == (5, TOKEN_DIM)
    assert words.dtype == np.float32
    np.testing.assert_allclose(words, network.eval()(torch.from_numpy(vectors)).detach().numpy(), atol=atol)


def test_other_widths_are_named(network: MappingNetwork, tmp_path: Path) -> None:
    save_phi(network, tmp_path / "phi.safetensors")
    with pytest.raises(ModelError, match="maps width 8 to 6, but this CLIP needs 512 to 512"):
        load_phi(tmp_path / "phi.safetensors", dim=512, token_dim=512, device="cpu")


def test_other_networks_are_refused(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(2, 2)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match="is no mapping network"):
        load_phi(tmp_path / "other.safetensors", dim=DIM, token_dim=TOKEN_DIM, device="cpu")


@pytest.mark.parametrize("content", [{"Phi": 3}, [1, 2]])
def test_checkpoints_without_weights(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "phi.pt")
    with pytest.raises(ModelError, match="holds no weights"):
        load_phi(tmp_path / "phi.pt", dim=DIM, token_dim=TOKEN_DIM, device="cpu")


def test_missing_and_damaged_files(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        load_phi(tmp_path / "no.pt", dim=DIM, token_dim=TOKEN_DIM, device="cpu")
    (tmp_path / "bad.safetensors").write_bytes(b"bad")
    with pytest.raises(ModelError, match="cannot read phi"):
        load_phi(tmp_path / "bad.safetensors", dim=DIM, token_dim=TOKEN_DIM, device="cpu")


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    torch.save({"Phi": Path("x")}, tmp_path / "phi.pt")
    with pytest.raises(ModelError, match="holds more than weights"):
        load_phi(tmp_path / "phi.pt", dim=DIM, token_dim=TOKEN_DIM, device="cpu")


def test_starter_phi_fits_the_starter_clip() -> None:
    phi = load_phi(FOLDER / "phi.safetensors", dim=256, token_dim=192, device="cpu")
    assert phi(np.zeros((1, 256), np.float32)).shape == (1, 192)
