"""What phi learns from: captions as embeddings, and as token ids with their keywords masked.

Every caption is embedded once, in chunks, before training: a run sees each several times (LinCIR's about twice, the
starter's six times), so that embedding again at every step would cost more. What is kept is small: two bytes a number
(bfloat16, the precision in which the tower computed it) and five bytes a token, or 1.8 GB for a million captions of a
CLIP of width 768.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from cvsi_db.models.clip import OpenClipEncoder, encode_tokens, text_ends
from cvsi_db.training.keywords import NO_KEYWORD, mask_keywords
from cvsi_db.training.precision import mixed_precision


@dataclass(frozen=True)
class Sentences:
    """`embeddings` (n, dim) bfloat16, un-normalised, of the captions · `masked` (n, length) int32 token ids of the same
    captions masked · `places` (n, length) where in them phi's word stands, at least once in each · `ends` (n,) the
    column at which the text tower is read. All on the CPU."""

    embeddings: torch.Tensor
    masked: torch.Tensor
    places: torch.Tensor
    ends: torch.Tensor

    def __len__(self) -> int:
        return len(self.masked)


@torch.inference_mode()
def embed_sentences(
    encoder: OpenClipEncoder,
    captions: Sequence[str],
    *,
    whole: float,
    seed: int,
    chunk: int = 512,
    progress: Callable[[int], None] = lambda _done: None,
) -> Sentences:
    """Embeds every caption and tokenises its masked form; `progress` is called with how many are done.

    The share `whole` of the captions, drawn by the seed, is masked as a whole. A caption longer than the text tower
    reads is cut to its first words, so that both forms say the same.
    """
    rng = random.Random(seed)
    embeddings, masked, places = list[torch.Tensor](), list[torch.Tensor](), list[torch.Tensor]()
    for start in range(0, len(captions), chunk):
        texts, tokens = _fitting(encoder, captions[start : start + chunk])
        with mixed_precision(encoder.device):
            found = encode_tokens(encoder.model, tokens.to(encoder.device))
        embeddings.append(found.to(torch.bfloat16).cpu())
        forms = [NO_KEYWORD if rng.random() < whole else mask_keywords(text) for text in texts]
        masked_tokens, of_words = encoder.place_words(forms)
        lost = ~of_words.any(-1)  # a `$` may lie beyond what the tower reads
        if lost.any():
            masked_tokens[lost], of_words[lost] = encoder.place_words([NO_KEYWORD])
        masked.append(masked_tokens.to(torch.int32))
        places.append(of_words)
        progress(min(start + chunk, len(captions)))
    tokens = torch.cat(masked)
    ends = text_ends(encoder.model, tokens)
    read = int(ends.max()) + 1
    return Sentences(torch.cat(embeddings).clone(), tokens[:, :read].clone(), torch.cat(places)[:, :read].clone(), ends)


def batches_of(sentences: Sentences, size: int) -> Iterator[torch.Tensor]:
    """Rows of one batch after another, without end: random neighbours in length, so that little is padding.

    Draws from torch's generator: once for the order before the first batch, then once a batch.
    """
    by_length = (sentences.ends + torch.rand(len(sentences))).argsort()
    size = min(size, len(sentences))

    def rows() -> Iterator[torch.Tensor]:
        while True:
            start = int(torch.randint(len(sentences) - size + 1, ()))
            yield by_length[start : start + size]

    return rows()


def _fitting(encoder: OpenClipEncoder, captions: Sequence[str]) -> tuple[list[str], torch.Tensor]:
    """The captions, those too long for the tower without their last words, and their token ids (n, length)."""
    texts = list(captions)
    for row in (row for row, is_cut in enumerate(encoder.are_cut(texts)) if is_cut):
        words = texts[row].split()

        def overflows(count: int, words: list[str] = words) -> bool:
            return encoder.are_cut([" ".join(words[:count])])[0]

        texts[row] = " ".join(words[: bisect_left(range(len(words)), True, key=overflows) - 1])
    tokens: torch.Tensor = encoder.tokenizer(texts)
    return texts, tokens
