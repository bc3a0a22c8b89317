"""A scripted endpoint on this machine that implements the chat-completions protocol.

It gives its replies in order, the last one for ever, or what a function makes of each request, and keeps what it was
asked: bodies, keys, times, and how many requests were in its hands at once.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass
class Reply:
    """One reply: `wait` seconds before it, `body` as JSON or, if it is bytes, as it is; `pause` seconds per byte."""

    status: int = 200
    body: Any = None
    wait: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0.0


@dataclass
class ChatServer:
    """The endpoint and what it has seen; `left` counts the clients that hung up before the end."""

    replies: list[Reply] | Callable[[dict[str, Any]], Reply]
    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    left: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_reply(self, request: dict[str, Any]) -> Reply:
        if callable(self.replies):
            return self.replies(request)
        with self.lock:
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


def said(content: str | None, finish: str = "stop", **message: Any) -> Reply:
    """A completion with that text."""
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content, **message}}
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    return Reply(body={"id": "1", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage})


def answered(edited: Sequence[str], objects: str = "") -> Reply:
    """A completion with those edited captions."""
    return said(json.dumps({"edited_captions": list(edited), "added_objects": objects}))


def failed(status: int, message: str, code: str | None = None, **headers: str) -> Reply:
    """An error as OpenAI words it; `retry_after="1"` and the like are headers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {"error": {"message": message, "code": code}}, headers=named)


def captions_in(request: dict[str, Any]) -> list[str]:
    """The captions that a request's prompt lists."""
    return [json.loads(line) for line in re.findall(r'^\d+\. (".*")$', request["messages"][1]["content"], re.M)]


@contextmanager
def chat_server(*replies: Reply, reply: Callable[[dict[str, Any]], Reply] | None = None) -> Iterator[ChatServer]:
    """A running endpoint, its `url` ready for OPENAI_BASE_URL."""
    endpoint = ChatServer(reply or list(replies))
    server = _Server(("127.0.0.1", 0), _handler(endpoint))
    endpoint.url = f"http://127.0.0.1:{server.server_port}/v1"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def environment(monkeypatch: pytest.MonkeyPatch, prefix: str) -> Iterator[Callable[..., ChatServer]]:
    """Starts an endpoint with given replies, to which the environment then leads; settings of that prefix are unset."""
    for name in ("MODEL", "TIMEOUT", "DEADLINE", "CONCURRENCY", "TOKENS"):
        monkeypatch.delenv(f"{prefix}_{name}", raising=False)
    with ExitStack() as servers:

        def start(*replies: Reply, reply: Callable[[dict[str, Any]], Reply] | None = None) -> ChatServer:
            endpoint = servers.enter_context(chat_server(*replies, reply=reply))
            monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url)
            monkeypatch.setenv("OPENAI_API_KEY", "test-key")
            return endpoint

        yield start


class _Server(ThreadingHTTPServer):
    daemon_threads, block_on_close = True, False
    request_queue_size = 64  # with the default of 5, a burst of connections waits a second for its second chance


def _handler(endpoint: ChatServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with endpoint.lock:
                endpoint.asked.append(request | {"path": self.path})
                endpoint.keys.append(self.headers["authorization"])
                endpoint.times.append(time.monotonic())
                endpoint.at_once += 1
                endpoint.most_at_once = max(endpoint.most_at_once, endpoint.at_once)
            reply = endpoint.next_reply(request)
            time.sleep(reply.wait)
            with endpoint.lock:
                endpoint.at_once -= 1
            try:
                self._send(reply)
            except (BrokenPipeError, ConnectionResetError):
                endpoint.left += 1

        def _send(self, reply: Reply) -> None:
            payload = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            usual = {"content-type": "application/json", "content-length": str(len(payload))}
            for name, value in (usual | reply.headers).items():
                self.send_header(name, value)
            self.end_headers()
            for piece in [payload] if not reply.pause else [payload[at : at + 1] for at in range(len(payload))]:
                self.wfile.write(piece)
                time.sleep(reply.pause)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler
