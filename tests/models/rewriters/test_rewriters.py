"""Which rewriter a name means, the order in which several are asked, and many requests at once."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest

from cvsi_db.errors import RewriteError, UsageError
from cvsi_db.models.rewriters import (
    FirstAnswer,
    Request,
    cache_name,
    check_rewriter,
    concurrency_of,
    make_rewriter,
    rewrite_many,
    usage_of,
)
from cvsi_db.models.rewriters.offline import OfflineRewriter
from cvsi_db.models.rewriters.openai import OpenAIRewriter
from cvsi_db.records import Rewrite, Usage
from cvsi_db.store.catalog import Catalog
from tests.chat_server import Reply, answered, captions_in, failed
from tests.fakes import FakeRewriter
from tests.models.conftest import Serve

REQUESTS: list[Request] = [((f"a cat number {number}",), "with a hat") for number in range(30)]


def test_make_rewriter_by_name() -> None:
    assert isinstance(make_rewriter("rules"), OfflineRewriter)
    assert isinstance(make_rewriter("openai"), OpenAIRewriter)
    both = make_rewriter("openai, rules")
    assert both.name == f"{make_rewriter('openai').name},{make_rewriter('rules').name}"


@pytest.mark.parametrize("name", ["", "gpt", "rules,", "openai,magic"])
def test_an_unknown_name_lists_the_known_ones(name: str) -> None:
    with pytest.raises(UsageError, match="use rules, openai"):
        make_rewriter(name)


def test_make_rewriter_imports_neither_openai_nor_torch() -> None:
    code = (
        "import sys; from cvsi_db.models.rewriters import make_rewriter; make_rewriter('openai,rules');"
        "print({'openai', 'torch', 'lancedb'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_check_tells_a_missing_key_before_anything_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(RewriteError, match="API key of the openai rewriter is missing: set OPENAI_API_KEY"):
        check_rewriter(make_rewriter("openai"))
    check_rewriter(make_rewriter("openai,rules"))
    check_rewriter(FakeRewriter())
    with pytest.raises(RewriteError, match=r"no rewriter can answer: openai-.*: the API key"):
        check_rewriter(FirstAnswer([make_rewriter("openai")] * 2))
    monkeypatch.setenv("OPENAI_API_KEY", "test-key")
    check_rewriter(make_rewriter("openai"))


# --- several in turn ----------------------------------------------------------------------------------------------


def test_rules_stand_in_without_an_api_key_and_note_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    rewrite = make_rewriter("openai,rules").rewrite(["a red cat"], "make it blue")
    assert rewrite.edited_captions == ("a blue cat",)
    assert rewrite.rewriter == make_rewriter("rules").name
    assert rewrite.note.startswith(f"{make_rewriter('openai').name}: the API key of the openai rewriter is missing")


def test_first_answer_asks_no_second_rewriter() -> None:
    first, second = FakeRewriter("first"), FakeRewriter("second")
    answer = FirstAnswer([first, second]).rewrite(["a cat"], "with a hat")
    assert (answer.rewriter, answer.note) == ("first", "")
    assert second.calls == []


def test_first_answer_raises_with_every_reason() -> None:
    with pytest.raises(RewriteError, match=r"first: nothing.*second: nothing"):
        FirstAnswer([FakeRewriter("first"), FakeRewriter("second")]).rewrite([], "")


def test_cache_name_is_that_of_the_first_rewriter(serve: Serve, catalog: Catalog) -> None:
    serve(failed(400, "out of order"), answered(["a cat in a hat"]))
    alone, both = make_rewriter("openai"), make_rewriter("openai,rules")
    assert cache_name(both) == cache_name(alone) == alone.name
    assert cache_name(FakeRewriter("some")) == "some"
    assert both.rewrite(["a cat"], "with a hat").rewriter != cache_name(both)  # the rules': not to be kept
    answer = both.rewrite(["a cat"], "with a hat")
    assert answer.rewriter == cache_name(both)
    catalog.keep_rewrite(["a cat"], "with a hat", cache_name(both), answer)
    assert catalog.rewrite(["a cat"], "with a hat", cache_name(alone)) == answer


def test_usage_and_concurrency_of_a_chain(serve: Serve) -> None:
    serve(answered(["a dog"]))
    both, rules = make_rewriter("openai,rules"), make_rewriter("rules")
    both.rewrite(["a cat"], "a dog")
    assert usage_of(both) == Usage(1, 100, 20)
    assert usage_of(rules) is None
    assert usage_of(FirstAnswer([rules])) is None
    assert [concurrency_of(each) for each in (rules, make_rewriter("openai"), both)] == [1, 8, 8]


# --- many requests ------------------------------------------------------------------------------------------------


def echo(request: dict[str, Any]) -> Reply:
    """Each caption in a hat; the first one takes longer than several others together."""
    captions = captions_in(request)
    reply = answered([f"{caption} in a hat" for caption in captions], "a hat")
    reply.wait = 0.15 if captions == ["a cat number 0"] else 0.02
    return reply


def edited(answers: Sequence[Rewrite]) -> list[str]:
    return [answer.edited_captions[0] for answer in answers]


def test_rewrite_many_runs_as_many_as_allowed_and_keeps_the_order(serve: Serve) -> None:
    endpoint = serve(reply=echo)
    rewriter, progress, heard = OpenAIRewriter(concurrency=4), list[tuple[int, int]](), dict[int, Rewrite]()
    answers = rewrite_many(rewriter, REQUESTS, lambda *now: progress.append(now), heard.__setitem__)
    assert edited(answers) == [f"a cat number {number} in a hat" for number in range(30)]
    assert endpoint.most_at_once == 4
    assert len(endpoint.asked) == 30
    assert progress == [(done, 30) for done in range(1, 31)]
    assert [heard[index] for index in range(30)] == answers
    assert list(heard) != sorted(heard)  # as they arrived
    assert rewriter.usage == Usage(30, 3000, 600)


def test_rewrite_many_is_sequential_without_a_concurrency() -> None:
    rewriter, threads = FakeRewriter(), set[int]()
    answers = rewrite_many(rewriter, REQUESTS, on_answer=lambda *_: threads.add(threading.get_ident()))
    assert rewriter.calls == REQUESTS
    assert edited(answers)[29] == "a cat number 29, with a hat"
    assert threads == {threading.get_ident()}


def test_callbacks_are_called_in_the_callers_thread(serve: Serve) -> None:
    serve(reply=echo)
    threads = set[int]()
    rewrite_many(OpenAIRewriter(), REQUESTS[:4], on_answer=lambda *_: threads.add(threading.get_ident()))
    assert threads == {threading.get_ident()}


def test_rewrite_many_of_nothing() -> None:
    assert rewrite_many(OpenAIRewriter(), []) == []


def test_rewrite_many_stops_at_an_error_and_names_its_request(serve: Serve) -> None:
    def reply(request: dict[str, Any]) -> Reply:
        return failed(400, "too silly") if captions_in(request) == ["a cat number 6"] else echo(request)

    endpoint, heard = serve(reply=reply), dict[int, Rewrite]()
    with pytest.raises(RewriteError, match=r"request 7 of 30 \('with a hat'\): model .* \(HTTP 400 too silly\)"):
        rewrite_many(OpenAIRewriter(concurrency=4), REQUESTS, on_answer=heard.__setitem__)
    time.sleep(0.1)
    assert len(endpoint.asked) <= 12  # the failed one, those before it, and what was under way beside it
    assert len(heard) >= 3
    assert all(edited([answer]) == [f"a cat number {index} in a hat"] for index, answer in heard.items())


def test_rewrite_many_does_not_wait_for_other_requests_after_an_error(serve: Serve) -> None:
    def reply(request: dict[str, Any]) -> Reply:
        slow = echo(request)
        slow.wait = 3
        return failed(400, "too silly") if captions_in(request) == ["a cat number 0"] else slow

    serve(reply=reply)
    started = time.monotonic()
    with pytest.raises(RewriteError, match="request 1 of 30"):
        rewrite_many(OpenAIRewriter(concurrency=4), REQUESTS)
    assert time.monotonic() - started < 1


def test_a_sequential_error_names_its_request() -> None:
    rewriter = FakeRewriter()
    with pytest.raises(RewriteError, match=r"request 2 of 3 \(''\): nothing to rewrite") as caught:
        rewrite_many(rewriter, [(("a cat",), "with a hat"), ((), ""), (("a dog",), "with a hat")])
    assert caught.value.position == 1
    assert len(rewriter.calls) == 2


def test_an_error_of_a_lone_request_needs_no_number() -> None:
    with pytest.raises(RewriteError, match=r"^nothing to rewrite"):
        rewrite_many(FakeRewriter(), [((), "")])


def test_other_exceptions_are_raised_as_they_are() -> None:
    class Broken(FakeRewriter):
        concurrency = 2

        def rewrite(self, captions: Sequence[str], edit_text: str) -> Rewrite:
            raise ZeroDivisionError("a slip")

    with pytest.raises(ZeroDivisionError, match="a slip"):
        rewrite_many(Broken(), REQUESTS)


def test_a_chain_keeps_each_rewriters_own_concurrency(serve: Serve) -> None:
    class One(FakeRewriter):
        asked_at_once = most = 0

        def rewrite(self, captions: Sequence[str], edit_text: str) -> Rewrite:
            self.asked_at_once += 1
            self.most = max(self.most, self.asked_at_once)
            time.sleep(0.002)
            self.asked_at_once -= 1
            return super().rewrite(captions, edit_text)

    serve(failed(400, "out of order"))
    one = One("one")
    answers = rewrite_many(FirstAnswer([OpenAIRewriter(), one]), REQUESTS)
    assert [answer.rewriter for answer in answers] == ["one"] * 30
    assert one.most == 1


def test_an_interrupt_stops_rewrite_many_at_once_and_keeps_the_answers(serve: Serve) -> None:
    def reply(request: dict[str, Any]) -> Reply:
        slow = echo(request)
        slow.wait = 5 if captions_in(request)[0] != "a cat number 0" else 0
        return slow

    endpoint = serve(reply=reply)
    code = (
        "from cvsi_db.models.rewriters import make_rewriter, rewrite_many\n"
        "requests = [([f'a cat number {number}'], 'with a hat') for number in range(30)]\n"
        "try: rewrite_many(make_rewriter('openai'), requests, on_answer=lambda index, _: print(index, flush=True))\n"
        "except KeyboardInterrupt: print('interrupted')"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "0\n"
    interrupted = time.monotonic()
    process.send_signal(2)
    assert process.communicate(timeout=10)[0] == "interrupted\n"
    assert time.monotonic() - interrupted < 2
    assert len(endpoint.asked) <= 9
