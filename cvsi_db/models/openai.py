"""The language-model rewriter: one chat completion at any OpenAI-compatible endpoint.

Takes captions and an edit text, returns a `Rewrite`. Reads OPENAI_API_KEY, OPENAI_BASE_URL and CVSI_OPENAI_MODEL.
Every failure is a RewriteError in one line; nothing is answered in the model's stead.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cvsi_db.errors import RewriteError
from cvsi_db.models.prompts import ANSWER_SCHEMA, PROMPT_VERSION, SYSTEM_PROMPT, user_prompt
from cvsi_db.records import Rewrite

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types.chat import ChatCompletion

DEFAULT_MODEL = "gpt-4o-mini"
_REMEDY = "set OPENAI_API_KEY, or use --rewriter rules"
_FORMATS: tuple[dict[str, Any], ...] = (
    {
        "type": "json_schema",
        "json_schema": {"name": "edited_captions", "strict": True, "schema": ANSWER_SCHEMA},
    },
    {"type": "json_object"},
)
"""What the answer shall look like; the second for endpoints that refuse the first."""


@dataclass
class Usage:
    """Tokens and requests of all rewrites so far, for reporting."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


class OpenAIRewriter:
    """Rewriter over the official client. `timeout` in seconds per attempt; `retries` beyond the first attempt."""

    def __init__(self, model: str | None = None, *, timeout: float = 30.0, retries: int = 2) -> None:
        self._model = model or os.environ.get("CVSI_OPENAI_MODEL") or DEFAULT_MODEL
        self._timeout = timeout
        self._retries = retries
        self._format = 0
        self.usage = Usage()

    @property
    def name(self) -> str:
        """Names the model and the prompt version."""
        return f"openai-{self._model}-prompt{PROMPT_VERSION}"

    def rewrite(self, captions: Sequence[str], edit_text: str) -> Rewrite:
        """Edited captions in order, without doubles. Raises RewriteError when the model gives no usable answer."""
        if not captions:
            raise RewriteError("nothing to rewrite: no captions; caption the reference image first")
        answer = parse_answer(self._content(self._ask(captions, edit_text)))
        return Rewrite(answer.edited_captions, answer.added_objects, self.name)

    @cached_property
    def _client(self) -> OpenAI:
        from openai import OpenAI

        key = os.environ.get("OPENAI_API_KEY", "").strip()
        if not key:
            raise RewriteError(f"the openai rewriter has no API key: {_REMEDY}")
        return OpenAI(api_key=key, timeout=self._timeout, max_retries=self._retries)

    def _ask(self, captions: Sequence[str], edit_text: str) -> ChatCompletion:
        """One completion; an endpoint that refuses the schema is asked again for a plain JSON object."""
        client = self._client
        from openai import APIError, BadRequestError

        messages: Any = [
            {"role": "system", "content": SYSTEM_PROMPT},
            {"role": "user", "content": user_prompt(captions, edit_text)},
        ]
        try:
            return self._complete(client, messages)
        except BadRequestError as error:
            if self._format + 1 == len(_FORMATS) or "response_format" not in str(error):
                raise self._failure(error) from error
            self._format += 1
            return self._ask(captions, edit_text)
        except APIError as error:
            raise self._failure(error) from error

    def _complete(self, client: OpenAI, messages: Any) -> ChatCompletion:
        answer_format: Any = _FORMATS[self._format]
        completion = client.chat.completions.create(
            model=self._model, messages=messages, response_format=answer_format, temperature=0
        )
        self._count(completion)
        return completion

    def _count(self, completion: ChatCompletion) -> None:
        self.usage.requests += 1
        if used := getattr(completion, "usage", None):
            self.usage.prompt_tokens += used.prompt_tokens or 0
            self.usage.completion_tokens += used.completion_tokens or 0

    def _failure(self, error: Exception) -> RewriteError:
        """The client's error in one line, with the way out that fits it."""
        from openai import APIConnectionError, APITimeoutError, AuthenticationError, RateLimitError

        where = f"model {self._model!r} at {self._client.base_url}"
        if isinstance(error, APITimeoutError):
            return RewriteError(
                f"{where} did not answer within {self._timeout:g} s: try again, or use --rewriter rules"
            )
        if isinstance(error, APIConnectionError):
            return RewriteError(f"{where} cannot be reached: check OPENAI_BASE_URL, or use --rewriter rules")
        if isinstance(error, AuthenticationError):
            return RewriteError(f"{where} refused the key: {_REMEDY}")
        if isinstance(error, RateLimitError):
            return RewriteError(f"{where} has no capacity left ({_line(error)}): wait, or use --rewriter rules")
        return RewriteError(f"{where} failed ({_line(error)}): try again, or use --rewriter rules")

    def _content(self, completion: ChatCompletion) -> str:
        """The text of the first choice; endpoints may leave out any part of it."""
        choices = getattr(completion, "choices", None)
        message = choices[0].message if choices else None
        if message is None:
            raise RewriteError(f"model {self._model!r} gave no choice: try again, or use --rewriter rules")
        if getattr(message, "refusal", None):
            raise RewriteError(f"model {self._model!r} refused: {_shortened(message.refusal or '')}")
        if not (message.content or "").strip():
            raise RewriteError(f"model {self._model!r} gave an empty answer: try again, or use --rewriter rules")
        return message.content or ""


@dataclass(frozen=True)
class Answer:
    """What the model said, checked."""

    edited_captions: tuple[str, ...]
    added_objects: str


def parse_answer(text: str) -> Answer:
    """The answer in `text`, whatever surrounds its JSON object; raises RewriteError when there is none to use."""
    found = next((value for value in _objects(text) if "edited_captions" in value), None)
    if found is None:
        raise RewriteError(f"the model's answer holds no JSON object with edited_captions: {_shortened(text)}")
    captions, objects = found["edited_captions"], found.get("added_objects")
    if not isinstance(captions, list) or not all(isinstance(caption, str) for caption in captions):
        raise RewriteError(f"edited_captions in the model's answer is no list of strings: {_shortened(text)}")
    if not isinstance(objects, str | None):
        raise RewriteError(f"added_objects in the model's answer is no string: {_shortened(text)}")
    edited = tuple(dict.fromkeys(line for line in (" ".join(caption.split()) for caption in captions) if line))
    if not edited:
        raise RewriteError(f"the model's answer has no edited caption: {_shortened(text)}")
    return Answer(edited, " ".join((objects or "").split()))


def _objects(text: str) -> list[Mapping[str, Any]]:
    """Every JSON object that starts somewhere in `text` and is not inside an earlier one."""
    decoder = json.JSONDecoder()
    found: list[Mapping[str, Any]] = []
    place = text.find("{")
    while place >= 0:
        try:
            value, place = decoder.raw_decode(text, place)
            found.append(value)
        except (json.JSONDecodeError, RecursionError):
            place += 1
        place = text.find("{", place)
    return found


def _line(error: Exception) -> str:
    status = getattr(error, "status_code", None)
    body = getattr(error, "body", None)
    said = body.get("message") if isinstance(body, Mapping) else None
    return " ".join(
        part for part in (f"HTTP {status}" if status else type(error).__name__, _shortened(said or "")) if part
    )


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 120 else line[:117] + "..."
