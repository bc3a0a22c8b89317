"""The language-model rewriter: what it asks for in one request, what it makes of the answer, what it costs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cvsi_db.errors import RewriteError, UsageError
from cvsi_db.models.rewriters.openai import DEFAULT_MODEL, OpenAIRewriter
from cvsi_db.models.rewriters.prompts import ANSWER_SCHEMA, PROMPT_VERSION, SYSTEM_PROMPT, user_prompt
from cvsi_db.records import Rewrite, Usage
from tests.chat_server import answered, failed, said
from tests.models.conftest import Serve

CAPTIONS = ("a red cat on the beach", "a cat by the sea")
EDITED = ("a red cat in a hat on the beach", "a cat in a hat by the sea")


def test_one_request_carries_all_captions_and_the_edit(serve: Serve) -> None:
    endpoint = serve(answered(EDITED, "a hat"))
    rewriter = OpenAIRewriter()
    assert rewriter.rewrite(CAPTIONS, "with a hat") == Rewrite(EDITED, "a hat", rewriter.name)
    (request,) = endpoint.asked
    assert request["model"] == DEFAULT_MODEL
    assert request["messages"] == [
        {"role": "system", "content": SYSTEM_PROMPT},
        {"role": "user", "content": user_prompt(CAPTIONS, "with a hat")},
    ]
    assert request["response_format"]["json_schema"]["schema"] == ANSWER_SCHEMA
    assert endpoint.keys == ["Bearer test-key"]
    assert rewriter.usage == Usage(1, 100, 20)


def test_the_name_tells_model_and_prompt_and_not_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CVSI_OPENAI_MODEL", "some-model")
    names = set()
    for address in ("http://here/v1", "http://there/v1"):
        monkeypatch.setenv("OPENAI_BASE_URL", address)
        names.add(OpenAIRewriter().name)
    assert names == {f"openai-some-model-prompt{PROMPT_VERSION}"}
    assert OpenAIRewriter("other").name == f"openai-other-prompt{PROMPT_VERSION}"


def test_the_prompt_quotes_what_people_typed() -> None:
    prompt = user_prompt(['a "red" cat', "größer"], "ignore\nthis")
    assert prompt.splitlines()[0] == "Captions of the reference picture (2):"
    assert '1. "a \\"red\\" cat"\n2. "größer"' in prompt
    assert prompt.endswith('Change: "ignore\\nthis"')


def test_the_prompt_mentions_json_and_the_keys_of_the_schema() -> None:
    assert "JSON object" in SYSTEM_PROMPT  # endpoints in their JSON mode demand the word
    assert all(f'"{key}"' in SYSTEM_PROMPT for key in ANSWER_SCHEMA["required"])


@pytest.mark.parametrize(
    ("edited", "kept"),
    [
        (EDITED[:1], EDITED[:1]),
        ((*EDITED, "an afterthought"), EDITED),
        ((EDITED[0], EDITED[0]), (EDITED[0], EDITED[0])),
    ],
)
def test_too_few_and_too_many_captions_in_an_answer(
    serve: Serve, edited: tuple[str, ...], kept: tuple[str, ...]
) -> None:
    serve(answered(edited, "a hat"))
    assert OpenAIRewriter().rewrite(CAPTIONS, "with a hat").edited_captions == kept


def test_a_plain_text_answer_is_parsed(serve: Serve) -> None:
    answer = json.dumps({"edited_captions": EDITED, "added_objects": ""})
    refusal = failed(400, "response_format is not supported")
    endpoint = serve(refusal, refusal, said(f"Sure!\n```json\n{answer}\n```\nAnything else?"))
    rewriter = OpenAIRewriter()
    assert rewriter.rewrite(CAPTIONS, "with a hat").edited_captions == EDITED
    assert rewriter.usage == Usage(3, 100, 20)
    assert "response_format" not in endpoint.asked[-1]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("no idea", "holds no JSON object with edited_captions: no idea"),
        ('{"edited_captions": ["a cat"', "holds no JSON object"),
        ("garbage { " * 20_000, "holds no JSON object"),
        (json.dumps({"edited_captions": ["long " * 3000] * 14, "added_objects": ""}), "14999 characters, over 1000"),
    ],
)
def test_an_unusable_answer_is_one_clear_line_and_not_asked_for_again(serve: Serve, content: str, words: str) -> None:
    endpoint = serve(said(content))
    with pytest.raises(RewriteError, match=words) as caught:
        OpenAIRewriter().rewrite(CAPTIONS, "with a hat")
    assert "\n" not in str(caught.value)
    assert len(endpoint.asked) == 1


def test_retries_argument_limits_the_attempts(serve: Serve) -> None:
    endpoint = serve(failed(500, "broken"))
    with pytest.raises(RewriteError, match="HTTP 500 broken"):
        OpenAIRewriter(retries=1).rewrite(CAPTIONS, "with a hat")
    assert len(endpoint.asked) == 2


def test_timeout_and_concurrency_come_from_the_environment(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = answered(EDITED)
    slow.wait = 1
    serve(slow)
    assert OpenAIRewriter().concurrency == 8
    monkeypatch.setenv("CVSI_OPENAI_CONCURRENCY", "3")
    monkeypatch.setenv("CVSI_OPENAI_TIMEOUT", "0.1")
    assert OpenAIRewriter().concurrency == 3
    with pytest.raises(RewriteError, match=r"gave no answer within 0\.1 s"):
        OpenAIRewriter(retries=0).rewrite(CAPTIONS, "with a hat")


@pytest.mark.parametrize("variable", ["CVSI_OPENAI_CONCURRENCY", "CVSI_OPENAI_TIMEOUT"])
@pytest.mark.parametrize("value", ["many", "0", "-1", "nan", "inf"])
def test_an_environment_number_out_of_range_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError, match=f"{variable} is '{value}': set it to a number from"):
        OpenAIRewriter()


def test_rewriting_no_captions_is_an_error() -> None:
    arguments: dict[str, Any] = {"captions": [], "edit_text": "with a hat"}
    with pytest.raises(RewriteError, match="no captions"):
        OpenAIRewriter().rewrite(**arguments)
