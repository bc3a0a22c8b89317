"""How well a CLIP (and its phi) does on pairs it never saw: captions, attributes, composed retrieval.

Takes a model and validation pairs, returns a flat dict of numbers in 0..1. Composed retrieval: for each of the first
queries (A, edit) find B among all pictures but A itself; with one right answer AP@10 is the reciprocal rank, or 0
beyond ten.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional as F  # noqa: N812  # torch's own convention

from cvsi_db.models.clip import encode_tokens
from cvsi_db.scenes.captions import caption
from cvsi_db.scenes.scene import ATTRIBUTES
from cvsi_db.training.data import PairSet, plain
from cvsi_db.training.losses import AttributeHeads, applicable
from cvsi_db.training.precision import mixed_precision
from cvsi_db.training.towers import tokenize

PhiModule = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Probe:
    """The embeddings that validation ranks with: pictures (2n, dim) un-normalised, A's then B's, and `queries`."""

    pictures: torch.Tensor
    n: int
    queries: int

    @property
    def gallery(self) -> torch.Tensor:
        """(2n, dim) normalised pictures."""
        return F.normalize(self.pictures, dim=-1)


@torch.inference_mode()
def picture_embeddings(model: Any, pairs: PairSet, n: int, chunk: int = 250) -> torch.Tensor:
    """(2n, dim) un-normalised embeddings of the first n pairs' pictures: all A's, then all B's."""
    parts = []
    for side in (0, 1):
        for start in range(0, n, chunk):
            images = plain(pairs.pictures[start : min(start + chunk, n), side])
            with mixed_precision():
                parts.append(model.visual(images.contiguous(memory_format=torch.channels_last)).float())
    return torch.cat(parts)


@torch.inference_mode()
def text_embeddings(model: Any, tokenizer: Any, texts: list[str], words: torch.Tensor | None = None) -> torch.Tensor:
    """(n, dim) un-normalised text embeddings; with `words`, one for the `$` of each text."""
    word_id = -1 if words is None else tokenizer.convert_tokens_to_ids("$")
    parts = []
    for start in range(0, len(texts), 250):
        rows = slice(start, start + 250)
        with mixed_precision():
            tokens = tokenize(tokenizer, texts[rows])
            placed = () if words is None else (words[rows], tokens.eq(word_id))
            parts.append(encode_tokens(model, tokens, *placed).float())
    return torch.cat(parts)


def validate(
    model: Any, heads: AttributeHeads | None, tokenizer: Any, pairs: PairSet, *, n: int = 1000, queries: int = 300,
    phi: PhiModule | None = None,
) -> dict[str, float]:  # fmt: skip
    """Every validation number, by name."""
    model.eval()
    n = min(n, len(pairs))
    probe = Probe(picture_embeddings(model, pairs, n), n, min(queries, n))
    metrics = caption_metrics(model, tokenizer, pairs, probe)
    if heads is not None:
        metrics |= attribute_accuracy(heads, probe, pairs)
    terms = query_terms(model, tokenizer, pairs, probe, phi)
    return metrics | {f"map10_{name}": mean_ap10(vectors, probe) for name, vectors in terms.items()}


@torch.inference_mode()
def caption_metrics(model: Any, tokenizer: Any, pairs: PairSet, probe: Probe) -> dict[str, float]:
    """Caption to picture recall@1 among the A's, and how centred and long the embeddings of both towers are."""
    rng = random.Random(0)
    captions = [caption(pairs.scene(row, 0), rng).text for row in range(probe.n)]
    raw = text_embeddings(model, tokenizer, captions)
    texts, images = F.normalize(raw, dim=-1), probe.gallery
    best = (texts @ images[: probe.n].T).argmax(1)
    return {
        "caption_r1": (best == torch.arange(probe.n)).float().mean().item(),
        "mean_cosine": F.cosine_similarity(images.mean(0), texts.mean(0), dim=0).item(),
        "picture_mean_norm": images.mean(0).norm().item(),
        "text_mean_norm": texts.mean(0).norm().item(),
        "picture_length": probe.pictures.norm(dim=-1).mean().item(),
        "text_length": raw.norm(dim=-1).mean().item(),
    }


@torch.inference_mode()
def attribute_accuracy(heads: AttributeHeads, probe: Probe, pairs: PairSet) -> dict[str, float]:
    """The share of A's whose attribute the heads read off the picture, for each attribute, where it applies."""
    logits = heads(probe.gallery[: probe.n])
    truth = torch.from_numpy(pairs.labels[: probe.n, 0].astype("int64"))
    means = applicable(truth)
    right = [(one.argmax(1) == truth[:, index])[means[:, index]].float().mean() for index, one in enumerate(logits)]
    return {f"read_{name}": share.item() for name, share in zip(ATTRIBUTES, right, strict=True)}


@torch.inference_mode()
def query_terms(
    model: Any, tokenizer: Any, pairs: PairSet, probe: Probe, phi: PhiModule | None = None
) -> Mapping[str, torch.Tensor]:
    """Normalised query vectors (queries, dim) by name. `edited_caption` is a true caption of B: what a perfect
    captioner and rewriter would give; `sentence` puts a true caption of A where the pseudo-token stands."""
    rows, rng = range(probe.queries), random.Random(1)
    edits = [pairs.edit_texts[row].rstrip(".") for row in rows]
    before = [caption(pairs.scene(row, 0), rng).text.rstrip(".") for row in rows]
    texts = {
        "text": edits,
        "sentence": [f"a photo of {subject} that {edit}." for subject, edit in zip(before, edits, strict=True)],
        "edited_caption": [caption(pairs.scene(row, 1), rng).text for row in rows],
    }
    image = probe.gallery[: probe.queries]
    terms = {name: F.normalize(text_embeddings(model, tokenizer, each), dim=-1) for name, each in texts.items()}
    terms = {"image": image, "image+text": image + terms["text"], **terms}
    if phi is not None:
        words = phi(probe.pictures[: probe.queries])
        asked = [f"a photo of $ that {edit}." for edit in edits]
        asked = [
            f"{sentence} and the photo should have {pairs.adds[row]}." if pairs.adds[row] else sentence
            for row, sentence in zip(rows, asked, strict=True)
        ]
        terms["pseudo_token"] = F.normalize(text_embeddings(model, tokenizer, asked, words), dim=-1)
        nothing = F.normalize(text_embeddings(model, tokenizer, ["a photo of $"] * probe.queries, words), dim=-1)
        terms["phi_only"] = nothing
    return terms


def mean_ap10(vectors: torch.Tensor, probe: Probe, gallery: torch.Tensor | None = None) -> float:
    """Mean AP@10 of the queries' own B's among all pictures but their A."""
    rows = torch.arange(probe.queries)
    scores = vectors @ (probe.gallery if gallery is None else gallery).T
    scores[rows, rows] = -torch.inf
    own = scores[rows, rows + probe.n].unsqueeze(1)
    rank = 1 + (scores > own).sum(1)
    return torch.where(rank <= 10, 1.0 / rank, 0.0).mean().item()
