"""One question to one model at an OpenAI-compatible endpoint, through the official client and within bounds.

Takes a system and a user message, returns the answer's text. Bounds time, attempts, waits and size; finds out by itself
which form of answer and which options the endpoint takes. Every failure is a RewriteError in one line with a remedy.
Knows nothing about captions. The official client is imported at the first question.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from cvsi_db.errors import RewriteError
from cvsi_db.models.rewriters.answer import shortened
from cvsi_db.models.rewriters.retry import Limits, wait_before_retry
from cvsi_db.records import Usage

if TYPE_CHECKING:
    from openai import AsyncAPIResponse, AsyncOpenAI

T = TypeVar("T")

DEFAULT_ADDRESS = "https://api.openai.com/v1"

MAX_BODY = 1 << 20
"""Bytes of one answer as sent; the thoughts of a model that returns them too fit in, an endless answer does not."""

_REMEDY = "or use --rewriter rules"
_FORMATS = 3
_COMPLAINTS = ("response_format", "json_schema", "json_object", "json mode", "structured output")
"""What an endpoint's refusal (HTTP 400 or 422) mentions when it does not know the form of answer asked for."""


@dataclass(frozen=True)
class Dialect:
    """What an endpoint is asked for beside the messages: `format` 0 is a JSON schema, 1 a JSON object, 2 plain text."""

    format: int = 0
    temperature: bool = True

    def options(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """The request's options."""
        named = {"name": "answer", "strict": True, "schema": schema}
        forms: list[dict[str, Any]] = [{"type": "json_schema", "json_schema": named}, {"type": "json_object"}]
        options: dict[str, Any] = {"response_format": forms[self.format]} if self.format < len(forms) else {}
        return options | ({"temperature": 0} if self.temperature else {})

    def without(self, complaint: str) -> Dialect | None:
        """The next simpler one that leaves out what the endpoint complains about, or None when there is none."""
        words = complaint.lower()
        if self.temperature and "temperature" in words:
            return replace(self, temperature=False)
        if self.format + 1 < _FORMATS and any(word in words for word in _COMPLAINTS):
            return replace(self, format=self.format + 1)
        return None


class Chat:
    """A model at the endpoint that OPENAI_API_KEY and OPENAI_BASE_URL name. Safe to ask from many threads at once."""

    def __init__(self, model: str, schema: Mapping[str, Any], limits: Limits, usage: Usage) -> None:
        self._model = model
        self._schema = schema
        self._limits = limits
        self._usage = usage
        self._dialect = Dialect()

    def ask(self, system: str, user: str) -> str:
        """The model's answer. Returns or raises within `limits.total` seconds; an interrupt ends the request at once.

        Raises RewriteError when there is no key, and when no attempt brings an answer.
        """
        _ = self._client
        messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        return self._text(_result(self._retrying(messages)))

    def check(self) -> None:
        """Raises RewriteError when the key or the address cannot be used."""
        _ = self._client

    @cached_property
    def _client(self) -> AsyncOpenAI:
        from openai import AsyncOpenAI

        key = os.environ.get("OPENAI_API_KEY", "").strip()
        if not key or not key.isascii() or not key.isprintable():
            what = "has characters that no key has" if key else "is missing"
            raise RewriteError(
                f"the API key of the openai rewriter {what}: set OPENAI_API_KEY (to any word for an endpoint that "
                f"needs none), {_REMEDY}"
            )
        # Set to nothing means unset here; the client would take it for an address.
        address = os.environ.get("OPENAI_BASE_URL", "").strip() or DEFAULT_ADDRESS
        # Attempts are timed as a whole and retried here: the client times only the gaps between bytes.
        try:
            return AsyncOpenAI(api_key=key, base_url=address, timeout=None, max_retries=0)
        except Exception as error:  # of the client's HTTP library, which is its own affair
            raise RewriteError(f"OPENAI_BASE_URL is no address ({error}): correct it, {_REMEDY}") from error

    async def _retrying(self, messages: Any) -> bytes:
        """The body of the first answer, after as many attempts as the limits allow."""
        from openai import APIError

        now = asyncio.get_running_loop().time
        deadline = now() + self._limits.total
        for attempt in count():
            try:
                async with asyncio.timeout_at(min(now() + self._limits.timeout, deadline)):
                    return await self._send(messages)
            except (APIError, TimeoutError) as error:
                wait = wait_before_retry(error, attempt, self._limits)
                if wait is None or now() + wait >= deadline:
                    raise self._failure(error) from error
            await asyncio.sleep(wait)
        raise AssertionError("unreachable")

    async def _send(self, messages: Any) -> bytes:
        """One attempt. What the endpoint refuses to understand is left out from then on."""
        from openai import BadRequestError, UnprocessableEntityError

        while True:
            dialect = self._dialect
            try:
                return await self._complete(messages, dialect)
            except (BadRequestError, UnprocessableEntityError) as error:
                simpler = dialect.without(str(error))
                if simpler is None:
                    raise
                # Another request in flight may have learnt more in the meantime.
                self._dialect = simpler if self._dialect == dialect else self._dialect

    async def _complete(self, messages: Any, dialect: Dialect) -> bytes:
        self._usage.add(requests=1)
        create = self._client.chat.completions.with_streaming_response.create
        async with create(model=self._model, messages=messages, **dialect.options(self._schema)) as response:
            body = await _start_of(response)
        if len(body) > MAX_BODY:
            raise RewriteError(f"{self._where} sent over {MAX_BODY} bytes: use another model, {_REMEDY}")
        return body

    def _text(self, body: bytes) -> str:
        """The text of the first choice; endpoints may leave out any part of a completion."""
        completion = _json_object(body)
        if completion is None:
            raise RewriteError(
                f"{self._where} sent no chat completion ({shortened(body[:200].decode('utf-8', 'replace'))}): "
                f"check OPENAI_BASE_URL (it mostly ends in /v1), {_REMEDY}"
            )
        self._count(completion.get("usage"))
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

    def _count(self, used: object) -> None:
        if isinstance(used, Mapping):
            kinds = ("prompt_tokens", "completion_tokens")
            self._usage.add(**{kind: used[kind] for kind in kinds if isinstance(used.get(kind), int)})

    @property
    def _where(self) -> str:
        # A password may stand in the address: it is nobody's business.
        return f"model {self._model!r} at {self._client.base_url.copy_with(username=None, password=None)}"

    def _failure(self, error: Exception) -> RewriteError:
        """The last attempt's error in one line, with the way out that fits it."""
        from openai import APIConnectionError, AuthenticationError, NotFoundError, PermissionDeniedError, RateLimitError

        if isinstance(error, TimeoutError):
            slow = f"did not answer within {min(self._limits.timeout, self._limits.total):g} s"
            return RewriteError(f"{self._where} {slow}: try again, raise CVSI_OPENAI_TIMEOUT, {_REMEDY}")
        if isinstance(error, APIConnectionError):
            return RewriteError(f"{self._where} cannot be reached: check OPENAI_BASE_URL, {_REMEDY}")
        if isinstance(error, AuthenticationError | PermissionDeniedError):
            return RewriteError(f"{self._where} refused the key: set OPENAI_API_KEY, {_REMEDY}")
        if isinstance(error, RateLimitError):
            return RewriteError(f"{self._where} has no capacity left ({_said(error)}): wait, {_REMEDY}")
        if isinstance(error, NotFoundError):
            check = "check OPENAI_BASE_URL (it mostly ends in /v1) and CVSI_OPENAI_MODEL"
            return RewriteError(f"{self._where} is not there ({_said(error)}): {check}, {_REMEDY}")
        return RewriteError(f"{self._where} failed ({_said(error)}): try again, {_REMEDY}")


async def _start_of(response: AsyncAPIResponse[Any]) -> bytes:
    """The body, or a little more of it than is allowed; a connection lost half-way is one that never was."""
    from openai import APIConnectionError

    body = bytearray()
    try:
        async for chunk in response.iter_bytes():
            body += chunk
            if len(body) > MAX_BODY:
                break
    except Exception as error:
        raise APIConnectionError(request=response.http_request) from error
    return bytes(body)


def _json_object(body: bytes) -> Mapping[str, Any] | None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, Mapping) else None


def _said(error: Exception) -> str:
    """Status and message of an endpoint's refusal."""
    status, body = getattr(error, "status_code", None), getattr(error, "body", None)
    message = body.get("message") if isinstance(body, Mapping) else None
    first = f"HTTP {status}" if status else type(error).__name__
    return f"{first} {shortened(str(message))}" if message else first


# --- the loop that all requests run on ----------------------------------------------------------------------------

_starting = threading.Lock()
_loops: list[asyncio.AbstractEventLoop] = []


def _result(work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns, run on a loop of its own: the caller may have a running one, as a notebook has.

    Whatever ends the wait early (an interrupt) cancels the work too, and with it closes the connection.
    """
    future = asyncio.run_coroutine_threadsafe(work, _loop())
    try:
        return future.result()
    finally:
        future.cancel()


def _loop() -> asyncio.AbstractEventLoop:
    """The one loop of the process, in a daemon thread: it never holds up the end of the program."""
    with _starting:
        if not _loops:
            _loops.append(asyncio.new_event_loop())
            threading.Thread(target=_loops[0].run_forever, name="cvsi-db-chat", daemon=True).start()
        return _loops[0]
