"""Chat: one question to a model at any OpenAI-compatible endpoint, and its answer.

Takes messages, whose parts may be images, returns a `Choice`. Reads OPENAI_API_KEY and OPENAI_BASE_URL. The official
client sends, retries and times requests; here are a limit for all attempts together, one for the size of an answer, and
the way from a JSON schema down to plain text for endpoints that know less. Every failure is one line with a remedy. The
client is imported at the first question.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import re
import threading
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from cvsi_db.errors import CvsiError, UsageError
from cvsi_db.records import Usage

if TYPE_CHECKING:
    from openai import AsyncOpenAI

T = TypeVar("T")

DEFAULT_ADDRESS = "https://api.openai.com/v1"

MAX_BODY = 1 << 20
"""Bytes of one answer as sent: enough for a model that returns its reasoning too, but not for an endless answer."""

_CANDIDATES = 20
"""How many mentions of a key are tried, from the last one back: each may cost a pass over the text."""

_COMPLAINTS = ("response_format", "json_schema", "json_object", "json mode", "structured output")
"""What an endpoint's refusal (HTTP 400 or 422) mentions when it does not know the form of answer asked for."""


def number_setting(variable: str, default: float, lowest: float, highest: float) -> float:
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


def shortened(text: str) -> str:
    """`text` in one line of at most 120 characters, for a message."""
    line = " ".join(text[:1000].split())
    return line if len(line) <= 120 else line[:117] + "..."


def last_object(text: str, key: str) -> Mapping[str, Any] | None:
    """The last JSON object in `text` that has the key, whatever surrounds it; None where there is none.

    A model that thinks aloud drafts first and answers last. The time is linear in the text, whatever it holds.
    """
    for mention in reversed(list(re.finditer(f'"{key}"', text))[-_CANDIDATES:]):
        try:
            value, _ = json.JSONDecoder().raw_decode(text, max(text.rfind("{", 0, mention.start()), 0))
        except (ValueError, RecursionError):
            continue
        if isinstance(value, Mapping) and key in value:
            return value
    return None


@dataclass(frozen=True)
class Choice:
    """A model's answer: its `text`, and of its first token the likeliest ones with their log-probabilities, if told."""

    text: str
    first: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Asker:
    """Who asks, for messages: its name, what else a person may use, the start of its settings' names, its error."""

    name: str
    remedy: str
    settings: str
    error: type[CvsiError]


@dataclass(frozen=True)
class Dialect:
    """What an endpoint is asked for beside the messages: `form` 0 is a JSON schema, 1 a JSON object, 2 plain text."""

    form: int = 0
    temperature: bool = True

    def options(self, schema: Mapping[str, Any] | None) -> dict[str, Any]:
        """The request's options; without a schema any text will do."""
        if schema is None:
            return {"temperature": 0} if self.temperature else {}
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

    Its answers follow the `schema`, as far as the endpoint knows of such things; `extra` are further options of each
    request. Requests and tokens are added to `usage`. `timeout` seconds without a sign of life end an attempt, `total`
    seconds all of them; there are `retries` attempts after the first.
    """

    def __init__(
        self,
        model: str,
        schema: Mapping[str, Any] | None,
        usage: Usage,
        asker: Asker,
        *,
        timeout: float,
        total: float,
        retries: int = 2,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self._model = model
        self._schema = schema
        self._usage = usage
        self._asker = asker
        self._extra = dict(extra or {})
        self._timeout = timeout
        self._total = total
        self._retries = retries
        self._dialect = Dialect()

    def check(self) -> None:
        """Raises the asker's error when the key or the address cannot be used."""
        _ = self._client

    def ask(self, system: str, user: str | Sequence[Mapping[str, Any]]) -> Choice:
        """The model's answer. Returns or raises within `total` seconds; an interrupt ends the request at once.

        Raises the asker's error when there is no key, and when no attempt brings an answer.
        """
        self.check()
        messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        return self._choice(_run(self._answer(messages)))

    @cached_property
    def _client(self) -> AsyncOpenAI:
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient

        async def count(_request: object) -> None:
            self._usage.add(requests=1)

        key = os.environ.get("OPENAI_API_KEY", "").strip()
        if not key or not key.isascii() or not key.isprintable():
            problem = "has characters that no key has" if key else "is missing"
            raise self._asker.error(
                f"the API key of {self._asker.name} {problem}: set OPENAI_API_KEY (to any word for an endpoint that "
                f"needs none), {self._asker.remedy}"
            )
        # An empty variable means unset here; the client would take it for an address.
        address = os.environ.get("OPENAI_BASE_URL", "").strip() or DEFAULT_ADDRESS
        counted = DefaultAsyncHttpxClient(event_hooks={"request": [count]})
        try:
            return AsyncOpenAI(
                api_key=key, base_url=address, timeout=self._timeout, max_retries=self._retries, http_client=counted
            )
        except Exception as error:  # the client's HTTP library raises its own errors
            raise self._asker.error(
                f"OPENAI_BASE_URL is not an address ({error}): correct it, {self._asker.remedy}"
            ) from error

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
        options = dialect.options(self._schema) | self._extra
        try:
            async with create(model=self._model, messages=messages, **options) as response:
                async for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > MAX_BODY:
                        raise self._asker.error(
                            f"{self._where} sent over {MAX_BODY} bytes: use another model, {self._asker.remedy}"
                        )
        except (OpenAIError, CvsiError, TimeoutError):
            raise
        except Exception as error:  # of the HTTP library: the client retries up to the headers, not within the body
            if again or not self._retries:
                problem = f"broke off in the middle of its answer ({type(error).__name__})"
                raise self._asker.error(f"{self._where} {problem}: try again, {self._asker.remedy}") from error
            return await self._body(messages, dialect, again=True)
        return bytes(body)

    def _choice(self, body: bytes) -> Choice:
        """The first choice; endpoints may leave out any part of a completion."""
        try:
            completion = json.loads(body)
        except (ValueError, RecursionError):
            completion = None
        if not isinstance(completion, Mapping):
            raise self._asker.error(
                f"{self._where} sent no chat completion ({shortened(body[:200].decode('utf-8', 'replace'))}): "
                f"check OPENAI_BASE_URL (it mostly ends in /v1), {self._asker.remedy}"
            )
        used = completion.get("usage")
        if isinstance(used, Mapping):
            kinds = ("prompt_tokens", "completion_tokens")
            self._usage.add(**{kind: used[kind] for kind in kinds if isinstance(used.get(kind), int)})
        choices = completion.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], Mapping) else {}
        message = choice.get("message")
        if not isinstance(message, Mapping):
            raise self._asker.error(f"model {self._model!r} gave no choice: try again, {self._asker.remedy}")
        if refusal := message.get("refusal"):
            raise self._asker.error(
                f"model {self._model!r} refused ({shortened(str(refusal))}): use other words, {self._asker.remedy}"
            )
        if choice.get("finish_reason") == "length":
            raise self._asker.error(
                f"the answer of model {self._model!r} was cut off: use another model, {self._asker.remedy}"
            )
        content = message.get("content")
        if not isinstance(content, str) or not content.strip():
            raise self._asker.error(f"model {self._model!r} gave an empty answer: try again, {self._asker.remedy}")
        return Choice(content, _first_token(choice.get("logprobs")))

    @property
    def _where(self) -> str:
        # An address may hold a password, which no message should show.
        return f"model {self._model!r} at {self._client.base_url.copy_with(username=None, password=None)}"

    def _failure(self, error: Exception) -> CvsiError:
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
            problem = f"gave no answer within {seconds:g} s: try again, raise {self._asker.settings}_TIMEOUT"
        elif isinstance(error, APIConnectionError):
            problem = "cannot be reached: check OPENAI_BASE_URL"
        elif isinstance(error, AuthenticationError | PermissionDeniedError):
            problem = "refused the key: set OPENAI_API_KEY"
        elif isinstance(error, RateLimitError):
            problem = f"has no capacity left ({_said(error)}): wait"
        elif isinstance(error, NotFoundError):
            check = f"check OPENAI_BASE_URL (it mostly ends in /v1) and {self._asker.settings}_MODEL"
            problem = f"is not there ({_said(error)}): {check}"
        else:
            problem = f"failed ({_said(error)}): try again"
        return self._asker.error(f"{self._where} {problem}, {self._asker.remedy}")


def _said(error: Exception) -> str:
    """Status and message of an endpoint's refusal."""
    status, body = getattr(error, "status_code", None), getattr(error, "body", None)
    message = body.get("message") if isinstance(body, Mapping) else None
    first = f"HTTP {status}" if status else type(error).__name__
    return f"{first} {shortened(str(message))}" if message else first


def _first_token(logprobs: Any) -> dict[str, float]:
    """The likeliest first tokens with their log-probabilities, out of a choice's `logprobs`, whatever that is."""
    content = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    first = content[0] if isinstance(content, list) and content and isinstance(content[0], Mapping) else {}
    likeliest = first.get("top_logprobs")
    return {
        each["token"]: float(each["logprob"])
        for each in (*(likeliest if isinstance(likeliest, list) else ()), first)
        if isinstance(each, Mapping) and isinstance(each.get("token"), str) and _is_logprob(each.get("logprob"))
    }


def _is_logprob(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value <= 0


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
