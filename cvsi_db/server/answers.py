"""Answers: JSON from plain values, and errors in the one form that they have.

Takes values or the package's errors; returns Starlette responses.
"""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from starlette.responses import Response

from cvsi_db.errors import CvsiError, ImageError, UsageError
from cvsi_db.server.media import GoneError, NotFoundError
from cvsi_db.server.search_queue import BusyError

RETRY_SECONDS = "1"

STATUSES = {
    400: "The body is not what its type says.",
    401: "The token is missing or wrong.",
    403: "Another origin, a wrong Host, or something that this server does not allow.",
    404: "No such image, upload, result or page.",
    405: "Another method.",
    408: "The body came too slowly.",
    409: "An ingest is running already.",
    410: "The image's file is gone, changed or unreadable.",
    413: "The body is too large.",
    415: "Another content type.",
    416: "The range lies outside of the file.",
    422: "The request makes no sense: a value, a condition, a rank, a statement, an upload that is no image.",
    500: "Unexpected.",
    503: "Too much is waiting, or the gallery, a model or a rewriter does not answer.",
}
KINDS = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "timeout",
    409: "conflict",
    410: "gone",
    413: "too_large",
    415: "unsupported_media_type",
    416: "range",
    422: "invalid",
    503: "busy",
}


def json_answer(value: object, status: int = 200) -> Response:
    """The value as JSON; a time is written as ISO 8601, as on the command line."""
    return Response(json.dumps(value, default=_fallback), status, media_type="application/json")


def _fallback(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)  # a datetime is a date


def error_answer(status: int, kind: str, error: str, field: str | None = None) -> Response:
    """An error: what was wrong, where, what to do; of what was parsed also the place, in lines of their own."""
    answer = json_answer({"error": error, "kind": kind, "field": field}, status)
    if status == 503:
        answer.headers["Retry-After"] = RETRY_SECONDS
    return answer


def library_error(error: CvsiError, field: str | None = None) -> Response:
    """The answer to a request that made the library raise."""
    if isinstance(error, NotFoundError):
        return error_answer(404, "not_found", str(error), error.field or field)
    if isinstance(error, GoneError):
        return error_answer(410, "gone", str(error), field)
    if isinstance(error, BusyError):
        return error_answer(503, "busy", str(error), field)
    status = 422 if isinstance(error, UsageError | ImageError) else 503
    return error_answer(status, type(error).__name__, str(error), field)
