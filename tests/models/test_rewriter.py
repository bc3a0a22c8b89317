"""Which rewriter a name means, and the order in which several are asked."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cvsi_db.errors import RewriteError, UsageError
from cvsi_db.models.openai import OpenAIRewriter
from cvsi_db.models.rewriter import FirstAnswer, make_rewriter
from cvsi_db.models.rules import RulesRewriter
from tests.fakes import FakeRewriter


def test_names() -> None:
    assert isinstance(make_rewriter("rules"), RulesRewriter)
    assert isinstance(make_rewriter("openai"), OpenAIRewriter)
    both = make_rewriter("openai, rules")
    assert both.name == f"{make_rewriter('openai').name},{make_rewriter('rules').name}"


@pytest.mark.parametrize("name", ["", "gpt", "rules,", "openai,magic"])
def test_an_unknown_name_lists_the_known_ones(name: str) -> None:
    with pytest.raises(UsageError, match="use rules, openai"):
        make_rewriter(name)


def test_without_a_key_the_rules_speak_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    rewrite = make_rewriter("openai,rules").rewrite(["a red cat"], "make it blue")
    assert rewrite.edited_captions == ("a blue cat",)
    assert rewrite.rewriter == make_rewriter("rules").name


def test_the_first_answer_stands() -> None:
    first, second = FakeRewriter("first"), FakeRewriter("second")
    assert FirstAnswer([first, second]).rewrite(["a cat"], "with a hat").rewriter == "first"
    assert second.calls == []


def test_when_none_answers_every_reason_is_told() -> None:
    with pytest.raises(RewriteError, match=r"first: nothing.*second: nothing"):
        FirstAnswer([FakeRewriter("first"), FakeRewriter("second")]).rewrite([], "")


def test_making_one_imports_neither_client_nor_torch() -> None:
    code = (
        "import sys; from cvsi_db.models.rewriter import make_rewriter; make_rewriter('openai,rules');"
        "print({'openai', 'torch', 'lancedb'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
