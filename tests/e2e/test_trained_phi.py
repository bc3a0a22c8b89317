"""The command that made the shipped phi makes one as good, from nothing, on a small Scenes-CIR."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from cvsi_db.models.phi import MappingNetwork, save_phi
from cvsi_db.models.spec import STARTER
from tests.e2e.conftest import Cli

pytest.importorskip("skia")


def map10_with(cli: Cli, phi: Path, folder: Path) -> float:
    """mAP@10 in percent of `pseudo_token` with that phi, everything else being the starter's."""
    bundle = folder / "mine.toml"
    bundle.write_text(f'arch = "local-dir:{STARTER}/clip"\nphi = "{phi}"\ncaptioner = "{STARTER}/captioner"\n')
    small = ("--queries", "180", "--gallery", "2000", "--cache", folder / "cache", "--format", "json")
    done = cli("eval", "scenes", "--model", bundle, "--method", "pseudo_token", "--device", "cpu", *small, timeout=3600)
    assert done.returncode == 0, done.stderr
    value: float = json.loads(done.stdout)["methods"]["pseudo_token"]["map@10"]["value"]
    return value


@pytest.mark.slow
def test_a_phi_trained_from_nothing_equals_the_shipped_one(cli: Cli, tmp_path: Path) -> None:
    new, untrained = tmp_path / "phi.safetensors", tmp_path / "untrained.safetensors"
    command = ("train", "phi", "--model", "starter", "--captions", "scenes", "--seed", "0", "--device", "cpu")
    done = cli(*command, "--out", new, timeout=3600)
    assert done.returncode == 0, done.stderr
    torch.manual_seed(0)
    save_phi(MappingNetwork(256, 192), untrained)
    shipped = map10_with(cli, STARTER / "phi.safetensors", tmp_path)
    assert map10_with(cli, new, tmp_path) == pytest.approx(shipped, abs=2)
    assert map10_with(cli, untrained, tmp_path) < shipped / 2
