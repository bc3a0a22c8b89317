"""Trains phi from captions alone, with LinCIR's self-masking projection: `python -m cvsi_db.training.phi --out FILE`.

Takes an encoder (any open_clip model) and captions; no picture is needed. Only phi learns: the text tower is frozen
and gradients flow through it. Without a file of captions, captions of drawn scenes are used. Knows nothing about
galleries or search.

Source: Gu et al., "Language-only Efficient Training of Zero-shot Composed Image Retrieval", CVPR 2024, section 3.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn import functional as F  # noqa: N812  # torch's own convention

from cvsi_db.models.clip import OpenClipEncoder
from cvsi_db.models.phi import MappingNetwork, save_phi
from cvsi_db.models.starter import FOLDER
from cvsi_db.models.text_tower import crop, encode_tokens
from cvsi_db.training.keywords import NO_KEYWORD, mask_keywords
from cvsi_db.training.towers import mixed_precision


@dataclass(frozen=True)
class PhiRun:
    """How phi is trained. LinCIR's own settings: batch 512, 20,000 steps, a constant rate of 1e-4, dropout 0.5.

    `whole` is the share of captions that are masked as a whole, "a photo of $": the form in which queries use phi.
    """

    steps: int = 2000
    batch: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    dropout: float = 0.1
    whole: float = 0.4
    seed: int = 0
    report_every: int = 100


@dataclass(frozen=True)
class Sentences:
    """What phi learns from: captions' embeddings (n, dim) and token ids (n, length) of the captions when masked."""

    embeddings: torch.Tensor
    masked: torch.Tensor


Report = Callable[[int, float, MappingNetwork], None]


def train_phi(
    encoder: OpenClipEncoder, captions: Sequence[str], run: PhiRun, report: Report | None = None
) -> MappingNetwork:
    """A mapping network for the encoder's text tower; `report` is called every so many steps."""
    torch.manual_seed(run.seed)
    encoder.model.requires_grad_(False)
    sentences = embed_sentences(encoder, captions, run)
    network = MappingNetwork(encoder.dim, encoder.token_dim, run.dropout).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=run.learning_rate, weight_decay=run.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda at: 0.5 * (1 + math.cos(math.pi * at / run.steps)))
    for step, rows in enumerate(_rows(sentences.masked, run), start=1):
        loss = masked_loss(encoder, network, sentences, rows)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if report and step % run.report_every == 0:
            report(step, loss.item(), network)
    return network.eval()


def masked_loss(
    encoder: OpenClipEncoder, network: MappingNetwork, sentences: Sentences, rows: torch.Tensor
) -> torch.Tensor:
    """Mean squared error between a caption's embedding e and that of its masked form with phi(e + u·n) at every `$`.

    u ~ U(0, 1) is one scalar a caption and n ~ N(0, I): phi shall not mind how far a picture lies from its caption.
    """
    target = sentences.embeddings[rows]
    noisy = target + torch.rand(len(rows), 1) * torch.randn_like(target)
    with mixed_precision():
        words = network(noisy)
        found = encode_tokens(encoder.model, crop(sentences.masked[rows]), words, encoder.dollar_id)
    return F.mse_loss(found.float(), target)


@torch.inference_mode()
def embed_sentences(encoder: OpenClipEncoder, captions: Sequence[str], run: PhiRun, chunk: int = 512) -> Sentences:
    """Embeds every caption once (un-normalised) and tokenises its masked form."""
    embeddings = []
    for start in range(0, len(captions), chunk):
        tokens = crop(encoder.tokenizer(list(captions[start : start + chunk])))
        with mixed_precision():
            embeddings.append(encode_tokens(encoder.model, tokens).float())
    rng = random.Random(run.seed)
    masked = [NO_KEYWORD if rng.random() < run.whole else mask_keywords(caption) for caption in captions]
    return Sentences(torch.cat(embeddings).clone(), encoder.tokenizer(masked))


def _rows(masked: torch.Tensor, run: PhiRun) -> Iterator[torch.Tensor]:
    """Rows of each step's batch: random neighbours in length, so that little of a batch is padding."""
    by_length = (masked.argmax(-1) + torch.rand(len(masked))).argsort()
    size = min(run.batch, len(masked))
    for _ in range(run.steps):
        start = int(torch.randint(len(masked) - size + 1, ()))
        yield by_length[start : start + size]


def scene_captions(n: int, seed: int) -> list[str]:
    """`n` captions of random scenes."""
    from cvsi_db.scenes.captions import caption
    from cvsi_db.scenes.grammar import sample_scene

    rng = random.Random(f"phi/{seed}")
    return [caption(sample_scene(rng), rng).text for _ in range(n)]


def log_to(path: Path) -> Report:
    """A report that appends steps and losses to a file of JSON lines."""
    began = time.monotonic()

    def report(step: int, loss: float, _network: MappingNetwork) -> None:
        entry = {"step": step, "loss": round(loss, 5), "seconds": round(time.monotonic() - began, 1)}
        with path.open("a") as log:
            log.write(json.dumps(entry) + "\n")

    return report


def main() -> None:
    """Reads the command line and trains."""
    parser = argparse.ArgumentParser(description="Train phi from captions alone.")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors file to write")
    parser.add_argument("--clip", default=f"local-dir:{FOLDER / 'clip'}", help="an open_clip architecture or folder")
    parser.add_argument("--weights", help="a tag of open_clip or a weights file")
    parser.add_argument("--captions", type=Path, help="a text file, one caption a line; default: drawn scenes")
    parser.add_argument("--steps", type=int, default=PhiRun.steps)
    parser.add_argument("--seed", type=int, default=PhiRun.seed)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    encoder = OpenClipEncoder.load(given.clip, given.weights, device="cpu")
    captions = given.captions.read_text().splitlines() if given.captions else scene_captions(40_000, given.seed)
    run = PhiRun(steps=given.steps, seed=given.seed)
    save_phi(train_phi(encoder, captions, run, log_to(given.out.with_suffix(".jsonl"))), given.out)


if __name__ == "__main__":
    main()
