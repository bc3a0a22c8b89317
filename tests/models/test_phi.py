"""phi: its layout, its files, and what is said when it does not fit."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from cvsi_db import Gallery
from cvsi_db.errors import ModelError
from cvsi_db.models.phi import MappingNetwork, save_phi
from cvsi_db.models.starter import FOLDER
from tests.fakes import load_phi, make_picture, save_picture

DIM, TOKEN_DIM = 8, 6

Weights = dict[str, torch.Tensor]
Layout = Callable[[Weights], dict[str, Any]]


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


def lincir(weights: Weights) -> dict[str, Any]:
    """What LinCIR saves at its best step and every so many, averaged or not."""
    return {"epoch": 20_000, "Phi": weights}


def searle(weights: Weights) -> dict[str, Any]:
    """SEARLE's full checkpoint: its released one has the first two entries alone."""
    moments = {number: {"step": torch.tensor(8.0), "exp_avg": value} for number, value in enumerate(weights.values())}
    optimizer = {"state": moments, "param_groups": [{"lr": 1e-4, "betas": (0.9, 0.999), "params": list(moments)}]}
    scaler = {"scale": 65536.0, "growth_factor": 2.0, "_growth_tracker": 0}
    return {"epoch": 50, "Phi": weights, "optimizer": optimizer, "scaler": scaler, "training_path": Path("/runs/one")}


def cvsi(weights: Weights) -> dict[str, Any]:
    """CVSI's releases come from LinCIR's code; here in half precision, as mixed precision may leave them."""
    return {"epoch": 14_500, "Phi": {name: value.half() for name, value in weights.items()}}


LAYOUTS = (lincir, searle, cvsi)


@pytest.mark.parametrize("layout", [*LAYOUTS, dict], ids=lambda layout: layout.__name__)
@pytest.mark.parametrize("prefix", ["", "module."])
def test_published_layouts(network: MappingNetwork, tmp_path: Path, layout: Layout, prefix: str) -> None:
    torch.save(layout({prefix + name: value for name, value in network.state_dict().items()}), tmp_path / "phi.pt")
    check_same(network, tmp_path / "phi.pt", atol=2e-3 if layout is cvsi else 1e-6)


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


def refused(path: Path, reason: str, dim: int = DIM, token_dim: int = TOKEN_DIM) -> None:
    with pytest.raises(ModelError) as caught:
        load_phi(path, dim=dim, token_dim=token_dim, device="cpu")
    assert reason in str(caught.value)
    assert repr(str(path)) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_widths_are_named(network: MappingNetwork, tmp_path: Path) -> None:
    save_phi(network, tmp_path / "phi.safetensors")
    refused(
        tmp_path / "phi.safetensors", "maps width 8 over 32 to 6, but this CLIP needs 512 over 2048 to 512", 512, 512
    )
    narrow = {name: value[:16] if "0." in name else value for name, value in network.state_dict().items()}
    narrow["layers.3.weight"] = narrow["layers.3.weight"][:, :16]
    torch.save({"Phi": narrow | {"layers.3.weight": torch.zeros(32, 16)}}, tmp_path / "narrow.pt")
    refused(tmp_path / "narrow.pt", "maps width 8 over 16 to 6, but this CLIP needs 8 over 32 to 6")


def test_other_networks_are_refused(network: MappingNetwork, tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(2, 2)}, tmp_path / "other.safetensors")
    refused(tmp_path / "other.safetensors", "is not a mapping network but holds 'weight': the weights layers.0.weight")
    torch.save({"epoch": 3, "state_dict": network.state_dict()}, tmp_path / "other.pt")
    refused(tmp_path / "other.pt", "holds 'epoch', 'state_dict' and no weights")
    torch.save({"Phi": {name: torch.zeros(6) for name in network.state_dict()}}, tmp_path / "flat.pt")
    refused(tmp_path / "flat.pt", "is not a mapping network")


def test_weights_that_are_not_finite_are_refused(network: MappingNetwork, tmp_path: Path) -> None:
    weights = network.state_dict()
    weights["layers.3.bias"][2] = torch.nan
    torch.save({"Phi": weights}, tmp_path / "phi.pt")
    refused(tmp_path / "phi.pt", "holds weights that are not finite")


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


class Code:
    """Pickled, it would make a folder when it is read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


def test_code_in_a_checkpoint_is_not_run(network: MappingNetwork, tmp_path: Path) -> None:
    torch.save({"Phi": network.state_dict(), "more": Code(tmp_path / "made")}, tmp_path / "phi.pt")
    refused(tmp_path / "phi.pt", "mkdir, and reading that could run code")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(("more", "named"), [(Namespace(lr=1), "argparse.Namespace"), (np.float64(0.5), "multiarray")])
def test_other_types_in_a_checkpoint_are_named(
    network: MappingNetwork, tmp_path: Path, more: object, named: str
) -> None:
    torch.save({"Phi": network.state_dict(), "more": more}, tmp_path / "phi.pt")
    refused(tmp_path / "phi.pt", named)
    refused(tmp_path / "phi.pt", 'save {"Phi": its weights} alone')


def test_starter_phi_fits_the_starter_clip() -> None:
    phi = load_phi(FOLDER / "phi.safetensors", dim=256, token_dim=192, device="cpu")
    assert phi(np.zeros((1, 256), np.float32)).shape == (1, 192)


def pseudo_scores(folder: Path, phi: Path) -> dict[str, float]:
    """What the pseudo-token finds in a new gallery, made and searched with a bundle file that names `phi`."""
    folder.mkdir()
    for colour in ("red", "blue"):
        save_picture(folder / "pictures" / f"{colour}.png", colour)
    lines = [f'arch = "local-dir:{FOLDER / "clip"}"', f'captioner = "{FOLDER / "captioner"}"', f'phi = "{phi}"']
    (folder / "mine.toml").write_text("\n".join([*lines, "captions = 1"]))
    with Gallery.create(folder / "gallery", model=str(folder / "mine.toml"), device="cpu") as gallery:
        assert gallery.ingest(folder / "pictures").new == 2
        hits = gallery.search(make_picture("red", dot="blue"), "make it blue", rank="pseudo_token", strict=True)
        assert hits.warnings == ()
        return {Path(hit.path).name: hit.terms["pseudo_token"].similarity for hit in hits}


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_published_layouts_search_as_our_own_file_does(tmp_path: Path, layout: Layout) -> None:
    torch.save(layout(load_file(FOLDER / "phi.safetensors")), tmp_path / "phi.pt")
    expected = pseudo_scores(tmp_path / "own", FOLDER / "phi.safetensors")
    assert pseudo_scores(tmp_path / layout.__name__, tmp_path / "phi.pt") == pytest.approx(expected, abs=1e-6)
    assert set(expected) == {"red.png", "blue.png"}
