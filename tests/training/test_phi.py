"""Training phi: it learns, nothing else does, and a run that was cut off ends as if it had not been."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cvsi_db.errors import ModelError
from cvsi_db.models.clip import OpenClipEncoder
from cvsi_db.models.phi import MappingNetwork, save_phi
from cvsi_db.models.starter import FOLDER
from cvsi_db.models.torchvision_shim import ensure_torchvision
from cvsi_db.records import PseudoText
from cvsi_db.training.caption_source import scene_captions
from cvsi_db.training.phi import RECIPES, PhiRun, Watch, masked_loss, pace, train_phi
from cvsi_db.training.phi_checkpoint import PhiCheckpoint
from cvsi_db.training.sentences import embed_sentences
from cvsi_db.training.towers import new_clip, save_clip
from tests.fakes import load_phi

RUN = PhiRun(steps=7, batch=6, dropout=0.2)


@pytest.fixture(scope="module")
def encoder(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> OpenClipEncoder:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("clip")
    save_clip(new_clip(len(tokenizer)), tokenizer, folder)
    return OpenClipEncoder.load(f"local-dir:{folder}", None, device="cpu")


@pytest.fixture(scope="module")
def captions() -> list[str]:
    return scene_captions(40, seed=1)


def loss_of(encoder: OpenClipEncoder, network: MappingNetwork, captions: list[str]) -> float:
    """The masked loss over all captions, with the same noise for every network."""
    sentences = embed_sentences(encoder, captions, whole=0.4, seed=0)
    torch.manual_seed(5)
    with torch.inference_mode():
        return masked_loss(encoder, network.eval(), sentences, torch.arange(len(captions))).item()


def assert_same(one: MappingNetwork, other: MappingNetwork) -> None:
    weights = other.state_dict()
    assert all(value.equal(weights[name]) for name, value in one.state_dict().items())


class StopAt:
    """A watcher that wants the run to stop once it heard of a step."""

    def __init__(self, step: int) -> None:
        self.wanted, self.told = step, 0

    def watch(self) -> Watch:
        return Watch(report=self.report, every=1, stopped=lambda: self.told >= self.wanted)

    def report(self, step: int, loss: float) -> None:
        self.told = step


def test_loss_falls_and_the_text_tower_stays(encoder: OpenClipEncoder, captions: list[str], tmp_path: Path) -> None:
    before = {name: value.clone() for name, value in encoder.model.state_dict().items()}
    steps: list[int] = []
    watch = Watch(report=lambda step, loss: steps.append(step), every=6)
    network = train_phi(encoder, captions, PhiRun(steps=10, batch=10), watch)
    assert steps == [6, 10]
    assert loss_of(encoder, network, captions) < 0.9 * loss_of(encoder, MappingNetwork(256, 192), captions)
    assert all(value.equal(before[name]) for name, value in encoder.model.state_dict().items())
    save_phi(network, tmp_path / "phi.safetensors")
    phi = load_phi(tmp_path / "phi.safetensors", dim=256, token_dim=192, device="cpu")
    with torch.inference_mode():
        expected = network(torch.ones(1, 256)).numpy()
    np.testing.assert_allclose(phi(np.ones((1, 256), np.float32)), expected, atol=1e-2)


def test_masked_loss_matches_worked_example(encoder: OpenClipEncoder) -> None:
    """Of a phi that says one word whatever it reads, against the encoder's own way to set a word in."""
    captions = ["a red cat on the beach", "it is a robot with a hat"]
    masked = ["$ on $", "it is $ with $"]
    network = MappingNetwork(encoder.dim, encoder.token_dim).eval()
    word = np.random.default_rng(3).normal(size=encoder.token_dim).astype(np.float32)
    torch.nn.init.zeros_(network.layers[6].weight)
    network.layers[6].bias.data = torch.from_numpy(word)
    sentences = embed_sentences(encoder, captions, whole=0.0, seed=0)
    assert sentences.masked.tolist() == encoder.place_words(masked)[0][:, : sentences.masked.shape[1]].tolist()
    with torch.inference_mode():
        loss = masked_loss(encoder, network, sentences, torch.arange(2)).item()
        dollar = int(encoder.tokenizer(["$"])[0, 1])
        embedding = encoder.model.token_embedding.weight[dollar].clone()
        encoder.model.token_embedding.weight[dollar] = torch.from_numpy(word)
        found = encoder.encode_texts(masked)
        encoder.model.token_embedding.weight[dollar] = embedding
    expected = np.square(found - encoder.encode_texts(captions)).mean()
    assert loss == pytest.approx(expected, rel=0.03)  # bfloat16
    one = encoder.encode_texts([PseudoText("it is $ with a hat", word)])
    assert not np.allclose(one, found[1], atol=1e-3)  # every run is masked, not only the first


def test_starter_recipe_reproduces_its_losses() -> None:
    """Losses of the first steps, as the code that made the shipped phi had them."""
    starter = OpenClipEncoder.load(f"local-dir:{FOLDER / 'clip'}", None, device="cpu")
    losses: list[float] = []
    run = PhiRun(steps=2000, batch=32)
    watch = Watch(report=lambda step, loss: losses.append(loss), every=1, stopped=lambda: len(losses) == 3)
    with pytest.raises(KeyboardInterrupt):
        train_phi(starter, scene_captions(64, seed=0), run, watch)
    assert losses == pytest.approx([1.7982, 1.2533, 1.1991], rel=0.01)


def test_recipes_have_their_settings() -> None:
    assert RECIPES["starter"] == PhiRun(2000, 128, 1e-3, "cosine", 0.01, 0.1, 1.0, 0.4, 0)
    assert RECIPES["lincir"] == PhiRun(20_000, 512, 1e-4, "constant", 0.01, 0.5, 1.0, 0.0, 0)
    assert [pace(PhiRun(steps=100), step) for step in (0, 50, 100)] == pytest.approx([1.0, 0.5, 0.0])
    assert [pace(RECIPES["lincir"], step) for step in (0, 19_999)] == [1.0, 1.0]


def test_resumed_run_equals_uninterrupted_run(encoder: OpenClipEncoder, captions: list[str], tmp_path: Path) -> None:
    whole = train_phi(encoder, captions, RUN)
    kept = PhiCheckpoint(tmp_path / "kept.safetensors", every=100, identity={"seed": 0})
    stop = StopAt(3)
    with pytest.raises(KeyboardInterrupt):
        train_phi(encoder, captions, RUN, stop.watch(), kept)
    assert stop.told == 3
    steps: list[int] = []
    resumed = train_phi(encoder, captions, RUN, Watch(report=lambda step, _: steps.append(step), every=1), kept)
    assert steps == [4, 5, 6, 7]
    assert_same(resumed, whole)


def test_a_run_that_was_killed_goes_on_from_the_last_checkpoint(
    encoder: OpenClipEncoder, captions: list[str], tmp_path: Path
) -> None:
    def die(step: int, loss: float) -> None:
        if step == 5:
            raise RuntimeError("killed")

    kept = PhiCheckpoint(tmp_path / "kept.safetensors", every=2)
    with pytest.raises(RuntimeError):
        train_phi(encoder, captions, RUN, Watch(report=die, every=1), kept)
    steps: list[int] = []
    resumed = train_phi(encoder, captions, RUN, Watch(report=lambda step, _: steps.append(step), every=1), kept)
    assert steps == [5, 6, 7]
    assert_same(resumed, train_phi(encoder, captions, RUN))


@pytest.mark.slow
def test_noise_dropout_and_seed_matter(encoder: OpenClipEncoder, captions: list[str]) -> None:
    weights = [
        train_phi(encoder, captions, run).layers[6].bias
        for run in (
            RUN,
            PhiRun(7, 6, dropout=0.0),
            PhiRun(7, 6, dropout=0.2, noise=0.0),
            PhiRun(7, 6, dropout=0.2, seed=1),
        )
    ]
    assert all(not weights[0].equal(other) for other in weights[1:])


def test_stop_while_embedding(encoder: OpenClipEncoder, captions: list[str], tmp_path: Path) -> None:
    kept = PhiCheckpoint(tmp_path / "kept.safetensors")
    with pytest.raises(KeyboardInterrupt):
        train_phi(encoder, captions, RUN, Watch(stopped=lambda: True), kept)
    assert not kept.path.exists()


def test_progress_reports_both_stages(encoder: OpenClipEncoder, captions: list[str]) -> None:
    told: list[tuple[str, int, int]] = []
    train_phi(encoder, captions, PhiRun(steps=2, batch=4), Watch(progress=lambda *now: told.append(now)))
    assert told == [("embed", 40, 40), ("train", 1, 2), ("train", 2, 2)]


def test_a_clip_with_openais_vocabulary_learns_too() -> None:
    """The published ones: the projection is a bare matrix."""
    ensure_torchvision()
    import open_clip

    torch.manual_seed(7)
    vision = {"image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 16}
    text = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
    model = open_clip.CLIP(embed_dim=24, vision_cfg=vision, text_cfg=text, quick_gelu=True)
    clip = OpenClipEncoder(model, open_clip.SimpleTokenizer(), open_clip.image_transform(32, is_train=False), "cpu")
    captions = ["a man riding a wave on top of a surfboard", "two giraffes grazing in a field next to trees"] * 8
    sentences = embed_sentences(clip, captions, whole=0.0, seed=0)
    assert sentences.masked[0].tolist() == clip.tokenizer(["cat riding cat on cat of cat"])[0, :9].tolist()
    assert sentences.places.sum(dim=1).tolist() == [4, 3] * 8
    losses: list[float] = []
    watch = Watch(report=lambda step, loss: losses.append(loss), every=1)
    network = train_phi(clip, captions, PhiRun(steps=60, batch=16, noise=0.1, whole=0.0), watch)
    assert network.layers[0].weight.shape == (96, 24)
    assert network.layers[6].weight.shape == (32, 96)
    assert losses[-1] < 0.2 * losses[0]


def test_loss_that_is_not_finite_ends_the_run(encoder: OpenClipEncoder, captions: list[str]) -> None:
    with pytest.raises(ModelError, match="the loss of phi is nan at step 4: training diverged, try a lower learning"):
        train_phi(encoder, captions, PhiRun(steps=4, batch=4, learning_rate=1e30), Watch(every=4))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gpu_gives_the_same_loss(encoder: OpenClipEncoder, captions: list[str]) -> None:
    run = PhiRun(steps=5, batch=40, dropout=0.0)
    on_cpu = train_phi(encoder, captions, run)
    gpu = OpenClipEncoder(encoder.model, encoder.tokenizer, encoder.preprocess, "cuda")
    on_gpu = train_phi(gpu, captions, run).cpu()
    encoder.model.to("cpu")
    assert loss_of(encoder, on_gpu, captions) == pytest.approx(loss_of(encoder, on_cpu, captions), rel=0.05)
