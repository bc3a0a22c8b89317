"""The language-model rewriter: one chat completion at any OpenAI-compatible endpoint gives edited captions and added
objects together.

Takes captions and an edit text, returns a `Rewrite`. Reads OPENAI_API_KEY, OPENAI_BASE_URL, CVSI_OPENAI_MODEL,
CVSI_OPENAI_TIMEOUT and CVSI_OPENAI_CONCURRENCY. The official client sends, retries and times requests; here are a limit
for all attempts together, one for the size of an answer, and the way from a JSON schema down to plain text for
endpoints that know less. Every failure is a RewriteError in one line with a remedy. The client is imported at the first
question.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import threading
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from cvsi_db.errors import RewriteError, UsageError
from cvsi_db.models.rewriters.answer import parse_answer, shortened
from cvsi_db.models.rewriters.prompts import ANSWER_SCHEMA, PROMPT_VERSION, SYSTEM_PROMPT, user_prompt
from cvsi_db.records import Rewrite, Usage

if TYPE_CHECKING:
    from openai import AsyncOpenAI

T = TypeVar("T")

DEFAULT_MODEL = "gpt-4o-mini"
DEFAULT_TIMEOUT = 30.0
DEFAULT_CONCURRENCY = 8
DEFAULT_ADDRESS = "https://api.openai.com/v1"

MAX_BODY = 1 << 20
"""Bytes of one answer as sent: enough for a model that returns its reasoning too, but not for an endless answer."""

_REMEDY = "or use --rewriter rules"
_COMPLAINTS = ("response_format", "json_schema", "json_object", "json mode", "structured output")
"""What an endpoint's refusal (HTTP 400 or 422) mentions when it does not know the form of answer asked for."""


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
        self.concurrency = concurrency or int(_number("CVSI_OPENAI_CONCURRENCY", DEFAULT_CONCURRENCY, 1, 256))
        timeout = timeout or _number("CVSI_OPENAI_TIMEOUT", DEFAULT_TIMEOUT, 0.1, 3600)
        self.usage = Usage()
        self._chat = Chat(
            self._model, ANSWER_SCHEMA, self.usage, timeout=timeout, total=total or 3 * timeout, retries=retries
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
    """The number in an environment variable; raises UsageError when it is not one or out of range."""
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


# --- one question to one model --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Dialect:
    """What an endpoint is asked for beside the messages: `form` 0 is a JSON schema, 1 a JSON object, 2 plain text."""

    form: int = 0
    temperature: bool = True

    def options(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """The request's options."""
        named = {"name": "answer", "strict": True, "schema": schema}
        forms: list[dict[str, Any]] = [
            {"response_format": {"type": "json_schema", "json_schema": named}},
            {"response_format": {"type": "json_object"}},
            {},
        ]
        return forms[self.form] | ({"temperature": 0} if self.temperature else {})

    def without(self, complaint: str) -> Dialect | None:
        """The next simpler one that leaves out what the endpoint complains about, or None when there is none."""
        words = complaint.lower()
        if self.temperature and "temperature" in words:
            return replace(self, temperature=False)
        if self.form < 2 and any(word in words for word in _COMPLAINTS):
            return replace(self, form=self.form + 1)
        return None


class Chat:
    """A model at the endpoint that OPENAI_API_KEY and OPENAI_BASE_URL name. Safe to ask from several threads at once.

    Requests and tokens are added to `usage`; the other arguments are OpenAIRewriter's.
    """

    def __init__(
        self, model: str, schema: Mapping[str, Any], usage: Usage, *, timeout: float, total: float, retries: int = 2
    ) -> None:
        self._model = model
        self._schema = schema
        self._usage = usage
        self._timeout = timeout
        self._total = total
        self._retries = retries
        self._dialect = Dialect()

    def check(self) -> None:
        """Raises RewriteError when the key or the address cannot be used."""
        _ = self._client

    def ask(self, system: str, user: str) -> str:
        """The model's answer. Returns or raises within `total` seconds; an interrupt ends the request at once.

        Raises RewriteError when there is no key, and when no attempt brings an answer.
        """
        self.check()
        messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        return self._text(_run(self._answer(messages)))

    @cached_property
    def _client(self) -> AsyncOpenAI:
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient

        async def count(_request: object) -> None:
            self._usage.add(requests=1)

        key = os.environ.get("OPENAI_API_KEY", "").strip()
        if not key or not key.isascii() or not key.isprintable():
            problem = "has characters that no key has" if key else "is missing"
            raise RewriteError(
                f"the API key of the openai rewriter {problem}: set OPENAI_API_KEY (to any word for an endpoint that "
                f"needs none), {_REMEDY}"
            )
        # An empty variable means unset here; the client would take it for an address.
        address = os.environ.get("OPENAI_BASE_URL", "").strip() or DEFAULT_ADDRESS
        counted = DefaultAsyncHttpxClient(event_hooks={"request": [count]})
        try:
            return AsyncOpenAI(
                api_key=key, base_url=address, timeout=self._timeout, max_retries=self._retries, http_client=counted
            )
        except Exception as error:  # the client's HTTP library raises its own errors
            raise RewriteError(f"OPENAI_BASE_URL is not an address ({error}): correct it, {_REMEDY}") from error

    async def _answer(self, messages: Any) -> bytes:
        """The body of the answer. What the endpoint refuses to understand is left out from then on."""
        from openai import APIError, BadRequestError, UnprocessableEntityError

        try:
            async with asyncio.timeout(self._total):
                while True:
                    dialect = self._dialect
                    try:
                        return await self._body(messages, dialect)
                    except (BadRequestError, UnprocessableEntityError) as error:
                        simpler = dialect.without(str(error))
                        if simpler is None:
                            raise
                        # Another request under way may have learnt more in the meantime.
                        self._dialect = simpler if self._dialect == dialect else self._dialect
        except (APIError, TimeoutError) as error:
            raise self._failure(error) from error

    async def _body(self, messages: Any, dialect: Dialect, *, again: bool = False) -> bytes:
        from openai import OpenAIError

        create = self._client.chat.completions.with_streaming_response.create
        body = bytearray()
        try:
            async with create(model=self._model, messages=messages, **dialect.options(self._schema)) as response:
                async for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > MAX_BODY:
                        raise RewriteError(f"{self._where} sent over {MAX_BODY} bytes: use another model, {_REMEDY}")
        except (OpenAIError, RewriteError, TimeoutError):
            raise
        except Exception as error:  # of the HTTP library: the client retries up to the headers, not within the body
            if again or not self._retries:
                problem = f"broke off in the middle of its answer ({type(error).__name__})"
                raise RewriteError(f"{self._where} {problem}: try again, {_REMEDY}") from error
            return await self._body(messages, dialect, again=True)
        return bytes(body)

    def _text(self, body: bytes) -> str:
        """The text of the first choice; endpoints may leave out any part of a completion."""
        try:
            completion = json.loads(body)
        except (ValueError, RecursionError):
            completion = None
        if not isinstance(completion, Mapping):
            raise RewriteError(
                f"{self._where} sent no chat completion ({shortened(body[:200].decode('utf-8', 'replace'))}): "
                f"check OPENAI_BASE_URL (it mostly ends in /v1), {_REMEDY}"
            )
        used = completion.get("usage")
        if isinstance(used, Mapping):
            kinds = ("prompt_tokens", "completion_tokens")
            self._usage.add(**{kind: used[kind] for kind in kinds if isinstance(used.get(kind), int)})
        choices = completion.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], Mapping) else {}
        message = choice.get("message")
        if not isinstance(message, Mapping):
            raise RewriteError(f"model {self._model!r} gave no choice: try again, {_REMEDY}")
        if refusal := message.get("refusal"):
            raise RewriteError(f"model {self._model!r} refused ({shortened(str(refusal))}): use other words, {_REMEDY}")
        if choice.get("finish_reason") == "length":
            raise RewriteError(f"the answer of model {self._model!r} was cut off: use another model, {_REMEDY}")
        content = message.get("content")
        if not isinstance(content, str) or not content.strip():
            raise RewriteError(f"model {self._model!r} gave an empty answer: try again, {_REMEDY}")
        return content

    @property
    def _where(self) -> str:
        # An address may hold a password, which no message should show.
        return f"model {self._model!r} at {self._client.base_url.copy_with(username=None, password=None)}"

    def _failure(self, error: Exception) -> RewriteError:
        """The last attempt's error in one line, with the remedy that fits it."""
        from openai import (
            APIConnectionError,
            APITimeoutError,
            AuthenticationError,
            NotFoundError,
            PermissionDeniedError,
            RateLimitError,
        )

        if isinstance(error, APITimeoutError | TimeoutError):
            seconds = self._timeout if isinstance(error, APITimeoutError) else self._total
            problem = f"gave no answer within {seconds:g} s: try again, raise CVSI_OPENAI_TIMEOUT"
        elif isinstance(error, APIConnectionError):
            problem = "cannot be reached: check OPENAI_BASE_URL"
        elif isinstance(error, AuthenticationError | PermissionDeniedError):
            problem = "refused the key: set OPENAI_API_KEY"
        elif isinstance(error, RateLimitError):
            problem = f"has no capacity left ({_said(error)}): wait"
        elif isinstance(error, NotFoundError):
            check = "check OPENAI_BASE_URL (it mostly ends in /v1) and CVSI_OPENAI_MODEL"
            problem = f"is not there ({_said(error)}): {check}"
        else:
            problem = f"failed ({_said(error)}): try again"
        return RewriteError(f"{self._where} {problem}, {_REMEDY}")


def _said(error: Exception) -> str:
    """Status and message of an endpoint's refusal."""
    status, body = getattr(error, "status_code", None), getattr(error, "body", None)
    message = body.get("message") if isinstance(body, Mapping) else None
    first = f"HTTP {status}" if status else type(error).__name__
    return f"{first} {shortened(str(message))}" if message else first


_starting = threading.Lock()
_loops: list[asyncio.AbstractEventLoop] = []
"""The one loop that all requests run on."""


def _run(work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns, run on a loop of our own, as the caller may have a running one (a notebook has).

    The loop's thread is a daemon: it never delays the end of the program. Whatever ends the wait early (an interrupt)
    cancels the work too, and so closes the connection.
    """
    with _starting:
        if not _loops:
            _loops.append(asyncio.new_event_loop())
            threading.Thread(target=_loops[0].run_forever, name="cvsi-db-chat", daemon=True).start()
    future = asyncio.run_coroutine_threadsafe(work, _loops[0])
    try:
        return future.result()
    finally:
        future.cancel()
