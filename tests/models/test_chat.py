"""Chat: one question to a scripted endpoint on this machine, through the official client, within limits."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from typing import Any

import pytest

from cvsi_db.errors import RewriteError
from cvsi_db.models.chat import MAX_BODY, Chat
from cvsi_db.models.rewriters.openai import ASKER
from cvsi_db.records import Usage
from tests.chat_server import Reply, failed, said
from tests.models.conftest import Serve

SCHEMA: dict[str, Any] = {"type": "object", "properties": {}}


def make_chat(usage: Usage | None = None, *, timeout: float = 5, total: float = 10, retries: int = 2) -> Chat:
    return Chat("some-model", SCHEMA, usage or Usage(), ASKER, timeout=timeout, total=total, retries=retries)


def ask(**limits: Any) -> str:
    return make_chat(**limits).ask("be brief", "hello").text


def test_ask_sends_messages_schema_and_key_and_counts_usage(serve: Serve) -> None:
    endpoint, usage = serve(said("hello yourself")), Usage()
    assert make_chat(usage=usage).ask("be brief", "hello").text == "hello yourself"
    (request,) = endpoint.asked
    form = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA}}
    assert request == {
        "path": "/v1/chat/completions",
        "model": "some-model",
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"}],
        "response_format": form,
        "temperature": 0,
    }
    assert endpoint.keys == ["Bearer test-key"]
    assert usage == Usage(1, 100, 20)


@pytest.mark.parametrize("address", [None, "", " "])
def test_the_default_base_url_is_openais(monkeypatch: pytest.MonkeyPatch, address: str | None) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    if address is not None:
        monkeypatch.setenv("OPENAI_BASE_URL", address)
    monkeypatch.setenv("OPENAI_API_KEY", "test-key")
    assert str(make_chat()._client.base_url) == "https://api.openai.com/v1/"


def test_ask_works_inside_a_running_event_loop(serve: Serve) -> None:
    serve(said("hello"))

    async def notebook() -> str:
        return ask()

    assert asyncio.run(notebook()) == "hello"


# --- dialects -----------------------------------------------------------------------------------------------------


def test_json_schema_falls_back_to_json_object_and_stays_there(serve: Serve) -> None:
    endpoint = serve(failed(400, "response_format type json_schema is not supported"), said("hello"))
    chat = make_chat()
    assert [chat.ask("", "").text, chat.ask("", "").text] == ["hello", "hello"]
    assert [request["response_format"]["type"] for request in endpoint.asked] == [
        "json_schema",
        "json_object",
        "json_object",
    ]


def test_json_object_falls_back_to_plain_text(serve: Serve) -> None:
    endpoint = serve(failed(400, "unknown json_schema"), failed(422, "response_format: extra field"), said("hello"))
    assert ask() == "hello"
    assert ["response_format" in request for request in endpoint.asked] == [True, True, False]


def test_temperature_is_left_out_after_a_refusal(serve: Serve) -> None:
    endpoint = serve(failed(400, "Unsupported value: 'temperature' must be 1"), said("hello"))
    assert ask() == "hello"
    assert ["temperature" in request for request in endpoint.asked] == [True, False]
    assert all(request["response_format"]["type"] == "json_schema" for request in endpoint.asked)


def test_an_endpoint_that_refuses_every_answer_format_is_an_error(serve: Serve) -> None:
    endpoint = serve(failed(400, "response_format is odd"))
    with pytest.raises(RewriteError, match="HTTP 400 response_format is odd"):
        ask()
    assert len(endpoint.asked) == 3


# --- attempts -----------------------------------------------------------------------------------------------------


def test_http_429_is_retried_after_retry_after(serve: Serve) -> None:
    usage = Usage()
    endpoint = serve(failed(429, "slow down", retry_after="0.2"), said("hello"))
    assert make_chat(usage=usage).ask("", "").text == "hello"
    assert 0.2 <= endpoint.times[1] - endpoint.times[0] < 1
    assert usage == Usage(2, 100, 20)


def test_a_retry_after_of_an_hour_is_not_waited_for(serve: Serve) -> None:
    endpoint = serve(failed(429, "come back later", retry_after="3600"))
    with pytest.raises(RewriteError, match=r"no capacity left \(HTTP 429 come back later\): wait, or use"):
        ask()
    assert len(endpoint.asked) == 1


def test_a_retry_after_wait_ends_at_the_total_timeout(serve: Serve) -> None:
    endpoint = serve(failed(429, "come back later", retry_after="20"))
    started = time.monotonic()
    with pytest.raises(RewriteError, match=r"gave no answer within 0\.5 s: try again, raise CVSI_OPENAI_TIMEOUT, or"):
        ask(total=0.5)
    assert time.monotonic() - started < 2
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (failed(500, "broken"), "failed (HTTP 500 broken)"),
        (failed(429, "broken"), "no capacity left (HTTP 429 broken)"),
        (failed(429, "no credit", code="insufficient_quota"), "no capacity left (HTTP 429 no credit)"),
    ],
)
def test_retries_end_after_two(serve: Serve, reply: Reply, words: str) -> None:
    endpoint = serve(reply)
    with pytest.raises(RewriteError) as caught:
        ask()
    assert words in str(caught.value)
    assert len(endpoint.asked) == 3


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (failed(401, "bad key sk-12"), "refused the key: set OPENAI_API_KEY, or use --rewriter rules"),
        (failed(403, "not yours"), "refused the key: set OPENAI_API_KEY"),
        (failed(400, "no such thing"), "HTTP 400 no such thing"),
        (failed(404, "model x not found"), "is not there (HTTP 404 model x not found): check OPENAI_BASE_URL"),
        (Reply(400, b"<h1>Bad\n gateway</h1>"), "HTTP 400"),
    ],
)
def test_client_errors_are_not_retried(serve: Serve, reply: Reply, words: str) -> None:
    endpoint = serve(reply)
    with pytest.raises(RewriteError) as caught:
        ask()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(endpoint.asked) == 1


def test_an_unreachable_endpoint_is_one_clear_line_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://me:secret@127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "test-key")
    usage = Usage()
    with pytest.raises(RewriteError, match="cannot be reached: check OPENAI_BASE_URL, or use") as caught:
        make_chat(usage=usage).ask("", "")
    assert "secret" not in str(caught.value)
    assert usage == Usage(3)


def test_a_base_url_without_a_scheme_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "localhost")
    monkeypatch.setenv("OPENAI_API_KEY", "test-key")
    with pytest.raises(RewriteError, match="cannot be reached: check OPENAI_BASE_URL"):
        ask()


def test_an_unparsable_base_url_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://here:port/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "test-key")
    with pytest.raises(RewriteError, match=r"OPENAI_BASE_URL is not an address \(.*\): correct it, or use"):
        ask()


def cut_off() -> Reply:
    """An answer that announces more bytes than it sends."""
    reply = said("hello")
    reply.headers["content-length"] = "100000"
    return reply


def test_a_connection_lost_half_way_is_tried_again(serve: Serve) -> None:
    endpoint = serve(cut_off(), said("hello yourself"))
    assert ask() == "hello yourself"
    assert len(endpoint.asked) == 2


def test_a_connection_lost_half_way_twice_is_one_clear_line(serve: Serve) -> None:
    endpoint = serve(cut_off())
    with pytest.raises(
        RewriteError, match=r"broke off in the middle of its answer \(\w+\): try again, or use"
    ) as caught:
        ask()
    assert "\n" not in str(caught.value)
    assert len(endpoint.asked) == 2


# --- time and size ------------------------------------------------------------------------------------------------


def test_a_timed_out_request_is_retried(serve: Serve) -> None:
    slow = said("too late")
    slow.wait = 0.5
    endpoint = serve(slow, said("hello"))
    assert ask(timeout=0.2, total=5) == "hello"
    assert len(endpoint.asked) == 2


def test_time_outs_end_after_the_retries(serve: Serve) -> None:
    slow = said("too late")
    slow.wait = 5
    endpoint = serve(slow)
    with pytest.raises(RewriteError, match=r"gave no answer within 0\.2 s: try again, raise CVSI_OPENAI_TIMEOUT, or"):
        ask(timeout=0.2, total=5, retries=1)
    assert len(endpoint.asked) == 2


@pytest.mark.parametrize("drip", [0.0, 0.02])
def test_silent_and_slow_answers_end_at_the_total_timeout(serve: Serve, drip: float) -> None:
    slow = said("x" * 1000)
    slow.wait, slow.pause = (0.0, drip) if drip else (5.0, 0.0)
    serve(slow)
    started = time.monotonic()
    with pytest.raises(RewriteError, match=r"gave no answer within 0\.5 s: try again, raise CVSI_OPENAI_TIMEOUT, or"):
        ask(timeout=0.2, total=0.5, retries=50)
    assert 0.4 < time.monotonic() - started < 2


def test_an_answer_over_the_size_limit_is_refused(serve: Serve) -> None:
    endpoint = serve(said("x" * 3 * MAX_BODY))
    with pytest.raises(RewriteError, match=f"sent over {MAX_BODY} bytes"):
        ask()
    assert len(endpoint.asked) == 1


def test_a_large_answer_below_the_size_limit_is_read(serve: Serve) -> None:
    serve(said("x" * 200_000))
    assert ask() == "x" * 200_000


# --- what is no answer ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (said(""), "gave an empty answer"),
        (said(None), "gave an empty answer"),
        (said(None, refusal="I cannot help\nwith that"), "refused (I cannot help with that): use other words, or"),
        (said('{"edited', finish="length"), "was cut off"),
        (said(None, finish="content_filter"), "gave an empty answer"),
        (Reply(body={"choices": []}), "gave no choice"),
        (Reply(body={"error": "odd"}), "gave no choice"),
        (Reply(body={"choices": [None]}), "gave no choice"),
        (Reply(body=["odd"]), "sent no chat completion"),
        (
            Reply(body=b"<html>\nWelcome</html>"),
            "sent no chat completion (<html> Welcome</html>): check OPENAI_BASE_URL",
        ),
        (Reply(body=b"\xff\xfe"), "sent no chat completion"),
        (Reply(body=b""), "sent no chat completion"),
    ],
)
def test_an_unusable_completion_is_one_clear_line(serve: Serve, reply: Reply, words: str) -> None:
    endpoint = serve(reply)
    with pytest.raises(RewriteError) as caught:
        ask()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(endpoint.asked) == 1


def test_an_answer_without_usage_counts_the_request(serve: Serve) -> None:
    usage = Usage()
    reply = said("hello")
    del reply.body["usage"]
    serve(reply)
    make_chat(usage=usage).ask("", "")
    assert usage == Usage(1, 0, 0)


@pytest.mark.parametrize("key", [None, "", "  ", "schlüssel", "two\nlines"])
def test_a_missing_or_unusable_api_key_names_the_remedy(monkeypatch: pytest.MonkeyPatch, key: str | None) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    if key is not None:
        monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(RewriteError, match=r"set OPENAI_API_KEY .*, or use --rewriter rules"):
        ask()


def test_an_interrupt_ends_a_request_and_the_program_at_once(serve: Serve) -> None:
    slow = said("too late")
    slow.wait = 5
    endpoint = serve(slow)
    code = (
        "from cvsi_db.models.rewriters.openai import OpenAIRewriter\n"
        "try: OpenAIRewriter(timeout=30).rewrite(['a cat'], 'a dog')\n"
        "except KeyboardInterrupt: print('interrupted')"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    while not endpoint.asked:
        time.sleep(0.01)
    interrupted = time.monotonic()
    process.send_signal(2)
    assert process.communicate(timeout=10)[0] == "interrupted\n"
    assert time.monotonic() - interrupted < 2
    assert json.loads(endpoint.asked[0]["messages"][1]["content"].splitlines()[1].removeprefix("1. ")) == "a cat"
