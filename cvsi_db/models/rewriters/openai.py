"""The language-model rewriter: one chat completion at any OpenAI-compatible endpoint gives edited captions and added
objects together.

Takes captions and an edit text, returns a `Rewrite`. Reads OPENAI_API_KEY, OPENAI_BASE_URL, CVSI_OPENAI_MODEL,
CVSI_OPENAI_TIMEOUT and CVSI_OPENAI_CONCURRENCY. Every failure is a RewriteError in one line; nothing is answered in the
model's stead. What is said is in prompts.py, how it is sent in chat.py, how the answer is read in answer.py.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence

from cvsi_db.errors import RewriteError, UsageError
from cvsi_db.models.rewriters.answer import parse_answer
from cvsi_db.models.rewriters.chat import Chat
from cvsi_db.models.rewriters.prompts import ANSWER_SCHEMA, PROMPT_VERSION, SYSTEM_PROMPT, user_prompt
from cvsi_db.models.rewriters.retry import Limits
from cvsi_db.records import Rewrite, Usage

DEFAULT_MODEL = "gpt-4o-mini"
DEFAULT_TIMEOUT = 30.0
DEFAULT_CONCURRENCY = 8


class OpenAIRewriter:
    """Rewriter over the official client.

    `timeout` seconds per attempt (else CVSI_OPENAI_TIMEOUT, else 30), `total` seconds for a rewrite with all its
    attempts (else three times the timeout), `retries` attempts after the first, `backoff` seconds before the first.
    `concurrency` is how many rewrites `rewrite_many` may have under way (else CVSI_OPENAI_CONCURRENCY, else 8).
    Needs neither key nor network until the first rewrite. Raises UsageError for a number that cannot be meant.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        timeout: float | None = None,
        total: float | None = None,
        retries: int = 2,
        backoff: float = 0.5,
        concurrency: int | None = None,
    ) -> None:
        self._model = model or os.environ.get("CVSI_OPENAI_MODEL", "").strip() or DEFAULT_MODEL
        self.concurrency = concurrency or int(_number("CVSI_OPENAI_CONCURRENCY", DEFAULT_CONCURRENCY, 1, 256))
        timeout = timeout or _number("CVSI_OPENAI_TIMEOUT", DEFAULT_TIMEOUT, 0.1, 3600)
        self.usage = Usage()
        self._chat = Chat(
            self._model, ANSWER_SCHEMA, Limits(timeout, total or 3 * timeout, retries, backoff), self.usage
        )

    @property
    def name(self) -> str:
        """Names the model and the prompt version.

        Not the endpoint: a model is the same behind another address (a proxy, another port), and answers that were paid
        for should survive the move. A server that gives any model the same name wants CVSI_OPENAI_MODEL set to one that
        tells them apart.
        """
        return f"openai-{self._model}-prompt{PROMPT_VERSION}"

    def check(self) -> None:
        """Raises RewriteError without a usable key or address; does not ask the endpoint."""
        self._chat.check()

    def rewrite(self, captions: Sequence[str], edit_text: str) -> Rewrite:
        """An edited caption for each caption, in order; `parse_answer` says what holds when the model miscounts.

        Raises RewriteError when there is nothing to rewrite or the model gives no usable answer.
        """
        if not captions:
            raise RewriteError("nothing to rewrite: no captions; caption the reference image first")
        answer = parse_answer(self._chat.ask(SYSTEM_PROMPT, user_prompt(captions, edit_text)), len(captions))
        return Rewrite(answer.edited_captions, answer.added_objects, self.name)


def _number(variable: str, default: float, lowest: float, highest: float) -> float:
    """The number in an environment variable; raises UsageError when it is none or out of bounds."""
    text = os.environ.get(variable, "").strip()
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not lowest <= value <= highest:
        raise UsageError(f"{variable} is {text!r}: set it to a number from {lowest:g} to {highest:g}, or unset it")
    return value
