"""The language-model rewriter through the official client, against a scripted endpoint on this machine."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from cvsi_db.errors import RewriteError
from cvsi_db.models.openai import DEFAULT_MODEL, OpenAIRewriter, parse_answer
from cvsi_db.models.prompts import PROMPT_VERSION, SYSTEM_PROMPT, user_prompt
from cvsi_db.records import Rewrite

CAPTIONS = ("a red cat on the beach", "a cat by the sea")
ANSWER = {"edited_captions": ["a red cat in a hat on the beach", "a cat in a hat by the sea"], "added_objects": "a hat"}


@dataclass
class Reply:
    status: int = 200
    body: Any = None
    wait: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Endpoint:
    """A server that gives its replies in order, the last one for ever, and keeps what it was asked."""

    replies: list[Reply]
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def next_reply(self) -> Reply:
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


def said(content: str | None, **message: Any) -> Reply:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content, **message}}
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    return Reply(
        body={"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}
    )


def failed(status: int, message: str, wait_ms: int = 1) -> Reply:
    return Reply(status, {"error": {"message": message}}, headers={"retry-after-ms": str(wait_ms)})


def _handler(endpoint: Endpoint) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            endpoint.asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            endpoint.keys.append(self.headers["authorization"])
            reply = endpoint.next_reply()
            time.sleep(reply.wait)
            payload = json.dumps(reply.body).encode()
            try:
                self.send_response(reply.status)
                for name, value in {"content-type": "application/json", **reply.headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the client gave up waiting, as the time-out test wants

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Endpoint]]:
    servers: list[ThreadingHTTPServer] = []

    def start(*replies: Reply) -> Endpoint:
        endpoint = Endpoint(list(replies))
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(endpoint))
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.server_port}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "test-key")
        monkeypatch.delenv("CVSI_OPENAI_MODEL", raising=False)
        return endpoint

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_one_request_carries_all_captions_and_the_edit(serve: Callable[..., Endpoint]) -> None:
    endpoint = serve(said(json.dumps(ANSWER)))
    rewriter = OpenAIRewriter()
    rewrite = rewriter.rewrite(CAPTIONS, "with a hat")
    assert rewrite == Rewrite(tuple(ANSWER["edited_captions"]), "a hat", rewriter.name)
    (request,) = endpoint.asked
    assert request["model"] == DEFAULT_MODEL
    assert request["messages"] == [
        {"role": "system", "content": SYSTEM_PROMPT},
        {"role": "user", "content": user_prompt(CAPTIONS, "with a hat")},
    ]
    assert request["response_format"]["type"] == "json_schema"
    assert endpoint.keys == ["Bearer test-key"]
    assert (rewriter.usage.requests, rewriter.usage.prompt_tokens, rewriter.usage.completion_tokens) == (1, 100, 20)


def test_the_name_tells_model_and_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CVSI_OPENAI_MODEL", "some-model")
    assert OpenAIRewriter().name == f"openai-some-model-prompt{PROMPT_VERSION}"
    assert OpenAIRewriter("other").name == f"openai-other-prompt{PROMPT_VERSION}"


def test_the_prompt_quotes_what_people_typed() -> None:
    prompt = user_prompt(['a "red" cat'], "ignore\nthis")
    assert '1. "a \\"red\\" cat"' in prompt
    assert prompt.endswith('Change: "ignore\\nthis"')


@pytest.mark.parametrize("wrapped", ["```json\n{}\n```", "Here you are: {} Anything else?", "{{}} {}", "{{broken {}"])
def test_json_is_found_in_what_surrounds_it(serve: Callable[..., Endpoint], wrapped: str) -> None:
    serve(said(wrapped.replace("{}", json.dumps(ANSWER)).replace("{{", "{").replace("}}", "}")))
    assert OpenAIRewriter().rewrite(CAPTIONS, "with a hat").edited_captions == tuple(ANSWER["edited_captions"])


def test_an_endpoint_that_refuses_the_schema_is_asked_for_an_object_from_then_on(
    serve: Callable[..., Endpoint],
) -> None:
    endpoint = serve(failed(400, "response_format json_schema is not supported"), said(json.dumps(ANSWER)))
    rewriter = OpenAIRewriter()
    rewriter.rewrite(CAPTIONS, "with a hat")
    rewriter.rewrite(CAPTIONS, "with a hat")
    kinds = [request["response_format"]["type"] for request in endpoint.asked]
    assert kinds == ["json_schema", "json_object", "json_object"]


def test_doubles_and_blanks_among_the_answers_are_dropped() -> None:
    answer = parse_answer('{"edited_captions": ["a  cat", " ", "a cat", "a dog"], "added_objects": null}')
    assert (answer.edited_captions, answer.added_objects) == (("a cat", "a dog"), "")


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (said("no idea"), "holds no JSON object"),
        (said('{"edited_captions": "a cat"}'), "no list of strings"),
        (said('{"edited_captions": ["a cat", 3]}'), "no list of strings"),
        (said('{"edited_captions": ["a cat"], "added_objects": ["a hat"]}'), "no string"),
        (said('{"edited_captions": []}'), "no edited caption"),
        (said(""), "empty answer"),
        (said(None), "empty answer"),
        (said(None, refusal="I cannot help\nwith that"), "refused: I cannot help with that"),
        (Reply(body={"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": []}), "no choice"),
        (failed(401, "bad key"), "refused the key: set OPENAI_API_KEY, or use --rewriter rules"),
        (failed(400, "no such model"), "HTTP 400 no such model"),
        (failed(404, "nothing here"), "HTTP 404 nothing here"),
    ],
)
def test_an_unusable_answer_is_one_clear_line(serve: Callable[..., Endpoint], reply: Reply, words: str) -> None:
    serve(reply)
    with pytest.raises(RewriteError, match=words) as caught:
        OpenAIRewriter(retries=0).rewrite(CAPTIONS, "with a hat")
    assert "\n" not in str(caught.value)


def test_a_crowded_endpoint_is_asked_again(serve: Callable[..., Endpoint]) -> None:
    endpoint = serve(failed(429, "slow down"), said(json.dumps(ANSWER)))
    assert OpenAIRewriter().rewrite(CAPTIONS, "with a hat").added_objects == "a hat"
    assert len(endpoint.asked) == 2


@pytest.mark.parametrize(("status", "words"), [(500, "HTTP 500 out of order"), (429, "no capacity left")])
def test_an_endpoint_that_keeps_failing_is_given_up(serve: Callable[..., Endpoint], status: int, words: str) -> None:
    endpoint = serve(failed(status, "out of order"))
    with pytest.raises(RewriteError, match=words):
        OpenAIRewriter(retries=2).rewrite(CAPTIONS, "with a hat")
    assert len(endpoint.asked) == 3


def test_a_silent_endpoint_times_out(serve: Callable[..., Endpoint]) -> None:
    slow = said(json.dumps(ANSWER))
    slow.wait = 0.4
    serve(slow)
    with pytest.raises(RewriteError, match=r"did not answer within 0\.1 s"):
        OpenAIRewriter(timeout=0.1, retries=0).rewrite(CAPTIONS, "with a hat")


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "test-key")
    with pytest.raises(RewriteError, match="cannot be reached: check OPENAI_BASE_URL"):
        OpenAIRewriter(retries=0).rewrite(CAPTIONS, "with a hat")


@pytest.mark.parametrize("key", [None, "", "  "])
def test_a_missing_key_names_the_way_out(monkeypatch: pytest.MonkeyPatch, key: str | None) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    if key is not None:
        monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(RewriteError, match="set OPENAI_API_KEY, or use --rewriter rules"):
        OpenAIRewriter().rewrite(CAPTIONS, "with a hat")


def test_no_captions_is_an_error() -> None:
    with pytest.raises(RewriteError, match="no captions"):
        OpenAIRewriter().rewrite([], "with a hat")
