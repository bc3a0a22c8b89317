"""open_clip's own text tower, run on no more columns than the texts fill. Knows nothing about tokenizers."""

from __future__ import annotations

from typing import Any

import torch


def is_causal(model: Any) -> bool:
    """Whether `encode_tokens` gives what `model.encode_text` does: a causal tower, read at the end token."""
    return getattr(model, "text_pool_type", None) == "argmax" and getattr(model, "attn_mask", None) is not None


def encode_tokens(
    model: Any, tokens: torch.Tensor, words: torch.Tensor | None = None, word_id: int = -1
) -> torch.Tensor:
    """(n, dim) un-normalised text embeddings, as `model.encode_text` gives them for the same tokens padded further.

    With `words` (n, width), every `word_id` of row i is embedded as words[i], with gradients. The causal mask keeps
    what follows the end token from mattering, so the columns beyond the longest text may be left out.
    """
    tower = getattr(model, "text", model)
    length = tokens.shape[1]
    hidden = tower.token_embedding(tokens)
    if words is not None:
        hidden = torch.where(tokens.eq(word_id).unsqueeze(-1), words.unsqueeze(1).to(hidden.dtype), hidden)
    hidden = hidden + tower.positional_embedding[:length]
    hidden = tower.transformer(hidden, attn_mask=tower.attn_mask[:length, :length])
    at_end = tower.ln_final(hidden[torch.arange(len(tokens)), tokens.argmax(-1)])  # the end token has the highest id
    projection = tower.text_projection
    embeddings: torch.Tensor = projection(at_end) if isinstance(projection, torch.nn.Linear) else at_end @ projection
    return embeddings


def crop(tokens: torch.Tensor) -> torch.Tensor:
    """The token ids without the columns after the last end token of all rows."""
    return tokens[:, : int(tokens.argmax(-1).max()) + 1]
