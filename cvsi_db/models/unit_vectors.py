"""Embeddings to unit vectors."""

from __future__ import annotations

import numpy as np

from cvsi_db.errors import ModelError
from cvsi_db.records import FloatArray


def normalise(embeddings: FloatArray, count: int) -> FloatArray:
    """`count` embeddings (count, dim), each divided by its L2 norm. Raises ModelError when one has no direction."""
    if embeddings.ndim != 2 or len(embeddings) != count:
        raise ModelError(f"the encoder gave embeddings of shape {embeddings.shape} for {count} inputs")
    norms = np.linalg.norm(embeddings.astype(np.float32), axis=1, keepdims=True)
    if not (np.isfinite(norms).all() and norms.all()):
        raise ModelError(
            "the encoder gave an embedding that is zero or not finite: its weights or its device are at fault"
        )
    return np.asarray(embeddings / norms, dtype=np.float32)
