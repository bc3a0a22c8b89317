"""When a failed request is worth another attempt, and how long to wait before it.

Takes the client's error and the number of attempts so far, returns seconds or None; sends and sleeps nothing itself.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

MAX_BACKOFF = 8.0
"""Seconds of one wait of our own choosing."""

MAX_RETRY_AFTER = 30.0
"""Seconds of a wait the endpoint asks for; when it asks for more, there is no further attempt."""


@dataclass(frozen=True)
class Limits:
    """What a request may take, in seconds: `timeout` an attempt, from connecting to the last byte; `total` all
    attempts with the waits between them. `retries` attempts after the first; the n-th wait, n from 0, is about
    `backoff` · 2^n."""

    timeout: float = 30.0
    total: float = 90.0
    retries: int = 2
    backoff: float = 0.5


def wait_before_retry(error: Exception, attempt: int, limits: Limits) -> float | None:
    """Seconds to wait after attempt number `attempt` (from 0) failed with `error`; None when another cannot help.

    Attempts are worth it after time-outs, lost connections, HTTP 429 and 5xx. The wait grows exponentially with a
    jitter of a half (so that those who failed together do not come back together), and is no shorter than Retry-After.
    """
    if attempt >= limits.retries or not _may_pass(error):
        return None
    asked = _retry_after(getattr(getattr(error, "response", None), "headers", {}))
    if asked > MAX_RETRY_AFTER:
        return None
    backoff = min(limits.backoff * 2.0**attempt, MAX_BACKOFF) * random.uniform(0.5, 1.0)
    return max(backoff, asked)  # in this order: a header may say nan, which max returns only when it comes first


def _may_pass(error: Exception) -> bool:
    from openai import APIConnectionError, APIStatusError

    if isinstance(error, APIStatusError):
        # An account without credit is refused as a crowded endpoint is, but waiting does not fill it.
        spent = getattr(error, "code", None) == "insufficient_quota"
        return error.status_code >= 500 or (error.status_code == 429 and not spent)
    return isinstance(error, APIConnectionError | TimeoutError)


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds the endpoint asks to wait: milliseconds, seconds or a date in its headers; 0 when it asks for none."""
    try:
        if "retry-after-ms" in headers:
            return float(headers["retry-after-ms"]) / 1000
        return float(headers.get("retry-after", 0))
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(headers["retry-after"]).timestamp() - time.time()
    except (KeyError, ValueError, TypeError):
        return 0.0
