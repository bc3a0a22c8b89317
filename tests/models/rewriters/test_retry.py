"""Which failures are worth another attempt, and how long the wait is."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from cvsi_db.models.rewriters.retry import MAX_BACKOFF, MAX_RETRY_AFTER, Limits, wait_before_retry

LIMITS = Limits(retries=10, backoff=0.5)


def refusal(status: int, code: str | None = None, **headers: str) -> Exception:
    from openai import APIStatusError

    # The client's HTTP library is its own affair: an error needs only these parts of a response.
    class Response:
        status_code = status
        request = None

    Response.headers = {name.replace("_", "-"): value for name, value in headers.items()}  # type: ignore[attr-defined]
    return APIStatusError("refused", response=Response(), body={"code": code})  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 529])
def test_what_may_pass_is_tried_again(status: int) -> None:
    assert wait_before_retry(refusal(status), 0, LIMITS) is not None
    assert wait_before_retry(TimeoutError(), 0, LIMITS) is not None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 409, 422])
def test_what_cannot_pass_is_not(status: int) -> None:
    assert wait_before_retry(refusal(status), 0, LIMITS) is None
    assert wait_before_retry(ValueError(), 0, LIMITS) is None


def test_an_empty_account_is_not_a_crowd() -> None:
    assert wait_before_retry(refusal(429, code="insufficient_quota"), 0, LIMITS) is None


def test_attempts_are_counted() -> None:
    assert wait_before_retry(TimeoutError(), 1, Limits(retries=2)) is not None
    assert wait_before_retry(TimeoutError(), 2, Limits(retries=2)) is None
    assert wait_before_retry(TimeoutError(), 0, Limits(retries=0)) is None


@pytest.mark.parametrize(("attempt", "longest"), [(0, 0.5), (1, 1.0), (3, 4.0), (9, MAX_BACKOFF)])
def test_the_wait_doubles_up_to_a_bound_with_a_jitter_of_half(attempt: int, longest: float) -> None:
    waits = [wait_before_retry(refusal(500), attempt, LIMITS) or 0.0 for _ in range(50)]
    assert all(longest / 2 <= wait <= longest for wait in waits)
    assert len(set(waits)) > 1


@pytest.mark.parametrize(
    ("headers", "shortest", "longest"),
    [
        ({"retry_after": "7"}, 7, 7),
        ({"retry_after": "7.5"}, 7.5, 7.5),
        ({"retry_after_ms": "9000", "retry_after": "1"}, 9, 9),
        ({"retry_after": "soon"}, 0.25, 0.5),
        ({"retry_after": "-4"}, 0.25, 0.5),
        ({"retry_after": "nan"}, 0.25, 0.5),
    ],
)
def test_a_retry_after_is_honoured(headers: dict[str, str], shortest: float, longest: float) -> None:
    wait = wait_before_retry(refusal(429, **headers), 0, LIMITS)
    assert wait is not None
    assert shortest <= wait <= longest


def test_a_retry_after_may_be_a_date() -> None:
    wait = wait_before_retry(refusal(429, retry_after=formatdate(time.time() + 25, usegmt=True)), 0, LIMITS)
    assert wait is not None
    assert 15 < wait <= 25


@pytest.mark.parametrize("asked", [str(MAX_RETRY_AFTER + 1), "inf", "1e999"])
def test_nobody_waits_longer_than_the_bound(asked: str) -> None:
    assert wait_before_retry(refusal(429, retry_after=asked), 0, LIMITS) is None
