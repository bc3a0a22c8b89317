"""Trains the starter's CLIP from scratch on drawn scenes: `python -m cvsi_db.training.clip --work DIR --out DIR`.

The work folder receives the drawn pictures, a checkpoint (a run that was cut off goes on from it), `clip.jsonl` (losses
and validation numbers) and `clip.png` (their curves). The out folder receives a model that open_clip loads with
`local-dir:`.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F  # noqa: N812  # torch's own convention

from cvsi_db.scenes.captions import caption
from cvsi_db.training.batches import batches
from cvsi_db.training.curves import draw_curves
from cvsi_db.training.data import PICTURE_SIZE, TRAIN_SEED, VAL_SEED, PairSet, draw_pairs
from cvsi_db.training.losses import AttributeHeads, clip_losses, total
from cvsi_db.training.towers import EMBED_DIM, new_clip, save_clip
from cvsi_db.training.trainee import Trainee, append_log, as_numbers, pace
from cvsi_db.training.validate import picture_embeddings, text_embeddings, validate
from cvsi_db.training.vocabulary import scene_sentences, train_tokenizer

LEARNING_RATE, WEIGHT_DECAY = 1e-3, 0.05
CHECKPOINT, LOG = "clip.pt", "clip.jsonl"
SMALL_SHARE = 0.25
"""The share of steps, at the start, that see pictures of 64 pixels: cheaper, and it learns as well at first."""

PICTURES_SHARE = 0.45
"""The share of steps, at the start, that learn to read pictures alone, at half the price."""


@dataclass(frozen=True)
class ClipRun:
    """The settings of one training run; `train_pairs` and `val_pairs` are drawn into `work` when absent."""

    work: Path
    out: Path
    steps: int = 3200
    seed: int = 0
    train_pairs: int = 40_000
    val_pairs: int = 1_000
    pairs_each: int = 64
    save_every: int = 100
    validate_every: int = 400


def train_clip(run: ClipRun) -> dict[str, float]:
    """Draws the data, trains, writes the model to `run.out`; returns the final validation numbers."""
    torch.manual_seed(run.seed)
    train = PairSet.open(draw_pairs(run.work / "train", run.train_pairs, TRAIN_SEED))
    val = PairSet.open(draw_pairs(run.work / "val", run.val_pairs, VAL_SEED))
    tokenizer = run_tokenizer(run)
    trainee = new_trainee(len(tokenizer), run.steps)
    trainee.resume(run.work / CHECKPOINT)
    fit(run, trainee, tokenizer, train, val)
    metrics = validate(trainee.model, trainee.heads, tokenizer, val)
    centre(trainee.model, tokenizer, train)
    metrics |= validate(trainee.model, None, tokenizer, val)  # the heads know the model as it was
    append_log(run.work / LOG, {"step": trainee.step, "final": True, **metrics})
    save_clip(trainee.model, tokenizer, run.out)
    return metrics


def run_tokenizer(run: ClipRun) -> Any:
    """The run's tokenizer: trained once, then read from the work folder, so that a resumed run keeps its ids."""
    from transformers import AutoTokenizer

    folder = run.work / "tokenizer"
    if not folder.exists():
        train_tokenizer(scene_sentences(30_000, run.seed)).save_pretrained(str(folder))
    return AutoTokenizer.from_pretrained(str(folder))


def new_trainee(vocab_size: int, steps: int) -> Trainee:
    """An untrained model with AdamW (no decay on vectors) and a one-cycle schedule: a short rise, a cosine fall."""
    model, heads = new_clip(vocab_size), AttributeHeads(EMBED_DIM)
    learning = [*model.parameters(), *heads.parameters()]
    groups = [
        {"params": [p for p in learning if p.ndim >= 2], "weight_decay": WEIGHT_DECAY},
        {"params": [p for p in learning if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=LEARNING_RATE, betas=(0.9, 0.98))
    return Trainee(model, heads, optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, lambda at: pace(at / steps)))


def fit(run: ClipRun, trainee: Trainee, tokenizer: Any, train: PairSet, val: PairSet) -> None:
    """Runs the remaining steps, logging every 20, saving and validating as the run says."""
    began, first = time.monotonic(), trainee.step
    trainee.model.train()
    source = batches(
        train,
        tokenizer,
        PICTURE_SIZE,
        seed=run.seed,
        steps=range(first, run.steps),
        pairs_each=run.pairs_each,
        large_from=int(SMALL_SHARE * run.steps),
        sentences_from=int(PICTURES_SHARE * run.steps),
    )
    for batch in source:
        losses = clip_losses(trainee.model, trainee.heads, batch)
        losses = {"loss": total(losses), **losses}
        trainee.learn(losses["loss"])
        if trainee.step % 20 == 0:
            seconds = round(time.monotonic() - began, 1)
            append_log(run.work / LOG, {"step": trainee.step, "seconds": seconds, **as_numbers(losses)})
        if trainee.step % run.save_every == 0:
            trainee.save(run.work / CHECKPOINT)
        if trainee.step % run.validate_every == 0:
            append_log(run.work / LOG, {"step": trainee.step, **validate(trainee.model, trainee.heads, tokenizer, val)})
            draw_curves(run.work / LOG, run.work / "clip.png")
            trainee.model.train()


@torch.no_grad()
def centre(model: Any, tokenizer: Any, pairs: PairSet, most: int = 1000) -> None:
    """Moves what mean direction is left in either tower into the biases of its projection."""
    n = min(most, len(pairs))
    model.eval()
    images = picture_embeddings(model, pairs, n)
    rng = random.Random(3)
    texts = text_embeddings(model, tokenizer, [caption(pairs.scene(row, 0), rng).text for row in range(n)])
    for raw, bias in ((images, model.visual.head.proj.bias), (texts, model.text_projection.bias)):
        bias -= F.normalize(raw, dim=-1).mean(0) * raw.norm(dim=-1).mean()


def export(run: ClipRun) -> dict[str, float]:
    """Writes the model of the latest checkpoint to `run.out`, as it is: a preview of a run that still goes on."""
    tokenizer = run_tokenizer(run)
    trainee = new_trainee(len(tokenizer), run.steps)
    trainee.resume(run.work / CHECKPOINT)
    save_clip(trainee.model, tokenizer, run.out)
    return {"step": float(trainee.step)}


def main() -> None:
    """Reads the command line and trains."""
    parser = argparse.ArgumentParser(description="Train the starter CLIP on drawn scenes.")
    parser.add_argument("--work", type=Path, required=True, help="pictures, checkpoint and log")
    parser.add_argument("--out", type=Path, required=True, help="where the finished model goes")
    parser.add_argument("--steps", type=int, default=ClipRun.steps)
    parser.add_argument("--seed", type=int, default=ClipRun.seed)
    parser.add_argument("--pairs", type=int, default=ClipRun.train_pairs)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--export", action="store_true", help="only write the latest checkpoint's model to --out")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    run = ClipRun(given.work, given.out, given.steps, given.seed, given.pairs)
    print(json.dumps(export(run) if given.export else train_clip(run), indent=2))


if __name__ == "__main__":
    main()
