"""A scripted chat endpoint for the tests of the language-model rewriter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TypeAlias

import pytest

from tests.chat_server import ChatServer, Reply, chat_server

Serve: TypeAlias = Callable[..., ChatServer]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Starts an endpoint with those replies; the environment leads there."""
    for name in ("CVSI_OPENAI_MODEL", "CVSI_OPENAI_TIMEOUT", "CVSI_OPENAI_CONCURRENCY"):
        monkeypatch.delenv(name, raising=False)
    with ExitStack() as servers:

        def start(*replies: Reply, reply: Callable[[dict[str, Any]], Reply] | None = None) -> ChatServer:
            endpoint = servers.enter_context(chat_server(*replies, reply=reply))
            monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url)
            monkeypatch.setenv("OPENAI_API_KEY", "test-key")
            return endpoint

        yield start
