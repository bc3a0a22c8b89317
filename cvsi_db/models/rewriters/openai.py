"""The language-model rewriter: one chat completion at any OpenAI-compatible endpoint gives edited captions and added
objects together.

Takes captions and an edit text, returns a `Rewrite`. Reads CVSI_OPENAI_MODEL, CVSI_OPENAI_TIMEOUT and
CVSI_OPENAI_CONCURRENCY, and what cvsi_db.models.chat reads, which asks. Every failure is a RewriteError in one line
with a remedy.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from cvsi_db.errors import RewriteError
from cvsi_db.models.chat import Asker, Chat, number_setting
from cvsi_db.models.rewriters.answer import parse_answer
from cvsi_db.models.rewriters.prompts import ANSWER_SCHEMA, PROMPT_VERSION, SYSTEM_PROMPT, user_prompt
from cvsi_db.records import Rewrite, Usage

DEFAULT_MODEL = "gpt-4o-mini"
DEFAULT_TIMEOUT = 30.0
DEFAULT_CONCURRENCY = 8

ASKER = Asker("the openai rewriter", "or use --rewriter rules", "CVSI_OPENAI", RewriteError)


class OpenAIRewriter:
    """A rewriter over the official client.

    `timeout` seconds without a sign of life end an attempt (else CVSI_OPENAI_TIMEOUT, else 30); `total` seconds end a
    rewrite with all its attempts (else three times the timeout); there are `retries` attempts after the first.
    `concurrency` is how many rewrites `rewrite_many` may have under way (else CVSI_OPENAI_CONCURRENCY, else 8).
    Needs neither key nor network until the first rewrite. Raises UsageError for a number out of range.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        timeout: float | None = None,
        total: float | None = None,
        retries: int = 2,
        concurrency: int | None = None,
    ) -> None:
        self._model = model or os.environ.get("CVSI_OPENAI_MODEL", "").strip() or DEFAULT_MODEL
        self.concurrency = concurrency or int(number_setting("CVSI_OPENAI_CONCURRENCY", DEFAULT_CONCURRENCY, 1, 256))
        timeout = timeout or number_setting("CVSI_OPENAI_TIMEOUT", DEFAULT_TIMEOUT, 0.1, 3600)
        self.usage = Usage()
        self._chat = Chat(
            self._model, ANSWER_SCHEMA, self.usage, ASKER, timeout=timeout, total=total or 3 * timeout, retries=retries
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
        answer = parse_answer(self._chat.ask(SYSTEM_PROMPT, user_prompt(captions, edit_text)).text, len(captions))
        return Rewrite(answer.edited_captions, answer.added_objects, self.name)
