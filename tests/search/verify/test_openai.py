"""The openai verifier against a scripted endpoint: probabilities, grades, and everything that goes wrong."""

from __future__ import annotations

import base64
import json
import math
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from cvsi_db import Gallery
from cvsi_db.errors import UsageError, VerifyError
from cvsi_db.records import Question, ShownHit
from cvsi_db.search.verify.openai import OpenAIVerifier
from tests.chat_server import ChatServer, Reply, failed, said
from tests.fakes import make_picture
from tests.search.verify.conftest import EDIT, REFERENCE

Serve = Callable[..., ChatServer]

QUESTION = Question(EDIT, make_picture("red", (90, 60)))
HIT = ShownHit("1", make_picture("green", (80, 60)))


def sure(yes: float, no: float, text: str = "Yes") -> Reply:
    """Yes or no, with the probabilities of both."""
    reply = said(text)
    likeliest = [
        {"token": " yes", "logprob": math.log(yes / 2)},
        {"token": "Yes", "logprob": math.log(yes / 2)},
        {"token": "No", "logprob": math.log(no)},
        {"token": "Maybe", "logprob": math.log(0.05)},
    ]
    first = {"token": text, "logprob": math.log(yes / 2), "top_logprobs": likeliest}
    reply.body["choices"][0]["logprobs"] = {"content": [first]}
    return reply


def graded(*grades: Any) -> Reply:
    return said(json.dumps({"grades": grades}))


def ask(**options: Any) -> float:
    return OpenAIVerifier(**options).verify(QUESTION, [HIT])[0]


def pictures(request: dict[str, Any]) -> list[Image.Image]:
    """The pictures of a request."""
    found = []
    for part in request["messages"][1]["content"]:
        if part["type"] == "image_url":
            head, data = part["image_url"]["url"].split(",")
            assert head == "data:image/jpeg;base64"
            found.append(Image.open(BytesIO(base64.b64decode(data))))
    return found


def test_the_confidence_is_the_share_of_yes(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CVSI_VERIFIER_MODEL", "see-1")
    endpoint = serve(sure(0.6, 0.2))
    verifier = OpenAIVerifier()
    assert verifier.verify(QUESTION, [HIT]) == [pytest.approx(0.75)]
    assert verifier.name == "openai-see-1-prompt1"
    (request,) = endpoint.asked
    assert (request["model"], request["logprobs"], request["top_logprobs"], request["temperature"]) == (
        "see-1",
        True,
        5,
        0,
    )
    assert [each.size for each in pictures(request)] == [(90, 60), (80, 60)]
    words = " ".join(part["text"] for part in request["messages"][1]["content"] if part["type"] == "text")
    assert json.dumps(EDIT) in words
    assert (verifier.usage.requests, verifier.usage.prompt_tokens) == (1, 100)


def test_a_search_by_words_shows_the_candidate_alone(serve: Serve) -> None:
    endpoint = serve(sure(0.5, 0.5))
    assert OpenAIVerifier().verify(Question('a "green" cat', None), [HIT]) == [pytest.approx(0.5)]
    assert [each.size for each in pictures(endpoint.asked[0])] == [(80, 60)]
    assert r"a \"green\" cat" in endpoint.asked[0]["messages"][1]["content"][0]["text"]


@pytest.mark.parametrize(
    "first",
    [
        said("Yes"),
        failed(400, "logprobs is not supported by this model"),
        sure(0.0001, 0.0001) if False else said("Perhaps", logprobs=None),
    ],
    ids=["no log-probabilities", "refused", "null"],
)
def test_without_log_probabilities_it_asks_for_a_grade_from_then_on(serve: Serve, first: Reply) -> None:
    endpoint = serve(first, graded(7))
    verifier = OpenAIVerifier()
    assert verifier.verify(QUESTION, [HIT, HIT]) == [0.7, 0.7]
    assert [("logprobs" in request, "response_format" in request) for request in endpoint.asked] == [
        (True, False), (False, True), (False, True),
    ]  # fmt: skip
    schema = endpoint.asked[1]["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["grades"]["items"] == {"type": "number"}


def test_a_schema_that_is_refused_is_left_out(serve: Serve) -> None:
    endpoint = serve(said("Yes"), failed(400, "response_format is unknown"), failed(400, "json_object?"), graded(10))
    assert ask() == 1.0
    assert "response_format" not in endpoint.asked[-1]


@pytest.mark.parametrize(
    ("answer", "grade"),
    [
        ('```json\n{"grades": [3]}\n```', 0.3),
        ('I think {"grades": [1]}, no: {"grades": [8.5]} it is', 0.85),
        ('{"grades": [0], "why": "it is red"}', 0.0),
    ],
)
def test_a_grade_is_found_in_what_surrounds_it(serve: Serve, answer: str, grade: float) -> None:
    serve(said("Yes"), said(answer))
    assert ask() == grade


@pytest.mark.parametrize(
    "answer",
    ["seven", '{"grades": []}', '{"grades": [11]}', '{"grades": ["7"]}', '{"grades": [true]}', '{"grades": [7, 8]}',
     '{"grade": 7}', '{"grades": [NaN]}', '{"grades": ' + "[" * 100_000, "x" * 200_000],
)  # fmt: skip
def test_an_answer_that_is_no_grade_is_one_clear_error(serve: Serve, answer: str) -> None:
    serve(said("Yes"), said(answer))
    with pytest.raises(VerifyError, match=r"^the model's answer holds no 1 grades from 0 to 10: ") as caught:
        ask()
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (said("", refusal="I do not look at people"), r"refused \(I do not look at people\)"),
        (said(""), "gave an empty answer"),
        (said("No", "length"), "was cut off"),
        (failed(401, "bad key"), "refused the key: set OPENAI_API_KEY, or use --verifier captions"),
        (failed(404, "no such model"), "CVSI_VERIFIER_MODEL"),
        (Reply(200, b"<html>a proxy</html>"), "sent no chat completion"),
        (Reply(200, b"{" * 2_000_000), "sent over 1048576 bytes"),
        (failed(500, "oops"), "failed"),
    ],
)
def test_what_goes_wrong_is_one_line_with_a_remedy(serve: Serve, reply: Reply, message: str) -> None:
    serve(reply)
    with pytest.raises(VerifyError, match=message) as caught:
        ask(retries=0)
    assert "\n" not in str(caught.value)
    assert "--verifier captions" in str(caught.value)


def test_429_is_tried_again_and_a_stall_ends_at_the_time_out(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = serve(failed(429, "slow down", retry_after="0.1"), sure(0.8, 0.1))
    assert ask() == pytest.approx(8 / 9)
    assert len(endpoint.asked) == 2
    monkeypatch.setenv("CVSI_VERIFIER_TIMEOUT", "0.2")
    serve(Reply(wait=10))
    began = time.monotonic()
    with pytest.raises(VerifyError, match=r"gave no answer within 0\.2 s: try again, raise CVSI_VERIFIER_TIMEOUT"):
        ask(retries=0)
    assert time.monotonic() - began < 2


def test_a_grid_is_one_picture_of_numbered_hits(serve: Serve) -> None:
    endpoint = serve(graded(1, 2, 3, 4))
    verifier = OpenAIVerifier(grid=True)
    assert verifier.at_once == 9
    assert verifier.verify(QUESTION, [HIT] * 4) == [0.1, 0.2, 0.3, 0.4]
    (request,) = endpoint.asked
    assert [each.size for each in pictures(request)] == [(90, 60), (3 * 336, 2 * 336)]
    grid = pictures(request)[1]
    corners = [grid.getpixel((column * 336 + 3, row * 336 + 3)) for row in range(2) for column in range(3)]
    dark = [sum(corner) < 100 for corner in corners if isinstance(corner, tuple)]
    assert dark == [True, True, True, True, False, False]
    assert "4 numbered candidates" in request["messages"][1]["content"][-1]["text"]


def test_what_a_hit_lacks_is_told_in_a_few_words(serve: Serve) -> None:
    serve(said(" a  green\nroof " + "x" * 500))
    assert OpenAIVerifier().what_lacks(QUESTION, HIT).startswith("a green roof xxx")
    assert len(OpenAIVerifier().what_lacks(QUESTION, HIT)) == 200


def test_settings_out_of_range_and_a_missing_key_are_told(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(graded(1))
    monkeypatch.setenv("CVSI_VERIFIER_CONCURRENCY", "0")
    with pytest.raises(UsageError, match="CVSI_VERIFIER_CONCURRENCY is '0': set it to a number from 1 to 256"):
        OpenAIVerifier()
    monkeypatch.delenv("CVSI_VERIFIER_CONCURRENCY")
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(VerifyError, match="the API key of the openai verifier is missing: set OPENAI_API_KEY"):
        OpenAIVerifier().check()


def test_twenty_hits_at_200_ms_each_take_three_turns_and_then_none(
    gallery: Gallery, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = sure(0.8, 0.1)
    slow.wait = 0.2
    endpoint = serve(slow)
    del gallery._verifier
    gallery.search(REFERENCE, EDIT, k=20)
    plain = gallery.search(REFERENCE, EDIT, k=20)
    verifier = gallery._verifier
    verifier.check()  # type: ignore[attr-defined]  # imports the client
    began = time.monotonic()
    seen = gallery.search(REFERENCE, EDIT, k=20, verify=20)
    spent = time.monotonic() - began
    assert (len(endpoint.asked), endpoint.most_at_once) == (20, 8)
    assert [hit.image_id for hit in seen] == [hit.image_id for hit in plain]  # all are as sure
    alone = plain.timings_ms["total"] / 1000
    print(f"{spent - alone:.2f} s over the plain search, which took {alone:.3f} s")
    again = gallery.search(REFERENCE, EDIT, k=20, verify=20)
    assert len(endpoint.asked) == 20
    assert again.verified is not None
    assert (again.verified.asked, again.verified.kept) == (0, 20)
    assert spent < 3  # 0.9 s on a quiet machine
