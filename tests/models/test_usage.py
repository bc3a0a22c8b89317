"""What a rewriter has cost, in numbers and in words."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from cvsi_db.records import Usage


def test_usage_adds_up_across_threads() -> None:
    usage = Usage()
    with ThreadPoolExecutor(8) as pool:
        for _ in range(2000):
            pool.submit(usage.add, requests=1, prompt_tokens=3, completion_tokens=2)
    assert usage == Usage(2000, 6000, 4000)


def test_usage_as_text() -> None:
    assert str(Usage(1, 312, 88)) == "1 request, 312 + 88 tokens"
    assert str(Usage(0)) == "0 requests, 0 + 0 tokens"
