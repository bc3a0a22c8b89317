"""Trains phi from captions alone, with LinCIR's self-masking projection: what `cvsi-db train phi` runs.

Takes an encoder (any open_clip model) and captions; no picture is needed. Only phi learns: the
text tower is frozen and gradients flow through it. On the CPU, the same seed, captions and weights give the same phi,
whether or not the run was cut off in between.

Source: Gu et al., "Language-only Efficient Training of Zero-shot Composed Image Retrieval", CVPR 2024, section 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import torch
from torch.nn import functional as F  # noqa: N812  # torch's own convention

from cvsi_db.errors import ModelError
from cvsi_db.models.clip import OpenClipEncoder, encode_tokens
from cvsi_db.models.phi import MappingNetwork
from cvsi_db.training.phi_checkpoint import PhiCheckpoint, PhiTrainee
from cvsi_db.training.precision import mixed_precision
from cvsi_db.training.sentences import Sentences, batches_of, embed_sentences


@dataclass(frozen=True)
class PhiRun:
    """How phi is trained: these are the settings that made the starter's.

    `noise` scales what is added to an embedding before phi reads it. `whole` is the share of captions that are masked
    as a whole, "a photo of $": the form in which queries use phi.
    """

    steps: int = 2000
    batch: int = 128
    learning_rate: float = 1e-3
    schedule: Literal["cosine", "constant"] = "cosine"
    weight_decay: float = 0.01
    dropout: float = 0.1
    noise: float = 1.0
    whole: float = 0.4
    seed: int = 0


RECIPES: Mapping[str, PhiRun] = MappingProxyType(
    {
        "starter": PhiRun(),
        "lincir": PhiRun(
            steps=20_000, batch=512, learning_rate=1e-4, schedule="constant", dropout=0.5, whole=0.0, noise=1.0
        ),
    }
)
"""Settings by name: the starter's own, and LinCIR's for real CLIPs and millions of captions."""


@dataclass(frozen=True)
class Watch:
    """How a caller follows a run: `report` is called with a step and its loss every `every` steps and at the last,
    `progress` with a stage ("embed", "train"), what is done and the total; once `stopped` returns True, the run ends
    between two steps.
    """

    report: Callable[[int, float], None] = lambda _step, _loss: None
    every: int = 100
    progress: Callable[[str, int, int], None] = lambda _stage, _done, _total: None
    stopped: Callable[[], bool] = lambda: False


def train_phi(
    encoder: OpenClipEncoder,
    captions: Sequence[str],
    run: PhiRun,
    watch: Watch | None = None,
    checkpoint: PhiCheckpoint | None = None,
) -> MappingNetwork:
    """A mapping network for the encoder's text tower, in eval mode.

    With a checkpoint, the run's state is kept there and taken up from there, if it holds one. Raises ModelError for a
    text tower without token embeddings and for a loss that is not finite, UsageError for a checkpoint of another
    run, and KeyboardInterrupt when `watch.stopped` returns True, once the state is kept.
    """
    watch = watch or Watch()
    encoder.model.requires_grad_(False)

    def embedded(done: int) -> None:
        if watch.stopped():
            raise KeyboardInterrupt
        watch.progress("embed", done, len(captions))

    sentences = embed_sentences(encoder, captions, whole=run.whole, seed=run.seed, progress=embedded)
    torch.manual_seed(run.seed)
    trainee = PhiTrainee.new(MappingNetwork(encoder.dim, encoder.token_dim, run.dropout), encoder.device, run)
    rows = batches_of(sentences, run.batch)
    if checkpoint:
        checkpoint.resume(trainee)
    while trainee.step < run.steps:
        if watch.stopped():
            if checkpoint:
                checkpoint.save(trainee)
            raise KeyboardInterrupt
        trainee.set_rate(run.learning_rate * pace(run, trainee.step))
        loss = masked_loss(encoder, trainee.network, sentences, next(rows), run.noise)
        trainee.learn(loss)
        _report(watch, run, trainee.step, loss)
        if checkpoint and trainee.step % checkpoint.every == 0:
            checkpoint.save(trainee)
    return trainee.network.eval()


def masked_loss(
    encoder: OpenClipEncoder, network: MappingNetwork, sentences: Sentences, rows: torch.Tensor, noise: float = 1.0
) -> torch.Tensor:
    """Mean squared error between a caption's embedding e and that of its masked form with phi(e + u·n) at every `$`.

    u ~ U(0, noise) is one scalar a caption and n ~ N(0, I): phi must not depend on how far an image lies from its
    caption. Both are drawn on the CPU, so that they are the same on every device.
    """
    target = sentences.embeddings[rows].float()
    noisy = target + noise * torch.rand(len(rows), 1) * torch.randn_like(target)
    tokens, places = sentences.masked[rows].to(encoder.device), sentences.places[rows].to(encoder.device)
    with mixed_precision(encoder.device):
        words = network(noisy.to(encoder.device))
        found = encode_tokens(encoder.model, tokens, words, places)
    return F.mse_loss(found.float(), target.to(encoder.device))


def pace(run: PhiRun, step: int) -> float:
    """The share of the learning rate at a step (from 0): all of it, or a cosine's fall to nothing."""
    return 1.0 if run.schedule == "constant" else 0.5 * (1 + math.cos(math.pi * step / run.steps))


def _report(watch: Watch, run: PhiRun, step: int, loss: torch.Tensor) -> None:
    watch.progress("train", step, run.steps)
    if step % watch.every == 0 or step == run.steps:
        if not loss.isfinite():
            diverged = f"the loss of phi is {loss.item()} at step {step}: training diverged"
            raise ModelError(f"{diverged}, try a lower learning rate")
        watch.report(step, loss.item())
