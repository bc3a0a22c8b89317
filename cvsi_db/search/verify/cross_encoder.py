"""The verifier that runs a multimodal cross-encoder on this machine, through sentence-transformers.

Takes a question and hits, returns a confidence for each: the sigmoid of the model's score for the pair of what is asked
for (the reference and the words) and the hit. Needs the extra `st`; the model loads at the first question, from
safetensors alone, and code of the model's own repository is not run.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from cvsi_db.errors import VerifyError
from cvsi_db.models.protocols import Verifier
from cvsi_db.records import Question, ShownHit

INSTRUCTION = "Find the image that is the given one with this change: "
"""Before the words, where there is a reference."""

BATCH = 8


class CrossEncoderVerifier(Verifier):
    """A cross-encoder by its folder, or its name on the hub: of the class of Qwen3-VL-Reranker."""

    at_once = 1000

    def __init__(self, model: str) -> None:
        self._model = model

    @property
    def name(self) -> str:
        """Names the model and the version of the words around the edit."""
        return f"st-{self._model}-prompt1"

    def check(self) -> None:
        """Raises VerifyError when sentence-transformers is not installed or the model cannot be loaded."""
        _ = self._encoder

    def verify(self, question: Question, hits: Sequence[ShownHit]) -> list[float]:
        """(n,) the sigmoid of each pair's score."""
        asked: Any = question.edit_text
        if question.reference is not None:
            asked = {"text": INSTRUCTION + question.edit_text, "image": question.reference}
        pairs = [(asked, {"image": hit.image}) for hit in hits]
        from torch.nn import Identity

        try:
            scores = self._encoder.predict(pairs, batch_size=BATCH, show_progress_bar=False, activation_fn=Identity())
        except Exception as error:  # of the model's own processing
            raise VerifyError(f"the cross-encoder {self._model!r} failed ({type(error).__name__}: {error})") from error
        return [1 / (1 + math.exp(-max(min(float(score), 50.0), -50.0))) for score in scores]

    @cached_property
    def _encoder(self) -> Any:
        try:
            from sentence_transformers import CrossEncoder
        except ImportError as error:
            raise VerifyError(
                "the verifier st: needs sentence-transformers: install cvsi-db with the extra [st]"
            ) from error
        try:
            return CrossEncoder(self._model, trust_remote_code=False, model_kwargs={"use_safetensors": True})
        except Exception as error:  # of the hub, of transformers, of a file
            told = " ".join(str(error).split())[:200]
            raise VerifyError(
                f"the cross-encoder {self._model!r} cannot be loaded ({told}): name a folder or a model of the hub"
            ) from error
